"""The graph over HTTP, as a client meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

GRAPHQL, JSON = "application/graphql-response+json", "application/json"
MULTIPART = "multipart/mixed"


async def ask(front: Any, query: str, accept: str = GRAPHQL, **parameters: Any) -> Any:
    async with front.client() as client:
        return await client.post("/graphql", json={"query": query, **parameters}, headers={"accept": accept})


async def test_answers_by_post_and_by_get(front: Any) -> None:
    door = front()
    query = "query Greet($name: String!) { hello(name: $name) }"
    posted = await ask(door, query, variables={"name": "Bali"}, operationName="Greet", extensions={"any": "thing"})
    async with door.client() as client:
        got = await client.get("/graphql", params={"query": query, "variables": '{"name": "Bali"}'})
    assert posted.status_code == got.status_code == 200
    assert posted.json() == got.json() == {"data": {"hello": "hello Bali"}}
    assert posted.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert got.headers["content-type"] == f"{JSON}; charset=utf-8"


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{", {}),
        ("{ nothing }", {}),
        ("query A { hello } query B { hello }", {}),
        ("fragment F on Query { hello }", {}),
        ("query Q($name: String!) { hello(name: $name) }", {"name": 1}),
        ("subscription { count }", {}),
        ("{ " + "hello " * 2_001 + "}", {}),
        ("{ hello } #" + "x" * 65_536, {}),
    ],
    ids=["cut", "unknown field", "which operation", "no operation", "variable", "subscription", "tokens", "length"],
)
async def test_a_request_error_is_a_400_without_data(front: Any, query: str, variables: dict[str, Any]) -> None:
    refused = await ask(front(), query, variables=variables)
    assert refused.status_code == 400
    assert "data" not in refused.json()
    (error,) = refused.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert len(error["extensions"]["reference"]) == 10
    # Old clients read no body under a 4xx.
    assert (await ask(front(), query, JSON, variables=variables)).status_code == 200


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "truncated"),
        (b'{"query": ', "truncated"),
        (b"[" * 100_000, "Batching"),
        (b'{"query": "{ hello }", "variables": {"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'[{"query": "{ hello }"}]', "Batching"),
        (b'{"query": 1}', "Expected `str`, got `int` - at `$.query`"),
        (b'{"query": "{ hello }", "variables": []}', "$.variables"),
        (b'{"query": "\xff"}', "utf-8"),
        (b"{}", "query"),
    ],
    ids=["empty", "cut", "deep list", "deep variables", "batch", "number", "list", "not utf-8", "no query"],
)
@pytest.mark.parametrize("accept", [JSON, GRAPHQL])
async def test_a_body_that_is_no_request_is_a_400(front: Any, body: bytes, says: str, accept: str) -> None:
    async with front().client() as client:
        headers = {"content-type": "application/json", "accept": accept}
        refused = await client.post("/graphql", content=body, headers=headers)
    assert refused.status_code == 400
    assert says in refused.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({}, 400),
        ({"query": ""}, 400),
        ({"query": "{ hello }", "variables": "no"}, 400),
        ({"query": "{ hello }", "variables": "[]"}, 400),
        ({"query": "{ hello }", "extensions": '"text"'}, 400),
        ({"query": "{ hello }", "variables": "null", "operationName": ""}, 200),
    ],
)
async def test_parameters_of_a_get(front: Any, parameters: dict[str, str], status: int) -> None:
    async with front().client() as client:
        assert (await client.get("/graphql", params=parameters)).status_code == status


async def test_a_mutation_goes_by_post_alone(front: Any) -> None:
    door = front()
    async with door.client() as client:
        refused = await client.get("/graphql", params={"query": "mutation { touch }"})
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await ask(door, "mutation { touch }")).json() == {"data": {"touch": True}}


async def test_methods_media_types_and_sizes(front: Any) -> None:
    async with front().client() as client:
        put = await client.put("/graphql", json={"query": "{ hello }"})
        assert (put.status_code, put.headers["allow"]) == (405, "GET, HEAD, POST, OPTIONS")
        assert (await client.options("/graphql")).headers["allow"] == "GET, HEAD, POST, OPTIONS"
        body = b'{"query": "{ hello }"}'
        for kind in ("", "text/plain", "application/json; charset=utf-16", "application/x-www-form-urlencoded"):
            refused = await client.post("/graphql", content=body, headers={"content-type": kind})
            assert refused.status_code == 415, kind
        compressed = {"content-type": "application/json", "content-encoding": "gzip"}
        assert (await client.post("/graphql", content=body, headers=compressed)).status_code == 415
        long = {"query": "{ hello }", "variables": {"text": "x" * 262_144}}
        assert (await client.post("/graphql", json=long)).status_code == 413
        for accept in ("text/plain", "text/html", "application/json;q=0"):
            params = {"query": "{ hello }"}
            assert (await client.get("/graphql", params=params, headers={"accept": accept})).status_code == 406


async def test_a_list_of_types_that_mentions_event_streams_still_gets_json(front: Any) -> None:
    accept = f"{GRAPHQL}, application/graphql+json, {JSON}, text/event-stream, {MULTIPART}"
    answered = await ask(front(), "{ hello }", accept)
    assert answered.headers["content-type"].startswith(GRAPHQL)
    assert answered.json() == {"data": {"hello": "hello world"}}


async def test_what_a_resolver_did_not_mean_to_say_is_masked_and_logged(front: Any) -> None:
    with capture_logs() as logs:
        answered = await ask(front(), "{ hello boom }")
    assert answered.status_code == 200
    assert answered.json()["data"] == {"hello": "hello world", "boom": None}
    (error,) = answered.json()["errors"]
    assert (error["message"], error["path"]) == ("Internal error", ["boom"])
    assert error["extensions"]["code"] == "INTERNAL"
    assert "secret" not in answered.text
    (line,) = [entry for entry in logs if entry["log_level"] != "debug"]
    assert line["reference"] == error["extensions"]["reference"]
    assert isinstance(line["exc_info"], ValueError)


async def test_an_error_that_takes_all_data_away_is_no_request_error(front: Any) -> None:
    with capture_logs():
        answered = await ask(front(), "{ broken }")
    assert answered.status_code == 200
    assert answered.json()["data"] is None


async def test_refusals_of_the_hub_carry_their_code(front: Any) -> None:
    answered = await ask(front(), '{ page(after: "x") numbered }')
    cursor, number = answered.json()["errors"]
    assert (cursor["message"], cursor["extensions"]["code"]) == ("Not a cursor.", "BAD_CURSOR")
    assert number["extensions"]["code"] == "AMBIGUOUS_TRACKING_ID"
    assert number["extensions"]["agencies"] == ["prov-bali", "prov-diy"]


async def test_one_operation_reads_one_snapshot(front: Any) -> None:
    door = front()
    answered = await ask(door, "{ a: snapshot b: snapshot c: snapshot }")
    assert len(set(answered.json()["data"].values())) == 1
    assert door.ledger.opened == 1


async def test_a_document_is_parsed_and_validated_once(front: Any) -> None:
    door = front()
    for number in range(3):
        await ask(door, "query Q($n: String!) { hello(name: $n) }", variables={"n": str(number)})
    await ask(door, "{ nothing }")
    await ask(door, "{ nothing }")
    page = door.metrics.page().decode()
    assert 'simpul_documents_total{result="hit"} 2.0' in page
    assert 'simpul_documents_total{result="miss"} 3.0' in page


async def test_cross_origin_pages(front: Any) -> None:
    listed = front(origins=("https://lapor.example.go.id",))
    preflight = {"access-control-request-method": "POST"}
    names = "content-type, authorization, last-event-id, apollo-require-preflight"
    async with listed.client() as client:
        good = await client.options(
            "/graphql",
            headers={**preflight, "origin": "https://lapor.example.go.id", "access-control-request-headers": names},
        )
        bad = await client.options("/graphql", headers={**preflight, "origin": "https://evil.example"})
        answered = await client.get(
            "/graphql", params={"query": "{ hello }"}, headers={"origin": "https://lapor.example.go.id"}
        )
    assert (good.status_code, bad.status_code) == (200, 400)
    assert good.headers["access-control-allow-origin"] == "https://lapor.example.go.id"
    assert set(names.split(", ")) <= set(good.headers["access-control-allow-headers"].lower().split(", "))
    assert "access-control-allow-origin" not in bad.headers
    assert answered.headers["access-control-expose-headers"] == "etag, retry-after"
    assert "Origin" in answered.headers["vary"]


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), "http://localhost:3000", None),
        (("localhost",), "http://localhost:3000", "http://localhost:3000"),
        (("localhost",), "http://127.0.0.1:5173", "http://127.0.0.1:5173"),
        (("localhost",), "http://localhost.evil.example", None),
        (("*",), "https://any.example", "*"),
    ],
)
async def test_origins(front: Any, origins: tuple[str, ...], origin: str, allowed: str | None) -> None:
    async with front(origins=origins).client() as client:
        answered = await client.post("/graphql", json={"query": "{ hello }"}, headers={"origin": origin})
    assert answered.status_code == 200
    assert answered.headers.get("access-control-allow-origin") == allowed
    credentials = answered.headers.get("access-control-allow-credentials")
    assert credentials is None or allowed != "*"


async def test_health(front: Any) -> None:
    door = front()
    async with door.client() as client:
        stalled = await client.get("/health/ready")
        assert (stalled.status_code, stalled.json()["watch"]) == (503, "stalled")
        await door.watch.look()
        ready = await client.get("/health/ready")
        assert ready.status_code == 200
        assert ready.json()["ledger"] == {"head": 7}
        assert ready.json()["agencies"]["prov-bali"]["state"] == "DOWN"
        door.ledger.pending = ["0002_more"]
        assert (await client.get("/health/ready")).json()["migrations"] == "pending"
        door.ledger.pending, door.ledger.fails = [], True
        with capture_logs():
            failed = await client.get("/health/ready")
        assert (failed.status_code, failed.json()["database"]) == (503, "failed")
        assert (await client.get("/health/live")).status_code == 200


async def test_metrics_hold_no_word_of_a_client(front: Any) -> None:
    door = front()
    await door.watch.look()
    await ask(door, "query Canary { hello }", operationName="Canary")
    async with door.client() as client:
        page = (await client.get("/metrics")).text
        assert (await client.post("/metrics")).status_code == 405
    assert 'simpul_requests_total{kind="query",outcome="ok",transport="http"} 1.0' in page
    assert 'simpul_source_state{agency="prov-bali",state="DOWN"} 1.0' in page
    assert 'simpul_quarantined{agency="prov-bali"} 2.0' in page
    assert "simpul_ledger_head 7.0" in page
    assert "Canary" not in page


async def test_unicode_survives(front: Any) -> None:
    answered = await ask(front(), "query Q($n: String!) { hello(name: $n) }", variables={"n": "jalan rusak 🏃 ﷽"})
    assert json.loads(answered.content)["data"]["hello"] == "hello jalan rusak 🏃 ﷽"
