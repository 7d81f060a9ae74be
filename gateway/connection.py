"""uvicorn's HTTP connections, with streams in mind."""

from __future__ import annotations

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: The ASGI extension under which an application finds what cuts its connection off.
ABORT = "simpul.abort"


class Connection(HttpToolsProtocol):
    """A connection that an application can cut off; closed in the usual way, it waits until a client has read all."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: {"abort": self.transport.abort}}
