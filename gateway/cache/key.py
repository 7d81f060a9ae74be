"""What makes two questions the same."""

from __future__ import annotations

import hashlib

import msgspec

from gateway.execution.request import GraphQLRequest
from schema.query import Viewer


def key_of(request: GraphQLRequest, viewer: Viewer) -> bytes | None:
    """32 bytes that stand for document, operation, variables and whoever asks; None when it must be answered anew.

    A digest, because what people search for must not stand in another server's keys. Not of the media type: an answer's
    bytes are the same in each.
    """
    # What it says of a mirror's age is true for this moment only: it is measured by the clock, not by the ledger.
    if "maxAgeSeconds" in request.query:
        return None
    asked = (request.query, request.operation_name, request.variables or {}, request.extensions or {}, viewer)
    try:
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).digest()
    except (UnicodeEncodeError, OverflowError, RecursionError):  # half a character, a number of any length
        return None
