"""Links, on both databases: those that records make by naming each other's numbers, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.ledger.reader import LedgerReader
from schema.agency import Agency, AgencyLevel
from schema.complaint import Complaint, ExternalReference, IncidentLocation, complaint_id
from schema.events import Change, EventKind
from schema.links import Link, LinkKind
from schema.query import PUBLIC, EventFilter, Role, Viewer
from schema.status import ComplaintStatus
from schema.writes import Outcome, Written
from tests.contract.desks import complaint, event, intent, once, submission

SLEMAN = Agency(
    id="kab-sleman",
    name="Kabupaten Sleman",
    level=AgencyLevel.DISTRICT,
    time_zone="Asia/Jakarta",
    connector_kind="rest",
)
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SAME_AS = LinkKind.SAME_AS


def here(number: int, **fields: Any) -> Complaint:
    """A complaint of Sleman's."""
    common: dict[str, Any] = {
        "id": complaint_id("kab-sleman", f"s{number}"),
        "agency": "kab-sleman",
        "native_id": f"s{number}",
        "tracking_id": f"S-{number}",
        "status": ComplaintStatus.SUBMITTED,
        "status_changed_at": NOW,
        "submitted_at": NOW,
        "updated_at": NOW,
    }
    return Complaint(**(common | fields))


def naming(system: str, id: str) -> dict[str, Any]:
    return {"external_references": (ExternalReference(system, id),)}


async def harvest(ledger: Any, *complaints: Complaint) -> None:
    """Stores complaints of one agency as they are given."""

    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        return [
            Change(before=before.get(str(c.native_id)), after=c, events=(ledger.event(EventKind.SUBMITTED, c),))
            for c in complaints
        ]

    await ledger.writer.change(complaints[0].agency, [str(c.native_id) for c in complaints], decide)


async def linked(ledger: Any) -> list[tuple[str, str, str]]:
    rows = await ledger.database.fetch("SELECT complaint_id, kind, other_id FROM links ORDER BY complaint_id")
    return [tuple(row) for row in rows]


def both_ways(one: Complaint, other: Complaint) -> list[tuple[str, str, str]]:
    return sorted([(one.id, "SAME_AS", other.id), (other.id, "SAME_AS", one.id)])


@pytest.mark.parametrize("named_first", [True, False], ids=["named first", "naming first"])
@pytest.mark.parametrize(("system", "key"), [("prov-bali", "B-1"), (" PROVINSI Bali ", " n1"), ("Provinsi Bali", "n1")])
async def test_records_that_name_each_others_numbers_are_linked(
    sqlite_url: str, ledger_at: Any, named_first: bool, system: str, key: str
) -> None:
    async with ledger_at(sqlite_url) as ledger:
        await _names_it(ledger, named_first, system, key)


@pytest.mark.parametrize("named_first", [True, False], ids=["named first", "naming first"])
async def test_they_are_linked_on_postgres_too(postgres_url: str, ledger_at: Any, named_first: bool) -> None:
    async with ledger_at(postgres_url) as ledger:
        await _names_it(ledger, named_first, "Provinsi BALI", "B-1")


async def _names_it(ledger: Any, named_first: bool, system: str, key: str) -> None:
    await ledger.writer.register([SLEMAN])
    named, naming_it = ledger.complaint(1), here(1, **naming(system, key))
    for each in (named, naming_it) if named_first else (naming_it, named):
        await harvest(ledger, each, *[ledger.complaint(7)] * (each is named))
    assert await linked(ledger) == both_ways(named, naming_it)
    events = await ledger.database.fetch("SELECT complaint_id, version FROM events WHERE kind = 'LINKED' ORDER BY seq")
    assert sorted(map(tuple, events)) == sorted([(named.id, 2), (naming_it.id, 2)])
    # Once.
    await harvest(ledger, replace(naming_it, title="baru", version=2))
    assert len(await linked(ledger)) == 2
    [[seq, count]] = await ledger.database.fetch("SELECT (SELECT seq FROM head), count(*) FROM events")
    assert seq == count


async def test_our_own_number_and_the_agencys_own_record(ledger: Any) -> None:
    await ledger.writer.register([SLEMAN])
    first = complaint(1)
    await ledger.writer.write(intent(), once(submission(first)))
    # A stranger's number that looks like it means nothing, nor does one's own.
    await harvest(ledger, here(1, **naming("SIMPUL", first.tracking_id)), here(2, **naming("kab-sleman", "S-2")))
    await harvest(ledger, here(3, **naming("simpul", "S-1")), here(4, **naming("lain", "B-1")))
    assert await linked(ledger) == both_ways(first, here(1))
    written = submission(complaint(2, **naming("kab-sleman", "s3")))
    second = written.changes[0].after
    await ledger.writer.write(intent(), once(written))
    assert set(await linked(ledger)) == {*both_ways(first, here(1)), *both_ways(second, here(3))}


async def test_a_number_that_may_mean_several_means_none(ledger: Any) -> None:
    await ledger.writer.register([SLEMAN])
    await harvest(ledger, ledger.complaint(1), ledger.complaint(2, tracking_id="B-1"))
    await harvest(ledger, here(1, **naming("prov-bali", "B-1")))
    assert await linked(ledger) == []


async def test_what_is_linked_already_is_left_as_it_is(ledger: Any) -> None:
    await ledger.writer.register([SLEMAN])
    one, other = ledger.complaint(1), here(1)
    await harvest(ledger, one)
    await harvest(ledger, other)
    await ledger.writer.write(intent(), once(_linking((one, other, LinkKind.FORWARDED_TO))))
    await harvest(ledger, replace(other, **naming("prov-bali", "B-1"), version=2))
    assert await linked(ledger) == sorted([(one.id, "FORWARDED_TO", other.id), (other.id, "FORWARDED_FROM", one.id)])


def _linking(*links: tuple[Complaint, Complaint, LinkKind]) -> Written:
    made = [Link(complaint_id=a.id, other_id=b.id, kind=kind, created_at=NOW) for a, b, kind in links]
    changes = [
        Change(before=each, after=each, events=(event(EventKind.LINKED, each, link=kind, other=other.id),))
        for one, another, kind in links
        for each, other in ((one, another), (another, one))
    ]
    return Written(outcome=Outcome(), links=tuple(made), changes=tuple(changes))


async def test_a_journey_goes_over_what_the_viewer_sees(ledger: Any) -> None:
    made = [ledger.complaint(n, is_confidential=n == 2) for n in range(5)]
    await ledger.put(*made)
    kinds = (SAME_AS, LinkKind.FORWARDED_TO, SAME_AS, LinkKind.DUPLICATE_OF)
    pairs = [(made[a], made[b], kind) for (a, b), kind in zip([(0, 1), (1, 2), (2, 3), (4, 1)], kinds, strict=True)]
    await ledger.writer.write(intent(), once(_linking(*pairs)))
    reader = LedgerReader(ledger.database)
    ids = [each.id for each in made]
    async with reader.snapshot(Viewer(role=Role.OVERSIGHT)) as now:
        found = [c.id for c in await now.linked(ids[0], 50)]
        assert (found[:2], set(found[2:4]), found[4]) == (ids[:2], {ids[2], ids[4]}, ids[3])
        assert [c.id for c in await now.linked(ids[0], 2)] == ids[:2]
        links = await now.links(ids)
        assert {(link.kind, link.other_id) for link in links[ids[1]]} == {
            (SAME_AS, ids[0]),
            (LinkKind.FORWARDED_TO, ids[2]),
            (SAME_AS, ids[4]),
        }
        assert now.dependencies.agencies == set()
        assert set(now.dependencies.complaints) == set(ids)
    async with reader.snapshot(PUBLIC) as now:
        assert [c.id for c in await now.linked(ids[0], 50)] == [ids[0], ids[1], ids[4]]
        assert await now.linked(ids[2], 50) == []
        assert {id: len(some) for id, some in (await now.links(ids)).items()} == {ids[0]: 1, ids[1]: 2, ids[4]: 1}
        assert now.dependencies.agencies is None
        told = await now.events(EventFilter(kinds=(EventKind.LINKED,)), 0, 100)
        assert {each.detail.other for each in told.events} == {ids[0], ids[1], ids[4]}


async def test_a_cached_answer_falls_with_a_link_and_with_its_other_end(ledger: Any) -> None:
    one, other, third = (ledger.complaint(n) for n in (1, 2, 3))
    await ledger.put(one, other, third)
    reader, seen = LedgerReader(ledger.database), []
    steps = (once(_linking((one, other, SAME_AS))), once(_linking((other, third, SAME_AS))), None)
    for step in steps:
        async with reader.snapshot(PUBLIC) as now:
            await now.links([one.id])
            seen.append(dict(now.dependencies.complaints))
        if step is not None:
            await ledger.writer.write(intent(complaints=(one.id, other.id, third.id)), step)
    assert seen[0].keys() == {one.id}
    assert seen[1].keys() == seen[2].keys() == {one.id, other.id}
    assert seen[0][one.id] < seen[1][one.id] == seen[2][one.id]
    assert seen[1][other.id] < seen[2][other.id]


async def test_an_intent_shows_what_is_linked(ledger: Any) -> None:
    made = [ledger.complaint(n) for n in range(4)]
    await ledger.put(*made)
    await ledger.writer.write(intent(), once(_linking((made[0], made[1], SAME_AS), (made[1], made[2], SAME_AS))))
    shown = []
    asked = intent(complaints=(made[0].id,), linked=True)
    await ledger.writer.write(asked, lambda held: shown.append(held) or Written(outcome=Outcome()))
    assert list(shown[0].complaints) == [each.id for each in made[:3]]
    assert len(shown[0].links) == 4


async def test_neighbours_are_near_in_place_and_time(ledger: Any) -> None:
    def at(number: int, hours: float, region: str | None = "51.71.01", **fields: Any) -> Complaint:
        place = IncidentLocation(region_code=region) if region else None
        moment = NOW + timedelta(hours=hours)
        return ledger.complaint(number, submitted_at=moment, incident_location=place, **fields)  # type: ignore[no-any-return]  # a complaint

    one = at(0, 0)
    near = [at(1, -3), at(2, 2), at(3, 1, "51.71"), at(4, 0.5, is_confidential=True), at(5, 4)]
    far = [at(6, -49), at(7, 49), at(8, 0, "51.72"), at(9, 0, None)]
    linked_one, dismissed = at(10, 0.1), at(11, 0.2)
    await ledger.put(one, *near, *far, linked_one, dismissed)
    written = _linking((one, linked_one, SAME_AS))
    before = await ledger.database.fetch("SELECT health FROM head")
    await ledger.writer.write(intent(), once(replace(written, dismissed=((dismissed.id, one.id),))))
    assert (await ledger.database.fetch("SELECT health FROM head"))[0][0] == before[0][0] + 1
    reader = LedgerReader(ledger.database)
    async with reader.snapshot(PUBLIC) as now:
        assert [c.id for c in await now.neighbours(one, 2, 10)] == [near[n].id for n in (2, 1, 0, 4)]
        assert [c.id for c in await now.neighbours(one, 2, 2)] == [near[2].id, near[1].id]
        assert {c.id for c in await now.neighbours(at(9, 0, None), 2, 50)} >= {one.id, far[2].id, dismissed.id}
    async with reader.snapshot(Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali",))) as now:
        assert [c.id for c in await now.neighbours(one, 2, 2)] == [near[3].id, near[2].id]
