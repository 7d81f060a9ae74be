"""What a socket may take, and what becomes of clients that don't read."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway.server import Server
from gateway.stream.limits import StreamLimits
from gateway.stream.patience import Patience
from gateway.stream.protocol import HIGH_WATER

IMPATIENT = Patience(send=0.2, close=0.1, drain=0.1)


@asynccontextmanager
async def socket(server: Server) -> AsyncIterator[ClientConnection]:
    address = server.address.replace("http", "ws") + "/graphql"
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(address, subprotocols=[protocol], compression=None, proxy=None) as client:
        await client.send('{"type": "connection_init"}')
        assert await hear(client) == {"type": "connection_ack"}
        yield client


@asynccontextmanager
async def deaf(server: Server) -> AsyncIterator[ClientConnection]:
    """Will read nothing more."""
    async with socket(server) as client:
        client.transport.pause_reading()  # type: ignore[attr-defined]
        yield client
        client.transport.abort()


async def hear(client: ClientConnection) -> Any:
    return json.loads(await asyncio.wait_for(client.recv(), 5))


async def subscribe(client: ClientConnection, id: str, query: str) -> None:
    await client.send(json.dumps({"type": "subscribe", "id": id, "payload": {"query": query}}))


async def closed(client: ClientConnection) -> tuple[int | None, str | None]:
    await asyncio.wait_for(client.wait_closed(), 5)
    return client.close_code, client.close_reason


async def until(condition: Callable[[], bool]) -> None:
    """Awaits what nothing tells of."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)


def refusal(message: Any) -> tuple[str, str, str]:
    return message["type"], message["id"], message["payload"][0]["extensions"]["code"]


async def test_operations_on_one_socket_are_bounded(front: Any) -> None:
    async with front(limits=StreamLimits(per_socket=3)).served() as server, socket(server) as client:
        for id in ("1", "2", "3"):
            await subscribe(client, id, "subscription { forever }")
            assert (await hear(client))["type"] == "next"
        await subscribe(client, "4", "{ hello }")
        assert refusal(await hear(client)) == ("error", "4", "RATE_LIMITED")
        await client.send('{"type": "complete", "id": "2"}')
        await subscribe(client, "4", "{ hello }")
        assert (await hear(client))["payload"] == {"data": {"hello": "hello world"}}


async def test_streams_of_one_client_and_in_all_are_bounded(front: Any) -> None:
    for limits in (StreamLimits(per_client=3), StreamLimits(total=3)):
        door = front(limits=limits)
        async with door.served() as server, socket(server) as one, socket(server) as two:
            for client, ids in ((one, ("1", "2")), (two, ("1",))):
                for id in ids:
                    await subscribe(client, id, "subscription { forever }")
                    assert (await hear(client))["type"] == "next"
            await subscribe(two, "2", "subscription { forever }")
            assert refusal(await hear(two)) == ("error", "2", "RATE_LIMITED")
            # Queries end by themselves; and a place that is given back can be had again.
            await subscribe(two, "2", "{ hello }")
            assert [(await hear(two))["type"] for _ in range(2)] == ["next", "complete"]
            await one.send('{"type": "complete", "id": "1"}')
            await asyncio.wait_for(door.left.wait(), 5)
            await subscribe(two, "2", "subscription { forever }")
            assert (await hear(two))["type"] == "next"


async def test_sockets_of_one_client_are_bounded(front: Any) -> None:
    door = front(limits=StreamLimits(per_client=2))
    async with door.served() as server, socket(server):
        address = server.address.replace("http", "ws") + "/graphql"
        third = connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None)
        async with socket(server), third as client:
            assert await closed(client) == (1013, "Too many sockets of one client: at most 2.")
        await until(lambda: "simpul_sockets 1.0" in door.metrics.page().decode())
        async with socket(server):
            pass


async def test_a_client_that_does_not_read_is_let_go_and_nothing_of_it_stays(front: Any) -> None:
    door = front(patience=IMPATIENT)
    async with door.served() as server, socket(server) as other, deaf(server) as slow:
        await subscribe(other, "1", "subscription { untilClosing }")
        assert (await hear(other))["type"] == "next"
        await subscribe(slow, "1", "subscription { flood }")
        await asyncio.wait_for(door.left.wait(), 5)
        # Its close frame can't leave, and it never answers one; its connection ends all the same.
        await until(lambda: len(server.server_state.connections) == 1)
        assert "simpul_sockets 1.0" in door.metrics.page().decode()
        await subscribe(other, "2", "{ hello }")
        assert (await hear(other))["id"] == "2"


async def test_a_client_that_reads_again_in_time_stays(front: Any) -> None:
    async with front(patience=Patience(send=2.0)).served() as server, deaf(server) as slow:
        await subscribe(slow, "1", "subscription { flood }")
        (connection,) = server.server_state.connections
        await until(lambda: not connection.writable.is_set())  # type: ignore[union-attr]
        slow.transport.resume_reading()  # type: ignore[attr-defined]
        for _ in range(50):
            assert (await hear(slow))["type"] == "next"


async def test_pings_of_a_client_that_does_not_read_fill_no_memory(front: Any) -> None:
    async with front(patience=Patience(send=60.0)).served() as server, deaf(server) as slow:
        (connection,) = server.server_state.connections
        ping = slow.protocol
        for _ in range(20):
            for _ in range(1_000):
                ping.send_ping(b"x" * 125)
            slow.transport.writelines(ping.data_to_send())
            await until(lambda: not slow.transport.get_write_buffer_size())  # type: ignore[attr-defined]
        # What comes in one piece is answered in one piece.
        assert connection.transport.get_write_buffer_size() < HIGH_WATER + 300_000  # type: ignore[union-attr]


async def test_streams_end_with_their_last_frame_and_no_complete_when_the_hub_goes_down(front: Any) -> None:
    door = front()
    async with door.served() as server, socket(server) as client, socket(server) as idle:
        for id in ("1", "2"):
            await subscribe(client, id, "subscription { untilClosing }")
            assert (await hear(client))["payload"] == {"data": {"untilClosing": "first"}}
        began = time.monotonic()
        server.stop()
        last = [await hear(client) for _ in range(2)]
        assert sorted(each["id"] for each in last) == ["1", "2"]
        assert all(each["payload"] == {"data": {"untilClosing": "last"}} for each in last)
        assert await closed(client) == (1012, "restarting, resume with your cursor")
        assert await closed(idle) == (1012, "restarting, resume with your cursor")
    assert time.monotonic() - began < 3


async def test_clients_that_do_not_read_do_not_hold_the_hub_up(front: Any) -> None:
    door = front(patience=Patience(close=0.1, drain=0.1))
    async with door.served() as server, deaf(server) as slow, deaf(server) as idle:
        await subscribe(slow, "1", "subscription { flood }")
        await subscribe(idle, "1", "subscription { forever }")
        await until(lambda: any(not each.writable.is_set() for each in server.server_state.connections))  # type: ignore[union-attr]
        began = time.monotonic()
        server.stop()
        await asyncio.wait_for(door.left.wait(), 5)
    assert time.monotonic() - began < 5
