"""uvicorn's HTTP connections, with streams in mind."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The ASGI extension under which an application finds what cuts its connection off.
ABORT = "simpul.abort"
#: And what sends a part of a stream if it need not wait.
SEND_NOW = "simpul.send_now"


class Connection(HttpToolsProtocol):
    """A connection that an application can cut off; closed in the usual way, it waits until a client has read all."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}, SEND_NOW: {"send_now": self.send_now}}

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
