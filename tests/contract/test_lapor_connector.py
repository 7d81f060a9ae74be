"""The `lapor` connector against a small SP4N-LAPOR!: paging, when it stops, details, and what it does with trouble."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from connectors.lapor.connector import LaporConnector
from connectors.manifest import parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord
from schema.connector import Page
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    ConfigError,
    HttpFailure,
    Incomplete,
    PagingLoop,
    SourceError,
)
from schema.status import ComplaintStatus

NOW = datetime(2024, 9, 25, 5, 0, tzinfo=UTC)
WIB = ZoneInfo("Asia/Jakarta")

FILE = """
name = "SP4N-LAPOR!"
level = "NATIONAL"
time_zone = "Asia/Jakarta"
kind = "lapor"
[http]
url = "http://127.0.0.1:1/api"
rate = 100000.0
concurrency = 4
[http.headers]
Authorization = "Bearer env:BEARER"
token = "env:TOKEN"
[poll]
lookback = 600.0
[lapor]
page_size = 10
"""


def told(moment: datetime) -> str:
    return moment.astimezone(WIB).strftime("%d-%m-%Y %H:%M:%S")


def row(number: int, **more: Any) -> dict[str, Any]:
    """A complaint that changed `number` minutes ago."""
    return {
        "id": number if number % 2 else str(number),
        "tracking_id": f"T{number}",
        "title": f"Laporan {number}",
        "status_name": "Dalam Proses",
        "status_code": 5,
        "is_anonymous": "0",
        "is_secret": 0,
        "created_at": told(NOW - timedelta(days=30)),
        "updated_at": told(NOW - timedelta(minutes=number)),
        **more,
    }


LOGS = {"status_logs": [{"note": "Dalam Proses", "timestamp": told(NOW - timedelta(days=1))}], "data_logs": []}
FOLLOWUPS = [{"template_code": "TL_AWAL", "content": "Kami periksa", "created_at": told(NOW)}]

Answer = Callable[[Request], Response | None]


class FakeLapor:
    """Answers as SP4N-LAPOR! does; `answer` may answer first. `expands`: whether lists bring logs on request."""

    def __init__(self, rows: list[Any], *, expands: bool = True, answer: Answer = lambda request: None) -> None:
        self.rows, self.expands, self.answer = rows, expands, answer
        self.asked: list[str] = []
        self.total: int | None = len(rows)

    @property
    def paths(self) -> Counter[str]:
        return Counter(path.partition("?")[0] for path in self.asked)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        self.asked.append(f"{request.url.path.removeprefix('/api')}?{request.url.query}")
        await (self.answer(request) or self.reply(request))(scope, receive, send)

    def reply(self, request: Request) -> Response:
        if (request.headers.get("authorization"), request.headers.get("token")) != ("Bearer one", "two"):
            return JSONResponse({"message": "Unauthenticated."}, 401)
        parts = request.url.path.removeprefix("/api").strip("/").split("/")
        if parts[0] == "masters":
            return JSONResponse({"results": {"data": [{"id": 7, "name": "Dinas Perhubungan"}]}})
        return self.list(request) if len(parts) == 1 else self.one(*parts[1:])

    def list(self, request: Request) -> Response:
        page, size = (int(request.query_params[name]) for name in ("page", "page_size"))
        expanded = {**LOGS, "followups": FOLLOWUPS} if self.expands and "expand" in request.query_params else {}
        some = self.rows[(page - 1) * size : page * size]
        some = [{**expanded, **entry} if isinstance(entry, dict) else entry for entry in some]
        count = {} if self.total is None else {"total": self.total}
        return JSONResponse({"status": 200, "results": {"data": some, **count}})

    def one(self, key: str, part: str = "") -> Response:
        found = next((entry for entry in self.rows if str(entry.get("id")) == key), None)
        if found is None:
            return JSONResponse({"status": 404, "message": "Data tidak ditemukan", "results": {"data": None}})
        if part == "followups":
            return JSONResponse({"results": {"data": FOLLOWUPS}})
        if part == "complaint":
            state = {"status_name": found["status_name"], "status_logs": LOGS["status_logs"]}
            return JSONResponse({"results": {"data": state, "data_logs": []}})
        return JSONResponse({"results": {"data": {**found, **LOGS, "followups": FOLLOWUPS}}})


@asynccontextmanager
async def connected(
    agency: FakeLapor, more: str = "", environment: Mapping[str, str] | None = None
) -> AsyncIterator[LaporConnector]:
    manifest = parse_manifest(FILE + more, slug="sp4n-lapor", file="sp4n-lapor.toml")
    secrets = Secrets(environment or {"BEARER": "one", "TOKEN": "two"})
    connector = connect(manifest, secrets, transport=httpx2.ASGITransport(agency))
    assert isinstance(connector, LaporConnector)
    yield connector
    await connector.aclose()


async def harvest(connector: LaporConnector, since: datetime | None = None) -> list[Page]:
    return [page async for page in connector.changes(since)]


def records(pages: list[Page]) -> list[ComplaintRecord]:
    return [record for page in pages for record in page.records]


async def test_a_full_harvest_reads_every_page_once_and_needs_no_details() -> None:
    agency = FakeLapor([row(number) for number in range(35)])
    async with connected(agency) as connector:
        pages = await harvest(connector)
    assert [len(page.records) for page in pages] == [10, 10, 10, 5]
    assert {record.native_id for record in records(pages)} == {str(number) for number in range(35)}
    assert pages[0].total == 35
    assert agency.paths == {"/complaints": 4}
    assert records(pages)[0].timeline is not None
    assert records(pages)[0].follow_ups[0].content == "Kami periksa"


async def test_a_list_that_does_not_tell_its_total_is_read_to_its_end() -> None:
    agency = FakeLapor([row(number) for number in range(30)])
    agency.total = None
    async with connected(agency) as connector:
        assert len(records(await harvest(connector))) == 30


async def test_an_incremental_harvest_stops_at_the_first_page_that_is_older() -> None:
    agency = FakeLapor([row(number) for number in range(95)])
    async with connected(agency) as connector:
        pages = await harvest(connector, NOW - timedelta(minutes=3))  # and ten minutes of lookback
    assert {record.native_id for record in records(pages)} == {str(number) for number in range(14)}
    assert agency.paths == {"/complaints": 2}


async def test_a_list_that_is_not_newest_first_is_read_to_its_end() -> None:
    agency = FakeLapor([row(number) for number in range(39, -1, -1)])
    async with connected(agency) as connector:
        pages = await harvest(connector, NOW - timedelta(minutes=3))
    assert {record.native_id for record in records(pages)} == {str(number) for number in range(14)}
    assert agency.paths == {"/complaints": 4}


async def test_only_changed_rows_are_completed_and_only_when_the_list_brings_no_logs() -> None:
    agency = FakeLapor([row(number) for number in range(20)], expands=False)
    async with connected(agency) as connector:
        found = records(await harvest(connector, NOW + timedelta(minutes=8)))
        assert sorted(record.native_id for record in found) == ["0", "1", "2"]
        assert all(record.timeline and record.follow_ups for record in found)
        assert sum(agency.paths.values()) == 1 + 2 * 3
        agency.asked.clear()
        agency.rows[0] = row(0, status_name="Tunda", updated_at=told(NOW + timedelta(minutes=1)))
        again = records(await harvest(connector, NOW + timedelta(minutes=8)))
    assert {record.native_id: record.status for record in again}["0"] is ComplaintStatus.POSTPONED
    assert all(record.timeline and record.follow_ups for record in again)
    assert agency.paths == {"/complaints": 1, "/complaints/0/complaint": 1, "/complaints/0/followups": 1}


async def test_details_can_be_left_out_and_the_list_left_as_it_is() -> None:
    agency = FakeLapor([row(1)])
    async with connected(agency, 'expand = ""\ndetails = false\n') as connector:
        (found,) = records(await harvest(connector))
    assert (found.timeline, found.follow_ups) == (None, ())
    assert agency.asked == ["/complaints?page=1&page_size=10"]


async def test_a_row_whose_details_are_gone_is_kept_as_it_came() -> None:
    def gone(request: Request) -> Response | None:
        missing = request.url.path.endswith(("/complaint", "/followups"))
        return JSONResponse({"status": 404, "results": {"data": None}}) if missing else None

    async with connected(FakeLapor([row(1)], expands=False, answer=gone)) as connector:
        (found,) = records(await harvest(connector))
    assert (found.native_id, found.timeline) == ("1", None)


async def test_details_that_fail_end_the_harvest_with_their_own_error() -> None:
    def refused(request: Request) -> Response | None:
        return JSONResponse({"status": 401}) if request.url.path.endswith("/followups") else None

    async with connected(FakeLapor([row(1)], expands=False, answer=refused)) as connector:
        with pytest.raises(AuthenticationFailed):
            await harvest(connector)


@pytest.mark.parametrize(
    "bad",
    [{"title": "without an id"}, row(500, id=None), row(501, created_at="kemarin"), "a text", None, []],
)
async def test_a_malformed_row_goes_to_quarantine_and_harms_no_other(bad: Any) -> None:
    async with connected(FakeLapor([row(1), bad, row(2)])) as connector:
        (page,) = await harvest(connector)
    assert [record.native_id for record in page.records] == ["1", "2"]
    (rejected,) = page.rejected
    assert rejected.reason
    assert rejected.digest
    assert "kemarin" not in repr(rejected)


@pytest.mark.parametrize(
    "body", [{"results": {"data": [], "total": 0}}, {"status": 404, "results": {"data": None}}, {"results": {}}]
)
async def test_an_empty_list_is_no_error(body: Any) -> None:
    async with connected(FakeLapor([], answer=lambda request: JSONResponse(body))) as connector:
        assert records(await harvest(connector)) == []


async def test_a_list_that_had_rows_and_comes_empty_is_not_believed() -> None:
    body = {"results": {"data": [], "total": 0}}
    async with connected(FakeLapor([], answer=lambda request: JSONResponse(body))) as connector:
        with pytest.raises(Incomplete):
            await harvest(connector, NOW)


async def test_a_page_that_comes_again_is_a_loop() -> None:
    first = [row(number, **LOGS, followups=[]) for number in range(10)]
    body = {"results": {"data": first, "total": 1000}}
    async with connected(FakeLapor(first, answer=lambda request: JSONResponse(body))) as connector:
        with pytest.raises(PagingLoop):
            await harvest(connector)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (HTMLResponse("<!doctype html><title>Login</title>"), BadPayload),
        (Response('{"results": {"data": [', media_type="application/json"), BadPayload),
        (JSONResponse({"hello": "world"}), BadPayload),
        (JSONResponse({"message": "no"}, 401), AuthenticationFailed),
        (JSONResponse({"status": 401, "message": "Token salah"}), AuthenticationFailed),
        (JSONResponse({"status": 422, "message": "page_size"}), HttpFailure),
        (Response("no", 418), HttpFailure),
    ],
)
async def test_trouble_is_a_typed_error(response: Response, error: type[SourceError]) -> None:
    async with connected(FakeLapor([row(1)], answer=lambda request: response)) as connector:
        with pytest.raises(error):
            await harvest(connector)
        with pytest.raises(error):
            await connector.check()


async def test_both_credentials_are_needed() -> None:
    agency = FakeLapor([row(1)])
    async with connected(agency, environment={"BEARER": "one", "TOKEN": "wrong"}) as connector:
        with pytest.raises(AuthenticationFailed):
            await connector.check()
    with pytest.raises(ConfigError, match="TOKEN"):
        async with connected(agency, environment={"BEARER": "one"}):
            pass


async def test_fetch_brings_what_exists_and_leaves_the_rest_out() -> None:
    agency = FakeLapor([row(number) for number in range(6)])
    async with connected(agency) as connector:
        page = await connector.fetch(["1", "404", "2", ".", ".."])
    assert [record.native_id for record in page.records] == ["1", "2"]
    assert page.records[0].timeline is not None
    assert agency.paths == {"/complaints/1": 1, "/complaints/404": 1, "/complaints/2": 1}


async def test_fetch_without_a_whole_record_brings_the_state() -> None:
    async with connected(FakeLapor([row(1)]), 'record = ""\n') as connector:
        (found,) = (await connector.fetch(["1", "9"])).records
    assert (found.native_id, found.status, found.title) == ("1", ComplaintStatus.IN_FOLLOW_UP, None)
    assert found.follow_ups


async def test_a_reply_with_200_and_no_complaint_id_is_quarantined() -> None:
    shell = JSONResponse({"status": 200, "results": {"data": {"status_name": "Tunda", **LOGS, "followups": []}}})
    async with connected(FakeLapor([], answer=lambda request: shell)) as connector:
        page = await connector.fetch(["1"])
    assert page.records == ()
    assert "id: is missing" in page.rejected[0].reason


async def test_institutions_are_asked_once_when_a_row_names_one_by_its_id() -> None:
    agency = FakeLapor([row(number, disposition_id=7, disposition_name=None) for number in range(25)])
    async with connected(agency) as connector:
        found = records(await harvest(connector))
        await harvest(connector)
    assert {record.assigned_agencies[0].name for record in found} == {"Dinas Perhubungan"}
    assert agency.paths["/masters/institutions/external"] == 1


async def test_a_check_asks_for_little_and_shows_no_person() -> None:
    agency = FakeLapor([row(number, user={"name": "Budi Contoh", "phone": "081234567890"}) for number in range(30)])
    async with connected(agency) as connector:
        probe = await connector.check()
    assert (probe.request, len(probe.page.records), probe.page.total) == ("GET /complaints", 5, 30)
    assert "Budi" not in probe.reply
    assert "0812" not in probe.reply
    assert "page_size=5" in agency.asked[0]


@pytest.mark.parametrize("more", ["page_size = 0\n", 'record = "/complaints"\n', "pages = 3\n"])
def test_a_table_that_does_not_fit_is_a_config_error(more: str) -> None:
    manifest = parse_manifest(FILE.replace("page_size = 10\n", more), slug="sp4n-lapor", file="sp4n-lapor.toml")
    with pytest.raises(ConfigError, match="lapor"):
        connect(manifest, Secrets({"BEARER": "one", "TOKEN": "two"}))
