"""Counters, on both databases: whatever happens to complaints, they say what counting says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.ledger import counters, statistics
from gateway.ledger.counters import CUBES, DIMENSIONS, Cell, Counted, Tally, refill
from gateway.ledger.database import Dialect
from gateway.ledger.filters import complaint_conditions
from gateway.ledger.listing import count
from schema.agency import AgencyLevel
from schema.clocks import ClockKind, SlaClock
from schema.complaint import Classification, Complaint, IncidentLocation
from schema.events import Change, EventKind
from schema.query import PUBLIC, ComplaintFilter, Measure, StatisticsDimension
from schema.status import ComplaintStatus
from tests.conftest import BALI

AT = datetime(2021, 3, 1, tzinfo=UTC)
D = StatisticsDimension
COUNTED = (D.AGENCY, D.LEVEL, D.STATUS, D.CLASSIFICATION, D.CATEGORY, D.PROVINCE, D.REGENCY)

CELLS = st.builds(
    Counted,
    st.builds(
        Cell,
        agency=st.sampled_from(["a", "b"]),
        province=st.just("36"),
        regency=st.sampled_from(["", "36.03"]),
        top_category=st.sampled_from(["", "jalan"]),
        classification=st.just(""),
        status=st.sampled_from(["SUBMITTED", "CLOSED"]),
        public=st.booleans(),
    ),
    st.booleans(),
)


@given(moves=st.lists(st.tuples(st.integers(0, 3), CELLS), max_size=30))
@settings(deadline=None)
def test_a_tally_is_what_its_moves_come_to(moves: Sequence[tuple[int, Counted]]) -> None:
    tally, now = Tally(), dict[int, Counted]()
    for number, after in moves:
        tally.move(now.get(number), after)
        now[number] = after
    expected: Counter[tuple[Any, ...]] = Counter()
    overdue: Counter[tuple[Any, ...]] = Counter()
    for cell, late in now.values():
        for cube, dimensions in CUBES.items():
            values = (value if name in dimensions else "" for name, value in zip(DIMENSIONS, cell, strict=False))
            key = (cube, *values, cell.public)
            expected[key] += 1
            overdue[key] += late
    rows = tally.rows({"a": AgencyLevel.DISTRICT, "b": AgencyLevel.NATIONAL})
    assert {row[:-3]: row[-2:] for row in rows} == {key: (n, overdue[key]) for key, n in expected.items()}


def changed(dice: random.Random, ledger: Any, number: int) -> Complaint:
    """A complaint of any kind."""
    at = AT + timedelta(hours=dice.randrange(48))
    clock = SlaClock(kind=ClockKind.VERIFY, limit_days=5, started_at=AT, due_at=at, breached=dice.random() < 0.3)
    region = dice.choice([None, "36", "36.03", "36.03.01", "3603", "36.0", "51.71"])
    complaint: Complaint = ledger.complaint(
        number,
        status=dice.choice(list(ComplaintStatus)),
        classification=dice.choice([None, *Classification]),
        category=dice.choice([None, "", ".x", "jalan", "jalan.rusak", "air"]),
        incident_location=IncidentLocation(region_code=region) if region else None,
        is_confidential=dice.random() < 0.3,
        clocks=(clock,) if dice.random() < 0.5 else (),
    )
    return complaint


class Undone(Exception):
    """Ends a transaction that nothing shall be kept of."""


async def counted_anew(ledger: Any) -> list[tuple[Any, ...]]:
    """The counters as they should be: all counted, then put back as they were."""

    async def body(tx: Any) -> None:
        for statement in refill():
            await tx.execute(statement)
        nonlocal rows
        rows = await tx.fetch(STORED)
        raise Undone

    rows: Sequence[Any] = ()
    connection = await ledger.database.connect()
    try:
        with pytest.raises(Undone):
            await connection.transaction(body)
    finally:
        await connection.aclose()
    return [tuple(row) for row in rows]


_KEY = f"cube, {', '.join(DIMENSIONS)}, public"
STORED = f"SELECT {_KEY}, level, complaints, overdue FROM counters WHERE complaints > 0 ORDER BY {_KEY}"


async def test_counters_follow_every_change(ledger: Any) -> None:
    dice = random.Random(7)
    for step in range(40):
        if step % 10 == 8:
            await ledger.writer.tick(AT + timedelta(hours=dice.randrange(60)), limit=7)
        elif step % 10 == 9:
            await ledger.writer.empty([ledger.complaint(dice.randrange(12)).id for _ in range(2)])
        else:
            page = {n: changed(dice, ledger, n) for n in dice.sample(range(12), k=3)}
            await ledger.put(*page.values(), kinds=dice.choice([(), (EventKind.CORRECTED,)]))
        assert [tuple(row) for row in await ledger.database.fetch(STORED)] == await counted_anew(ledger), step
    await ledger.writer.register([replace(BALI, level=AgencyLevel.NATIONAL)])
    assert [tuple(row) for row in await ledger.database.fetch(STORED)] == await counted_anew(ledger)


async def test_a_page_may_change_a_complaint_twice(ledger: Any) -> None:
    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        draft = ledger.event(EventKind.CORRECTED, one)
        return [Change(before=before.get("n1"), after=after, events=(draft,)) for after in (one, two)]

    one, two = ledger.complaint(1), ledger.complaint(1, status=ComplaintStatus.CLOSED)
    for _ in range(2):
        await ledger.writer.change("prov-bali", ["n1"], decide)
        assert [tuple(row) for row in await ledger.database.fetch(STORED)] == await counted_anew(ledger)
    assert {row[-2] for row in await ledger.database.fetch(STORED)} == {1}


FILTERS = [
    ComplaintFilter(),
    ComplaintFilter(overdue=True),
    ComplaintFilter(
        overdue=False, statuses=(ComplaintStatus.SUBMITTED, ComplaintStatus.CLOSED, ComplaintStatus.ARCHIVED)
    ),
    ComplaintFilter(agencies=("prov-bali", "nobody", "kab-sleman")),
    ComplaintFilter(agencies=("prov-bali",), statuses=(ComplaintStatus.SUBMITTED,)),
    ComplaintFilter(levels=(AgencyLevel.DISTRICT,)),
    ComplaintFilter(region_code="36"),
    ComplaintFilter(region_code="36.03", statuses=(ComplaintStatus.CLOSED,)),
    ComplaintFilter(category="jalan", classifications=tuple(Classification)),
    ComplaintFilter(agencies=("kab-sleman",), category="jalan", classifications=(Classification.ASPIRASI,)),
    ComplaintFilter(agencies=("kab-sleman", "kab-tangerang"), region_code="36"),
    ComplaintFilter(region_code="36.03", category="air"),
    ComplaintFilter(agencies=()),
]


@pytest.mark.parametrize("filter", FILTERS)
async def test_what_is_added_up_is_what_is_counted(filled: Any, filter: ComplaintFilter) -> None:
    conditions = complaint_conditions(filter, filled.database.dialect)
    kinds = [condition.kind for condition in conditions]
    assert counters.covering(kinds)
    assert "counters" in count(filter, PUBLIC, filled.database.dialect).sql
    counting = filter_that_counts(filter)
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        assert await snapshot.count(filter) == await snapshot.count(counting)
        for group_by in chain.from_iterable(combinations(COUNTED, size) for size in range(3)):
            for measures in ((), (Measure.OVERDUE,)):
                added = await snapshot.statistics(filter, group_by, 1000, measures)
                assert added == await snapshot.statistics(counting, group_by, 1000, measures), group_by


def filter_that_counts(filter: ComplaintFilter) -> ComplaintFilter:
    """The same filter, with a condition that all fulfil and no cube has."""
    return replace(filter, changed_after=0)


@pytest.mark.parametrize("dialect", Dialect)
def test_the_usual_questions_are_answered_by_small_cubes(dialect: Dialect) -> None:
    for dimension in COUNTED:
        assert "counters" in statistics.statement(ComplaintFilter(), [dimension], 200, (), PUBLIC, dialect).sql
    for group_by in ([D.AGENCY, D.STATUS], [D.LEVEL, D.STATUS], [D.REGENCY, D.STATUS], [D.PROVINCE, D.CATEGORY]):
        assert "counters" in statistics.statement(ComplaintFilter(), group_by, 200, (), PUBLIC, dialect).sql
    for group_by in ([D.CHANNEL], [D.MONTH], [D.AGENCY, D.STATUS, D.REGENCY]):
        statement = statistics.statement(ComplaintFilter(), group_by, 200, (), PUBLIC, dialect)
        assert "counters" not in statement.sql
        assert statement.heavy
