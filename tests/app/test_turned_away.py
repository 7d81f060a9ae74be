"""What clients are told who ask for more than their share, or at a bad moment; on both ways through the server."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from gateway.access.credentials import Unauthenticated
from gateway.guard.client import Proxies
from gateway.guard.gate import Gate
from gateway.guard.load import START, Load
from gateway.guard.rank import Rank
from gateway.guard.rates import Rates
from schema.query import PUBLIC, Role, Viewer

JSON = {"content-type": "application/json"}
OFFICER = Viewer(role=Role.LIAISON_OFFICER, credential="key:officer")
#: The own machine is every client's proxy here.
PROXIES = Proxies(["127.0.0.0/8"])
BOTH = pytest.mark.parametrize("fast", [False, True])


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def recognise(authorization: str | None) -> Viewer:
    if authorization == "Bearer officer":
        return OFFICER
    raise Unauthenticated


def rated(most: int = 3) -> Gate:
    """So many cheap questions a minute."""
    return Gate(Rates(Clock()), most, 2 * most)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Load:
    """As many places as at the start, however busy this machine is."""
    monkeypatch.setattr("gateway.guard.load.MOST", START)
    return Load(clock=clock, ticks=lambda: 1.0)


async def waited(load: Load) -> None:
    """Until somebody waits for a place."""
    for _ in range(1_000):
        if load.state().waiting[Rank.READ]:
            return
        await asyncio.sleep(0.005)


async def ask(client: httpx2.AsyncClient, query: str, come_from: str, **headers: str) -> httpx2.Response:
    told = {**JSON, "x-forwarded-for": come_from, **headers}
    return await client.post("/graphql", content=json.dumps({"query": query}), headers=told)


@BOTH
async def test_who_has_spent_his_share_is_told_when_to_come_again(front: Any, fast: bool) -> None:
    door = front(gate=rated(), proxies=PROXIES, cached=True, recognise=recognise)
    async with door.served(fast=fast) as server, httpx2.AsyncClient(base_url=server.address) as client:
        for number in (0, 1, 1, 1, 2):
            reply = await ask(client, f"{{a{number}: hello}}", "203.0.113.9")
            assert reply.status_code == 200
        refused = await ask(client, "{b: hello}", "198.51.100.1, 203.0.113.9")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "20"
        assert refused.headers["cache-control"] == "no-store"
        (error,) = refused.json()["errors"]
        assert re.fullmatch("[0-9a-f]{10}", error["extensions"].pop("reference"))
        assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfterSeconds": 20}
        assert "data" not in refused.json()
        # What is at hand is free; a mutation is paid for otherwise; nobody else is concerned.
        assert (await ask(client, "{a1: hello}", "203.0.113.9")).status_code == 200
        assert (await ask(client, "mutation { touch }", "203.0.113.9")).status_code == 200
        assert (await ask(client, "{b: hello}", "203.0.113.10")).status_code == 200
        assert (await ask(client, "{c: hello}", "203.0.113.9", authorization="Bearer officer")).status_code == 200
        page = (await client.get("/metrics")).text
        assert 'simpul_rate_limited_total{rank="read"} 1.0' in page


@BOTH
async def test_without_trust_the_peer_is_the_client(front: Any, fast: bool) -> None:
    door = front(gate=rated(1), cached=True)
    async with door.served(fast=fast) as server, httpx2.AsyncClient(base_url=server.address) as client:
        # Whoever connects is this machine itself, whatever it says of others.
        for number in range(5):
            assert (await ask(client, f"{{a{number}: hello}}", "203.0.113.9")).status_code == 200


@BOTH
async def test_documents_that_are_refused_cost_their_sender(front: Any, fast: bool) -> None:
    door = front(gate=rated(250), proxies=PROXIES)
    async with door.served(fast=fast) as server, httpx2.AsyncClient(base_url=server.address) as client:
        told = [(await ask(client, f"{{ none{n} }}", "203.0.113.9")).json()["errors"][0] for n in range(5)]
        assert [each["extensions"]["code"] for each in told] == ["BAD_USER_INPUT"] * 3 + ["RATE_LIMITED"] * 2
        assert (await ask(client, "mutation { touch }", "203.0.113.9")).status_code == 200


async def test_streams_and_sockets_are_counted_too(front: Any) -> None:
    door = front(gate=rated(1), proxies=PROXIES)
    async with door.served() as server, httpx2.AsyncClient(base_url=server.address) as client:
        first = await ask(client, "subscription { count }", "203.0.113.9", accept="text/event-stream")
        assert "event: complete" in first.text
        # An EventSource comes again only if nothing is said of an error, and nothing is complete.
        second = await ask(client, "subscription { count }", "203.0.113.9", accept="text/event-stream")
        assert second.status_code == 200
        assert "\nretry: " in second.text
        assert "event: " not in second.text
        both = await ask(client, "subscription { count }", "203.0.113.9", accept="*/*, text/event-stream")
        assert both.status_code == 429
        address = server.address.replace("http", "ws") + "/graphql"
        forwarded = {"x-forwarded-for": "203.0.113.9"}
        speaks = [Subprotocol("graphql-transport-ws")]
        async with connect(address, subprotocols=speaks, additional_headers=forwarded) as socket:
            await socket.send('{"type": "connection_init"}')
            await socket.recv()
            for id, query in (("1", "subscription { count }"), ("2", "{ hello }")):
                await socket.send(json.dumps({"id": id, "type": "subscribe", "payload": {"query": query}}))
                error = json.loads(await socket.recv())
                assert (error["type"], error["id"]) == ("error", id)
                assert error["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
                assert error["payload"][0]["extensions"]["retryAfterSeconds"] == 60


@BOTH
async def test_an_overloaded_hub_still_answers_what_it_has_and_takes_writes(
    front: Any, load: Load, clock: Clock, fast: bool
) -> None:
    door = front(gate=Gate(load=load), cached=True, recognise=recognise)
    async with door.served(fast=fast) as server, httpx2.AsyncClient(base_url=server.address, timeout=10) as client:
        for _ in range(3):
            assert (await ask(client, "{ hello }", "")).status_code == 200
        async with asyncio.TaskGroup() as group:
            slow = [
                group.create_task(ask(client, f"{{ slow(number: {number}) }}", "")) for number in range(load.limit + 5)
            ]
            await waited(load)
            clock.now += 2.1
            refused = await ask(client, "{ who }", "")
            by_get = await client.get("/graphql", params={"query": "{ who }"})
            known = await ask(client, "{ who }", "", authorization="Bearer officer")
            assert (await ask(client, "{ hello }", "")).status_code == 200
            assert (await ask(client, "mutation { touch }", "")).json() == {"data": {"touch": True}}
            door.left.set()
        assert all(each.result().status_code == 200 for each in slow)
        for reply in (refused, by_get, known):
            assert reply.status_code == 503
            assert reply.headers["retry-after"] == "2"
            extensions = reply.json()["errors"][0]["extensions"]
            assert extensions.pop("reference")
            assert extensions == {"code": "OVERLOADED", "retryAfterSeconds": 2}
        assert (await ask(client, "{ who }", "")).status_code == 200
        page = (await client.get("/metrics")).text
        assert 'simpul_shed_total{rank="read"} 3.0' in page
        assert 'simpul_executing{rank="read"} 0.0' in page
        assert f"simpul_read_limit {START}.0" in page


async def test_those_who_wait_for_one_answer_take_one_place(front: Any, load: Load) -> None:
    door = front(gate=Gate(load=load), cached=True)
    async with door.client() as client, asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(client, "{ slow(number: 1) }", "")) for _ in range(50)]
        await asyncio.sleep(0.05)
        assert load.state().executing == (0, 1, 0)
        door.left.set()
    assert all(each.result().json() == {"data": {"slow": 1}} for each in asked)


async def test_a_shared_answer_that_found_no_place_is_refused_to_all(front: Any, load: Load, clock: Clock) -> None:
    door = front(gate=Gate(load=load), cached=True)
    async with door.client() as client, asyncio.TaskGroup() as group:
        for number in range(load.limit):
            group.create_task(ask(client, f"{{ slow(number: {number}) }}", ""))
        same = [group.create_task(ask(client, "{ slow(number: -1) }", "")) for _ in range(20)]
        await waited(load)
        clock.now += 3.1
        replies = await asyncio.gather(*same)
        door.left.set()
    assert {reply.status_code for reply in replies} == {503}
    assert load.state().shed[Rank.READ] == 1


async def test_one_client_without_share_does_not_spoil_the_answer_for_others(front: Any) -> None:
    """He asked first, so he would make it for all of them; now somebody else does."""
    gate = rated(1)
    await gate.admit(PUBLIC, "203.0.113.9", 1)
    door = front(gate=gate, proxies=PROXIES, cached=True)
    async with door.client() as client:
        replies = await asyncio.gather(*(ask(client, "{ hello }", f"203.0.113.{n}") for n in (9, 10, 11)))
    assert [reply.status_code for reply in replies] == [429, 200, 200]
