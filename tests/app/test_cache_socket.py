"""Queries over a WebSocket are answered from the same cache as those over HTTP."""

from __future__ import annotations

from typing import Any

import httpx2

from tests.app.streams import COMPLETE, Streams, by_websocket, streaming

QUERY = "{ complaints(first: 5) { asOf nodes { trackingId } } }"


async def asked(hub: Streams, document: str = QUERY) -> Any:
    [answer, end] = [result async for result in by_websocket(hub, {}, document)]
    assert end == COMPLETE
    return answer


def made(hub: Streams) -> float | None:
    return hub.metrics.registry.get_sample_value("simpul_cache_answers_total", {"result": "made"})


async def test_what_was_asked_before_is_not_executed_again_and_what_changed_is(sqlite_url: str, ledger_at: Any) -> None:
    async with ledger_at(sqlite_url) as ledger, streaming(ledger) as hub:
        await ledger.put(ledger.complaint(1))
        first = await asked(hub)
        assert await asked(hub) == first
        async with httpx2.AsyncClient(trust_env=False) as client:
            assert (await client.post(hub.address, json={"query": QUERY})).json() == first
        assert made(hub) == 1
        await ledger.put(ledger.complaint(2))
        moved = await asked(hub)
        assert {node["trackingId"] for node in moved["data"]["complaints"]["nodes"]} == {"B-1", "B-2"}
        assert made(hub) == 2
        outcome = {"transport": "websocket", "kind": "query", "outcome": "ok"}
        assert hub.metrics.registry.get_sample_value("simpul_requests_total", outcome) == 3


async def test_errors_are_not_kept(sqlite_url: str, ledger_at: Any) -> None:
    async with ledger_at(sqlite_url) as ledger, streaming(ledger) as hub:
        for times in (1, 2):
            answer = await asked(hub, '{ complaints(after: "made up") { asOf } }')
            assert answer["errors"][0]["extensions"]["code"] == "BAD_CURSOR"
            assert made(hub) == times
