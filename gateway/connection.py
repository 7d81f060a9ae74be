"""uvicorn's HTTP connections, with streams in mind, and clients that send too much or too slowly."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The ASGI extension under which an application finds what cuts its connection off.
ABORT = "simpul.abort"
#: And what sends a part of a stream if it need not wait.
SEND_NOW = "simpul.send_now"

#: The longest head, in bytes as they come in; and the most headers.
MAX_HEAD, MAX_HEADERS = 65_536, 100
#: Seconds for a head, and in which at least so many bytes of a body must come.
PATIENCE, LEAST = 20.0, 2_000


class Connection(HttpToolsProtocol):
    """A connection that an application can cut off; closed in the usual way, it waits until a client has read all."""

    _in_head = False
    _in_request = False
    _head = _received = 0
    _refused = False
    _slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # Whoever says nothing at all has a place, too.
        self._slow = self.loop.call_later(PATIENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._at_ease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._in_request:
            self._at_ease()
            return
        self._received += len(data)
        if self._in_head:
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
                return
        if self._slow is None and not self.transport.is_closing():
            self._slow = self.loop.call_later(PATIENCE, self._look)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._in_request = True
        self._head = self._received = 0
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}, SEND_NOW: {"send_now": self.send_now}}

    def on_headers_complete(self) -> None:
        self._in_head = False
        if len(self.headers) > MAX_HEADERS:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            raise ValueError("too many headers")  # ends the parser
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_request = False
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._in_request = False
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        if not self._refused:
            super().send_400_response(msg)

    def send_now(self, part: bytes) -> bool:
        """Sends a part of a body of no known length. False: it would have to wait, or can't be sent."""
        cycle = self.cycle
        # A client may have sent its next request already: that one's body has not begun.
        if (
            not cycle.chunked_encoding
            or cycle.response_complete
            or self.flow.write_paused
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(b"%x\r\n%b\r\n" % (len(part), part))
        return True

    def _look(self) -> None:
        """Whether the client is still in a hurry to have its request read."""
        self._slow = None
        if self._in_head or not self._in_request or self._received < LEAST:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            return
        self._received = 0
        self._slow = self.loop.call_later(PATIENCE, self._look)

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers what was not read to its end, if nothing was answered yet, and ends the connection."""
        self._refused = True
        self._at_ease()
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            head = f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(head.encode())
        self.transport.close()

    def _at_ease(self) -> None:
        if self._slow is not None:
            self._slow.cancel()
            self._slow = None
