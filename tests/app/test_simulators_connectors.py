"""The agencies' files fit what the simulators say: every word is known, every moment read, no name let in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

import simulators
from connectors.manifest import Manifest
from connectors.registry import connect, load_agencies
from connectors.secrets import Secrets
from schema.categories import category
from schema.complaint import ComplaintRecord, complaint_id
from schema.connector import Connector
from schema.status import ComplaintStatus
from simulators.agency import Agency, life
from simulators.content import story
from simulators.dialects import DIALECTS

AGENCIES = Path(__file__).parents[2] / "agencies"
NOW = datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC)
COUNT = 260


@pytest.fixture(scope="module")
def manifests() -> dict[str, Manifest]:
    return load_agencies(AGENCIES)


Plug = Callable[[str], tuple[Agency, Connector]]


@pytest.fixture
async def plugged(manifests: dict[str, Manifest], tmp_path: Path) -> AsyncIterator[Plug]:
    """Plugs an agency in over its HTTP endpoints and whatever else it has, as the demo does."""
    async with AsyncExitStack() as ending:

        def plug(slug: str) -> tuple[Agency, Connector]:
            app = simulators.app(slug, seed=4, count=COUNT, now=lambda: NOW)
            agency, values = app.state.agency, {"http.url": "http://127.0.0.1:1" + DIALECTS[slug].base}
            if agency.dialect.outlet is not None:
                outlet = agency.dialect.outlet(agency, tmp_path)
                outlet.open()
                ending.callback(outlet.close)
                values |= outlet.values
            manifest = manifests[slug].with_values(values)
            transport = httpx2.ASGITransport(app=app)
            connector = connect(manifest, Secrets(simulators.ENVIRONMENT), transport=transport)
            ending.push_async_callback(connector.aclose)
            return agency, connector

        yield plug


async def harvest(connector: Connector, since: datetime | None = None) -> dict[str, ComplaintRecord]:
    found: dict[str, ComplaintRecord] = {}
    async for page in connector.changes(since):
        assert not page.rejected
        found.update((record.native_id, record) for record in page.records)
    return found


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def test_there_is_a_file_for_each_simulator(manifests: dict[str, Manifest]) -> None:
    assert set(manifests) == set(DIALECTS)


@pytest.mark.parametrize("slug", DIALECTS)
async def test_everything_that_is_told_is_understood(slug: str, plugged: Plug) -> None:
    agency, connector = plugged(slug)
    records = await harvest(connector)
    assert len(records) == COUNT
    for case in agency.cases:
        record, told = records[agency.dialect.native_id(case)], story(case)
        assert record.tracking_id == agency.dialect.tracking_id(case)
        assert record.status is case.status
        assert (record.submitted_at, record.updated_at) == (moment(case.submitted), moment(case.updated))
        assert (record.closed_at is None) == (told.closed_at is None)
        assert (record.is_anonymous, record.is_confidential) == (case.is_anonymous, case.is_confidential)
        assert record.reporter is None
        assert record.title == " ".join(told.title.split())
        assert record.original_text == told.text.strip()
        assert (record.edited_text, record.classification) == (told.edited, told.classification)
        assert record.category is not None
        assert category(record.category) is not None
        assert record.channel != "OTHER"
        assert [event.to_status for event in record.timeline or ()] == [step.status for step in told.log]
        assert [event.occurred_at for event in record.timeline or ()] == [moment(step.at) for step in told.log]
        assert [(f.kind, f.content) for f in record.follow_ups] == [(r.kind, r.content) for r in told.replies]
        assert [(d.to_agency.name, d.is_not_authority) for d in record.dispositions] == [
            (step.unit, step.not_authority) for step in told.handed
        ]
        assert record.incident_location is not None
        assert record.incident_location.region_code in (told.place.code, told.place.code[:5])
        assert record.incident_location.latitude == told.latitude


@pytest.mark.parametrize("slug", DIALECTS)
async def test_a_move_comes_as_one_step(slug: str, plugged: Plug) -> None:
    agency, connector = plugged(slug)
    before = await harvest(connector)
    moved = agency.move(5, life("test", 1, 0))
    after = await harvest(connector, NOW + timedelta(seconds=30))
    for step in moved:
        old, new = before[step.native_id], after[step.native_id]
        assert (old.status, new.status) == (step.before, step.after)
        assert len(new.timeline or ()) == len(old.timeline or ()) + 1
        assert (new.follow_ups, new.dispositions, new.ratings) == (old.follow_ups, old.dispositions, old.ratings)
        assert (new.title, new.assigned_agencies) == (old.title, old.assigned_agencies)


async def test_the_odd_word_is_unmapped_and_kept(plugged: Plug) -> None:
    _, connector = plugged("kab-sleman")
    odd = [record for record in (await harvest(connector)).values() if record.status is ComplaintStatus.UNMAPPED]
    assert 0 < len(odd) < 10
    assert {record.native_status.label for record in odd if record.native_status} == {"Menunggu Rapat Koordinasi"}


async def test_a_forwarded_one_names_its_twin(plugged: Plug) -> None:
    _, local = plugged("kab-tangerang")
    sent = [
        reference
        for record in (await harvest(local)).values()
        for reference in record.external_references
        if reference.system == "SP4N-LAPOR!"
    ]
    _, national = plugged("sp4n-lapor")
    known = {
        reference.id: record.native_id
        for record in (await harvest(national)).values()
        for reference in record.external_references
        if reference.system == "kab-tangerang"
    }
    assert sent
    assert known
    assert all(native == str(6_900_000 + int(origin)) for origin, native in known.items())
    assert all(reference.id.startswith("69") for reference in sent)
    assert len({complaint_id("sp4n-lapor", native) for native in known.values()}) == len(known)
