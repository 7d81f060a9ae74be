"""Streams whose credentials come to an end, over each transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from gateway.access.credentials import Unauthenticated
from gateway.access.standing import Standings
from schema.errors import LedgerUnavailable
from schema.query import PUBLIC, Role, Viewer
from tests.app.streams import COMPLETE, CUT, FORBIDDEN, TRANSPORTS, Stream, Streams, follow, streaming
from tests.conftest import Ledger

WIRES = [name for name in TRANSPORTS if name != "executor"]
ANI = Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali",), credential="key:ani")
HEALTH = "subscription { agencyHealthChanged { id } }"


class Desk(NamedTuple):
    """A hub with streams, and who is known there."""

    hub: Streams
    known: dict[str, Viewer]

    def follow(self, transport: str, who: str | None = "ani", **variables: Any) -> AbstractAsyncContextManager[Stream]:
        credentials = {} if who is None else {"authorization": f"Bearer {who}"}
        return follow(TRANSPORTS[transport], self.hub._replace(credentials=credentials), **variables)

    async def submit(self, number: int) -> None:
        await self.hub.ledger.put(self.hub.ledger.complaint(number))


@pytest.fixture
async def desk(sqlite_url: str, ledger_at: Callable[..., AbstractAsyncContextManager[Ledger]]) -> AsyncIterator[Desk]:
    known = {"Bearer ani": ANI, "Bearer budi": Viewer(role=Role.OVERSIGHT, credential="key:budi")}

    async def recognise(authorization: str | None) -> Viewer:
        if authorization is None:
            return PUBLIC
        if authorization not in known:
            raise Unauthenticated
        return known[authorization]

    async with ledger_at(sqlite_url) as ledger, streaming(ledger, recognise=recognise) as hub:
        yield Desk(hub, known)


@asynccontextmanager
async def begun(desk: Desk, transport: str, *who: str | None) -> AsyncIterator[list[Stream]]:
    """Streams of these, each of which has told one event."""
    async with asyncio.timeout(20):
        opened = [desk.follow(transport, each) for each in who]
        streams = [await each.__aenter__() for each in opened]
        for stream in streams:
            assert (await stream.frame())["__typename"] == "StreamPosition"
        await desk.submit(1)
        for stream in streams:
            assert (await stream.frame())["complaint"]["trackingId"] == "B-1"
        try:
            yield streams
        finally:
            for each in opened:
                await each.__aexit__(None, None, None)


async def ended(stream: Stream) -> dict[str, Any]:
    """The last frame of a stream that is not told anything more."""
    lagged = await stream.frame()
    assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "ACCESS_CHANGED"), lagged
    return lagged


@pytest.mark.parametrize("transport", WIRES)
async def test_a_revoked_key_is_told_nothing_more(desk: Desk, transport: str) -> None:
    # Two of the same credentials are told together, from one rendering; others must not notice.
    async with begun(desk, transport, "ani", "ani", "budi", None) as (first, second, other, public):
        del desk.known["Bearer ani"]
        for stream in (first, second):
            await ended(stream)
        await desk.submit(2)
        for stream in (first, second):
            assert await stream.end() == (FORBIDDEN if transport == "websocket" else CUT)
        for stream in (other, public):
            assert (await stream.frame())["complaint"]["trackingId"] == "B-2"


@pytest.mark.parametrize("transport", WIRES)
async def test_whose_agencies_change_comes_again_and_goes_on(desk: Desk, transport: str) -> None:
    async with begun(desk, transport, "ani") as (stream,):
        desk.known["Bearer ani"] = Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-diy",), credential="key:ani")
        last = await ended(stream)
        assert await stream.end() == CUT
    await desk.submit(2)
    async with asyncio.timeout(10), desk.follow(transport, after=last["cursor"]) as again:
        assert (await again.frame())["recovered"] is True
        assert (await again.frame())["complaint"]["trackingId"] == "B-2"


@pytest.mark.parametrize("transport", ["websocket", "sse"])
async def test_news_of_agencies_end_too(desk: Desk, transport: str) -> None:
    mine = desk.hub._replace(credentials={"authorization": "Bearer ani"})
    results = TRANSPORTS[transport](mine, {}, HEALTH)
    async with asyncio.timeout(10):
        assert (await anext(results))["data"] == {"agencyHealthChanged": {"id": "prov-bali"}}
        del desk.known["Bearer ani"]
        assert await anext(results) == (FORBIDDEN if transport == "websocket" else CUT) != COMPLETE
        await results.aclose()


async def test_a_ledger_that_is_away_ends_nothing_before_its_time() -> None:
    now, ends = datetime(2026, 1, 1, tzinfo=UTC), list[Viewer]()
    until = Viewer(role=Role.OVERSIGHT, credential="sub:1", expires_at=now + timedelta(seconds=60))

    async def recognise(authorization: str | None) -> Viewer:
        raise LedgerUnavailable("away")

    standings = Standings(recognise, ends.append, lambda: now)
    with standings.held("Bearer a", ANI) as always, standings.held("Bearer b", until) as one:
        with standings.held("Bearer b", until) as another, standings.held(None, PUBLIC):
            assert one is another
        await standings.look()
        assert ends == []
        now += timedelta(seconds=60)
        await standings.look()
        assert ends == [until]
        assert (always.ended, one.ended) == (False, True)
        await standings.look()
        assert ends == [until]
