"""What is sent back."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

#: Names in lower case, values without line ends.
Headers = Sequence[tuple[bytes, bytes]]


class Reply:
    """A whole response, ready to be sent any number of times.

    Attributes:
        start, content: the two ASGI messages.
    """

    __slots__ = ("_head", "body", "content", "headers", "start", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.body = body
        bodyless = status in (204, 304)
        self.headers = [*headers] if bodyless else [*headers, (b"content-length", b"%d" % len(body))]
        self.start: dict[str, Any] = {"type": "http.response.start", "status": status, "headers": self.headers}
        self.content: dict[str, Any] = {"type": "http.response.body", "body": body}
        self._head = b""

    @property
    def head(self) -> bytes:
        """The status line and the headers as they go over the wire, without the empty line at the end."""
        if not self._head:
            lines = [b"%s: %s\r\n" % header for header in self.headers]
            self._head = b"HTTP/1.1 %d %s\r\n" % (self.status, HTTPStatus(self.status).phrase.encode()) + b"".join(
                lines
            )
        return self._head
