"""The load: keep-alive HTTP/1.1 connections on one thread, each sending its next request when it has its answer.

Plain sockets and epoll, because the load must not be what is measured: `busy` tells how near it came to that.
"""

from __future__ import annotations

import gc
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import msgspec

#: Seconds without any answer after which a server counts as hanging.
PATIENCE = 60.0

_BLANK, _LENGTH = b"\r\n\r\n", b"content-length: "


class Load(msgspec.Struct, frozen=True):
    """What one window of load came to.

    Attributes:
        seconds: from the first request to the last answer.
        busy: share of that time that the load itself computed; near 1.0 it was the bottleneck.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    busy: float

    @property
    def rps(self) -> float:
        return self.requests / self.seconds


class BadAnswer(Exception):
    """A server said no, or hung up."""


class Client:
    """One connection."""

    __slots__ = ("_buffer", "_head", "_missing", "connection", "sent_at")

    def __init__(self, connection: socket.socket, buffer: bytearray) -> None:
        self.connection = connection
        self.sent_at = 0.0
        self._buffer = buffer
        self._head = b""
        self._missing = 0

    def send(self, request: bytes) -> None:
        """Sends a request; the one before must have been answered."""
        self.sent_at = time.perf_counter()
        # Far shorter than the socket's buffer, which is empty.
        if self.connection.send(request) != len(request):
            raise BadAnswer("the server does not read")

    def answered(self) -> bool:
        """Reads what there is. True once the answer is complete.

        Raises:
            BadAnswer: its status is not 200, or the connection ended.
        """
        size = self.connection.recv_into(self._buffer)
        if not size:
            raise BadAnswer("the server hung up")
        if self._missing:
            self._missing -= size
        else:
            self._begin(size)
        return not self._missing and not self._head

    def _begin(self, size: int) -> None:
        start = self._head + self._buffer[:size] if self._head else self._buffer
        size += len(self._head)
        end = start.find(_BLANK, 0, size)
        if end < 0:
            self._head = bytes(start[:size])
            return
        if start[9:12] != b"200":
            raise BadAnswer(bytes(start[:size][:500]).decode("utf-8", "replace"))
        self._head = b""
        at = start.index(_LENGTH, 0, end) + len(_LENGTH)
        self._missing = end + len(_BLANK) + int(start[at : start.index(b"\r", at)]) - size


def drive(address: str, requests: Iterator[bytes], connections: int, seconds: float) -> Load:
    """Sends requests for so long, then waits for the answers that are still due.

    Raises:
        BadAnswer: see `Client.answered`; or no answer came for PATIENCE seconds.
    """
    with ExitStack() as stack:
        clients = stack.enter_context(_connected(address, connections))
        poll = stack.enter_context(select.epoll())
        for number in clients:
            poll.register(number, select.EPOLLIN)
        stack.enter_context(_undisturbed())
        computed, started = time.process_time(), time.perf_counter()
        taken = _run(poll, clients, requests, started + seconds)
        elapsed = time.perf_counter() - started
        busy = (time.process_time() - computed) / elapsed
    taken.sort()
    return Load(len(taken), elapsed, _percentile(taken, 0.5), _percentile(taken, 0.99), busy)


def ask(address: str, request: bytes) -> bytes:
    """The body that one request is answered with."""
    with socket.create_connection(_place(address), timeout=PATIENCE) as connection:
        connection.sendall(request)
        answer = b""
        while _BLANK not in answer or len(answer) < _whole(answer):
            part = connection.recv(1 << 18)
            if not part:
                raise BadAnswer("the server hung up")
            answer += part
    if answer[9:12] != b"200":
        raise BadAnswer(answer[:500].decode("utf-8", "replace"))
    return answer.partition(_BLANK)[2]


def _whole(answer: bytes) -> int:
    at = answer.index(_LENGTH) + len(_LENGTH)
    return answer.index(_BLANK) + len(_BLANK) + int(answer[at : answer.index(b"\r", at)])


def _run(poll: select.epoll, clients: Mapping[int, Client], requests: Iterator[bytes], until: float) -> list[float]:
    taken: list[float] = []
    for client in clients.values():
        client.send(next(requests))
    open_ = len(clients)
    while open_:
        ready = poll.poll(PATIENCE)
        if not ready:
            raise BadAnswer(f"no answer for {PATIENCE:.0f} s")
        for number, _ in ready:
            client = clients[number]
            if not client.answered():
                continue
            now = time.perf_counter()
            taken.append((now - client.sent_at) * 1_000)
            if now < until:
                client.send(next(requests))
            else:
                # An idle connection may be closed by the server before the last of the others has its answer.
                poll.unregister(number)
                open_ -= 1
    return taken


@contextmanager
def _connected(address: str, connections: int) -> Iterator[dict[int, Client]]:
    buffer = bytearray(1 << 20)
    with ExitStack() as stack:
        clients = {}
        for _ in range(connections):
            connection = stack.enter_context(socket.create_connection(_place(address)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            clients[connection.fileno()] = Client(connection, buffer)
        yield clients


@contextmanager
def _undisturbed() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _place(address: str) -> tuple[str, int]:
    parts = urlsplit(address)
    return parts.hostname or "", parts.port or 80


def _percentile(taken: list[float], share: float) -> float:
    return taken[min(len(taken) - 1, int(len(taken) * share))]
