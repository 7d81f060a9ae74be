"""Files that come with what people write (`docs/attachments.md`)."""

from gateway.attachments.attachments import Attachments, Limits
from gateway.attachments.endpoint import AttachmentEndpoint

__all__ = ["AttachmentEndpoint", "Attachments", "Limits"]
