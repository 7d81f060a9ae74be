"""The short way for the commonest request: a whole `POST /graphql` on a connection that is kept open.

uvicorn makes a scope, a cycle, an event and a task of each request, and hands the answer back in two messages. Here a
request that came in one piece goes straight to the `Door`, and an answer that is at hand goes out in the same call.
Everything else (other methods and paths, upgrades, streams, bodies in pieces, pipelining, slow readers, HTTP/1.0) is
uvicorn's as ever: its parser sees each byte that is not answered here, and none that is.

What holds there holds here: the same `Terms`, `Door` and limits answer, the same logger is told of what fails, and a
head is only taken once uvicorn's own parser has accepted it as a request that could not be read in two ways.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any

import httptools

from gateway.app import Hub
from gateway.connection import Connection
from gateway.door import MAX_BODY
from gateway.execution.request import request_of_body
from gateway.guard.client import FORWARDED
from gateway.reply import Reply
from gateway.terms import Rejected, Terms

_LINE = b"POST /graphql HTTP/1.1\r\n"
#: The longest head that is looked for, and heads that are remembered.
_LONGEST, _MOST = 4_096, 1_024
#: Bodies from this size on are not copied to stand behind their head.
_LARGE = 16_384
#: Whoever shows credentials goes the long way. Nor are they kept here.
_CREDENTIALS = re.compile(rb"\r\nauthorization:", re.IGNORECASE)
#: What these say is uvicorn's to heed.
_NOT_PLAIN = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"http2-settings", b"trailer"})

_FAILED = Reply(
    500, [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")], b"Internal Server Error"
)


class Plain:
    """What a plain head says."""

    __slots__ = ("forwarded", "length", "terms")

    def __init__(self, length: int, terms: Terms, forwarded: bytes) -> None:
        self.length = length
        self.terms = terms
        self.forwarded = forwarded


class Lane:
    """What the connections of one hub share."""

    def __init__(self, hub: Hub) -> None:
        self.door = hub.door
        self.proxies = hub.proxies
        self._terms = hub.terms
        self._heads: dict[bytes, Plain | None] = {}
        self._defaults: tuple[Any, bytes] = None, b""

    def protocol(self) -> Any:
        """What uvicorn makes a connection of."""
        return partial(FastLane, self)

    def asked(self, data: bytes) -> tuple[Plain, bytes] | None:
        """Head and body, if the data is one whole plain request and nothing else."""
        end = data.find(b"\r\n\r\n", 0, _LONGEST) + 4
        if end < 4:
            return None
        head = data[:end]
        plain = self._heads.get(head)
        if plain is None and head not in self._heads:
            if _CREDENTIALS.search(head):
                return None
            if len(self._heads) >= _MOST:
                self._heads.clear()
            plain = self._heads[head] = self._plain(head)
        if plain is None or len(data) != end + plain.length:
            return None
        return plain, data[end:]

    def packet(self, reply: Reply, defaults: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
        """Head and body as they go over the wire. `defaults` are uvicorn's headers: a new list each second."""
        if self._defaults[0] is not defaults:
            self._defaults = defaults, b"".join([b"%s: %s\r\n" % each for each in defaults]) + b"\r\n"
        return reply.head + self._defaults[1], reply.body

    def _plain(self, head: bytes) -> Plain | None:
        seen = _Head()
        parser = httptools.HttpRequestParser(seen)
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return None
        lengths = [value for name, value in seen.headers if name == b"content-length"]
        if len(lengths) != 1 or not lengths[0].isdigit() or not all(_is_plain(*header) for header in seen.headers):
            return None
        terms = self._terms.of(seen.headers)
        length = int(lengths[0])
        if (
            terms.authorization is not None
            or not seen.complete
            or not 0 < length <= MAX_BODY
            or not terms.plain
            or not parser.should_keep_alive()
        ):
            return None
        return Plain(length, terms, b",".join([value for name, value in seen.headers if name == FORWARDED]))


class _Head:
    """Takes the parser's calls."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.complete = True


def _is_plain(name: bytes, value: bytes) -> bool:
    return value.lower() == b"keep-alive" if name == b"connection" else name not in _NOT_PLAIN


class FastLane(Connection):
    """The usual protocol, with the short way before it."""

    def __init__(self, lane: Lane, **settings: Any) -> None:
        super().__init__(**settings)
        self._lane = lane
        self._parsing = False
        self._answering = False
        self._draining = False
        self._waiting = b""
        self._answered_at = 0.0

    def data_received(self, data: bytes) -> None:
        if self._answering:
            # The next request before this one is answered: it waits, and so does whoever sends it.
            self._waiting += data
            self.flow.pause_reading()
            return
        asked = self._lane.asked(data) if data.startswith(_LINE) and self._is_idle() else None
        if asked is None:
            super().data_received(data)
            return
        plain, body = asked
        door = self._lane.door
        reply = door.now(plain.terms, body) or door.turned_away(plain.terms, body)
        if reply is not None:
            self._send(reply)
            return
        if plain.terms.stream is not None:
            # The answer may be a stream.
            super().data_received(data)
            return
        self._answering = True
        self.tasks.add(self.loop.create_task(self._answer(plain, body)))

    def on_message_begin(self) -> None:
        self._parsing = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._parsing = False
        super().on_message_complete()

    def shutdown(self) -> None:
        if self._answering:
            self._draining = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        # Not set anew with each answer, as uvicorn does: most often it would be cancelled microseconds later.
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if self._answering or left > 0:
            self._expire(max(left, 1.0))
        else:
            super().timeout_keep_alive_handler()

    def _is_idle(self) -> bool:
        """Nothing is half read, half answered or half sent."""
        cycle: Any = self.cycle
        done = cycle is None or cycle.response_complete
        return done and not self._parsing and not self.flow.write_paused and not self.transport.is_closing()

    async def _answer(self, plain: Plain, body: bytes) -> None:
        door, terms = self._lane.door, plain.terms
        client = self._lane.proxies.client(self.client[0] if self.client else "", plain.forwarded)
        try:
            reply = await door.reply(terms, body, lambda: request_of_body(body), client)
        except Rejected as rejected:
            reply = door.rejection(rejected, terms)
        except Exception as error:
            self.logger.error("Exception in ASGI application\n", exc_info=error)
            reply, self._draining = _FAILED, True
        finally:
            self._answering = False
            self.tasks.discard(asyncio.current_task())
        if self.transport.is_closing():
            return
        self._send(reply)
        if self._draining:
            self.transport.close()
            return
        data, self._waiting = self._waiting, b""
        if data:
            self.flow.resume_reading()
            self.data_received(data)

    def _send(self, reply: Reply) -> None:
        head, body = self._lane.packet(reply, self.server_state.default_headers)
        if len(body) < _LARGE:
            self.transport.write(head + body)
        else:
            self.transport.writelines((head, body))
        self.server_state.total_requests += 1
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._expire(self.timeout_keep_alive)

    def _expire(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
