"""What is sent back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

#: Names in lower case, values without line ends.
Headers = Sequence[tuple[bytes, bytes]]


class Reply:
    """A whole response, ready to be sent any number of times.

    Attributes:
        start, content: the two ASGI messages.
    """

    __slots__ = ("_head", "body", "headers", "status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.body = body
        bodyless = status in (204, 304)
        self.headers = [*headers] if bodyless else [*headers, (b"content-length", b"%d" % len(body))]
        self._head = b""

    @property
    def start(self) -> dict[str, Any]:
        return {"type": "http.response.start", "status": self.status, "headers": self.headers}

    @property
    def content(self) -> dict[str, Any]:
        return {"type": "http.response.body", "body": self.body}

    @property
    def head(self) -> bytes:
        """The status line and the headers as they go over the wire, without the empty line at the end."""
        if not self._head:
            self._head = b"".join([_line(self.status), *[b"%s: %s\r\n" % header for header in self.headers]])
        return self._head


@cache
def _line(status: int) -> bytes:
    return b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
