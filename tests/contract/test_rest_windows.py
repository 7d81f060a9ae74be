"""The incremental cursor: windows that halve, and lists whose rows move while they are read. Nothing is missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.base import Means
from connectors.http import http_for
from connectors.manifest import parse_manifest
from connectors.registry import connect
from connectors.rest.connector import RestSettings
from connectors.rest.connector import connect as connect_rest
from connectors.secrets import Secrets
from connectors.windows import Cursor, Since, Window
from schema.connector import Connector
from schema.errors import ConfigError, Incomplete

NOW = datetime(2026, 5, 4, 2, 30, 15, tzinfo=UTC)
OLD = 1_600_000_000
JAKARTA = ZoneInfo("Asia/Jakarta")
FILE = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "http://agency.example"
rate = 100000
[poll]
lookback = 60
[rest]
list = "/aduan"
records = "isi"
{rest}
[fields]
native_id = "no"
status = "status"
updated_at = "diubah"
[dates]
formats = ["epoch"]
[status]
baru = "SUBMITTED"
"""
BY_PAGE = 'paging = { kind = "page", page = "hal", size = "per", count = 10 }\n'
BY_OFFSET = 'paging = { kind = "offset", offset = "dari", limit = "per", count = 10 }\n'
WINDOWS = 'since = { param = "sejak", until = "sampai", format = "epoch", first_day = 2026-04-01 }\n'


class Agency:
    """Rows by number with the moment of their last change; `meanwhile` happens after each page."""

    def __init__(self, moments: list[int], most: int = 1_000, total: bool = False) -> None:
        self.rows = dict(enumerate(moments))
        self.most, self.total = most, total
        self.order: Callable[[tuple[int, int]], Any] = lambda row: row[1]
        self.meanwhile: Callable[[int], None] = lambda requests: None
        self.asked: list[dict[str, str]] = []
        self.app = Starlette(routes=[Route("/aduan", self._list)])

    def _list(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        low, high = int(query.get("sejak", 0)), int(query.get("sampai", 10**12))
        rows = sorted(((no, at) for no, at in self.rows.items() if low <= at <= high), key=self.order)[: self.most]
        size = int(query.get("per", len(rows) or 1))
        start = int(query["dari"]) if "dari" in query else (int(query.get("hal", 1)) - 1) * size
        page = [{"no": no, "status": "baru", "diubah": at} for no, at in rows[start : start + size]]
        self.meanwhile(len(self.asked))
        return JSONResponse({"isi": page, **({"jumlah": len(rows)} if self.total else {})})


def connected(agency: Agency, rest: str) -> Connector:
    manifest = parse_manifest(FILE.replace("{rest}", rest), slug="kab-contoh", file="agencies/kab-contoh.toml")
    return connect(manifest, Secrets({}), transport=httpx2.ASGITransport(agency.app))


async def numbers(connector: Connector, since: datetime | None = None) -> list[int]:
    return [int(record.native_id) async for page in connector.changes(since) for record in page.records]


def past(minutes: float) -> int:
    return int((datetime.now(UTC) - timedelta(minutes=minutes)).timestamp())


@pytest.mark.parametrize("paging", [BY_PAGE, BY_OFFSET])
@pytest.mark.parametrize("total", [True, False])
async def test_a_window_that_does_not_fit_a_page_is_halved(paging: str, total: bool) -> None:
    agency = Agency([past(n) for n in range(200)], total=total)
    rest = paging + WINDOWS.replace("2026-04-01", "2026-01-01") + ('total = "jumlah"\n' if total else "")
    found = await numbers(connected(agency, rest))
    assert set(found) == set(range(200))
    assert len(agency.asked) < 200
    stretches = [(int(query["sejak"]), int(query["sampai"])) for query in agency.asked]
    assert max(high for _, high in stretches) > past(-50)  # a clock that runs ahead is no reason to miss a row


async def test_what_changes_while_windows_are_read_is_in_a_later_one() -> None:
    agency = Agency([past(3_000 - n) for n in range(60)])
    agency.meanwhile = lambda requests: agency.rows.update({requests % 60: past(0), 100 + requests: past(0)})
    found = await numbers(connected(agency, BY_PAGE + WINDOWS), datetime.now(UTC) - timedelta(minutes=4_000))
    assert set(found) >= set(range(60))


async def test_an_agency_that_gives_no_more_than_so_many() -> None:
    agency = Agency([past(n) for n in range(500)], most=50)
    windows = WINDOWS.replace("first_day", "full = 50, first_day")
    assert set(await numbers(connected(agency, BY_PAGE + windows))) == set(range(500))
    crowded = Agency([past(5)] * 80, most=50)
    with pytest.raises(Incomplete, match="50 records in the shortest window"):
        await numbers(connected(crowded, BY_PAGE + windows))
    unpaged = Agency([past(n) for n in range(90)], most=20)
    assert set(await numbers(connected(unpaged, WINDOWS.replace("first_day", "full = 20, first_day")))) == set(
        range(90)
    )


async def test_a_second_that_is_fuller_than_a_page_is_paged() -> None:
    agency = Agency([past(5)] * 35)
    found = await numbers(connected(agency, BY_PAGE + WINDOWS))
    assert set(found) == set(range(35))


@pytest.mark.parametrize("paging", [BY_PAGE, BY_OFFSET])
@pytest.mark.parametrize("total", [True, False])
async def test_rows_that_move_to_the_end_hide_none(paging: str, total: bool) -> None:
    """Oldest change first, read by number: a row that changes moves back, and one behind it slips a page forward."""
    agency = Agency(list(range(OLD, OLD + 50)), total=total)

    def move(requests: int) -> None:
        if requests in (1, 3):
            agency.rows[requests] = OLD + 1_000 + requests

    agency.meanwhile = move
    found = await numbers(connected(agency, paging + ('total = "jumlah"\n' if total else "")))
    assert set(found) == set(range(50))
    assert len(found) <= 50 + 6  # what was told in the first reading is not told again


async def test_rows_that_leave_the_list_hide_none() -> None:
    agency = Agency(list(range(OLD, OLD + 50)), total=True)
    agency.meanwhile = lambda requests: agency.rows.pop(0, None) and None
    assert set(await numbers(connected(agency, BY_PAGE + 'total = "jumlah"\n'))) == set(range(50))


async def test_a_list_that_never_holds_still_is_incomplete_and_one_with_ids_used_twice_is_not() -> None:
    agency = Agency(list(range(OLD, OLD + 50)))

    def move(requests: int) -> None:
        agency.rows[min(agency.rows, key=agency.rows.__getitem__)] = OLD + 1_000 + requests

    agency.meanwhile = move
    with pytest.raises(Incomplete, match="kept moving"):
        await numbers(connected(agency, BY_PAGE))

    async def twice(request: Request) -> Response:
        start = (int(request.query_params["hal"]) - 1) * 10
        rows = [{"no": no % 20, "status": "baru", "diubah": 1_000_000_000 + no} for no in range(30)]
        return JSONResponse({"isi": rows[start : start + 10]})

    agency.app = Starlette(routes=[Route("/aduan", twice)])
    assert set(await numbers(connected(agency, BY_PAGE))) == set(range(20))


def test_windows_share_their_borders_and_lie_on_the_step() -> None:
    since = Since(param="a", until="b", window=3 * 86_400, step=86_400, format="%Y-%m-%d", first_day=NOW.date())
    cursor = Cursor(since, JAKARTA)
    windows = list(cursor.windows(NOW - timedelta(days=10), NOW))
    assert all(left.end == right.start for left, right in pairwise(windows))
    assert windows[0].start == datetime(2026, 4, 23, 17, tzinfo=UTC)  # midnight in Jakarta
    assert windows[-1].end > NOW
    assert cursor.params(windows[0].start, windows[0].end) == {"a": "2026-04-24", "b": "2026-04-27"}
    older, newer = cursor.halves(windows[0]) or (None, None)
    assert older is not None
    assert newer is not None
    assert (older.start, older.end, newer.end) == (windows[0].start, newer.start, windows[0].end)
    assert cursor.halves(Window(windows[0].start, windows[0].start + timedelta(days=1))) is None
    assert next(cursor.windows(None, NOW)).start == datetime(2026, 5, 3, 17, tzinfo=UTC)


def test_without_until_there_are_no_windows() -> None:
    cursor = Cursor(Since(param="a", zone="UTC", format="%Y-%m-%dT%H:%M:%SZ"), JAKARTA)
    assert list(cursor.windows(NOW, NOW)) == []
    assert cursor.params(NOW, NOW) == {"a": "2026-05-04T02:30:15Z"}
    assert Cursor(Since(param="a", format="epoch_ms"), JAKARTA).params(NOW) == {"a": int(NOW.timestamp() * 1000)}
    assert cursor.params(None) == {}


@pytest.mark.parametrize(
    ("since", "key"),
    [
        ('{ param = "a", window = 60 }', "window"),
        ('{ param = "a", full = 60 }', "full"),
        ('{ param = "a", first_day = 2020-01-01 }', "first_day"),
        ('{ param = "a", until = "b", window = 60, step = 61 }', "window"),
        ('{ param = "a", zone = "Asia/Nowhere" }', "zone"),
        ('{ param = "a", until = "b", step = 0 }', "step"),
    ],
)
def test_a_mistake_in_since_is_named(since: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connected(Agency([]), f"since = {since}\n")
    assert caught.value.key == f"rest.since.{key}"
    assert caught.value.line is not None


async def test_an_ignored_reply_is_an_empty_list_and_no_record() -> None:
    app = Starlette(routes=[Route("/{path:path}", lambda request: JSONResponse({"kode": 44}, 404))])
    text = FILE.replace("{rest}", 'fetch = "/aduan/{id}"') + '[[errors]]\nwhen = "kode == `44`"\nthen = "ignore"\n'
    manifest = parse_manifest(text, slug="kab-contoh", file="x.toml")
    http = http_for(manifest, Secrets({}), transport=httpx2.ASGITransport(app))
    connector = connect_rest(manifest, Means(Secrets({}), http))
    assert await numbers(connector) == []
    assert (await connector.fetch(["1"])).records == ()
    assert manifest.settings_as(RestSettings).fetch == "/aduan/{id}"


@pytest.mark.parametrize("kind", ["lapor", "open311"])
async def test_the_other_kinds_know_ignored_replies_too(kind: str) -> None:
    app = Starlette(routes=[Route("/{path:path}", lambda request: Response("tidak ada", 404))])
    text = FILE.partition("[rest]")[0].replace('"rest"', f'"{kind}"')
    manifest = parse_manifest(f'{text}[[errors]]\nstatus = 404\nthen = "ignore"\n', slug="kab-contoh", file="x.toml")
    connector = connect(manifest, Secrets({}), transport=httpx2.ASGITransport(app))
    assert await numbers(connector) == []
    assert (await connector.fetch(["1"])).records == ()
    await connector.aclose()
