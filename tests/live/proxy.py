"""What lies between clients and a hub: it passes bytes on, and cuts connections in mid-stream when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Bytes that a connection must have carried to count as a stream: more than any handshake.
STREAMS = 1_000


class Link:
    """One connection through the proxy.

    Attributes:
        passed: bytes that the client was given.
        dead: set once it is over.
    """

    def __init__(self, client: asyncio.StreamWriter, hub: asyncio.StreamWriter) -> None:
        self.passed = 0
        self.dead = asyncio.Event()
        self._ends = (client, hub)
        self._left: int | None = None
        self._cut = False

    async def cut(self, after: int) -> bool:
        """Lets so many more bytes through, to begin with the next that the hub sends, and ends it.

        Returns:
            False: it ended by itself before.
        """
        self._left = after
        await self.dead.wait()
        return self._cut

    async def pump(self, hub: asyncio.StreamReader) -> None:
        """From the hub to the client."""
        client = self._ends[0]
        while data := await hub.read(65_536):
            if self._left is not None:
                self._cut = len(data) > self._left
                data, self._left = data[: self._left], max(self._left - len(data), 1)
            client.write(data)
            await client.drain()
            self.passed += len(data)
            if self._cut:
                return

    def end(self) -> None:
        for end in self._ends:
            end.close()
        self.dead.set()


class Proxy:
    """Listens on a port of its own.

    Attributes:
        target: the port of the hub, which may be another one after a restart.
        links: the connections that are open.

    Args:
        sockets: whether WebSockets may pass.
    """

    def __init__(self, target: int, *, sockets: bool = True) -> None:
        self.target = target
        self._sockets = sockets
        self.links: set[Link] = set()
        self.port = 0
        self._handlers: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def streams(self) -> list[Link]:
        """The links that a stream runs over."""
        return [link for link in self.links if link.passed > STREAMS and link._left is None]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for link in list(self.links):
                link.end()
            await asyncio.gather(*self._handlers)

    def _accepted(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        handler = asyncio.create_task(self._handle(from_client, client))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _handle(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_hub, hub = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client.close()
            return
        link = Link(client, hub)
        self.links.add(link)
        up, down = asyncio.create_task(self._ask(from_client, hub, client)), asyncio.create_task(link.pump(from_hub))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.links.discard(link)
            link.end()
            for each in (up, down):
                each.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _ask(
        self, from_client: asyncio.StreamReader, hub: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await from_client.read(65_536):
            if not self._sockets and b"upgrade: websocket" in data.lower():
                client.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                return
            hub.write(data)
            await hub.drain()
