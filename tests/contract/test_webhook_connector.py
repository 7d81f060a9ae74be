"""The kind `webhook`: what its file must say, and what its agency's source says while pushes come and don't."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.manifest import Manifest, parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from gateway.ledger.backup import backup, restore
from gateway.ledger.pushes import MOST
from gateway.sync.derived import Rules
from gateway.sync.poller import Pace, Poller
from schema.agency import SourceState
from schema.clocks import ClockLimits, WorkingCalendar
from schema.complaint import ComplaintRecord
from schema.connector import Connector, Page, Probe, Push, Receiver
from schema.errors import ConfigError, TooManyPushes, Unreachable
from schema.status import ComplaintStatus
from tests.conftest import BALI, Ledger

START = datetime(2024, 3, 4, 2, 0, tzinfo=UTC)
ENVIRONMENT = {"GOOD": "whsec_bmV3LXNlY3JldC1vZi0zMi1ieXRlcy1leGFjdGx5ISE=", "SHORT": "abc", "GARBLED": "whsec_***"}
FILE = """name = "Kabupaten Uji"
level = "DISTRICT"
region = "34.04"
time_zone = "Asia/Jakarta"
kind = "webhook"
[webhook]
secrets = ["env:GOOD"]
[fields]
native_id = "id"
status = "status"
updated_at = "diubah"
"""
BACKFILL = """[webhook.backfill]
list = "/aduan"
records = "data"
[http]
url = "https://uji.example"
"""


def manifest(text: str) -> Manifest:
    return parse_manifest(text, slug="kab-uji", file="kab-uji.toml")


def plugged(text: str) -> Connector:
    return connect(manifest(text), Secrets(ENVIRONMENT))


async def test_without_a_backfill_there_is_nobody_to_ask() -> None:
    connector = plugged(FILE)
    assert isinstance(connector, Receiver)
    assert not connector.polled
    assert [page async for page in connector.changes(None)] == []
    assert await connector.fetch(["1"]) == Page(records=())
    probe = await connector.check()
    assert (probe.request, probe.page) == ("POST /agencies/kab-uji/webhook", Page(records=()))
    assert connector.agency.connector_kind == "webhook"
    await connector.aclose()


async def test_with_a_backfill_it_is_asked_as_well() -> None:
    connector = plugged(FILE + BACKFILL)
    assert isinstance(connector, Receiver)
    assert connector.polled
    assert connector.agency == manifest(FILE).agency()
    await connector.aclose()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('updated_at = "diubah"', "", "fields.updated_at: is missing: it decides which of two pushes is the newer"),
        ('"env:GOOD"', "", "kab-uji.toml:7: webhook.secrets"),
        ('"env:GOOD"', '"env:NONE"', "kab-uji.toml:7: webhook.secrets: the environment variable NONE is not set"),
        ('"env:GOOD"', '"env:SHORT"', "kab-uji.toml:7: webhook.secrets: the secret is shorter than 16 bytes"),
        ('"env:GOOD"', '"env:GARBLED"', "kab-uji.toml:7: webhook.secrets: the secret is not Base64"),
        ('"env:GOOD"', '"hunter2"', "kab-uji.toml:7: webhook.secrets: is not a secret reference"),
        ("[fields]", 'records = "a["\n[fields]', "kab-uji.toml:8: webhook.records: is not a JMESPath"),
        ("[fields]", 'cursor = "a["\n[fields]', "kab-uji.toml:8: webhook.cursor: is not a JMESPath"),
        ("[fields]", 'header = "x"\n[fields]', "kab-uji.toml:8: webhook.header: is not known here"),
        ('kind = "webhook"', 'kind = "webhook"\nstore = "status"', "kab-uji.toml:6: store: can't be status"),
        ("[fields]", BACKFILL.partition("[http]")[0] + "[fields]", "http: is missing"),
        ("[fields]", BACKFILL.replace('"data"', '"a["') + "[fields]", "kab-uji.toml:10: rest.records: is not a JMES"),
        ("[fields]", BACKFILL.replace('records = "data"', "") + "[fields]", "webhook.backfill"),
    ],
)
def test_a_file_that_will_not_do_says_where(old: str, new: str, message: str) -> None:
    text = FILE.replace(old, new)
    with pytest.raises(ConfigError) as refused:
        plugged(text)
    assert message in str(refused.value)


class Sending:
    """A connector whose agency sends, and may be asked too."""

    agency = BALI

    def __init__(self, *, polled: bool) -> None:
        self.polled = polled
        self.away = False

    async def changes(self, since: datetime | None) -> AsyncIterator[Page]:
        if self.away:
            raise Unreachable("no connection")
        yield Page(records=())

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        return Page(records=())

    async def check(self) -> Probe:
        raise Unreachable("no")

    def verify(self, headers: object, body: bytes, now: datetime) -> str:
        raise AssertionError("nobody asks here")

    def receive(self, id: str, body: bytes) -> Push:
        raise AssertionError("nobody asks here")

    async def aclose(self) -> None:
        pass


class Desk:
    """A poller of such an agency, with a clock that is set by hand."""

    def __init__(self, ledger: Ledger, *, polled: bool) -> None:
        self.now = START
        self.connector = Sending(polled=polled)
        self.poller = Poller(
            connector=self.connector,
            writer=ledger.writer,
            rules=Rules(
                agency=BALI, limits=ClockLimits(), calendar=WorkingCalendar("Asia/Makassar", frozenset()), slugs={}
            ),
            pace=Pace(every=60, stale_after=300, longest=300),
            clock=lambda: self.now,
        )

    async def after(self, seconds: float) -> tuple[SourceState, float | None, bool]:
        """State, seconds since `as_of`, whether stale: as the next look finds it."""
        self.now += timedelta(seconds=seconds)
        report = await self.poller.harvest()
        lag = (self.now - report.as_of).total_seconds() if report.as_of else None
        return report.state, lag, report.stale

    async def push(self, id: str, *records: ComplaintRecord, cursor: str | None = None) -> bool:
        """Whether it had come before."""
        return (await self.poller.receive(Push(id=id, items=records, cursor=cursor))).again


def complaint(key: str) -> ComplaintRecord:
    return ComplaintRecord(
        native_id=key, tracking_id=key, status=ComplaintStatus.SUBMITTED, submitted_at=START, updated_at=START
    )


async def test_who_only_sends_is_as_fresh_as_the_newest_push(ledger: Ledger) -> None:
    desk = Desk(ledger, polled=False)
    never = SourceState.NEVER_SYNCED, None, False
    assert await desk.after(0) == never
    assert await desk.after(900) == never
    assert not await desk.push("1", complaint("a"))
    # When it came is told by the ledger's own clock.
    last = await ledger.writer.last_push("prov-bali")
    assert last is not None
    desk.now = last.received_at
    assert await desk.after(300) == (SourceState.OK, 300, False)
    with capture_logs() as logs:
        assert await desk.after(1) == (SourceState.STALE, 301, True)
        assert await desk.after(60) == (SourceState.STALE, 361, True)
        desk.now = datetime.now(UTC)
        assert not await desk.push("2")
        assert (await desk.after(1))[0] is SourceState.OK
    assert [entry["event"] for entry in logs] == ["agency.silent", "agency.recovered"]


async def test_a_push_does_not_hide_that_the_backfill_fails_nor_that_it_never_ran(ledger: Ledger) -> None:
    desk = Desk(ledger, polled=True)
    assert not await desk.push("1", complaint("a"))
    assert await ledger.database.fetch("SELECT report FROM agencies WHERE report IS NOT NULL") == []
    assert await desk.after(1) == (SourceState.OK, 0, False)
    desk.now += timedelta(seconds=20)
    await desk.push("2", complaint("b"))
    heard = desk.now
    [[report]] = await ledger.database.fetch("SELECT report FROM agencies")
    assert heard.isoformat()[:19] in report
    desk.connector.away = True
    assert await desk.after(5) == (SourceState.DOWN, 5, True)
    await desk.push("3", complaint("c"))
    [[report]] = await ledger.database.fetch("SELECT report FROM agencies")
    assert '"DOWN"' in report
    desk.connector.away = False
    assert await desk.after(5) == (SourceState.OK, 0, False)
    [[count]] = await ledger.database.fetch("SELECT count(*) FROM complaints")
    assert count == 3


async def test_what_is_remembered_is_bounded_and_nothing_is_forgotten_early(ledger: Ledger) -> None:
    desk = Desk(ledger, polled=False)
    await desk.push("first", complaint("a"))
    rows = (
        "INSERT INTO pushes (id, agency, received_at, cursor, answer) VALUES ($1, 'prov-bali', $2, 'old', '{}')",
        [(f"prov-bali/{n}", (datetime.now(UTC) - timedelta(seconds=5)).isoformat()[:23] + "Z") for n in range(MOST)],
    )
    connection = await ledger.database.connect()
    try:

        async def fill(tx: object) -> None:
            await tx.executemany(*rows)  # type: ignore[attr-defined]

        async def age(tx: object) -> None:
            days = "CASE WHEN cursor IS NULL THEN '2024-01-01' ELSE '2024-01-02' END"
            await tx.execute(f"UPDATE pushes SET received_at = {days} || 'T00:00:00.000Z'")  # type: ignore[attr-defined]

        await connection.transaction(fill)
        with pytest.raises(TooManyPushes, match="send batches"):
            await desk.push("one too many", complaint("b"))
        assert await desk.push("first")
        await connection.transaction(age)
    finally:
        await connection.aclose()
    assert not await desk.push("second", complaint("b"))
    [[count]] = await ledger.database.fetch("SELECT count(*) FROM pushes")
    assert count == 1
    last = await ledger.writer.last_push("prov-bali")
    assert last is not None
    assert last.cursor == "old"


async def test_a_backup_that_is_put_back_takes_the_senders_cursor_with_it(
    ledger: Ledger, database_url: str, tmp_path: Path
) -> None:
    """Else what was sent after it would be missing for ever."""
    desk = Desk(ledger, polled=False)
    await desk.push("1", complaint("a"), cursor="a")
    await backup(database_url, tmp_path / "backup")
    await desk.push("2", complaint("b"), cursor="b")
    await restore(database_url, tmp_path / "backup")
    last = await ledger.writer.last_push("prov-bali")
    assert last is not None
    assert last.cursor == "a"
    assert not await desk.push("2", complaint("b"), cursor="b")
    assert await desk.push("1", complaint("a"))
    [[count]] = await ledger.database.fetch("SELECT count(*) FROM complaints")
    assert count == 2
