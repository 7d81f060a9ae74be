"""Multipart subscriptions, byte for byte, and as Apollo Client cuts them up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from gateway.stream.limits import StreamLimits
from gateway.stream.patience import Patience

APOLLO = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
)
ALONE = "multipart/mixed;subscriptionSpec=1.0"
BOUNDARY = b"\r\n--graphql"


def part(content: bytes) -> bytes:
    return b"\r\ncontent-type: application/json\r\n\r\n" + content + BOUNDARY


def parts(body: bytes) -> list[Any]:
    """As Apollo Client does it: what lies between two boundaries is a part; its content comes after an empty line."""
    _, *between = body.split(BOUNDARY)
    return [json.loads(each.partition(b"\r\n\r\n")[2]) for each in between[:-1]]


@asynccontextmanager
async def asked(server: Any, query: str, accept: str = APOLLO) -> AsyncIterator[httpx2.Response]:
    async with (
        httpx2.AsyncClient(base_url=server.address, trust_env=False, timeout=5) as client,
        client.stream("POST", "/graphql", json={"query": query}, headers={"accept": accept}) as response,
    ):
        yield response


async def until(response: httpx2.Response, end: bytes) -> bytes:
    read = b""
    async with asyncio.timeout(5):
        async for chunk in response.aiter_raw():
            read += chunk
            if read.endswith(end):
                break
    return read


async def test_a_stream_byte_for_byte(front: Any) -> None:
    async with front().served() as server, asked(server, "subscription { count(to: 2) }") as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-accel-buffering"] == "no"
        results = part(b'{"payload":{"data":{"count":1}}}') + part(b'{"payload":{"data":{"count":2}}}')
        assert await response.aread() == BOUNDARY + results + b"--\r\n"


async def test_a_part_is_whole_as_soon_as_it_is_sent(front: Any) -> None:
    door = front(patience=Patience(ping=0.01))
    async with door.served() as server, asked(server, "subscription { forever }") as response:
        # A client takes a part when it has seen the boundary that ends it.
        read = await until(response, b"{}" + BOUNDARY)
        first, *heartbeats = parts(read)
        assert first == {"payload": {"data": {"forever": 0}}}
        assert heartbeats[0] == {}
        assert 'simpul_live_streams{transport="multipart"} 1.0' in door.metrics.page().decode()
    await asyncio.wait_for(door.left.wait(), 5)


async def test_errors_of_the_graph_are_in_the_payload(front: Any) -> None:
    async with front().client() as client:
        for query in ("subscription { refuses }", "subscription { nothing }", "{ nothing }"):
            response = await client.post("/graphql", json={"query": query}, headers={"accept": ALONE})
            [only] = parts(response.content)
            assert only["payload"]["errors"][0]["extensions"]["code"] in ("BAD_USER_INPUT", "BAD_CURSOR")
            assert "errors" not in only
            assert response.content.endswith(BOUNDARY + b"--\r\n")


async def test_who_takes_json_too_is_refused_in_json(front: Any) -> None:
    async with front().client() as client:
        response = await client.post("/graphql", json={"query": "subscription {"}, headers={"accept": APOLLO})
        assert response.status_code == 400
        assert response.headers["content-type"] == "application/graphql-response+json; charset=utf-8"


async def test_a_full_hub_says_so_as_an_error_of_the_transport(front: Any) -> None:
    async with (
        front(limits=StreamLimits(per_client=1)).served() as server,
        asked(server, "subscription { forever }") as first,
    ):
        await until(first, BOUNDARY)
        async with asked(server, "subscription { forever }") as second:
            [only] = parts(await second.aread())
    assert only["payload"] is None
    assert only["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
