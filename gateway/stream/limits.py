"""How many streams and sockets a hub serves at once, whatever they come over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from gateway.guard.client import line_of
from schema.query import Role, Viewer

#: Operations on one socket; streams, and as many sockets, of one client; and of all together.
PER_SOCKET, PER_CLIENT, TOTAL = 100, 2_000, 10_000


class TooManyStreams(Exception):
    """There is no place. Trying again makes sense once some have ended.

    Attributes:
        message: for the client.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class StreamLimits:
    """One for the whole hub: WebSocket, SSE and multipart share its places.

    A client is whoever shows credentials, wherever from, or else an address. Behind one address may be an office or a
    carrier's whole city, so that limit is generous: it keeps one client from taking all places. What protects the hub's
    memory is the limit in total.

    Args:
        per_socket: operations on one WebSocket.
        per_client: streams of one client, and as many sockets.
        total: streams in all, and as many sockets.
    """

    def __init__(self, per_socket: int = PER_SOCKET, per_client: int = PER_CLIENT, total: int = TOTAL) -> None:
        self.per_socket = per_socket
        self._streams = _Places("streams", per_client, total)
        self._sockets = _Places("sockets", per_client, total)

    def take(self, viewer: Viewer, client: str) -> AbstractContextManager[None]:
        """A stream's place, for as long as the block lasts.

        Args:
            client: the address that the connection comes from, as ASGI's `scope["client"][0]` has it; "" if unknown.

        Raises:
            TooManyStreams: on entry.
        """
        return self._streams.take(_key(viewer, client))

    def take_socket(self, viewer: Viewer, client: str) -> AbstractContextManager[None]:
        """A socket's place: also one that carries no stream takes memory.

        Raises:
            TooManyStreams: on entry.
        """
        return self._sockets.take(_key(viewer, client))


class _Places:
    def __init__(self, things: str, per_client: int, total: int) -> None:
        self._things = things
        self._per_client = per_client
        self._total = total
        self._taken: Counter[str] = Counter()
        self._all = 0

    @contextmanager
    def take(self, client: str) -> Iterator[None]:
        if self._taken[client] >= self._per_client:
            raise TooManyStreams(f"Too many {self._things} of one client: at most {self._per_client}.")
        if self._all >= self._total:
            raise TooManyStreams(f"The hub serves as many {self._things} as it can.")
        self._taken[client] += 1
        self._all += 1
        try:
            yield
        finally:
            self._all -= 1
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


def _key(viewer: Viewer, client: str) -> str:
    return line_of(client) if viewer.role is Role.PUBLIC else viewer.credential
