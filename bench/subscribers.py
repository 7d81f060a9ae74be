"""The load of the streams' benchmark: WebSockets on one thread that note when each frame arrives.

Plain sockets and epoll, as in `bench.load`, and a parser that knows just what the measured servers send.
"""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

#: Seconds without any frame after which a server counts as hanging.
PATIENCE = 60.0

_HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_INIT, _PONG = b'{"type":"connection_init"}', b'{"type":"pong"}'


class Subscriber:
    """One socket with one subscription.

    Attributes:
        frames: results that have arrived.
        length: of the last, in bytes.
    """

    __slots__ = ("_left", "frames", "length", "socket")

    def __init__(self, connection: socket.socket, document: str) -> None:
        self.socket = connection
        self.frames = 0
        self.length = 0
        connection.sendall(_HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = connection.recv(1)
            if not part:
                raise SystemExit("bench: the server hung up")
            head += part
        if not head.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"bench: no WebSocket: {head[:200]!r}")
        subscribe = {"type": "subscribe", "id": "1", "payload": {"query": document}}
        connection.sendall(_masked(_INIT) + _masked(json.dumps(subscribe).encode()))
        self._left = b""

    def read(self, buffer: bytearray) -> int:
        """Takes what has arrived; how many results that were."""
        size = self.socket.recv_into(buffer)
        if not size:
            raise SystemExit("bench: the server hung up")
        data = self._left + buffer[:size] if self._left else buffer
        end, at, before = size + len(self._left), 0, self.frames
        while end - at >= 4:
            length, start = data[at + 1], at + 2
            if length == 126:
                length, start = data[start] << 8 | data[start + 1], start + 2
            if end - start < length:
                break
            self._take(data, at, start, length)
            at = start + length
        self._left = bytes(data[at:end])
        return self.frames - before

    def _take(self, data: bytes | bytearray, at: int, start: int, length: int) -> None:
        if data[at] != 0x81:
            raise SystemExit(f"bench: an odd frame: {bytes(data[at : start + length])!r:.500}")
        if data.startswith(b'{"type":"next"', start):
            if data.startswith(b'{"errors"', start + 32):
                raise SystemExit(f"bench: {bytes(data[start : start + length])!r:.2000}")
            self.frames += 1
            self.length = length
        elif data.startswith(b'{"type":"ping"', start):
            self.socket.sendall(_masked(_PONG))
        elif not data.startswith(b'{"type":"connection_ack"', start):
            raise SystemExit(f"bench: {bytes(data[start : start + length])!r:.2000}")


class Crowd:
    """Many subscribers."""

    def __init__(self, subscribers: Sequence[Subscriber], poll: select.epoll) -> None:
        self._subscribers = {each.socket.fileno(): each for each in subscribers}
        self._poll = poll
        self._buffer = bytearray(1 << 18)

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self._subscribers)

    @property
    def length(self) -> int:
        """Of the frame that came last."""
        return next(iter(self._subscribers.values())).length

    def await_frames(self, count: int) -> list[list[float]]:
        """When each subscriber's next `count` frames arrived, on the monotonic clock, frame by frame."""
        arrived: list[list[float]] = [[] for _ in range(count)]
        first = {number: each.frames for number, each in self._subscribers.items()}
        due = count * len(first)
        while due:
            ready = self._poll.poll(PATIENCE)
            if not ready:
                raise SystemExit(f"bench: no frame for {PATIENCE:.0f} s, and {due} are due")
            for number, _ in ready:
                subscriber = self._subscribers[number]
                frame = subscriber.frames - first[number]
                new = subscriber.read(self._buffer)
                now = time.monotonic()
                for k in range(frame, frame + new):
                    arrived[k].append(now)
                due -= new
        return arrived


@contextmanager
def crowd(address: str, documents: Sequence[str], receive_buffer: int | None = None) -> Iterator[Crowd]:
    """One subscriber for each document; each has had its first frame.

    Args:
        receive_buffer: bytes that the kernel keeps for each until they are read; as many as it likes by default.
    """
    parts = urlsplit(address)
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        subscribers = []
        for document in documents:
            connection = stack.enter_context(socket.create_connection((parts.hostname or "", parts.port or 80)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            subscribers.append(Subscriber(connection, document))
            poll.register(connection.fileno(), select.EPOLLIN)
        people = Crowd(subscribers, poll)
        people.await_frames(1)
        yield people


def _masked(payload: bytes) -> bytes:
    # A mask of zeroes leaves the payload as it is.
    size = len(payload)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + bytes(4) + payload
