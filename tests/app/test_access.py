"""Who shows credentials, over each transport."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.access.viewers import GOOD_FOR, Viewers
from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.keys import Key, Keys
from schema.errors import LedgerUnavailable
from schema.query import Role, Viewer

_WHO = {"query": "{ who }"}
_NOBODY = {"authorization": "Bearer smpk_" + "x" * 43}


class _Doors(NamedTuple):
    keys: Keys
    viewers: Viewers
    monotonic: list[float]

    async def key(self, *operations: str) -> tuple[Key, dict[str, str]]:
        key, secret = await self.keys.create("Ani", Role.OVERSIGHT, operations=operations or None)
        return key, {"authorization": f"Bearer {secret}"}

    async def revoke(self, key: Key) -> None:
        await self.keys.revoke(key.id)
        self.monotonic[0] += GOOD_FOR


@pytest.fixture
async def doors(sqlite_url: str, tmp_path: Path) -> AsyncIterator[_Doors]:
    keyring, monotonic = Keyring(b"k" * 32), [0.0]

    def now() -> datetime:
        return datetime.now(UTC)

    with open_audit(tmp_path, keyring, now) as audit:
        async with open_database(sqlite_url) as database:
            viewers = Viewers(database, keyring, now, lambda: monotonic[0])
            yield _Doors(Keys(database, keyring, audit, now), viewers, monotonic)


@pytest.mark.parametrize("fast", [True, False])
async def test_a_key_is_heeded_and_its_answers_are_its_own(front: Any, doors: _Doors, fast: bool) -> None:
    key, headers = await doors.key()
    async with (
        front(cached=True, recognise=doors.viewers.of).served(fast=fast) as server,
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
    ):
        for _ in range(2):  # made, then from the cache
            public = await client.post("/graphql", json=_WHO)
            own = await client.post("/graphql", json=_WHO, headers=headers)
            assert (public.json(), own.json()) == ({"data": {"who": "public"}}, {"data": {"who": f"key:{key.id}"}})
            assert (public.headers["cache-control"], own.headers["cache-control"]) == (
                "no-cache", "private, no-cache",
            )  # fmt: skip
        by_get = await client.get("/graphql", params=_WHO, headers=headers)
        assert by_get.json() == {"data": {"who": f"key:{key.id}"}}
        stream = {**headers, "accept": "text/event-stream"}
        told = await client.post("/graphql", json={"query": "subscription { whose }"}, headers=stream)
        assert f'"whose":"key:{key.id}"' in told.text
        await doors.revoke(key)
        assert (await client.post("/graphql", json=_WHO, headers=headers)).status_code == 401


_FOR_ONE = [
    ("{ who }", True),
    ("query { a: who ...F } fragment F on Query { ... on Query { __typename who } }", True),
    ("{ __typename }", True),
    ("{ who hello }", False),
    ("{ who a: hello }", False),
    ("query { who ...F } fragment F on Query { ... on Query { hello } }", False),
    ("mutation { touch }", False),
]


@pytest.mark.parametrize(("query", "may"), _FOR_ONE)
async def test_a_key_for_one_operation_opens_no_other(front: Any, doors: _Doors, query: str, may: bool) -> None:
    _, headers = await doors.key("who", "count")
    async with (
        front(cached=True, recognise=doors.viewers.of).served() as server,
        httpx2.AsyncClient(base_url=server.address, trust_env=False) as client,
        _socket(server) as socket,
    ):
        # Others' answers are in the cache.
        _, whole = await doors.key()
        assert "errors" not in (await client.post("/graphql", json={"query": query}, headers=whole)).json()
        reply = (await client.post("/graphql", json={"query": query}, headers=headers)).json()
        await _say(socket, type="connection_init", payload=headers)
        await _hear(socket)
        await _say(socket, type="subscribe", id="1", payload={"query": query})
        told = await _hear(socket)
        assert told["type"] == ("next" if may else "error")
        for errors in [reply.get("errors", [])] if may else [reply["errors"], told["payload"]]:
            assert [error["extensions"]["code"] for error in errors] == ([] if may else ["FORBIDDEN"])
        assert ("data" in reply) is may


@pytest.mark.parametrize(("scope", "kinds"), [("read", "query"), ("write", "mutation"), ("subscribe", "subscription")])
async def test_a_key_for_one_kind_of_operation(front: Any, doors: _Doors, scope: str, kinds: str) -> None:
    _, headers = await doors.key(scope)
    async with front(recognise=doors.viewers.of).client() as client:
        for kind, query in (
            ("query", "{ hello }"), ("mutation", "mutation { touch }"), ("subscription", "subscription { count }")
        ):  # fmt: skip
            accept = {"accept": "text/event-stream"} if kind == "subscription" else {}
            reply = await client.post("/graphql", json={"query": query}, headers={**headers, **accept})
            assert ("FORBIDDEN" in reply.text) is (kind != kinds), (kind, reply.text)


@pytest.mark.parametrize("media", ["application/json", "application/graphql-response+json", "text/event-stream"])
async def test_credentials_of_nobody_are_refused(front: Any, doors: _Doors, media: str) -> None:
    async with front(recognise=doors.viewers.of).client() as client:
        for headers in (_NOBODY, {"authorization": "Basic YTpi"}, {"authorization": ""}):
            reply = await client.post("/graphql", json=_WHO, headers={**headers, "accept": media})
            assert (reply.status_code, reply.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
            assert reply.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert reply.headers["cache-control"] == "no-store"


async def test_a_database_that_is_away_is_not_the_clients_fault(front: Any) -> None:
    async def recognise(authorization: str | None) -> Viewer:
        raise LedgerUnavailable("away")

    async with front(recognise=recognise).served() as server:
        async with httpx2.AsyncClient(base_url=server.address, trust_env=False) as client:
            reply = await client.post("/graphql", json=_WHO, headers=_NOBODY)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")
            assert reply.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"
            assert (await client.post("/graphql", json=_WHO)).json() == {"data": {"who": "public"}}
        async with _socket(server) as socket:
            await _say(socket, type="connection_init", payload={"Authorization": "Bearer x"})
            await asyncio.wait_for(socket.wait_closed(), 5)
            assert socket.close_code == 1013


async def test_a_socket_is_its_credentials_until_they_are_revoked(front: Any, doors: _Doors) -> None:
    key, headers = await doors.key()
    async with front(recognise=doors.viewers.of).served() as server, _socket(server) as client:
        await _say(client, type="connection_init", payload=headers)
        assert await _hear(client) == {"type": "connection_ack"}
        for id, query, field in (("1", "{ who }", "who"), ("2", "subscription { whose }", "whose")):
            await _say(client, type="subscribe", id=id, payload={"query": query})
            assert (await _hear(client))["payload"] == {"data": {field: f"key:{key.id}"}}
            assert (await _hear(client))["type"] == "complete"
        await doors.revoke(key)
        await _say(client, type="subscribe", id="3", payload=_WHO)
        await asyncio.wait_for(client.wait_closed(), 5)
        assert (client.close_code, client.close_reason) == (4403, "Forbidden")


async def test_a_socket_that_is_opened_with_credentials_is_theirs(front: Any, doors: _Doors) -> None:
    key, headers = await doors.key()
    async with front(recognise=doors.viewers.of).served() as server:
        async with _socket(server, additional_headers=headers) as client:
            await _say(client, type="connection_init")
            assert await _hear(client) == {"type": "connection_ack"}
            await _say(client, type="subscribe", id="1", payload=_WHO)
            assert (await _hear(client))["payload"] == {"data": {"who": f"key:{key.id}"}}
        async with _socket(server, additional_headers=_NOBODY) as client:
            await _say(client, type="connection_init")
            await asyncio.wait_for(client.wait_closed(), 5)
            assert client.close_code == 4403


def _socket(server: Any, **options: Any) -> connect:
    address = server.address.replace("http", "ws") + "/graphql"
    protocols = [Subprotocol("graphql-transport-ws")]
    return connect(address, subprotocols=protocols, compression=None, proxy=None, **options)


async def _say(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def _hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), 5))
