"""The mark of the ledger's state: the same while nothing is written, another after every write, on each database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.ledger.database import Dialect
from gateway.ledger.freshness import open_freshness
from schema.agency import SourceReport, SourceState
from schema.errors import LedgerUnavailable
from schema.events import Change, EventKind

NOW = datetime(2021, 4, 1, tzinfo=UTC)


async def _seen_again(ledger: Any) -> None:
    def decide(before: Any) -> Any:
        return [Change(before=before["n1"], after=msgspec.structs.replace(before["n1"], synced_at=NOW), events=())]

    await ledger.writer.change("prov-bali", ["n1"], decide)


WRITES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "a new complaint": lambda ledger: ledger.put(ledger.complaint(2)),
    "an event": lambda ledger: ledger.put(ledger.complaint(1), kinds=(EventKind.CORRECTED,)),
    "seen again": _seen_again,
    "a report": lambda ledger: ledger.writer.report(SourceReport(agency="prov-bali", state=SourceState.OK)),
    "the same report": lambda ledger: ledger.writer.report(SourceReport(agency="prov-bali")),
    "emptied": lambda ledger: ledger.writer.empty([ledger.complaint(1).id]),
    "a new epoch": lambda ledger: ledger.writer.renew_epoch("a test"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_every_write_changes_it(ledger: Any, write: str) -> None:
    await ledger.put(ledger.complaint(1))
    with closing(open_freshness(ledger.database)) as freshness:
        before = await freshness.look()
        assert await freshness.look() == before
        assert freshness.mark() in (None, before)
        await WRITES[write](ledger)
        assert await freshness.look() != before
        assert freshness.mark() != before


async def test_a_look_that_follows_a_write_knows_of_it(ledger: Any) -> None:
    with closing(open_freshness(ledger.database)) as freshness:
        marks = set()
        for number in range(20):
            # Others look all the time: theirs must not be taken for ours.
            others = [asyncio.ensure_future(_look(freshness)) for _ in range(3)]
            await ledger.put(ledger.complaint(number))
            marks.add(await freshness.look())
            await asyncio.gather(*others)
    assert len(marks) == 20


class LostDatabase:
    """A PostgreSQL that does not answer."""

    dialect = Dialect.POSTGRES

    async def fetch(self, sql: str) -> Any:
        raise LedgerUnavailable("gone")


async def test_a_ledger_that_is_lost_equals_nothing(ledger_at: Any, sqlite_url: str) -> None:
    async with ledger_at(sqlite_url) as ledger:
        closed = open_freshness(ledger.database)
        before = await closed.look()
        closed.close()
        lost: Any = LostDatabase()
        for freshness in (closed, open_freshness(lost)):
            marks = [await freshness.look() for _ in range(2)]
            assert freshness.mark() is None
            assert before not in marks
            assert marks[0] != marks[1]


async def _look(freshness: Any) -> Any:
    return await freshness.look()
