"""A crowd that comes whether it is answered or not: open-loop load over many kept connections, on one thread."""

from __future__ import annotations

import gc
import random
import select
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

_BLANK, _LENGTH = b"\r\n\r\n", b"content-length: "


class Asked(NamedTuple):
    """One request and its end.

    Attributes:
        kind: of what was asked.
        at: when it was due, in seconds from the beginning.
        took: seconds from then to the whole answer.
        status: 0 without any.
    """

    kind: str
    at: float
    took: float
    status: int


class Kind(NamedTuple):
    """What some of the crowd ask: their share, and the body of the n-th."""

    share: float
    body: Callable[[int], bytes]


class _Line:
    """One connection."""

    __slots__ = ("at", "data", "kind", "missing", "socket", "status")

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.kind, self.at, self.status = "", 0.0, 0
        self.data, self.missing = b"", -1

    def send(self, kind: str, at: float, body: bytes) -> None:
        self.kind, self.at, self.status, self.data, self.missing = kind, at, 0, b"", -1
        head = b"POST /graphql HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.socket.send(head % len(body) + body)

    def answered(self) -> bool:
        part = self.socket.recv(1 << 18)
        if not part:
            self.status, self.missing = 0, 0
            return True
        if self.missing >= 0:
            self.missing -= len(part)
            return not self.missing
        self.data += part
        end = self.data.find(_BLANK)
        if end < 0:
            return False
        self.status = int(self.data[9:12])
        at = self.data.index(_LENGTH) + len(_LENGTH)
        length = int(self.data[at : self.data.index(b"\r", at)])
        self.missing = length - (len(self.data) - end - len(_BLANK))
        self.data = b""
        return not self.missing


class Crowd:
    """The connections, and what is asked over them.

    Args:
        lines: connections: with fewer than are waited for at once, the load would close its loop.
    """

    def __init__(self, address: str, kinds: Mapping[str, Kind], lines: int, seed: int = 1) -> None:
        self._address = address
        self._kinds = kinds
        self._most = lines
        self._chance = random.Random(seed)
        self._numbers = dict.fromkeys(kinds, 0)

    def come(self, rate: float, seconds: float) -> list[Asked]:
        """So many a second, at random moments; and what became of each within 15 s after the last."""
        with _lines(self._address, self._most) as (poll, lines):
            return self._run(poll, lines, rate, seconds)

    def queue(self, at_once: int, seconds: float) -> list[Asked]:
        """So many at a time, each asking again when it is answered."""
        with _lines(self._address, at_once) as (poll, lines):
            return self._run(poll, lines, 1e6, seconds, patient=True)

    def _run(
        self, poll: select.epoll, lines: Mapping[int, _Line], rate: float, seconds: float, *, patient: bool = False
    ) -> list[Asked]:
        done: list[Asked] = []
        free, busy = [*lines.values()], 0
        names, shares = [*self._kinds], [each.share for each in self._kinds.values()]
        began = time.perf_counter()
        due = 0.0
        while True:
            now = time.perf_counter() - began
            while due <= now and due < seconds:
                if not free:
                    if patient:
                        due = now
                        break
                    done.append(Asked("unsent", due, 0.0, 0))
                else:
                    kind = self._chance.choices(names, shares)[0]
                    self._numbers[kind] += 1
                    free.pop().send(kind, due, self._kinds[kind].body(self._numbers[kind]))
                    busy += 1
                due = max(due, now) if patient else due + self._chance.expovariate(rate)
            if now >= seconds and (not busy or now > seconds + 15):
                break
            wait = 0.05 if due > seconds or not free else max(min(due - now, 0.05), 0)
            for number, _ in poll.poll(wait):
                line = lines[number]
                if not line.kind:
                    # Nothing was asked over it for so long that it was closed.
                    poll.unregister(number)
                    free.remove(line)
                    line.socket.close()
                elif line.answered():
                    ended = time.perf_counter() - began
                    done.append(Asked(line.kind, line.at, ended - line.at, line.status))
                    busy -= 1
                    line.kind = ""
                    free.append(line)
        done.extend(Asked(each.kind, each.at, 0.0, 0) for each in lines.values() if each.kind)
        return done


@contextmanager
def _lines(address: str, number: int) -> Iterator[tuple[select.epoll, dict[int, _Line]]]:
    parts = urlsplit(address)
    place = parts.hostname or "", parts.port or 80
    with ExitStack() as stack:
        poll = stack.enter_context(select.epoll())
        lines = {}
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(place))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            lines[connection.fileno()] = _Line(connection)
            poll.register(connection.fileno(), select.EPOLLIN)
        gc.disable()
        try:
            yield poll, lines
        finally:
            gc.enable()


def percentile(took: Sequence[float], share: float) -> float:
    """In milliseconds; 0 of nothing."""
    ordered = sorted(took)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1_000 if ordered else 0.0
