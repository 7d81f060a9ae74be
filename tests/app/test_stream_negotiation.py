"""Who accepts what gets what: an answer in one piece, or a stream."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

SSE = "text/event-stream"
#: What urql, Apollo Client and a browser's EventSource send, and what a person may.
URQL_QUERY = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
URQL_SUBSCRIPTION = "text/event-stream, multipart/mixed"
APOLLO = (
    "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/graphql-response+json,application/json;q=0.9"
)
MULTIPART = 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
EVENTS, JSON, GRAPHQL = f"{SSE}; charset=utf-8", "application/json", "application/graphql-response+json"


#: By Accept: what a query and a subscription are answered in.
NEGOTIATED: list[tuple[str, str | int, str | int]] = [
    ("text/event-stream", EVENTS, EVENTS),
    ("Text/Event-Stream; charset=UTF-8", EVENTS, EVENTS),
    (URQL_QUERY, GRAPHQL, EVENTS),
    (URQL_SUBSCRIPTION, EVENTS, EVENTS),
    (APOLLO, GRAPHQL, MULTIPART),
    ('multipart/mixed;subscriptionSpec="1.0", application/json', JSON, MULTIPART),
    ("multipart/mixed", MULTIPART, MULTIPART),
    ("multipart/mixed, text/event-stream", MULTIPART, MULTIPART),
    ("multipart/mixed;q=0.5, text/event-stream;q=0.9", EVENTS, EVENTS),
    ("application/json;q=0.1, text/event-stream", JSON, EVENTS),
    ("multipart/mixed;deferSpec=20220824, application/json", JSON, JSON),
    ("multipart/mixed;subscriptionSpec=2.0, application/json", JSON, JSON),
    ("text/event-stream;q=0, application/json", JSON, JSON),
    ("application/json", JSON, JSON),
    ("*/*", JSON, JSON),
    ("", JSON, JSON),
    ("multipart/mixed;deferSpec=20220824", 406, 406),
    ("text/plain", 406, 406),
]


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("fast", [True, False])
async def test_what_is_sent_to_who_accepts_what(front: Any, fast: bool, cached: bool) -> None:
    async with (
        front(cached=cached).served(fast=fast) as server,
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
    ):
        for accept, query, subscription in NEGOTIATED:
            for document, expected in (("{ hello }", query), ("subscription { count }", subscription)) * 2:
                answer = await client.post("/graphql", json={"query": document}, headers={"accept": accept})
                kind = answer.headers["content-type"]
                if isinstance(expected, int):
                    assert answer.status_code == expected, accept
                elif expected in (JSON, GRAPHQL):
                    assert kind == f"{expected}; charset=utf-8", accept
                    told = answer.text
                    assert ("graphql-transport-ws" in told and SSE in told) == ("subscription" in document), accept
                else:
                    assert kind == expected, accept
