"""Streams as server-sent events, byte for byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from gateway.guard.client import Proxies
from gateway.stream.limits import StreamLimits
from gateway.stream.patience import Patience

SSE = "text/event-stream"
#: What an EventSource sends.
EVENT_SOURCE = {"accept": SSE, "cache-control": "no-cache"}
COUNT = "subscription S($to: Int) { count(to: $to) }"
NUMBERS = "subscription S($after: String, $most: Int) { numbers(after: $after, most: $most) { cursor } }"
END = b"id: complete\nevent: complete\ndata:\n\n"


def number(n: int) -> bytes:
    return b'id: %d\nevent: next\ndata: {"data":{"numbers":{"cursor":"%d"}}}\n\n' % (n, n)


class Body:
    """What comes of a response, as it comes."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self.read = b""
        self._chunks = response.aiter_raw()

    async def until(self, end: bytes, beyond: int = 0) -> bytes:
        """All that was read, once it ends with this and is longer than that."""
        async with asyncio.timeout(5):
            while not self.read.endswith(end) or len(self.read) <= beyond:
                self.read += await anext(self._chunks)
        return self.read

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            async for chunk in self._chunks:
                self.read += chunk
        return self.read


@asynccontextmanager
async def asked(server: Any, query: str, headers: Any = EVENT_SOURCE, **variables: Any) -> AsyncIterator[Body]:
    """A stream, as an EventSource asks for it."""
    parameters = {"query": query, "variables": json.dumps(variables)}
    async with (
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
        client.stream("GET", "/graphql", params=parameters, headers=headers) as response,
    ):
        yield Body(response)


@asynccontextmanager
async def unread(server: Any) -> AsyncIterator[asyncio.StreamReader]:
    """A stream that never ends, of whom nothing is read before the test does."""
    host, _, port = server.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /graphql?query=subscription{flood} HTTP/1.1\r\nhost: hub\r\naccept: text/event-stream\r\n\r\n")
    try:
        yield reader
    finally:
        writer.transport.abort()


async def whole(client: httpx2.AsyncClient, query: str, accept: str = SSE, **variables: Any) -> httpx2.Response:
    """A response by POST, as the client of graphql-sse asks for it."""
    body = {"query": query, "variables": variables}
    return await client.post("/graphql", json=body, headers={"accept": accept})


async def test_a_stream_byte_for_byte(front: Any) -> None:
    async with front().served() as server, asked(server, NUMBERS, most=2) as body:
        assert await body.rest() == b":\n\n" + number(1) + number(2) + END
        headers = body.response.headers
        assert body.response.status_code == 200
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-store"
        assert headers["x-accel-buffering"] == "no"
        assert "Accept" in headers["vary"]
        assert "content-encoding" not in headers


async def test_by_post_as_by_get(front: Any) -> None:
    async with front().client() as client:
        response = await whole(client, NUMBERS, most=1)
        assert response.content == b":\n\n" + number(1) + END


async def test_what_cannot_be_resumed_has_no_id(front: Any) -> None:
    async with front().client() as client:
        response = await whole(client, COUNT, to=1)
        assert response.content == b':\n\nevent: next\ndata: {"data":{"count":1}}\n\n' + END


async def test_line_ends_in_values_stay_within_a_line(front: Any) -> None:
    async with front().client() as client:
        response = await whole(client, "query Q($n: String!) { hello(name: $n) }", n="a\r\nb\u2028c")
        assert b"\r" not in response.content
        [data] = [line for line in response.content.split(b"\n") if line.startswith(b"data: ")]
        assert json.loads(data[6:]) == {"data": {"hello": "hello a\r\nb\u2028c"}}


async def test_the_first_bytes_and_the_first_result_come_at_once(front: Any) -> None:
    door = front()
    async with door.served() as server, asked(server, "subscription { forever }") as body:
        assert await body.until(b"}\n\n") == b':\n\nevent: next\ndata: {"data":{"forever":0}}\n\n'
        assert 'simpul_live_streams{transport="sse"} 1.0' in door.metrics.page().decode()


async def test_heartbeats(front: Any) -> None:
    async with (
        front(patience=Patience(ping=0.01)).served() as server,
        asked(server, "subscription { forever }") as body,
    ):
        await body.until(b"}\n\n:\n\n:\n\n:\n\n")


async def test_a_client_that_leaves_takes_its_stream_along(front: Any) -> None:
    door = front()
    async with door.served() as server:
        async with asked(server, "subscription { forever }") as body:
            await body.until(b"}\n\n")
        await asyncio.wait_for(door.left.wait(), 5)
    assert 'simpul_live_streams{transport="sse"} 0.0' in door.metrics.page().decode()


@pytest.mark.parametrize("fast", [False, True])
async def test_a_client_that_does_not_read_is_cut_off(front: Any, fast: bool, caplog: pytest.LogCaptureFixture) -> None:
    door = front(patience=Patience(send=0.1))
    async with door.served(fast=fast) as server, unread(server) as reader:
        async with asyncio.timeout(5):
            await door.left.wait()
            # Cut off, not closed: what was not sent is dropped, and nothing is left here that waits for this client.
            while server.server_state.connections:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
            assert not (await reader.read()).endswith(b"\r\n0\r\n\r\n")
    assert not caplog.records


async def test_two_streams_at_once_on_one_client(front: Any) -> None:
    async with front().served() as server:
        async with asked(server, "subscription { forever }") as one, asked(server, NUMBERS) as other:
            await one.until(b"}\n\n")
            assert (await other.rest()).endswith(number(3) + END)
        async with asked(server, NUMBERS) as again:
            assert (await again.rest()).endswith(number(3) + END)


@pytest.mark.parametrize(
    ("last", "after", "begins"), [("1", None, 2), (None, "1", 2), ("2", "0", 3), ("", "1", 2)], ids=str
)
async def test_last_event_id_takes_the_place_of_after(front: Any, last: str | None, after: str, begins: int) -> None:
    headers = EVENT_SOURCE | ({} if last is None else {"last-event-id": last})
    async with front().served() as server, asked(server, NUMBERS, headers, after=after) as body:
        assert (await body.rest()).startswith(b":\n\n" + number(begins))


async def test_an_event_source_that_comes_again_after_the_end_is_sent_away(front: Any) -> None:
    headers = EVENT_SOURCE | {"last-event-id": "complete"}
    async with front().served() as server, asked(server, NUMBERS, headers) as body:
        assert (body.response.status_code, await body.rest()) == (204, b"")


@pytest.mark.parametrize(
    "query",
    [
        "subscription {",
        "subscription { nothing }",
        "subscription S($to: Int!) { count(to: $to) }",
        "subscription { refuses }",
        "{ nothing }",
    ],
)
async def test_request_errors_are_a_result_and_the_end(front: Any, query: str) -> None:
    door = front()
    async with door.served() as server, asked(server, query, to="x") as body:
        [said] = [line[6:] for line in (await body.rest()).split(b"\n") if line.startswith(b"data: ")]
        assert body.response.status_code == 200
        assert body.read.endswith(END)
        result = json.loads(said)
        assert "data" not in result
        assert result["errors"][0]["extensions"]["reference"]
    assert 'outcome="refused"' in door.metrics.page().decode()


async def test_a_stream_that_breaks_is_masked(front: Any) -> None:
    with capture_logs() as logs:
        async with front().client() as client:
            response = await whole(client, "subscription { breaks }")
    first, failed = [json.loads(line[6:]) for line in response.content.split(b"\n") if line.startswith(b"data: ")]
    assert first == {"data": {"breaks": 1}}
    assert failed["errors"][0]["message"] == "Internal error"
    assert failed["errors"][0]["extensions"]["reference"] == logs[0]["reference"]
    assert response.content.endswith(END)


@pytest.mark.parametrize("cached", [True, False])
async def test_a_query_asked_as_a_stream_alone_is_a_stream_of_one(front: Any, cached: bool) -> None:
    async with front(cached=cached).client() as client:
        for _ in range(2):
            answer = await whole(client, "{ hello }")
            assert answer.content == b':\n\nevent: next\ndata: {"data":{"hello":"hello world"}}\n\n' + END
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            assert answer.headers["cache-control"] == "no-store"
            # The same question at the same time, from who takes JSON.
            assert (await whole(client, "{ hello }", "application/json")).json() == {"data": {"hello": "hello world"}}
        touched = await whole(client, "mutation { touch }")
        assert b'data: {"data":{"touch":true}}\n\n' in touched.content


async def test_a_mutation_does_not_come_by_get(front: Any) -> None:
    # An EventSource stops for good at such a status, and so it should.
    async with front().served() as server, asked(server, "mutation { touch }") as body:
        assert (body.response.status_code, body.response.headers["allow"]) == (405, "POST")
        assert body.response.headers["content-type"] == "application/json; charset=utf-8"


async def test_what_is_no_graphql_request_is_refused_by_its_status(front: Any) -> None:
    async with front().client() as client:
        for headers, content, status in (
            ({"content-type": "text/plain"}, b'{"query": "subscription { count }"}', 415),
            ({"content-type": "application/json"}, b"no json", 400),
            ({"content-type": "application/json"}, b" " * 262_145, 413),
        ):
            response = await client.post("/graphql", headers={"accept": SSE, **headers}, content=content)
            assert response.status_code == status
            assert response.json()["errors"]
        assert (await client.get("/graphql", headers={"accept": SSE})).status_code == 400


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://a.example", "https://a.example"), ("https://evil.example", None)]
)
async def test_only_pages_that_are_allowed_can_read_a_stream(front: Any, origin: str, allowed: str | None) -> None:
    headers = EVENT_SOURCE | {"origin": origin}
    async with front(origins=("https://a.example",)).served() as server, asked(server, NUMBERS, headers) as body:
        assert body.response.headers.get("access-control-allow-origin") == allowed


async def test_head_starts_no_stream(front: Any) -> None:
    door = front()
    async with door.client() as client:
        response = await client.head(
            "/graphql", params={"query": "subscription { forever }"}, headers={"accept": SSE}, timeout=5
        )
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.content == b""
    assert not door.left.is_set()


async def test_a_full_hub_asks_to_come_again(front: Any) -> None:
    limits = StreamLimits(per_client=1)
    async with front(limits=limits).served() as server, asked(server, "subscription { forever }") as first:
        await first.until(b"}\n\n")
        async with asked(server, NUMBERS) as second:
            # An error status would end an EventSource for ever; without `complete`, it comes again.
            assert second.response.status_code == 200
            said = await second.rest()
            assert said.startswith(b":\n\n: Too many streams")
            assert said.endswith(b"\nretry: 5000\n\n")
            assert b"complete" not in said


async def test_clients_behind_a_proxy_are_told_apart(front: Any) -> None:
    behind = front(limits=StreamLimits(per_client=1), proxies=Proxies(("127.0.0.1",)))
    async with behind.served() as server, contextlib.AsyncExitStack() as stack:
        for address, expected in (("192.0.2.1", b"next"), ("192.0.2.2", b"next"), ("192.0.2.2", b"retry")):
            headers = EVENT_SOURCE | {"x-forwarded-for": address}
            body = await stack.enter_async_context(asked(server, "subscription { forever }", headers))
            assert expected in await body.until(b"\n\n", beyond=10)


@pytest.mark.parametrize("fast", [False, True])
async def test_a_stream_on_a_connection_that_was_used_before_and_is_after(front: Any, fast: bool) -> None:
    async with (
        front(patience=Patience(ping=0.02), cached=True).served(fast=fast) as server,
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
    ):
        server.config.timeout_keep_alive = 0.1
        question = {"query": "subscription { forever }"}
        for _ in range(2):
            assert (await whole(client, "{ hello }", f"application/json, {SSE}")).json() == {
                "data": {"hello": "hello world"}
            }
            assert (await whole(client, COUNT, to=1)).content.endswith(END)
        async with client.stream("POST", "/graphql", json=question, headers={"accept": SSE}) as response:
            # For longer than an idle connection is kept.
            await Body(response).until(b":\n\n" * 10)


async def test_a_stream_that_is_to_be_begun_anew_is_not_completed(front: Any) -> None:
    async with front().client() as client:
        streamed = await whole(client, "subscription { lags { cursor } }")
        assert streamed.content == b':\n\nid: 7\nevent: next\ndata: {"data":{"lags":{"cursor":"7"}}}\n\n'
        parts = await whole(client, "subscription { lags { cursor } }", "multipart/mixed")
        assert parts.content.endswith(b'{"payload":{"data":{"lags":{"cursor":"7"}}}}\r\n--graphql')


@pytest.mark.parametrize("accept", [SSE, "multipart/mixed"])
async def test_a_hub_that_goes_down_ends_streams_without_completing_them(front: Any, accept: str) -> None:
    door = front(patience=Patience(drain=0.05))
    async with door.served(fast=True) as server, asked(server, "subscription { forever }", {"accept": accept}) as body:
        await body.until(b"}\n\n" if accept == SSE else b"--graphql")
        server.stop()
        ended = await body.rest()
        assert b"complete" not in ended
        assert not ended.endswith(b"--\r\n")
    assert door.left.is_set()


async def test_a_client_that_does_not_read_does_not_hold_the_end_up(front: Any) -> None:
    door = front(patience=Patience(drain=0.05, close=0.05))
    async with door.served() as server, unread(server):
        async with asyncio.timeout(5):
            while 'simpul_live_streams{transport="sse"} 1.0' not in door.metrics.page().decode():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            server.stop()
            await door.left.wait()
