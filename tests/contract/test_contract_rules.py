"""Each rule of the contract catches a connector that breaks it, and lets the same one pass that doesn't."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.base import Kind, Means
from connectors.contract.bench import Bench
from connectors.contract.page import page as printed
from connectors.contract.rule import RULES, missing
from connectors.contract.suite import attempt
from connectors.manifest import Manifest, parse_manifest
from connectors.registry import kind_of
from connectors.testing import ConnectorTier, Outcome, Subject, Verdict, certify, tier_of
from schema.complaint import ComplaintRecord, NativeStatus, Reporter
from schema.connector import Connector, Page, Probe
from schema.errors import RateLimited, SourceError, SourceTimeout, Unreachable
from schema.status import ComplaintStatus

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
FILE = """
name = "Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "http://127.0.0.1:1"
rate = 1000.0
[http.headers]
X-Api-Key = "env:KEY"
[rest]
list = "/aduan"
records = "data"
total = "total"
since = { param = "sejak" }
fetch = "/aduan/{id}"
paging = { kind = "page", page = "hal", size = "isi", count = 4 }
[fields]
native_id = "id"
status = "status"
title = "judul"
updated_at = "diubah"
submitted_at = "dibuat"
reporter_name = "pelapor"
is_anonymous = "anonim"
[status]
baru = "SUBMITTED"
selesai = "CLOSED"
"""


def agency() -> Starlette:
    """Ten complaints, the one that changed last first, in pages."""
    rows = [
        {
            "id": n,
            "status": ("baru", "selesai")[n % 2],
            "judul": f"Lampu {n}",
            "pelapor": "Budi",
            "anonim": n == 3,
            "dibuat": (NOW - timedelta(days=20)).isoformat(),
            "diubah": (NOW - timedelta(hours=n)).isoformat(),
        }
        for n in range(1, 11)
    ]

    async def listed(request: Request) -> Response:
        since = request.query_params.get("sejak")
        found = [r for r in rows if since is None or datetime.fromisoformat(str(r["diubah"])) >= _moment(since)]
        size, page = int(request.query_params.get("isi", 4)), int(request.query_params.get("hal", 1))
        return JSONResponse({"data": found[(page - 1) * size : page * size], "total": len(found)})

    async def one(request: Request) -> Response:
        found = [row for row in rows if str(row["id"]) == request.path_params["id"]]
        return JSONResponse(found[0]) if found else Response(status_code=404)

    return Starlette(routes=[Route("/aduan", listed), Route("/aduan/{id}", one)])


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" ", "+"))


def subject(broken: Callable[[Connector, Means], Connector] | None = None) -> Subject:
    manifest = parse_manifest(FILE, slug="kab-contoh", file="kab-contoh.toml")
    rest = kind_of(manifest)

    def connect(manifest: Manifest, means: Means) -> Connector:
        made = rest.connect(manifest, means)
        return broken(made, means) if broken else made

    return Subject(
        manifest=manifest,
        transport=httpx2.ASGITransport(app=agency()),
        at=lambda: NOW,
        kind=Kind(settings=rest.settings, connect=connect),
    )


class Meddler:
    """A connector that does what the one inside does; its children do one thing wrong."""

    def __init__(self, inner: Connector, means: Means) -> None:
        self.agency, self.inner, self.means = inner.agency, inner, means

    def __repr__(self) -> str:
        return "Meddler()"

    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        async for page in self.inner.changes(since):
            yield self.page(page)

    def page(self, page: Page) -> Page:
        return msgspec.structs.replace(page, records=tuple(self.record(record) for record in page.records))

    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        return record

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        return self.page(await self.inner.fetch(native_ids))

    async def check(self) -> Probe:
        probe = await self.inner.check()
        return msgspec.structs.replace(probe, page=self.page(probe.page))

    async def aclose(self) -> None:
        await self.inner.aclose()


class FetchesNothing(Meddler):
    async def fetch(self, native_ids: Sequence[str]) -> Page:
        return Page(records=())


class FetchesAnything(Meddler):
    async def fetch(self, native_ids: Sequence[str]) -> Page:
        found = [page async for page in self.changes(None)]
        return Page(records=found[0].records[: max(len(native_ids), 1)])


class TakesUnknownForNew(Meddler):
    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        unknown = record.status is ComplaintStatus.UNMAPPED
        return msgspec.structs.replace(record, status=ComplaintStatus.SUBMITTED) if unknown else record


class ForgetsTheWord(Meddler):
    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        unknown = record.status is ComplaintStatus.UNMAPPED
        return msgspec.structs.replace(record, native_status=NativeStatus("?")) if unknown else record


class Zoneless(Meddler):
    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        return msgspec.structs.replace(record, submitted_at=datetime(2026, 5, 1, 8, 0))  # noqa: DTZ001 - the fault


class SevenHoursAhead(Meddler):
    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        assert record.updated_at is not None
        return msgspec.structs.replace(record, updated_at=record.updated_at + timedelta(hours=7))


class NeverEnds(Meddler):
    """Believes that a list ends where a page is empty."""

    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        async for page in self.inner.changes(since):
            yield page
            break
        number = 2
        while (await self.means.http.get("/aduan", {"hal": number, "isi": 4})).json()["data"]:
            number += 1


class Restless(Meddler):
    count = 0

    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        Restless.count += 1
        return msgspec.structs.replace(record, title=str(Restless.count))


class ForgetsSome(Meddler):
    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        async for page in self.inner.changes(since):
            yield msgspec.structs.replace(page, records=page.records[1:]) if since else page


class AsksTooMuch(Meddler):
    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        for _ in range(5 if since else 1):
            async for page in self.inner.changes(since):
                yield page


class ReadsEverything(Meddler):
    def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        return self.inner.changes(None)


class SkipsWhatMoved(Meddler):
    """Reads pages side by side, and of each only the rows that it expects there."""

    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        seen: set[str] = set()
        async for page in self.inner.changes(since):
            fresh = [r for r in page.records if r.native_id not in seen]
            if len(fresh) < len(page.records):
                fresh = fresh[1:]
            seen |= {record.native_id for record in page.records}
            yield msgspec.structs.replace(page, records=tuple(fresh))


class Patient(Meddler):
    async def check(self) -> Probe:
        try:
            return await self.inner.check()
        except SourceTimeout:
            await asyncio.sleep(0.7)
            raise


class Insistent(Meddler):
    async def check(self) -> Probe:
        try:
            return await self.inner.check()
        except RateLimited as error:
            raise RateLimited("slow down", retry_after=None) from error


class Vague(Meddler):
    async def check(self) -> Probe:
        try:
            return await self.inner.check()
        except SourceError as error:
            raise Unreachable("something is wrong") from error


class Forgiving(Meddler):
    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        try:
            async for page in self.inner.changes(since):
                yield page
        except SourceError:
            return


class Loud(Meddler):
    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        try:
            async for page in self.inner.changes(since):
                yield page
        except SourceError:
            logging.getLogger("loud").warning("the agency is down")
            raise


class Fussy(Meddler):
    """One bad record, and the whole page goes."""

    def page(self, page: Page) -> Page:
        return Page(records=(), rejected=page.rejected) if page.rejected else page


class Careless(Meddler):
    def page(self, page: Page) -> Page:
        return Page(records=page.records)


class Unclosed(Meddler):
    kept: set[asyncio.Task[Any]] = set()  # noqa: RUF012 - for the test's life

    def __init__(self, inner: Connector, means: Means) -> None:
        super().__init__(inner, means)
        self.kept.add(asyncio.create_task(asyncio.sleep(30), name="watcher"))


class Talkative(Meddler):
    def record(self, record: ComplaintRecord) -> ComplaintRecord:
        return msgspec.structs.replace(record, reporter=Reporter(name="Budi"))


class Revealing(Meddler):
    """What is set aside tells what stood in it."""

    def page(self, page: Page) -> Page:
        told = [msgspec.structs.replace(r, reason=f"{r.reason} (Zubaidah Penanda)") for r in page.rejected]
        return msgspec.structs.replace(page, rejected=tuple(told))


class Boastful(Meddler):
    def __repr__(self) -> str:
        return f"Boastful({self.means.secrets('env:KEY').reveal()})"


BREAKING = [
    ("ids-round-trip", FetchesNothing),
    ("ids-round-trip", FetchesAnything),
    ("statuses-total", TakesUnknownForNew),
    ("statuses-total", ForgetsTheWord),
    ("times-aware", Zoneless),
    ("times-aware", SevenHoursAhead),
    ("paging-ends", NeverEnds),
    ("changes-repeatable", Restless),
    ("since-misses-nothing", ForgetsSome),
    ("reads-only-what-changed", AsksTooMuch),
    ("arrivals-not-missed", SkipsWhatMoved),
    ("deadline-kept", Patient),
    ("rate-limit-honoured", Insistent),
    ("auth-failure-distinct", Vague),
    ("failure-is-not-empty", Forgiving),
    ("outage-told-once", Loud),
    ("outage-told-once", Forgiving),
    ("quarantine-isolates", Fussy),
    ("quarantine-isolates", Careless),
    ("close-is-clean", Unclosed),
    ("reporters-unseen", Talkative),
    ("reporters-unseen", Revealing),
    ("secrets-unseen", Boastful),
]


@pytest.mark.parametrize(("rule", "broken"), BREAKING, ids=lambda value: getattr(value, "__name__", value))
async def test_a_connector_that_breaks_a_rule_is_caught(rule: str, broken: type[Meddler]) -> None:
    outcome = await tried(rule, subject(broken))
    while Unclosed.kept:
        Unclosed.kept.pop().cancel()
    assert outcome.verdict is Verdict.FAILED, outcome.detail


async def test_who_reads_everything_each_time_is_not_said_to_read_what_changed() -> None:
    outcome = await tried("reads-only-what-changed", subject(ReadsEverything))
    assert outcome.verdict is Verdict.NOT_APPLICABLE
    assert outcome.detail


async def tried(rule: str, subject: Subject) -> Outcome:
    async with Bench(subject) as bench:
        return await attempt(RULES[rule], bench)


def test_every_rule_has_somebody_who_breaks_it() -> None:
    assert {rule for rule, _ in BREAKING} == set(RULES) - {"write-once"}  # see test_contract_writes.py


async def test_a_connector_that_keeps_the_contract_is_gold() -> None:
    outcomes = await certify(subject(Meddler))
    assert [o for o in outcomes if o.verdict is not Verdict.PASSED and o.rule != "write-once"] == []
    assert tier_of(outcomes) is ConnectorTier.GOLD


async def test_what_a_strangers_connector_raises_is_an_outcome() -> None:
    class Wild(Meddler):
        async def fetch(self, native_ids: Sequence[str]) -> Page:
            raise ZeroDivisionError("a value: 42")

    outcome = await tried("ids-round-trip", subject(Wild))
    assert outcome.verdict is Verdict.FAILED
    assert outcome.detail == "raised ZeroDivisionError, which is no error of the contract"


async def test_nothing_is_earned_by_an_agency_without_records() -> None:
    async def nothing(request: Request) -> Response:
        return JSONResponse({"data": [], "total": 0})

    empty = httpx2.ASGITransport(app=Starlette(routes=[Route("/aduan", nothing)]))
    outcomes = await certify(msgspec.structs.replace(subject(), transport=empty))
    assert tier_of(outcomes) is None
    assert "only 0 records came" in next(o.detail for o in outcomes if o.rule == "ids-round-trip")


def test_the_page_of_the_contract_says_what_the_rules_say() -> None:
    """`python -m connectors.contract > docs/contract.md`"""
    assert (Path(__file__).parents[2] / "docs" / "contract.md").read_text() == printed()


def test_a_rule_that_is_not_applicable_counts_neither_way() -> None:
    def outcome(tier: ConnectorTier, verdict: Verdict) -> Outcome:
        return Outcome(rule=f"{tier}-{verdict}", tier=tier, verdict=verdict)

    bronze, silver, gold = (outcome(tier, Verdict.PASSED) for tier in ConnectorTier)
    assert tier_of([bronze, silver, gold]) is ConnectorTier.GOLD
    assert tier_of([bronze, silver, outcome(ConnectorTier.GOLD, Verdict.NOT_APPLICABLE)]) is ConnectorTier.GOLD
    assert tier_of([bronze, silver, outcome(ConnectorTier.GOLD, Verdict.UNTRIED)]) is ConnectorTier.SILVER
    assert tier_of([bronze, outcome(ConnectorTier.SILVER, Verdict.FAILED), gold]) is ConnectorTier.BRONZE
    assert tier_of([outcome(tier, Verdict.NOT_APPLICABLE) for tier in ConnectorTier]) is None
    above, between = missing([bronze, outcome(ConnectorTier.SILVER, Verdict.FAILED), gold])
    assert (above, [o.rule for o in between]) == (ConnectorTier.SILVER, ["SILVER-failed"])
    assert missing([bronze, silver, gold]) == (None, [])
