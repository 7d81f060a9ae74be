"""The `open311` connector against a small GeoReport server: windows, pages, changes, single requests and trouble."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from connectors.http import Http
from connectors.manifest import parse_manifest
from connectors.open311.connector import Open311Connector
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
CHANGES = 'changes = ["updated_after", "updated_before"]\n'
PAGED = "page_size = 10\n"

FILE = """
name = "Pemerintah Provinsi Contoh"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
kind = "open311"
[http]
url = "http://127.0.0.1:1/open311/v2"
rate = 100000.0
[poll]
lookback = 600.0
[open311]
first_day = 2024-01-01
"""


def raw(number: int, **more: Any) -> dict[str, Any]:
    """A request that was filed `number` days ago and changed `number` minutes ago."""
    return {
        "service_request_id": f"R{number}",
        "status": "open" if number % 2 else "closed",
        "service_code": "007",
        "service_name": "Jalan & Trotoar",
        "requested_datetime": (NOW - timedelta(days=number)).isoformat(),
        "updated_datetime": (NOW - timedelta(minutes=number)).isoformat(),
        **more,
    }


def xml(records: list[Any]) -> Response:
    inside = "".join(
        "<request>" + "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in record.items()) + "</request>"
        for record in records
    )
    return Response(f"<service_requests>{inside}</service_requests>", media_type="text/xml")


Answer = Callable[[Request], Response | None]


class FakeGeoReport:
    """Answers as the specification says, at most `most` at once; with the paging extension if it is asked for."""

    def __init__(self, raws: list[Any], *, most: int = 1000, answer: Answer = lambda request: None) -> None:
        self.raws, self.most, self.answer = raws, most, answer
        self.asked: list[Request] = []

    def queries(self, *names: str) -> list[tuple[str | None, ...]]:
        return [tuple(request.query_params.get(name) for name in names) for request in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        self.asked.append(request)
        await (self.answer(request) or self.reply(request))(scope, receive, send)

    def reply(self, request: Request) -> Response:
        resource, _, form = request.url.path.removeprefix("/open311/v2/").rpartition(".")
        write = xml if form == "xml" else JSONResponse
        if resource == "services":
            return JSONResponse([{"service_code": "007", "service_name": "Jalan"}])
        if resource != "requests":
            found = [one for one in self.raws if one["service_request_id"] == resource.removeprefix("requests/")]
            return write(found) if found else Response("<errors/>", 404)
        return write(self.selected(request))

    def selected(self, request: Request) -> list[Any]:
        query = request.query_params
        found = [one for one in self.raws if not isinstance(one, dict) or within(one, query)]
        if "page" in query:
            page, size = int(query["page"]), int(query["page_size"])
            return found[(page - 1) * size : page * size]
        return found[: self.most]


def within(one: dict[str, Any], query: Any) -> bool:
    limits = (
        ("requested_datetime", "start_date", "end_date"),
        ("updated_datetime", "updated_after", "updated_before"),
    )
    for name, after, before in limits:
        if name not in one or (after not in query and before not in query):
            continue
        moment = datetime.fromisoformat(one[name])
        if after in query and moment < datetime.fromisoformat(query[after]):
            return False
        if before in query and moment > datetime.fromisoformat(query[before]):
            return False
    return True


@asynccontextmanager
async def connected(server: FakeGeoReport, more: str = "") -> AsyncIterator[Open311Connector]:
    manifest = parse_manifest(FILE + more, slug="prov-contoh", file="prov-contoh.toml")
    http = Http(manifest.http, transport=httpx2.ASGITransport(server))
    connector = Open311Connector(manifest, http, now=lambda: NOW)
    yield connector
    await connector.aclose()


async def harvest(connector: Open311Connector, since: datetime | None = None) -> list[ComplaintRecord]:
    return [record for page in await pages(connector, since) for record in page.records]


async def pages(connector: Open311Connector, since: datetime | None = None) -> list[Page]:
    return [page async for page in connector.changes(since)]


def ids(records: list[ComplaintRecord]) -> set[str]:
    return {record.native_id for record in records}


async def test_a_full_harvest_walks_windows_of_ninety_days_back_to_the_first_day() -> None:
    server = FakeGeoReport([raw(number) for number in range(268)])
    async with connected(server) as connector:
        found = await harvest(connector)
    assert ids(found) == {f"R{number}" for number in range(268)}
    spans = server.queries("start_date", "end_date")
    assert spans[0] == ("2024-06-27T05:00:00Z", None)
    assert spans[-1] == ("2024-01-01T00:00:00Z", "2024-03-29T05:00:00Z")
    assert [older[1] for older in spans[1:]] == [newer[0] for newer in spans[:-1]]
    assert {request.headers["accept"] for request in server.asked} == {"application/json"}


async def test_a_full_reply_halves_the_window_until_nothing_is_cut_off() -> None:
    server = FakeGeoReport([raw(number) for number in range(200)], most=20)
    async with connected(server, "full = 20\n") as connector:
        found = await harvest(connector)
    assert ids(found) == {f"R{number}" for number in range(200)}
    assert len(server.asked) < 60


async def test_more_in_one_second_than_a_reply_holds_is_incomplete_and_what_came_stands() -> None:
    same = NOW.isoformat()
    server = FakeGeoReport([raw(number, requested_datetime=same) for number in range(30)], most=20)
    async with connected(server, "full = 20\n") as connector:
        changes = connector.changes(None)
        page = await anext(changes)
        with pytest.raises(Incomplete):
            await anext(changes)
    assert len(page.records) == 20


async def test_xml_is_asked_for_and_read() -> None:
    server = FakeGeoReport([raw(number) for number in range(5)])
    async with connected(
        server, 'format = "xml"\nparams = { extensions = true, jurisdiction_id = "x" }\n'
    ) as connector:
        found = await harvest(connector)
    assert ids(found) == {"R0", "R1", "R2", "R3", "R4"}
    assert {record.native_category for record in found} == {"Jalan & Trotoar"}
    assert server.queries("extensions", "jurisdiction_id")[0] == ("true", "x")
    assert "xml" in server.asked[0].headers["accept"]


async def test_the_paging_extension_is_used_where_the_file_says_so() -> None:
    server = FakeGeoReport([raw(number) for number in range(25)])
    async with connected(server, PAGED + "window_days = 3650\n") as connector:
        found = await harvest(connector)
    assert ids(found) == {f"R{number}" for number in range(25)}
    assert [page for page, _ in server.queries("page", "page_size")] == ["1", "2", "3"]


async def test_later_harvests_ask_for_changes_alone() -> None:
    server = FakeGeoReport([raw(number) for number in range(100)])
    for more in (CHANGES, CHANGES + PAGED):
        async with connected(server, more) as connector:
            found = await harvest(connector, NOW - timedelta(minutes=3))  # and ten minutes of lookback
        assert ids(found) == {f"R{number}" for number in range(14)}
    assert set(server.queries("start_date", "updated_after")) == {(None, "2024-09-25T04:47:00Z")}


async def test_a_full_list_of_changes_is_halved_too() -> None:
    server = FakeGeoReport([raw(number) for number in range(100)], most=20)
    async with connected(server, CHANGES + "full = 20\n") as connector:
        found = await harvest(connector, NOW - timedelta(minutes=80))
    assert ids(found) == {f"R{number}" for number in range(91)}


async def test_without_a_list_of_changes_everything_or_the_last_days_are_read_again() -> None:
    server = FakeGeoReport([raw(number) for number in range(200)])
    async with connected(server) as connector:
        assert len(ids(await harvest(connector, NOW))) == 200
    async with connected(server, "reread_days = 30\n") as connector:
        assert len(ids(await harvest(connector, NOW))) == 31
        assert len(ids(await harvest(connector))) == 200


async def test_a_malformed_record_goes_to_quarantine_and_harms_no_other() -> None:
    bad = [{"status": "submitted"}, raw(7, requested_datetime="kemarin"), "a text", None, {"token": "abc"}]
    server = FakeGeoReport([raw(1), *bad, raw(2)], answer=lambda request: JSONResponse([raw(1), *bad, raw(2)]))
    async with connected(server, "window_days = 3650\n") as connector:
        (page,) = await pages(connector)
    assert [record.native_id for record in page.records] == ["R1", "R2"]
    assert [rejected.native_id for rejected in page.rejected] == [None, "R7", None, None, None]
    assert all(rejected.reason and "kemarin" not in repr(rejected) for rejected in page.rejected)


async def test_a_record_of_broken_xml_goes_to_quarantine_and_harms_no_other() -> None:
    good = "<request><service_request_id>1</service_request_id><status>open</status></request>"
    broken = "<request><service_request_id>2</service_request_id><status>open</request>"
    body = f"<service_requests>{good}{broken}{good.replace('1', '3')}</service_requests>"
    server = FakeGeoReport([], answer=lambda request: Response(body, media_type="text/xml"))
    async with connected(server, 'format = "xml"\nwindow_days = 3650\n') as connector:
        (page,) = await pages(connector)
    assert [record.native_id for record in page.records] == ["1", "3"]
    assert len(page.rejected) == 1


@pytest.mark.parametrize("body", [b"[]", b'{"requests": []}', b"<service_requests/>", b"<requests>\n</requests>"])
async def test_an_empty_list_is_no_error(body: bytes) -> None:
    async with connected(FakeGeoReport([], answer=lambda request: Response(body))) as connector:
        assert await harvest(connector) == []


async def test_a_page_that_comes_again_is_a_loop() -> None:
    first = JSONResponse([raw(number) for number in range(10)])
    async with connected(FakeGeoReport([], answer=lambda request: first), PAGED) as connector:
        with pytest.raises(PagingLoop):
            await harvest(connector)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (HTMLResponse("<!doctype html><title>Login</title>"), BadPayload),
        (HTMLResponse("<h1>Server Error (500)</h1>", 500), HttpFailure),
        (Response("[{", media_type="application/json"), BadPayload),
        (Response(""), BadPayload),
        (JSONResponse({"hello": "world"}), BadPayload),
        (
            Response("<errors><error><code>403</code><description>key</description></error></errors>"),
            AuthenticationFailed,
        ),
        (JSONResponse([{"code": 400, "description": "jurisdiction_id"}]), HttpFailure),
        (Response("<error>Invalid api_key</error>", 403), AuthenticationFailed),
        (Response('<!DOCTYPE a [<!ENTITY b "c">]><requests>&b;</requests>'), BadPayload),
    ],
)
async def test_trouble_is_a_typed_error(response: Response, error: type[SourceError]) -> None:
    async with connected(FakeGeoReport([], answer=lambda request: response)) as connector:
        with pytest.raises(error):
            await harvest(connector)
        with pytest.raises(error):
            await connector.check()


async def test_fetch_brings_what_exists_and_leaves_the_rest_out() -> None:
    def told(request: Request) -> Response | None:
        with_200 = Response("<errors><error><code>404</code><description>no</description></error></errors>")
        return with_200 if request.url.path.endswith("told.json") else None

    server = FakeGeoReport([raw(1), raw(2)], answer=told)
    async with connected(server) as connector:
        page = await connector.fetch(["R1", "nope", "R2", "told", "a/b", ".", ".."])
    assert [record.native_id for record in page.records] == ["R1", "R2"]
    asked = [request.scope["raw_path"].decode().rpartition("/")[2] for request in server.asked]
    assert sorted(asked) == ["R1.json", "R2.json", "a%2Fb.json", "nope.json", "told.json"]


async def test_names_of_services_are_asked_once_when_records_carry_none() -> None:
    server = FakeGeoReport([raw(number, service_name="") for number in range(200)])
    async with connected(server) as connector:
        found = await harvest(connector)
        await harvest(connector)
    assert {record.native_category for record in found} == {"Jalan"}
    assert sum(request.url.path.endswith("services.json") for request in server.asked) == 1


async def test_without_a_list_of_services_codes_will_do() -> None:
    def refused(request: Request) -> Response | None:
        return Response("no", 404) if "services" in request.url.path else None

    async with connected(FakeGeoReport([raw(1, service_name=None)], answer=refused)) as connector:
        (found,) = await harvest(connector)
    assert (found.native_category, found.title) == ("007", None)


async def test_a_check_asks_for_little_and_shows_no_person() -> None:
    person = {"first_name": "Budi", "email": "budi@contoh.example", "phone": "081234567890"}
    server = FakeGeoReport([raw(number, **person) for number in range(50)])
    for more in (PAGED, PAGED + 'format = "xml"\n'):
        async with connected(server, more) as connector:
            probe = await connector.check()
        assert len(probe.page.records) == 5
        assert probe.page.records[0].status is ComplaintStatus.CLOSED
        assert probe.reply
        assert not any(personal in probe.reply for personal in ("0812", "@contoh", "Budi"))


@pytest.mark.parametrize("more", ['format = "csv"\n', "page_size = 0\n", 'changes = ["one"]\n', "window = 3\n"])
def test_a_table_that_does_not_fit_is_a_config_error(more: str) -> None:
    manifest = parse_manifest(FILE + more, slug="prov-contoh", file="prov-contoh.toml")
    with pytest.raises(ConfigError, match="open311"):
        Open311Connector(manifest, Http(manifest.http))


def update(number: int, request: str, status: str, hours: int, text: str | None = None) -> dict[str, Any]:
    at = (NOW - timedelta(hours=hours)).isoformat()
    return {
        "update_id": number,
        "service_request_id": request,
        "status": status,
        "updated_datetime": at,
        "description": text,
    }


async def test_updates_are_the_status_log_and_the_newest_is_the_status() -> None:
    told: list[Any] = [
        update(1, "R1", "open", 30),
        update(2, "R1", "in_progress", 20, "Petugas berangkat"),
        update(3, "R1", "in_progress", 10, "Bahan menyusul"),
        update(4, "R100", "closed", 5),
        {"update_id": 5, "status": "closed"},
    ]
    old = (NOW - timedelta(days=3)).isoformat()
    raws = [raw(1, updated_datetime=old, status="open"), *(raw(number) for number in range(2, 101))]

    def answer(request: Request) -> Response | None:
        if not request.url.path.endswith("servicerequestupdates.json"):
            return None
        start = request.query_params["start_date"]
        return JSONResponse({"service_request_updates": [u for u in told if u.get("updated_datetime", "9") >= start]})

    server = FakeGeoReport(raws, answer=answer)
    async with connected(server, CHANGES + "[open311.updates]\n") as connector:
        found = {record.native_id: record for record in await harvest(connector)}
        assert found["R1"].status is ComplaintStatus.IN_FOLLOW_UP
        assert found["R1"].updated_at == NOW - timedelta(hours=10)
        assert [entry.to_status for entry in found["R1"].timeline or ()] == ["SUBMITTED", "IN_FOLLOW_UP"]
        assert [entry.content for entry in found["R1"].follow_ups] == ["Bahan menyusul"]
        assert found["R100"].status is ComplaintStatus.CLOSED
        (first, *_) = await pages(connector)
        assert [each.reason for each in first.rejected] == ["update: service_request_id: is missing"]

        told.append(update(6, "R50", "closed", 0))
        later = {record.native_id: record for record in await harvest(connector, NOW - timedelta(minutes=2))}
        assert later["R50"].status is ComplaintStatus.CLOSED, "no list of changes tells of it, so it is fetched"


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_discovery_says_where_the_endpoint_is(form: str) -> None:
    spec = "http://wiki.open311.org/GeoReport_v2"
    endpoints = [("old", "http://x/citysdk", "production"), ("test", spec, "test"), ("open311/v2", spec, "production")]
    listed = [
        {"url": f"http://127.0.0.1:1/{path}", "specification": name, "type": kind} for path, name, kind in endpoints
    ]
    inside = "".join(
        "<endpoint>" + "".join(f"<{name}>{value}</{name}>" for name, value in each.items()) + "</endpoint>"
        for each in listed
    )
    page = Response(f"<discovery><endpoints>{inside}</endpoints></discovery>", media_type="text/xml")
    page = page if form == "xml" else JSONResponse({"endpoints": listed})
    server = FakeGeoReport([raw(1)], answer=lambda request: page if "discovery" in request.url.path else None)
    text = (FILE + f'discovery = "/discovery.{form}"\n').replace("/open311/v2", "")
    manifest = parse_manifest(text, slug="prov-contoh", file="prov-contoh.toml")
    connector = Open311Connector(manifest, Http(manifest.http, transport=httpx2.ASGITransport(server)), now=lambda: NOW)
    assert ids(await harvest(connector)) == {"R1"}
    assert ids(list((await connector.fetch(["R1"])).records)) == {"R1"}
    paths = [request.url.path for request in server.asked]
    assert paths[0] == f"/discovery.{form}"
    assert set(paths[1:]) == {"/open311/v2/requests.json", "/open311/v2/requests/R1.json"}
    await connector.aclose()


@pytest.mark.parametrize(
    ("endpoints", "reason"),
    [
        ([], "names no GeoReport"),
        ([{"url": "http://elsewhere/open311/v2", "specification": "GeoReport_v2"}], "another host"),
        ({"endpoint": {"url": 7, "specification": "georeport_v2"}}, "names no GeoReport"),
    ],
)
async def test_a_discovery_page_that_leads_nowhere_is_told(endpoints: object, reason: str) -> None:
    server = FakeGeoReport([], answer=lambda request: JSONResponse({"endpoints": endpoints}))
    async with connected(server, 'discovery = "/discovery.json"\n') as connector:
        with pytest.raises(BadPayload, match=reason):
            await harvest(connector)
