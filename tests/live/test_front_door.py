"""Health, metrics and who may ask from a browser."""

from __future__ import annotations

from base64 import b64encode

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry import Metrics
from schema.agency import SourceState
from tests.live.demo import SLUGS, Demo

PREFLIGHT = "content-type, authorization, last-event-id, apollo-require-preflight"
#: Every value that a label of ours may have.
WORDS = {
    "transport": {"http", "websocket", "sse", "multipart"},
    "kind": {"query", "mutation", "subscription", "unknown"},
    "outcome": {"ok", "partial", "refused", "read", "rejected", "accepted", "repeated"},
    "result": {"hit", "miss", "confirmed", "shared", "made", "joined", "stale"},
    "way": {"compiled", "repeated", "interpreted"},
    "agency": set(SLUGS),
    "state": {state.value for state in SourceState},
    "rank": {"write", "read", "bulk"},
    "task": {"watch", "clocks", "agencies", *(f"poll {slug}" for slug in SLUGS)},
}


def test_live_and_ready(demo: Demo) -> None:
    live = demo.hub.client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "live"})
    ready = demo.hub.client.get("/health/ready")
    assert ready.status_code == 200
    told = ready.json()
    assert (told["status"], told["database"], told["migrations"], told["watch"]) == ("ready", "ok", "ok", "ok")
    assert told["ledger"]["head"] > 10_000
    assert set(told["agencies"]) == set(SLUGS)
    assert all({"state", "asOf", "lagSeconds"} == set(source) for source in told["agencies"].values())


def test_metrics_hold_numbers_and_words_of_the_hubs_own(demo: Demo) -> None:
    rows = demo.ask("{ complaints(first: 100) { nodes { title trackingId id } } }")["complaints"]["nodes"]
    page = demo.hub.client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert {name for name in families if not name.startswith("process_")} >= {
        family.name for family in Metrics().registry.collect() if not family.name.startswith("process_")
    }
    for family in families.values():
        for sample in family.samples:
            for label, value in sample.labels.items():
                assert label == "le" or value in WORDS[label], sample
    assert any(s.labels == {"way": "compiled"} and s.value for s in families["simpul_operations_executed"].samples)
    for row in rows:
        assert not any(str(value) in page.text for value in row.values() if value)
    read = {
        s.labels["agency"]: s.value for s in families["simpul_sync_records"].samples if s.labels["outcome"] == "read"
    }
    assert set(read) == set(SLUGS)


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:3000", "http://localhost"])
def test_pages_of_this_machine_may_ask(demo: Demo, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": PREFLIGHT}
    preflight = demo.hub.client.options("/graphql", headers=asked)
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "POST" in preflight.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in preflight.headers["access-control-allow-headers"].split(",")}
    assert allowed >= {name.strip() for name in PREFLIGHT.split(",")}
    answer = demo.hub.client.post("/graphql", json={"query": "{ asOf }"}, headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
    assert exposed >= {"etag", "retry-after"}
    assert "origin" in answer.headers["vary"].lower()


@pytest.mark.parametrize("origin", ["https://example.org", "http://localhost.example.org", "null"])
def test_pages_from_elsewhere_may_not(demo: Demo, origin: str) -> None:
    asked = {"origin": origin, "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in demo.hub.client.options("/graphql", headers=asked).headers
    answer = demo.hub.client.post("/graphql", json={"query": "{ asOf }"}, headers={"origin": origin})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:5173", 101), ("https://example.org", 403)])
def test_sockets_are_for_the_same_pages(demo: Demo, origin: str, status: int) -> None:
    asked = {
        "origin": origin,
        "connection": "upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": b64encode(bytes(16)).decode(),
        "sec-websocket-protocol": "graphql-transport-ws",
    }
    with demo.hub.client.stream("GET", "/graphql", headers=asked) as answer:
        assert answer.status_code == status
