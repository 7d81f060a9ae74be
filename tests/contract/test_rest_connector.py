"""The rest kind against a small agency with a dialect of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from connectors.manifest import Manifest, parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord
from schema.connector import Connector
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, MappingFailure, PagingLoop
from schema.status import ComplaintStatus

FILE = """
name = "Pemerintah Provinsi Contoh"
level = "PROVINCE"
region = "51"
time_zone = "Asia/Makassar"
kind = "rest"
[http]
url = "http://agency.example/api"
rate = 10000
[http.headers]
token = "env:CONTOH_TOKEN"
[poll]
lookback = 600
[rest]
list = "/aduan"
params = { urut = "diubah" }
since = { param = "sejak", format = "%Y-%m-%d %H:%M:%S" }
records = "data.items"
total = "data.total"
fetch = "/aduan/{id}"
record = "data"
paging = { kind = "page", page = "hal", size = "per", count = 10 }
[fields]
native_id = "no"
status = "status"
title = "judul"
is_anonymous = "anonim"
reporter_name = "pelapor"
updated_at = "diubah"
[dates]
formats = ["%Y-%m-%d %H:%M:%S"]
[status]
baru = "SUBMITTED"
selesai = "CLOSED"
"""
START = datetime(2021, 3, 1, 8, 0)  # noqa: DTZ001  (the agency's own time, WITA)


class FakeAgency:
    """Complaints by number, one changed each minute; `fault` spoils the replies."""

    def __init__(self, size: int) -> None:
        self.rows: dict[str, dict[str, Any]] = {str(number): self._row(number) for number in range(size)}
        self.fault: Response | None = None
        self.stuck = False
        self.queries: list[dict[str, str]] = []
        self.app = Starlette(
            routes=[Route("/api/aduan", self._list), Route("/api/aduan/{number:path}", self._one)],
        )

    def _row(self, number: int) -> dict[str, Any]:
        changed = START + timedelta(minutes=number)
        return {"no": number, "status": "baru", "judul": f"Aduan {number}", "anonim": 0, "diubah": str(changed)}

    def _list(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.queries.append(query)
        if request.headers.get("token") != "s3cret":
            return Response("", 401)
        if self.fault:
            return self.fault
        rows = [row for row in self.rows.values() if str(row["diubah"]) >= query.get("sejak", "")]
        start = 0 if self.stuck else (int(query["hal"]) - 1) * int(query["per"])
        page = rows[start : start + int(query["per"])]
        return JSONResponse({"data": {"items": page, "total": len(rows)}})

    def _one(self, request: Request) -> Response:
        row = self.rows.get(request.path_params["number"])
        return JSONResponse({"data": row}) if row else Response("", 404)


def connected(agency: FakeAgency, file: str = FILE, token: str = "s3cret") -> Connector:
    manifest: Manifest = parse_manifest(file, slug="prov-contoh", file="agencies/prov-contoh.toml")
    return connect(manifest, Secrets({"CONTOH_TOKEN": token}), transport=httpx2.ASGITransport(agency.app))


async def harvest(connector: Connector, since: datetime | None = None) -> list[ComplaintRecord]:
    return [record async for page in connector.changes(since) for record in page.records]


async def test_a_full_harvest_pages_through_everything() -> None:
    agency = FakeAgency(25)
    connector = connected(agency)
    records = await harvest(connector)
    assert [record.native_id for record in records] == [str(number) for number in range(25)]
    assert [query["hal"] for query in agency.queries] == ["1", "2", "3"]
    assert agency.queries[0]["urut"] == "diubah"
    assert "sejak" not in agency.queries[0]
    assert records[0].updated_at == datetime(2021, 3, 1, 0, 0, tzinfo=UTC)
    assert connector.agency.id == "prov-contoh"
    await connector.aclose()


async def test_changes_look_back_and_ask_in_the_agencys_zone() -> None:
    agency = FakeAgency(25)
    connector = connected(agency)
    records = await harvest(connector, datetime(2021, 3, 1, 0, 20, tzinfo=UTC))
    assert agency.queries[0]["sejak"] == "2021-03-01 08:10:00"
    assert [record.native_id for record in records] == [str(number) for number in range(10, 25)]
    again = await harvest(connector, datetime(2021, 3, 1, 0, 20, tzinfo=UTC))
    assert again == records


async def test_an_empty_list_is_an_empty_page() -> None:
    agency = FakeAgency(0)
    assert await harvest(connected(agency)) == []
    agency.fault = JSONResponse({"data": {"items": None, "total": 0}})
    assert await harvest(connected(agency)) == []


async def test_a_malformed_record_is_set_aside_and_the_others_kept() -> None:
    agency = FakeAgency(25)
    agency.rows["13"]["diubah"] = "besok"
    agency.rows["14"] = {"no": 14, "diubah": "z"}
    pages = [page async for page in connected(agency).changes(None)]
    assert sum(len(page.records) for page in pages) == 23
    rejected = [rejected for page in pages for rejected in page.rejected]
    assert [(one.native_id, one.reason) for one in rejected] == [
        ("13", "diubah: is not a moment in any format of [dates]"),
        ("14", "status: is missing"),
    ]
    assert pages[0].total == 25


async def test_a_repeating_page_ends_the_harvest_after_the_good_pages() -> None:
    agency = FakeAgency(25)
    agency.stuck = True
    pages = connected(agency).changes(None)
    assert len((await anext(pages)).records) == 10
    with pytest.raises(PagingLoop):
        await anext(pages)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (HTMLResponse("<html>Login</html>"), BadPayload),
        (JSONResponse({"error": "x"}), MappingFailure),
        (JSONResponse({"data": {"items": {"a": 1}}}), MappingFailure),
        (JSONResponse({"data": {"items": None}}), MappingFailure),
        (JSONResponse([]), MappingFailure),
        (Response("", 500), HttpFailure),
    ],
)
async def test_faults_are_typed_and_pass(fault: Response, kind: type[Exception]) -> None:
    agency = FakeAgency(5)
    connector = connected(agency)
    agency.fault = fault
    with pytest.raises(kind):
        await harvest(connector)
    with pytest.raises(kind):
        await connector.check()
    agency.fault = None
    assert len(await harvest(connector)) == 5


async def test_refused_credentials_are_told_apart() -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        await harvest(connected(FakeAgency(5), token="wr0ng"))
    assert "wr0ng" not in str(caught.value)


async def test_fetch_leaves_out_what_does_not_exist() -> None:
    agency = FakeAgency(9)
    agency.rows["a/b c"] = {**agency.rows["1"], "no": "a/b c", "status": "selesai"}
    page = await connected(agency).fetch(["8", "404", "a/b c", "..", "1", "2", "3", "4", "5"])
    assert [record.native_id for record in page.records] == ["8", "a/b c", "1", "2", "3", "4", "5"]
    assert page.records[1].status is ComplaintStatus.CLOSED


async def test_fetch_without_an_endpoint_searches_the_list() -> None:
    agency = FakeAgency(35)
    connector = connected(agency, FILE.replace('fetch = "/aduan/{id}"\n', ""))
    page = await connector.fetch(["3", "12", "nowhere"])
    assert [record.native_id for record in page.records] == ["3", "12"]
    agency.queries.clear()
    await connector.fetch(["3", "12"])
    assert len(agency.queries) == 2


async def test_check_shows_a_small_page_without_people() -> None:
    agency = FakeAgency(25)
    agency.rows["0"].update(pelapor="Nama Pelapor", judul="Hubungi 0812 3456 7890 atau a@b.example", anonim="ya")
    probe = await connected(agency).check()
    assert probe.request == "GET /aduan"
    assert agency.queries == [{"urut": "diubah", "hal": "1", "per": "5"}]
    assert (len(probe.page.records), probe.page.total) == (5, 25)
    assert probe.seconds >= 0
    assert '"judul": "Hubungi *** atau ***"' in probe.reply
    assert "2021-03-01 08:00:00" in probe.reply
    assert "Nama Pelapor" not in repr(probe)
    assert "s3cret" not in repr(probe)
    assert len(probe.reply) <= 2_000


async def test_a_record_that_comes_twice_comes_twice() -> None:
    """Rows move between pages while they are read; the hub's diff makes nothing of the second one."""
    agency = FakeAgency(15)
    agency.rows["x"] = agency.rows["14"]
    records = await harvest(connected(agency))
    assert [record.native_id for record in records].count("14") == 2
