"""What the cache means to a client: validators, codings, and the same bytes as without it."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
QUERY = {"query": "query Q($n: String!) { hello(name: $n) }", "variables": '{"n": "Bali"}'}
VARY = "Accept, Accept-Encoding, Authorization, Origin"


async def get(client: httpx2.AsyncClient, params: dict[str, str] = QUERY, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.get("/graphql", params=params, headers=names)


def long(size: int) -> dict[str, str]:
    return {"query": QUERY["query"], "variables": json.dumps({"n": "jalan rusak " * (size // 12)})}


async def test_a_browser_revalidates(front: Any) -> None:
    door = front(cached=True)
    async with door.client() as client:
        first = await get(client)
        assert first.headers["cache-control"] == "no-cache"
        assert first.headers["vary"] == VARY
        tag = first.headers["etag"]
        for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            same = await get(client, if_none_match=known)
            assert (same.status_code, same.content) == (304, b""), known
            assert (same.headers["etag"], same.headers["vary"]) == (tag, VARY)
            assert same.headers["cache-control"] == "no-cache"
            assert "content-length" not in same.headers
        assert (await get(client, if_none_match='"other"')).status_code == 200
        head = await client.head("/graphql", params=QUERY)
        assert (head.headers["etag"], head.headers["content-length"]) == (tag, str(len(first.content)))
        # By POST nobody revalidates: there, If-None-Match would mean something else.
        posted = await client.post("/graphql", json={"query": "{ hello }"}, headers={"if-none-match": "*"})
        assert posted.status_code == 200
        assert posted.headers["etag"] != tag


async def test_the_tag_differs_where_the_answer_type_or_coding_does(front: Any) -> None:
    async with front(cached=True).client() as client:
        answers = [
            await get(client, long(5_000), accept_encoding="identity"),
            await get(client, long(5_000), accept_encoding="gzip"),
            await get(client, long(5_000), accept_encoding="identity", accept=GRAPHQL),
            await get(client, long(5_100), accept_encoding="identity"),
        ]
    assert len({answer.headers["etag"] for answer in answers}) == 4


async def test_the_second_answer_is_the_first_byte_for_byte(front: Any) -> None:
    door = front(cached=True)
    async with door.client() as client:
        answers = [await client.post("/graphql", json={"query": "{ snapshot hello }"}) for _ in range(3)]
        assert len({answer.content for answer in answers}) == 1
        assert door.ledger.opened == 1
        # An event moves the ledger's mark; the answer depends on none, so it is confirmed by one read.
        door.ledger.seq += 1
        assert (await client.post("/graphql", json={"query": "{ snapshot hello }"})).content == answers[0].content
        assert door.ledger.opened == 2
        page = (await client.get("/metrics")).text
    assert 'simpul_cache_answers_total{result="made"} 1.0' in page
    assert 'simpul_cache_answers_total{result="hit"} 2.0' in page
    assert 'simpul_cache_answers_total{result="confirmed"} 1.0' in page
    assert 'simpul_requests_total{kind="query",outcome="ok",transport="http"} 4.0' in page
    # From the third time on it was at hand, and nobody took its time.
    assert 'simpul_request_seconds_count{kind="query",transport="http"} 3.0' in page
    assert 'simpul_request_seconds_bucket{kind="query",le="+Inf",transport="http"} 3.0' in page


async def test_errors_refusals_and_mutations_are_not_kept(front: Any) -> None:
    door = front(cached=True)
    async with door.client() as client:
        for query, status in (("{ hello boom }", 200), ("{ nothing }", 400), ("mutation { touch }", 200)):
            with capture_logs():
                answers = [
                    await client.post("/graphql", json={"query": query}, headers={"accept": GRAPHQL}) for _ in range(2)
                ]
            assert {answer.status_code for answer in answers} == {status}
            assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
            assert all("etag" not in answer.headers for answer in answers)
            if status == 200 and "mutation" not in query:
                references = {answer.json()["errors"][0]["extensions"]["reference"] for answer in answers}
                assert len(references) == 2
    assert len(door.cache.memory) == 0


@pytest.mark.parametrize("cached", [True, False])
async def test_codings(front: Any, cached: bool) -> None:
    async with front(cached=cached).client() as client:
        plain = await get(client, long(50_000), accept_encoding="identity")
        assert "content-encoding" not in plain.headers
        for accept, coding in (("gzip", "gzip"), ("gzip;q=0.5, identity;q=0.1", "gzip"), ("*;q=0, gzip", "gzip")):
            for _ in range(2):
                packed = await get(client, long(50_000), accept_encoding=accept)
                assert packed.headers["content-encoding"] == coding
                assert int(packed.headers["content-length"]) < len(plain.content) / 5
                assert packed.content == plain.content
        small = await get(client, accept_encoding="gzip")
        assert "content-encoding" not in small.headers
        must = await get(client, accept_encoding="gzip, identity;q=0")
        assert must.headers["content-encoding"] == "gzip"
        assert must.json() == small.json()
        assert (await get(client, accept_encoding="identity;q=0")).status_code == 406


async def test_an_answer_is_packed_once_and_kept(front: Any) -> None:
    door = front(cached=True)
    asked = {"query": QUERY["query"], "variables": {"n": "jalan rusak " * 8_000}}
    async with door.client() as client:
        await client.post("/graphql", json=asked, headers={"accept-encoding": "identity"})
        before = door.cache.memory.bytes
        packed = [await client.post("/graphql", json=asked, headers={"accept-encoding": "gzip"}) for _ in range(2)]
    assert door.cache.memory.bytes == before + int(packed[0].headers["content-length"])
    assert packed[0].content == packed[1].content
    assert len(packed[0].content) > 65_536  # packed beside the event loop


async def test_cross_origin_headers_are_the_asking_pages_own(front: Any) -> None:
    async with front(origins=("https://a.example", "https://b.example"), cached=True).client() as client:
        for origin in ("https://a.example", "https://b.example", "https://a.example"):
            answer = await get(client, origin=origin)
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-expose-headers"] == "etag, retry-after"
            again = await get(client, origin=origin, if_none_match=answer.headers["etag"])
            assert (again.status_code, again.headers["access-control-allow-origin"]) == (304, origin)
        assert "access-control-allow-origin" not in (await get(client, origin="https://evil.example")).headers
        assert "access-control-allow-origin" not in (await get(client)).headers


async def test_an_address_is_never_taken_for_a_body(front: Any) -> None:
    async with front(cached=True).client() as client:
        assert (await client.get("/graphql?query=%7Bhello%7D")).status_code == 200
        for body in (b"query=%7Bhello%7D", b"?query=%7Bhello%7D"):
            refused = await client.post("/graphql", content=body, headers={"content-type": JSON})
            assert refused.status_code == 400


async def test_a_header_that_comes_twice_is_one_list(front: Any) -> None:
    async with front(cached=True).client() as client:
        answer = await client.get(
            "/graphql", params=QUERY, headers=[("accept", "text/plain"), ("accept", GRAPHQL), ("accept-encoding", "br")]
        )
    assert answer.headers["content-type"].startswith(GRAPHQL)
