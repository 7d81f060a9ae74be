"""Documents that clients ask for by a name, over each transport."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.execution import named
from gateway.execution.named import NamedDocuments, digest

TEXT = "query Hello($name: String!) { hello(name: $name) }"
OTHER = '{ hello(name: "other") }'
ANI = {"data": {"hello": "hello Ani"}}
VARIABLES = {"name": "Ani"}


def persisted(name: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": name}}


def by_digest(text: str, **more: Any) -> dict[str, Any]:
    return {"extensions": persisted(digest(text)), "variables": VARIABLES, **more}


def told(reply: httpx2.Response) -> tuple[str, str]:
    [error] = reply.json()["errors"]
    return error["message"], error["extensions"]["code"]


UNKNOWN = ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
NOT_LISTED = ("Only documents that this hub knows are answered here.", "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize("fast", [False, True])
async def test_a_client_sends_a_text_once(front: Any, fast: bool) -> None:
    """As Apollo's and urql's clients do: the digest; then both; then the digest, also by GET."""
    async with (
        front(cached=True).served(fast=fast) as server,
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
    ):
        assert told(await client.post("/graphql", json=by_digest(TEXT))) == UNKNOWN
        assert (await client.post("/graphql", json=by_digest(TEXT, query=TEXT))).json() == ANI
        for _ in range(2):  # made, then from the cache
            assert (await client.post("/graphql", json=by_digest(TEXT))).json() == ANI
            asked = {"extensions": json.dumps(persisted(digest(TEXT))), "variables": json.dumps(VARIABLES)}
            assert (await client.get("/graphql", params=asked)).json() == ANI
        # An empty text is none, as some clients send it.
        assert (await client.post("/graphql", json=by_digest(TEXT, query=""))).json() == ANI


async def test_over_a_socket(front: Any) -> None:
    address = "/graphql"
    async with front().served() as server:
        options: Any = {"subprotocols": [Subprotocol("graphql-transport-ws")], "compression": None, "proxy": None}
        async with connect(server.address.replace("http", "ws") + address, **options) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            await socket.recv()
            expected = [("error", "1"), ("next", "2"), ("complete", "2"), ("next", "3"), ("complete", "3")]
            for id, payload in (("1", by_digest(TEXT)), ("2", by_digest(TEXT, query=TEXT)), ("3", by_digest(TEXT))):
                await socket.send(json.dumps({"type": "subscribe", "id": id, "payload": payload}))
                while expected and expected[0][1] == id:
                    message = json.loads(await socket.recv())
                    assert (message["type"], message["id"]) == expected.pop(0)
                    if message["type"] == "next":
                        assert message["payload"] == ANI
                    if message["type"] == "error":
                        assert message["payload"][0]["message"] == UNKNOWN[0]


async def test_nobody_puts_a_document_in_anothers_place(front: Any) -> None:
    async with front().client() as client:
        wrong = {"query": OTHER, "extensions": persisted(digest(TEXT)), "variables": VARIABLES}
        assert told(await client.post("/graphql", json=wrong)) == (
            "The digest is not the document's.",
            "BAD_USER_INPUT",
        )
        assert told(await client.post("/graphql", json=by_digest(TEXT))) == UNKNOWN
        # Only a digest names what a client sends.
        for name in ("hello", digest(TEXT).upper(), digest(TEXT)[:-1], ""):
            await client.post("/graphql", json={"query": OTHER, "extensions": persisted(name)})
            if name:
                assert told(await client.post("/graphql", json={"extensions": persisted(name)})) == UNKNOWN
        # Nor is kept what does not fit the graph.
        unfit = "{ nothing }"
        await client.post("/graphql", json={"query": unfit, "extensions": persisted(digest(unfit))})
        assert told(await client.post("/graphql", json=by_digest(unfit))) == UNKNOWN


@pytest.mark.parametrize(
    "extensions", [{"persistedQuery": 1}, {"persistedQuery": {"sha256Hash": 1}}, {"persistedQuery": []}, {}]
)
async def test_what_names_nothing(front: Any, extensions: Any) -> None:
    async with front().client() as client:
        reply = await client.post("/graphql", json={"extensions": extensions})
        assert told(reply)[1] == "BAD_USER_INPUT"
        whole = {"query": TEXT, "variables": VARIABLES, "extensions": extensions}
        assert (await client.post("/graphql", json=whole)).json() == ANI


async def test_so_many_are_kept(front: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "MOST", 2)
    texts = [f'{{ hello(name: "{number}") }}' for number in range(3)]
    async with front().client() as client:
        for text in texts:
            await client.post("/graphql", json={"query": text, "extensions": persisted(digest(text))})
        replies = [await client.post("/graphql", json={"extensions": persisted(digest(text))}) for text in texts]
        assert [reply.json().get("data") for reply in replies] == [
            None, {"hello": "hello 1"}, {"hello": "hello 2"},
        ]  # fmt: skip


async def test_an_operators_list(front: Any) -> None:
    listed = NamedDocuments({"hello": TEXT, digest(TEXT): TEXT}, only=True)
    async with front(named=listed, get_any=False).client() as client:
        for question in (
            {"documentId": "hello", "variables": VARIABLES},
            {"documentId": f"sha256:{digest(TEXT)}", "variables": VARIABLES},
            by_digest(TEXT),
            {"query": TEXT, "variables": VARIABLES},
        ):
            assert (await client.post("/graphql", json=question)).json() == ANI, question
        by_get = {"documentId": "hello", "variables": json.dumps(VARIABLES)}
        assert (await client.get("/graphql", params=by_get)).json() == ANI
        for question in ({"query": OTHER}, {"query": TEXT + " "}, by_digest(OTHER, query=OTHER), {"documentId": "x"}):
            assert told(await client.post("/graphql", json=question)) == NOT_LISTED, question
        for name in ("hello", "x"):
            assert told(await client.post("/graphql", json={"documentId": name, "query": OTHER})) == NOT_LISTED
