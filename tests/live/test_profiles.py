"""A scan of a locked hub for what the usual scanners of GraphQL endpoints look for, as graphql-cop lists it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.execution.named import digest
from tests.live.hub import Forked, command

LISTED = "query Listed($first: Int!) { complaints(first: $first) { totalCount } }"
AGENT = {"accept": "application/json"}

Ask = Callable[..., httpx2.Response]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    folder = tmp_path_factory.mktemp("locked")
    documents = folder / "documents.json"
    documents.write_text(json.dumps({"listed": LISTED}))
    (folder / "agencies").mkdir()
    settings = {
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
        "SIMPUL_PROFILE": "locked",
        "SIMPUL_PUBLIC_URL": "https://simpul.example.go.id",
        "SIMPUL_TRUSTED_DOCUMENTS": str(documents),
    }
    assert command(folder / "migrated", settings, "db", "migrate") == 0, (folder / "migrated").read_text()
    hub = Forked(folder / "log", settings)
    try:
        address = hub.address()
        assert address is not None, (folder / "log").read_text()
        with httpx2.Client(base_url=address, trust_env=False, headers=AGENT) as client:
            yield client
    finally:
        hub.kill()


def errors(reply: httpx2.Response) -> list[dict[str, Any]]:
    body = reply.json()
    assert "data" not in body, body
    assert body["errors"], body
    return list(body["errors"])


def refused(reply: httpx2.Response, *statuses: int) -> None:
    assert reply.status_code in statuses, (reply.status_code, reply.text)
    for error in errors(reply):
        assert "Did you mean" not in error["message"]
        assert not {"exception", "stacktrace", "trace", "tracing"} & set(error.get("extensions", ())), error


def test_introspection(locked: httpx2.Client) -> None:
    for query in (
        "{ __schema { types { name } } }",
        '{ __type(name: "Complaint") { name } }',
        "{ a: __schema { queryType { name } } }",
    ):
        refused(locked.post("/graphql", json={"query": query}), 200, 400)
    assert locked.post("/graphql", json={"query": "{ __typename }"}).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    "query",
    [
        "{ komplaint { id } }",
        "{ complaintz { totalCount } }",
        "{ complaints { totalCout } }",
        "{ complaints(frist: 1) { totalCount } }",
        "{ complaints(where: {status: [SUBMITED]}) { totalCount } }",
        "{ complaints(where: {statuz: 1}) { totalCount } }",
        "query ($a: Complaintz) { complaints { totalCount } }",
        "query { ...F } fragment F on Querry { __typename }",
        "query { complaints @inclde(if: true) { totalCount } }",
    ],
)
def test_suggestions(locked: httpx2.Client, query: str) -> None:
    refused(locked.post("/graphql", json={"query": query}), 200, 400)


@pytest.mark.parametrize("value", ["SUBMITED", {"statuz": 1}, 3])
def test_suggestions_in_variables(locked: httpx2.Client, value: Any) -> None:
    query = "query ($w: ComplaintFilter) { complaints(filter: $w) { totalCount } }"
    for variables in ({"w": value}, {"w": {"status": value}}, {"w": {"statuses": [value]}}):
        reply = locked.post("/graphql", json={"query": query, "variables": variables})
        refused(reply, 200, 400)


def test_floods(locked: httpx2.Client) -> None:
    aliases = "{ " + " ".join(f"a{i}: __typename" for i in range(101)) + " }"
    directives = "{ __typename " + "@include(if: true) " * 50 + "}"
    unknown = "{ __typename " + "@aa" * 50 + "}"
    fields = "{ " + "__typename " * 1_001 + "}"
    circular = "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
    for query in (aliases, directives, unknown, fields, circular):
        refused(locked.post("/graphql", json={"query": query}), 200, 400)


def test_batches(locked: httpx2.Client) -> None:
    refused(locked.post("/graphql", json=[{"query": "{ __typename }"}] * 10), 400)


def test_get(locked: httpx2.Client) -> None:
    refused(locked.get("/graphql", params={"query": "{ __typename }"}), 405)
    refused(locked.get("/graphql", params={"query": "mutation { __typename }"}), 405)
    # What the operator has listed may be cached by proxies.
    by_name = {"variables": '{"first": 1}', "documentId": "listed"}
    assert locked.get("/graphql", params=by_name).json() == {"data": {"complaints": {"totalCount": 0}}}
    persisted = json.dumps({"persistedQuery": {"version": 1, "sha256Hash": digest(LISTED)}})
    assert locked.get("/graphql", params={"variables": '{"first": 1}', "extensions": persisted}).status_code == 200


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_forms(locked: httpx2.Client, kind: str) -> None:
    for body in (b"query=%7B__typename%7D", b'{"query": "{ __typename }"}'):
        refused(locked.post("/graphql", content=body, headers={"content-type": kind}), 415)


def test_the_explorer(locked: httpx2.Client) -> None:
    page = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path in ("/graphql", "/graphiql", "/playground", "/altair", "/explorer/graphiql.js", "/explorer/"):
        reply = locked.get(path, headers=page)
        assert reply.status_code in (400, 404, 405), (path, reply.status_code)
        assert "graphiql" not in reply.text.lower()


def test_traces(locked: httpx2.Client) -> None:
    telling = {"x-apollo-tracing": "1", "apollo-federation-include-trace": "ftv1", "x-debug": "1"}
    reply = locked.post("/graphql", json={"query": "{ __typename }", "extensions": {"tracing": True}}, headers=telling)
    assert reply.json() == {"data": {"__typename": "Query"}}
    assert locked.request("TRACE", "/graphql").status_code in (400, 405)


def test_errors_that_nobody_handles(locked: httpx2.Client) -> None:
    for body in ({"query": "query"}, {"query": 1}, {"query": "abc"}, {}, [], "x"):
        refused(locked.post("/graphql", json=body), 200, 400)


def test_every_answer_is_safe(locked: httpx2.Client) -> None:
    replies = [
        locked.post("/graphql", json={"query": "{ __typename }"}),
        locked.post("/graphql", json={"query": "{"}),
        locked.get("/graphql"),
        locked.request("DELETE", "/graphql"),
        locked.options("/graphql"),
        locked.get("/nowhere"),
        locked.get("/health/live"),
        locked.post("/metrics"),
        locked.get("/", headers={"accept": "text/html"}),
        locked.post("/graphql", content=b" " * 300_000, headers={"content-type": "application/json"}),
    ]
    for reply in replies:
        headers = reply.headers
        assert headers["x-content-type-options"] == "nosniff", reply.url
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert "set-cookie" not in headers
    for reply in replies[5:]:
        assert "frame-ancestors 'none'" in reply.headers.get("content-security-policy", "frame-ancestors 'none'")
    assert "frame-ancestors 'none'" in replies[5].headers["content-security-policy"]


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "api_key"])
def test_credentials_in_an_address(locked: httpx2.Client, name: str) -> None:
    reply = locked.get(
        "/graphql", params={"documentId": "listed", "variables": '{"first": 1}', name: "smpk_" + "x" * 43}
    )
    refused(reply, 400)
    assert "smpk_" not in reply.text


def test_a_check_of_a_list(tmp_path: Path) -> None:
    settings = {"SIMPUL_DATA_DIR": str(tmp_path)}
    good, bad, none = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "none.json"
    good.write_text(json.dumps({"listed": LISTED}))
    operations = [
        {"id": "one", "name": "One", "type": "query", "body": "query One { complaints { judul } }"},
        {"id": digest(LISTED), "name": "Listed", "type": "query", "body": LISTED},
    ]
    bad.write_text(json.dumps({"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}))
    none.write_text("[]")
    assert command(tmp_path / "log", settings, "documents", "check", str(good)) == 0
    assert (tmp_path / "log").read_text() == "1 documents, 0 of them would be refused\n"
    assert command(tmp_path / "log", settings, "documents", "check", str(bad)) == 1
    told = (tmp_path / "log").read_text()
    assert "one:1:26: Cannot query field 'judul'" in told
    assert "2 documents, 1 of them would be refused" in told
    assert command(tmp_path / "log", settings, "documents", "check", str(none)) == 2
