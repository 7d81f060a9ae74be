"""The short way answers as the long one does, byte for byte, and leaves to it what is not plain."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

HEAD = b"host: hub\r\ncontent-type: application/json\r\n"
BODY = b'{"query": "{ hello }"}'
GREET = b'{"query": "query Q($n: String!) { hello(name: $n) }", "variables": {"n": "%s"}}'


def post(body: bytes = BODY, headers: bytes = b"", line: bytes = b"POST /graphql HTTP/1.1") -> bytes:
    return line + b"\r\n" + HEAD + headers + b"content-length: %d\r\n\r\n" % len(body) + body


class Connection:
    """A client that sends bytes as it is told."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.removeprefix("http://").partition(":")
        self._port = int(port)

    async def __aenter__(self) -> Connection:
        self.reader, self.writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def answer(self) -> tuple[bytes, bytes]:
        """Head without its date, and body."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = re.search(rb"content-length: (\d+)", head)
        body = await self.reader.readexactly(int(length[1])) if length else b""
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
        return b"\r\n".join([lines[0], *sorted(lines[1:])]), body

    async def ask(self, *pieces: bytes) -> tuple[bytes, bytes]:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0.005 if len(pieces) > 1 else 0)  # so that the pieces arrive as pieces
        return await self.answer()


REQUESTS = {
    "plain": (post(),),
    "again": (post(),),
    "keep-alive": (post(headers=b"Connection: keep-alive\r\n"),),
    "types": (post(headers=b"Accept: application/graphql-response+json\r\nAccept-Encoding: gzip, br\r\n"),),
    "takes streams too": (post(headers=b"Accept: application/json, text/event-stream, multipart/mixed\r\n"),),
    "takes streams alone": (post(headers=b"Accept: text/event-stream\r\n"),),
    "origin": (post(headers=b"Origin: https://a.example\r\n"),),
    "evil origin": (post(headers=b"Origin: https://evil.example\r\n"),),
    "must be packed": (post(headers=b"Accept-Encoding: gzip, identity;q=0\r\n"),),
    "takes nothing": (post(headers=b"Accept: text/plain\r\n"),),
    "not json": (post(headers=b"Content-Encoding: gzip\r\n"),),
    "two types": (post(headers=b"Content-Type: text/plain\r\n"),),
    "bad body": (post(b'{"query": 1}'),),
    "empty body": (post(b""),),
    "unknown field": (post(b'{"query": "{ nothing }"}'),),
    "mutation": (post(b'{"query": "mutation { touch }"}'),),
    "subscription": (post(b'{"query": "subscription { count }"}'),),
    "variables": (post(GREET % b"\xf0\x9f\x8f\x83"),),
    "large": (post(GREET % (b"x" * 50_000)),),
    "too large": (post(b'{"query": "%s"}' % (b"x" * 262_144)),),
    "head and body apart": (post()[: -len(BODY)], BODY),
    "cut in the head": (post()[:30], post()[30:]),
    "byte by byte": (*(post()[n : n + 1] for n in range(40)), post()[40:]),
    "chunked": (
        b"POST /graphql HTTP/1.1\r\n" + HEAD + b"transfer-encoding: chunked\r\n\r\n16\r\n" + BODY + b"\r\n0\r\n\r\n",
    ),
    "other path": (post(line=b"POST /nothing HTTP/1.1"),),
    "longer path": (post(line=b"POST /graphql/ HTTP/1.1"),),
    "with a query string": (post(line=b"POST /graphql?query=x HTTP/1.1"),),
    "put": (post(line=b"PUT /graphql HTTP/1.1"),),
    "get": (b"GET /graphql?query={hello} HTTP/1.1\r\nhost: hub\r\n\r\n",),
    "close": (post(headers=b"Connection: close\r\n"),),
    "http/1.0": (post(line=b"POST /graphql HTTP/1.0"),),
    "two lengths": (post(headers=b"Content-Length: 22\r\n"),),
    "length and chunks": (post(headers=b"Transfer-Encoding: chunked\r\n"),),
    "length with a sign": (b"POST /graphql HTTP/1.1\r\n" + HEAD + b"content-length: +22\r\n\r\n" + BODY,),
    "folded header": (post(headers=b"x-a: 1\r\n 2\r\n"),),
    "space before the colon": (post(headers=b"x-a : 1\r\n"),),
    "bare line feeds": (post().replace(b"\r\n", b"\n"),),
}  # fmt: skip


@pytest.mark.parametrize("cached", [True, False])
async def test_both_ways_answer_alike(front: Any, cached: bool) -> None:
    doors = [front(origins=("https://a.example",), cached=cached) for _ in range(2)]
    async with doors[0].served() as long, doors[1].served(fast=True) as short:
        for name, pieces in REQUESTS.items():
            answers = []
            for server in (long, short):
                async with Connection(server.address) as connection:
                    answers.append(await connection.ask(*pieces))
            assert _unreferenced(answers[0]) == _unreferenced(answers[1]), name
        assert (long.server_state.total_requests, doors[0].ledger.opened) == (
            short.server_state.total_requests,
            doors[1].ledger.opened,
        )
    assert _requests(doors[0]) == _requests(doors[1])


async def test_one_connection_goes_both_ways(front: Any) -> None:
    async with front(cached=True).served(fast=True) as server, Connection(server.address) as connection:
        expected = await connection.ask(post())
        assert b'"hello world"' in expected[1]
        for name in ("chunked", "plain", "head and body apart", "again", "get", "byte by byte", "plain"):
            answer = await connection.ask(*REQUESTS[name])
            assert answer[1] == expected[1], name


async def test_requests_that_come_at_once_are_answered_in_order(front: Any) -> None:
    async with front().served(fast=True) as server, Connection(server.address) as connection:
        # One of its own, then three in one segment, then one more while those may still be answered.
        connection.writer.write(post(GREET % b"0"))
        await asyncio.sleep(0.01)
        connection.writer.write(post(GREET % b"1") + post(GREET % b"2") + post(GREET % b"3"))
        connection.writer.write(post(GREET % b"4"))
        assert [b'"hello %d"' % n in (await connection.answer())[1] for n in range(5)] == [True] * 5


async def test_what_waits_behind_a_slow_answer_is_answered(front: Any) -> None:
    door = front(cached=True)
    entered, gate = asyncio.Event(), asyncio.Event()
    snapshot = door.ledger.snapshot

    def slow(*args: Any, **settings: Any) -> Any:
        entered.set()
        return Slow(snapshot(*args, **settings), gate)

    door.ledger.snapshot = slow
    async with door.served(fast=True) as server, Connection(server.address) as connection:
        connection.writer.write(post())
        await asyncio.wait_for(entered.wait(), 5)
        connection.writer.write(post(b'{"query": "{ a: hello }"}'))
        await connection.writer.drain()
        await asyncio.sleep(0.01)
        gate.set()
        assert b'"hello":' in (await connection.answer())[1]
        assert b'"a":' in (await connection.answer())[1]


async def test_going_down_finishes_what_was_begun(front: Any) -> None:
    door = front()
    entered, gate = asyncio.Event(), asyncio.Event()
    snapshot = door.ledger.snapshot

    def slow(*args: Any, **settings: Any) -> Any:
        entered.set()
        return Slow(snapshot(*args, **settings), gate)

    async with door.served(fast=True) as server, Connection(server.address) as connection:
        door.ledger.snapshot = slow
        connection.writer.write(post())
        await asyncio.wait_for(entered.wait(), 5)
        server.stop()
        async with asyncio.timeout(5):
            while any(each.is_serving() for each in server.servers):  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
        gate.set()
        assert b"200 OK" in (await connection.answer())[0]
        assert await connection.reader.read() == b""


async def test_a_socket_opens_on_a_connection_that_was_fast_before(front: Any) -> None:
    upgrade = b"GET /graphql HTTP/1.1\r\nhost: hub\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    upgrade += b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade += b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
    async with front(cached=True).served(fast=True) as server, Connection(server.address) as connection:
        assert b"200 OK" in (await connection.ask(post()))[0]
        connection.writer.write(upgrade)
        head = await asyncio.wait_for(connection.reader.readuntil(b"\r\n\r\n"), 5)
        assert b" 101 " in head
        assert b"graphql-transport-ws" in head


@pytest.mark.parametrize("cached", [True, False])
async def test_an_idle_connection_is_closed(front: Any, cached: bool) -> None:
    async with front(cached=cached).served(fast=True) as server:
        server.config.timeout_keep_alive = 0.05
        async with Connection(server.address) as connection:
            for _ in range(3):
                assert b"200 OK" in (await connection.ask(post()))[0]
            assert await asyncio.wait_for(connection.reader.read(), 5) == b""


async def test_a_client_that_left_is_forgotten(front: Any) -> None:
    door = front()
    entered, gate = asyncio.Event(), asyncio.Event()
    snapshot = door.ledger.snapshot

    def slow(*args: Any, **settings: Any) -> Any:
        entered.set()
        return Slow(snapshot(*args, **settings), gate)

    async with door.served(fast=True) as server:
        door.ledger.snapshot = slow
        async with Connection(server.address) as connection:
            connection.writer.write(post())
            await asyncio.wait_for(entered.wait(), 5)
        gate.set()
        door.ledger.snapshot = snapshot
        async with Connection(server.address) as connection:
            assert b"200 OK" in (await connection.ask(post()))[0]
    assert not server.server_state.connections


async def test_what_fails_in_the_hub_is_a_500_and_a_log_line(front: Any, caplog: pytest.LogCaptureFixture) -> None:
    door = front(cached=True)
    door.cache.get = None  # a mistake of ours
    async with door.served(fast=True) as server, Connection(server.address) as connection:
        head, body = await connection.ask(post())
        assert head.startswith(b"HTTP/1.1 500 Internal Server Error")
        assert body == b"Internal Server Error"
        assert await connection.reader.read() == b""
    assert "Exception in ASGI application" in caplog.text


class Slow:
    """A snapshot that is not opened before the gate is."""

    def __init__(self, snapshot: Any, gate: asyncio.Event) -> None:
        self._snapshot = snapshot
        self._gate = gate

    async def __aenter__(self) -> Any:
        await self._gate.wait()
        return await self._snapshot.__aenter__()

    async def __aexit__(self, *error: Any) -> Any:
        return await self._snapshot.__aexit__(*error)


def _unreferenced(answer: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    return answer[0], re.sub(rb'"reference":"\w+"', b"", answer[1])


def _requests(door: Any) -> list[str]:
    return [line for line in door.metrics.page().decode().splitlines() if line.startswith("simpul_requests_total")]
