"""Lists, counts and single complaints, on both databases: against the same questions asked of a Python list."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.search import stems
from schema.agency import AgencyLevel
from schema.clocks import ClockKind
from schema.complaint import Channel, Classification, Complaint, complaint_id
from schema.errors import BadUserInput, LedgerError
from schema.query import (
    PUBLIC,
    ComplaintFilter,
    ComplaintOrder,
    ComplaintOrderField,
    OrderDirection,
    Role,
    Viewer,
    Window,
)
from schema.status import ActorRole, ComplaintStatus

ORDERS = [ComplaintOrder(field, direction) for field in ComplaintOrderField for direction in OrderDirection]
HOSTILE = ['"', "'", "*", "a*", "AND", "OR NOT", "NEAR(a b)", "stems:jalan", "^jalan", "\0", "\ud800", "(", "a-b", "{}"]
ALL = ComplaintFilter()


def public(ledger: Any) -> list[Complaint]:
    return [complaint for complaint in ledger.complaints if not complaint.is_confidential]


def stems_of(complaint: Complaint) -> set[str]:
    return set(stems(f"{complaint.title} {complaint.original_text}").split())


def covers(asked: str, code: str | None) -> bool:
    return code is not None and (code == asked or code.startswith(asked + "."))


def region(complaint: Complaint) -> str | None:
    return complaint.incident_location.region_code if complaint.incident_location else None


def falls_due(complaint: Complaint, moment: Any) -> bool:
    return complaint.overdue or (complaint.due_at is not None and complaint.due_at < moment)


def breached(complaint: Complaint) -> set[ClockKind]:
    return {clock.kind for clock in complaint.clocks if clock.breached and clock.stopped_at is None}


def must_act(complaint: Complaint) -> set[str]:
    return {reference.agency for reference in complaint.assigned_agencies if reference.agency} or {complaint.agency}


#: What each condition means, told again: (complaint, value, ledger, seq) -> does it hold.
MEANING: dict[str, Callable[[Complaint, Any, Any, int], bool]] = {
    "agencies": lambda c, v, *_: c.agency in v,
    "levels": lambda c, v, ledger, _: ledger.levels[c.agency] in v,
    "assigned_agencies": lambda c, v, *_: any(slug in v for slug in must_act(c)),
    "region_code": lambda c, v, *_: covers(v, region(c)),
    "statuses": lambda c, v, *_: c.status in v,
    "status_actors": lambda c, v, *_: c.status_actor in v,
    "classifications": lambda c, v, *_: c.classification in v,
    "category": lambda c, v, *_: covers(v, c.category),
    "channel": lambda c, v, *_: c.channel is v,
    "submitted_after": lambda c, v, *_: c.submitted_at >= v,
    "submitted_before": lambda c, v, *_: c.submitted_at < v,
    "updated_after": lambda c, v, *_: c.updated_at >= v,
    "updated_before": lambda c, v, *_: c.updated_at < v,
    "text": lambda c, v, *_: set(stems(v).split()) <= stems_of(c),
    "overdue": lambda c, v, *_: c.overdue is v,
    "breached_clocks": lambda c, v, *_: bool(breached(c) & set(v)),
    "due_before": lambda c, v, *_: falls_due(c, v),
    "changed_after": lambda c, v, _, seq: seq > v,
    "tracking_ids": lambda c, v, *_: c.tracking_id in v,
    "ids": lambda c, v, *_: c.id in v,
}


def some(values: Iterable[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(list(values)), max_size=5, unique=True).map(tuple)


AGENCIES = ["sp4n-lapor", "prov-bali", "kab-tangerang", "kab-sleman", "nobody"]
MOMENTS = st.integers(-1, 90 * 1440).map(lambda minutes: datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))
MIDNIGHTS = st.integers(0, 60).map(lambda days: datetime(2021, 1, 1, tzinfo=UTC) + timedelta(days=days))
MINUTES = st.integers(0, 100).map(lambda minutes: datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes))

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "agencies": some(AGENCIES),
    "levels": some(AgencyLevel),
    "assigned_agencies": some(AGENCIES),
    "region_code": st.sampled_from(["36", "36.03", "36.03.01", "36.03.01.2001", "34", "99"]),
    "statuses": some(ComplaintStatus),
    "status_actors": some(ActorRole),
    "classifications": some(Classification),
    "category": st.sampled_from(["jalan", "jalan.rusak", "jalan-tol", "air", "jal", "%", "jalan."]),
    "channel": st.sampled_from(Channel),
    "submitted_after": MIDNIGHTS,
    "submitted_before": MIDNIGHTS,
    "updated_after": MINUTES,
    "updated_before": MINUTES,
    "text": st.sampled_from(["jalan", "baiki", "Lampu, mati!", "sudirman 12", "jl", "É", "gurita", "", "?"]),
    "overdue": st.booleans(),
    "breached_clocks": some(ClockKind),
    "due_before": MOMENTS,
    "changed_after": st.integers(0, 500),
    "tracking_ids": some(str(number) for number in range(1000, 1020)),
    "ids": some(complaint_id(agency, str(n)) for agency in AGENCIES for n in range(20)),
}
FILTERS = st.lists(st.sampled_from(sorted(VALUES)), max_size=3, unique=True).flatmap(
    lambda names: st.builds(ComplaintFilter, **{name: VALUES[name] for name in names})
)


def expected(ledger: Any, filter: ComplaintFilter) -> set[str]:
    given = {name: getattr(filter, name) for name in MEANING if getattr(filter, name) is not None}
    return {
        complaint.id
        for seq, complaint in enumerate(ledger.complaints, 1)
        if not complaint.is_confidential
        and all(MEANING[name](complaint, value, ledger, seq) for name, value in given.items())
    }


@given(filter=FILTERS)
@settings(max_examples=100, deadline=None)
async def test_a_filter_finds_what_it_means_and_counts_it(filled: Any, filter: ComplaintFilter) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.complaints(filter, ComplaintOrder(), Window(limit=500))
        assert await snapshot.count(filter) == len(page.rows)
    assert {row.id for row in page.rows} == expected(filled, filter)


def test_every_condition_is_tried_here() -> None:
    assert set(ComplaintFilter.__struct_fields__) == set(MEANING) == set(VALUES)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: f"{order.field}-{order.direction}")
@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
async def test_paging_yields_each_row_once_and_in_order(filled: Any, order: ComplaintOrder, backward: bool) -> None:
    filter = ComplaintFilter(text="jalan") if order.field is ComplaintOrderField.RELEVANCE else ALL
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        whole = await snapshot.complaints(filter, order, Window(limit=500))
        pages, key = [], None
        for _ in range(20):
            place: dict[str, Any] = {"before": key} if backward else {"after": key}
            page = await snapshot.complaints(filter, order, Window(limit=37, backward=backward, **place))
            pages.append(page)
            key = page.keys[0 if backward else -1]
            if not (page.has_previous if backward else page.has_next):
                break
    assert pages[0].has_next is pages[0].has_previous is False or len(pages) > 1
    read = list(itertools.chain.from_iterable(page.rows for page in (reversed(pages) if backward else pages)))
    assert [row.id for row in read] == [row.id for row in whole.rows]
    assert {row.id for row in read} == expected(filled, filter)
    assert len(read) == len({row.id for row in read})


def as_asked(rows: Sequence[Complaint], order: ComplaintOrder) -> list[Complaint]:
    """The order told again: by id, then by value, then what has no value behind."""
    down = order.direction is OrderDirection.DESC
    value: Callable[[Complaint], Any] = lambda c: getattr(c, order.field.value.lower())  # noqa: E731 - an order's own name
    rows = sorted(rows, key=lambda c: c.id, reverse=down)
    rows = sorted((c for c in rows if value(c)), key=value, reverse=down) + [c for c in rows if not value(c)]
    late_first = order.field is ComplaintOrderField.DUE_AT and not down
    return sorted(rows, key=lambda c: not c.overdue) if late_first else rows


@pytest.mark.parametrize("order", ORDERS[:-2], ids=lambda order: f"{order.field}-{order.direction}")
async def test_orders_are_exact(filled: Any, order: ComplaintOrder) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.complaints(ALL, order, Window(limit=500))
    assert [row.id for row in page.rows] == [row.id for row in as_asked(public(filled), order)]


async def test_what_holds_the_words_more_often_is_more_relevant(filled: Any) -> None:
    def often(row: Complaint) -> int:
        return f"{row.title} {row.original_text}".split().count("banjir")

    order = ComplaintOrder(ComplaintOrderField.RELEVANCE)
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.complaints(ComplaintFilter(text="banjir"), order, Window(limit=500))
        turned = ComplaintOrder(ComplaintOrderField.RELEVANCE, OrderDirection.ASC)
        other = await snapshot.complaints(ComplaintFilter(text="banjir"), turned, Window(limit=500))
    assert often(page.rows[0]) == max(map(often, page.rows)) > often(page.rows[-1])
    assert often(other.rows[0]) == often(page.rows[0])  # best first either way


@pytest.mark.parametrize("text", [*HOSTILE, " ".join(HOSTILE), "x" * 200, "é ß ﬁ １２ 😀"])
async def test_no_text_is_syntax(filled: Any, text: str) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        page = await snapshot.complaints(ComplaintFilter(text=text), ComplaintOrder(), Window(limit=500))
    assert {row.id for row in page.rows} == expected(filled, ComplaintFilter(text=text))


async def test_no_value_breaks_a_statement(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        for text in HOSTILE:
            filter = ComplaintFilter(ids=(text,), tracking_ids=(text,), agencies=(text,), category=text)
            assert await snapshot.count(filter) == 0
            assert await snapshot.by_ids([text]) == {}
            assert await snapshot.by_tracking_id(text, text) == []


@pytest.mark.parametrize(
    "filter",
    [
        *(
            ComplaintFilter(region_code=code)
            for code in ("36.0", "3", "", "36.", "36.03.1", "٣٦", "36\n", "36.03.01.20")
        ),
        ComplaintFilter(text="x" * 201),
        ComplaintFilter(ids=("x",) * 101),
    ],
)
async def test_what_can_not_be_meant_is_refused(filled: Any, filter: ComplaintFilter) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        with pytest.raises(BadUserInput):
            await snapshot.count(filter)


@pytest.mark.parametrize("text", [None, "", "?!"])
async def test_relevance_needs_a_word(filled: Any, text: str | None) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        order = ComplaintOrder(ComplaintOrderField.RELEVANCE)
        with pytest.raises(BadUserInput):
            await snapshot.complaints(ComplaintFilter(text=text), order, Window(limit=1))


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer(role=Role.INTEGRATOR)], ids=lambda v: v.role)
async def test_the_confidential_do_not_exist_for_others(filled: Any, viewer: Viewer) -> None:
    secret = [complaint for complaint in filled.complaints if complaint.is_confidential]
    ids = tuple(complaint.id for complaint in secret)[:100]
    async with filled.reader.snapshot(viewer) as snapshot:
        assert await snapshot.by_ids([complaint.id for complaint in filled.complaints]) == {
            complaint.id: complaint for complaint in map(stored, public(filled))
        }
        assert await snapshot.count(ComplaintFilter(ids=ids)) == 0
        assert await snapshot.count(ALL) == len(public(filled))
        for complaint in secret[:5]:
            assert complaint.id not in {c.id for c in await snapshot.by_tracking_id(complaint.tracking_id)}


def stored(complaint: Complaint) -> Complaint:
    """As the ledger gives it back: each has one event."""
    from msgspec.structs import replace

    return replace(complaint, version=1)


async def test_a_number_may_be_used_by_several_agencies(filled: Any) -> None:
    number = filled.complaints[0].tracking_id
    bearers = [c for c in public(filled) if c.tracking_id == number]
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        assert {c.id for c in await snapshot.by_tracking_id(number)} == {c.id for c in bearers}
        for complaint in bearers:
            found = await snapshot.by_tracking_id(number, complaint.agency)
            assert complaint.id in {c.id for c in found}
            assert {c.agency for c in found} == {complaint.agency}


async def test_a_closed_snapshot_answers_no_more(filled: Any) -> None:
    async with filled.reader.snapshot(PUBLIC) as snapshot:
        assert (await snapshot.head()).seq == len(filled.complaints)
    with pytest.raises(LedgerError):
        await snapshot.count(ALL)
    assert filled.database.in_use() == 0
