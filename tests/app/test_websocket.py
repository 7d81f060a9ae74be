"""graphql-transport-ws on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.stream.patience import Patience

PROTOCOL = Subprotocol("graphql-transport-ws")


@asynccontextmanager
async def socket(server: Any, **options: Any) -> AsyncIterator[ClientConnection]:
    address = server.address.replace("http", "ws") + "/graphql"
    options = {"subprotocols": [PROTOCOL], "compression": None, "proxy": None, **options}
    async with connect(address, **options) as client:
        yield client


async def say(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def hear(client: ClientConnection) -> Any:
    frame = await asyncio.wait_for(client.recv(), 5)
    assert isinstance(frame, str)  # never a binary frame
    return json.loads(frame)


async def greet(client: ClientConnection) -> None:
    await say(client, type="connection_init", payload=None)
    assert await hear(client) == {"type": "connection_ack"}


async def subscribe(client: ClientConnection, id: str, query: str, **more: Any) -> None:
    await say(client, type="subscribe", id=id, payload={"query": query, **more})


async def closed(client: ClientConnection) -> tuple[int, str]:
    await asyncio.wait_for(client.wait_closed(), 5)
    assert client.close_code is not None
    return client.close_code, client.close_reason or ""


async def test_a_subscription_and_a_query_over_one_socket(front: Any) -> None:
    async with front().served() as server, socket(server) as client:
        await greet(client)
        await subscribe(client, "1", "subscription S($to: Int!) { count(to: $to) }", variables={"to": 2})
        assert [await hear(client) for _ in range(3)] == [
            {"type": "next", "id": "1", "payload": {"data": {"count": 1}}},
            {"type": "next", "id": "1", "payload": {"data": {"count": 2}}},
            {"type": "complete", "id": "1"},
        ]
        # The id is free again.
        await subscribe(client, "1", "mutation { touch }")
        assert await hear(client) == {"type": "next", "id": "1", "payload": {"data": {"touch": True}}}
        assert await hear(client) == {"type": "complete", "id": "1"}


@pytest.mark.parametrize(
    "frame",
    [
        "no json",
        "[]",
        '"text"',
        "null",
        "{}",
        '{"type": "unknown"}',
        '{"type": "next", "id": "1", "payload": {}}',
        '{"type": "connection_init", "payload": 1}',
        '{"type": "ping", "payload": []}',
        '{"type": "subscribe", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": {}, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": ["1"], "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": null, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "' + "x" * 257 + '", "payload": {"query": "{ hello }"}}',
        '{"type": "complete", "id": ["1"]}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}',
        '{"type": "complete"}',
        '{"type": "ping", "payload": {"a": ' + "[" * 100_000,
        b"{}",
        b'{"type": "connection_init"}',
        b"\xff\x00",
    ],
    ids=lambda frame: str(frame)[:40],
)
async def test_a_message_that_is_none_closes_with_4400(front: Any, frame: str | bytes) -> None:
    async with front().served() as server, socket(server) as client:
        await client.send(frame)
        assert (await closed(client))[0] == 4400


async def test_close_codes_of_the_protocol(front: Any) -> None:
    door = front(patience=Patience(init=0.05))
    async with door.served() as server:
        async with socket(server) as late:
            assert await closed(late) == (4408, "Connection initialisation timeout")
        async with socket(server) as twice:
            await greet(twice)
            await say(twice, type="connection_init")
            assert await closed(twice) == (4429, "Too many initialisation requests")
        async with socket(server) as early:
            await subscribe(early, "1", "{ hello }")
            assert await closed(early) == (4401, "Unauthorized")
        async with socket(server) as double:
            await greet(double)
            await subscribe(double, "1", "subscription { forever }")
            await subscribe(double, "1", "subscription { forever }")
            assert await closed(double) == (4409, "Subscriber for 1 already exists")
        async with socket(server, subprotocols=[Subprotocol("graphql-ws")]) as other:
            assert (await closed(other))[0] == 4406
        async with socket(server, subprotocols=None) as none:
            assert (await closed(none))[0] == 4406


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_credentials_that_nobody_could_verify_are_refused(front: Any, name: str) -> None:
    async with front().served() as server, socket(server) as client:
        await say(client, type="connection_init", payload={"client": "test", name: "Bearer x"})
        assert await closed(client) == (4403, "Forbidden")


@pytest.mark.parametrize("payload", [None, {}, {"authorization": None}, {"Authorization": ""}, {"token": "x"}])
async def test_the_public_is_let_in_whatever_else_it_says(front: Any, payload: Any) -> None:
    async with front().served() as server, socket(server) as client:
        await say(client, type="connection_init", payload=payload)
        assert await hear(client) == {"type": "connection_ack"}


async def test_a_message_may_come_in_fragments_and_ids_may_be_anything(front: Any) -> None:
    async with front().served() as server, socket(server) as client:
        await client.send(['{"type": "conn', 'ection_init"}'])
        assert await hear(client) == {"type": "connection_ack"}
        for id in ('"', "\\", "läuft", "\u2028", "x" * 256):
            await subscribe(client, id, "{ hello }")
            assert await hear(client) == {"type": "next", "id": id, "payload": {"data": {"hello": "hello world"}}}
            assert await hear(client) == {"type": "complete", "id": id}


async def test_one_bad_operation_leaves_its_neighbours_alone(front: Any) -> None:
    async with front().served() as server, socket(server) as client:
        await greet(client)
        await subscribe(client, "good", "subscription { forever }")
        assert (await hear(client))["type"] == "next"
        for id, query in (("syntax", "{"), ("field", "{ nothing }"), ("cursor", "subscription { refuses }")):
            await subscribe(client, id, query)
            failed = await hear(client)
            assert (failed["type"], failed["id"]) == ("error", id)
            assert failed["payload"][0]["extensions"]["reference"]
        await subscribe(client, "variable", "subscription S($to: Int!) { count(to: $to) }", variables={"to": "x"})
        assert (await hear(client))["type"] == "error"
        await subscribe(client, "query", "{ hello }")
        assert (await hear(client))["payload"] == {"data": {"hello": "hello world"}}


async def test_a_stream_that_breaks_is_masked(front: Any) -> None:
    with capture_logs() as logs:
        async with front().served() as server, socket(server) as client:
            await greet(client)
            await subscribe(client, "1", "subscription { breaks }")
            assert (await hear(client))["type"] == "next"
            failed = await hear(client)
    assert failed["type"] == "error"
    assert failed["payload"][0]["message"] == "Internal error"
    assert failed["payload"][0]["extensions"]["reference"] == logs[0]["reference"]


async def test_complete_cancels_and_frees_the_id(front: Any) -> None:
    door = front()
    async with door.served() as server, socket(server) as client:
        await greet(client)
        await subscribe(client, "1", "subscription { forever }")
        assert (await hear(client))["type"] == "next"
        await say(client, type="complete", id="1")
        await say(client, type="complete", id="never begun")
        await subscribe(client, "1", "{ hello }")
        assert (await hear(client))["payload"] == {"data": {"hello": "hello world"}}
        await asyncio.wait_for(door.left.wait(), 5)


async def test_a_client_that_leaves_takes_its_streams_along(front: Any) -> None:
    door = front()
    async with door.served() as server:
        async with socket(server) as client:
            await greet(client)
            await subscribe(client, "1", "subscription { forever }")
            assert (await hear(client))["type"] == "next"
            assert 'simpul_live_streams{transport="websocket"} 1.0' in door.metrics.page().decode()
            client.transport.abort()
        await asyncio.wait_for(door.left.wait(), 5)


async def test_ping_and_pong_both_ways(front: Any) -> None:
    async with front(patience=Patience(ping=0.05)).served() as server, socket(server) as client:
        await say(client, type="ping", payload={"n": 1})
        assert await hear(client) == {"type": "pong", "payload": {"n": 1}}
        await say(client, type="ping")
        assert await hear(client) == {"type": "pong"}
        await greet(client)
        for _ in range(2):
            assert await hear(client) == {"type": "ping"}
            await say(client, type="pong")
        # Whoever stays silent is let go.
        assert (await closed(client))[0] == 1013


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        ((), None, True),
        ((), "own", True),
        ((), "https://evil.example", False),
        ((), "null", False),
        (("https://lapor.example.go.id",), "https://lapor.example.go.id", True),
        (("localhost",), "http://localhost:5173", True),
    ],
)
async def test_origin(front: Any, origins: tuple[str, ...], origin: str | None, allowed: bool) -> None:
    async with front(origins=origins).served() as server:
        asked = server.address if origin == "own" else origin
        if allowed:
            async with socket(server, origin=asked and Origin(asked)) as client:
                await greet(client)
        else:
            with pytest.raises(InvalidStatus) as caught:
                async with socket(server, origin=asked and Origin(asked)):
                    pass
            assert caught.value.response.status_code == 403


async def test_a_message_that_is_too_long_closes_with_1009(front: Any) -> None:
    async with front().served() as server, socket(server) as client:
        await client.send("x" * 262_145)
        assert (await closed(client))[0] == 1009
