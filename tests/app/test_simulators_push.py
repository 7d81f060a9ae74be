"""The agency that sends: its pushes reach a real hub, wait while the hub is away, and stop while the agency fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import simulators
from connectors.registry import load_agencies
from gateway.ledger.database import open_database
from simulators.agency import Agency, Moved, life
from simulators.content import story
from tests.app.pushing import events, open_hub, served

AGENCIES = Path(__file__).parents[2] / "agencies"
CHANCE = life("test", 1, 0)


@asynccontextmanager
async def sending(agency: Agency, folder: Path) -> AsyncIterator[None]:
    assert agency.dialect.outlet is not None
    outlet = agency.dialect.outlet(agency, folder)
    outlet.open()
    running = asyncio.create_task(outlet.run())
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        outlet.close()


async def until(happened: Callable[[], Any]) -> None:
    """Another thread sends; there is nothing to await but its effect."""
    async with asyncio.timeout(20):
        while not await happened():  # noqa: ASYNC110 - it happens in a database
            await asyncio.sleep(0.01)


async def arrived(url: str, moved: Sequence[Moved]) -> bool:
    found = {(id, status) for id, _, status, origin in await events(url) if origin == "WEBHOOK"}
    return found >= {(step.native_id, step.after.value) for step in moved}


@pytest.fixture
def agency() -> Agency:
    made: Agency = simulators.app("kab-sleman", seed=4, count=60).state.agency
    return made


async def test_changes_come_by_themselves_and_wait_for_a_hub_that_is_away(
    agency: Agency, tmp_path: Path, sqlite_url: str
) -> None:
    file = load_agencies(AGENCIES)["kab-sleman"]
    async with (
        open_hub(tmp_path, sqlite_url, file, environment=simulators.ENVIRONMENT) as hub,
        sending(agency, tmp_path),
    ):
        early = agency.move(2, CHANCE)
        async with served(hub) as address:
            agency.meet(address)
            await until(lambda: arrived(sqlite_url, early))
            more = agency.move(3, CHANCE)
            await until(lambda: arrived(sqlite_url, more))
        waiting = agency.move(4, CHANCE)
        async with served(hub, urlsplit(address).port or 0):
            await until(lambda: arrived(sqlite_url, waiting))
            agency.fail("malformed")
            flawed = agency.move(1, CHANCE)
            await until(lambda: arrived(sqlite_url, flawed))
            agency.fail("loop")
            twice = agency.move(1, CHANCE)
            await until(lambda: arrived(sqlite_url, twice))
            agency.fail("down")
            held = agency.move(1, CHANCE)
            assert not await arrived(sqlite_url, held)
            agency.heal()
            await until(lambda: arrived(sqlite_url, held))
    async with open_database(sqlite_url, readers=1) as database:
        assert len(await database.fetch("SELECT id FROM quarantine")) == 1
    told = Counter(id for id, kind, *_ in await events(sqlite_url) if kind == "STATUS_CHANGED")
    steps = {agency.dialect.native_id(case): len(story(case).log) - 1 for case in agency.cases}
    assert told == {id: count for id, count in steps.items() if id in told}
