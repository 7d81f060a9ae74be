"""Harvests of an agency that answers in every wrong way: each has a typed end in time, and nothing half is kept."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime

import pytest

from connectors.manifest import parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from gateway.hub import Ledger, open_ledger
from gateway.ledger.migrate import migrate
from gateway.settings import Settings
from gateway.sync.derived import Rules
from gateway.sync.poller import Pace, Poller
from schema.agency import SourceErrorCode, SourceReport, SourceState
from schema.clocks import ClockLimits, WorkingCalendar
from schema.query import PUBLIC, ComplaintFilter
from tests.contract.evil import EVILS, LIMIT, XML_EVILS, Evil, Kept, evil_agency

DEADLINE = 0.4
NOW = datetime(2024, 9, 25, 5, 0, tzinfo=UTC)

COMMON = """
name = "Pemerintah Provinsi Contoh"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
[http]
url = "http://127.0.0.1:1"
rate = 10000.0
"""
REST = """
[rest]
list = "/aduan"
records = "data"
total = "total"
paging = { kind = "page", page = "hal", size = "per", count = 5 }
[fields]
native_id = "no"
status = "status"
title = "judul"
latitude = "lat"
longitude = "lon"
updated_at = "diubah"
[timeline]
records = "log"
status = "s"
at = "p"
[status]
baru = "SUBMITTED"
"""
OPEN311 = """
[open311]
first_day = 2024-09-24
"""


@pytest.fixture(scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ledger]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("evil"))
    await migrate(settings.database)
    async with open_ledger(settings, lambda: NOW) as opened:
        yield opened


class Reading:
    """One agency of its own in the shared ledger."""

    def __init__(self, ledger: Ledger, slug: str, kind: str, tables: str) -> None:
        text = f'kind = "{kind}"' + COMMON + f"deadline = {DEADLINE}\nmax_bytes = {LIMIT}\n" + tables
        self.ledger = ledger
        self.manifest = parse_manifest(text, slug=slug, file=f"{slug}.toml")
        self.seconds = 0.0

    async def harvest(self, port: int) -> SourceReport:
        agency = self.manifest.agency()
        await self.ledger.writer.register([agency])
        connector = connect(self.manifest.at(f"http://127.0.0.1:{port}"), Secrets({}))
        rules = Rules(
            agency=agency, limits=ClockLimits({}), calendar=WorkingCalendar(agency.time_zone, frozenset()), slugs={}
        )
        pace = Pace(every=60, stale_after=300, longest=300)
        poller = Poller(connector=connector, writer=self.ledger.writer, rules=rules, pace=pace, clock=lambda: NOW)
        started = time.monotonic()
        try:
            return await poller.harvest()
        finally:
            self.seconds = time.monotonic() - started
            await connector.aclose()

    async def kept(self) -> Kept:
        async with self.ledger.reader.snapshot(PUBLIC) as snapshot:
            records = await snapshot.count(ComplaintFilter(agencies=(self.manifest.slug,)))
            return Kept(records, (await snapshot.sources())[self.manifest.slug].quarantined)


def slug_of(kind: str, name: str) -> str:
    return f"{kind}-{(list(EVILS) + list(XML_EVILS)).index(name)}"


def cases(evils: Mapping[str, Evil]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", evils)


@cases(EVILS)
async def test_whatever_an_agency_answers_has_a_typed_end_in_time(ledger: Ledger, name: str) -> None:
    await check(Reading(ledger, slug_of("rest", name), "rest", REST), EVILS[name])


@cases(XML_EVILS)
async def test_whatever_xml_an_agency_answers(ledger: Ledger, name: str) -> None:
    await check(Reading(ledger, slug_of("xml", name), "open311", OPEN311), XML_EVILS[name])


async def check(reading: Reading, evil: Evil) -> None:
    async with evil_agency(evil) as port:
        report = await reading.harvest(port)
    kept = await reading.kept()
    if isinstance(evil.comes_to, Kept):
        assert report.error is None, report.error
        assert report.state is SourceState.OK
        assert kept == evil.comes_to
        return
    assert report.error is not None
    assert report.error.code is evil.comes_to
    assert report.state is SourceState.DOWN
    # Pages that came whole stand; nothing of a broken one does.
    assert kept.records == (1 if evil.comes_to is SourceErrorCode.PAGING_LOOP else 0)
    # 0.1 s is what is promised for a request; the machine is shared, and a loop takes two.
    assert reading.seconds < DEADLINE + 0.6
