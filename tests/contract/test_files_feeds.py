"""The `files` connector beside HTTP: downloads, a feed of updates; and SP4N-LAPOR!'s own export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schema.complaint import Channel, Classification
from schema.errors import AuthenticationFailed, BadPayload
from schema.status import ComplaintStatus
from tests.contract.offices import (
    BEFORE,
    FILE,
    NOW,
    OWN,
    Office,
    as_csv,
    as_xlsx,
    harvest,
    row,
    statuses,
)

pytestmark = pytest.mark.anyio
S = ComplaintStatus


def served(answer: Callable[[Request], Response]) -> httpx2.ASGITransport:
    async def serve(request: Request) -> Response:
        return answer(request)

    return httpx2.ASGITransport(app=Starlette(routes=[Route("/{path:path}", serve)]))


async def test_a_download_is_asked_for_once_per_version(tmp_path: Path) -> None:
    office = Office(tmp_path, 'url = ["/a.csv"]', file=FILE.replace('folder = "ekspor"', ""))
    asked: list[str | None] = []
    body, tag = BEFORE, '"1"'

    def answer(request: Request) -> Response:
        asked.append(request.headers.get("if-none-match"))
        if asked[-1] == tag:
            return Response(status_code=304)
        told = {"etag": tag, "last-modified": f"Wed, 25 Sep 2024 0{3 + int(tag[1])}:00:00 GMT"}
        return Response(body, headers=told)

    office.transport = served(answer)
    assert len((await office.read())[0]) == 2
    assert await office.read(NOW) == ({}, [])
    body, tag = as_csv([row(1, "selesai")]), '"2"'
    assert statuses((await office.read(NOW))[0]) == {"A-1": "CLOSED"}
    assert asked == [None, '"1"', '"1"']
    body, tag = b"<html>", '"3"'
    with pytest.raises(BadPayload, match="html"):
        await office.read(NOW)


UPDATES = """
[files.updates]
first_day = 2024-03-01
[timeline]
records = "updates"
status = "status"
at = "updated_datetime"
"""


def update(number: int, at: str, status: str, **more: Any) -> dict[str, Any]:
    told = {"update_id": f"{number}-{at}", "service_request_id": f"A-{number}", "updated_datetime": at}
    return {**told, "status": status, **more}


async def test_updates_join_the_rows(tmp_path: Path) -> None:
    file = FILE.replace('status = "Status"', 'status = "update.status || Status"')
    office = Office(tmp_path, UPDATES, OWN, file)
    feed: list[Any] = [update(1, "2024-03-03T00:00:00Z", "proses"), update(2, "2024-03-01T00:00:00Z", "proses")]
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.query_params["start_date"])
        return JSONResponse(feed)

    office.transport = served(answer)
    office.put("a.csv", as_csv([row(n, Diubah="2024-03-02T00:00:00Z") for n in (1, 2)]))
    async with office.plugged() as connector:
        records, _ = await harvest(connector)
        assert statuses(records) == {"A-1": "IN_FOLLOW_UP", "A-2": "SUBMITTED"}  # the second is older than its row
        assert [event.to_status for event in records["A-2"].timeline or ()] == ["IN_FOLLOW_UP"]
        assert records["A-1"].updated_at == datetime(2024, 3, 3, tzinfo=UTC)
        assert await harvest(connector, NOW) == ({}, [])  # the same ones again say nothing
        feed += [update(2, "2024-03-04T00:00:00Z", "selesai"), update(9, "2024-03-04T00:00:00Z", "baru"), {"x": 1}]
        records, rejected = await harvest(connector, NOW)
        assert statuses(records) == {"A-2": "CLOSED"}
        assert [each.reason for each in rejected] == ["update: service_request_id: is missing"]
    office.put("b.csv", as_csv([row(2, Diubah="2024-03-03T00:00:00Z"), row(9, Diubah="2024-03-03T00:00:00Z")]), ago=60)
    records, rejected = await office.read(NOW)
    assert (statuses(records), rejected) == ({"A-2": "CLOSED", "A-9": "SUBMITTED"}, [])
    assert [event.to_status for event in records["A-9"].timeline or ()] == ["SUBMITTED"]
    assert asked[0].startswith("2024-03-01")
    assert asked[-1].startswith("2024-03-03T23:5")


async def test_files_are_kept_while_the_feed_is_down(tmp_path: Path) -> None:
    office = Office(tmp_path, UPDATES)
    office.transport = served(lambda request: Response(status_code=401))
    office.put("a.csv", BEFORE)
    async with office.plugged() as connector:
        found: list[str] = []
        pages = connector.changes(None)
        found += [record.native_id for record in (await anext(pages)).records]
        with pytest.raises(AuthenticationFailed):
            await anext(pages)
        assert found == ["A-1", "A-2"]


LAPOR = """
name = "Pemerintah Kota Contoh"
level = "DISTRICT"
region = "64.72"
time_zone = "Asia/Makassar"
kind = "files"
[files]
folder = "ekspor"
preset = "sp4n-lapor-export"
"""
COLUMNS = (
    *("Tracking ID", "Tanggal Laporan Masuk", "Waktu Laporan Masuk", "Nama Pelapor", "Klasifikasi Laporan"),
    *("ID Kategori", "Kategori", "Judul Laporan", "Isi Laporan Awal", "Isi Laporan Akhir"),
    *("Tipe Laporan (Anonim|Rahasia)", "Sumber Laporan", "Instansi Induk", "ID Instansi Terdisposisi"),
    *("Instansi Terdisposisi", "Status Laporan", "Alasan Tunda/Arsip", "Provinsi", "Kota/Kabupaten", "Kecamatan"),
    "Kelurahan",
)
REPORTS = (
    (
        *(9000001, "5 Agu 2024", "02:13:42", "Budi Contoh", "Aspirasi", 950, "Ketertiban Umum", "Judul", "Awal"),
        *("Akhir", "Anonim|Rahasia", "Website - pemerintah-kota-contoh", "Pemerintah Kota Contoh", 131433),
        *("Dinas Contoh", "Tunda", "Menunggu anggaran", "Kalimantan Timur", "", "Loa Janan", "Bakungan"),
    ),
    (
        *(9000002, "23 Sep 2024", "00:41:43", "Ani Contoh", "Permintaan Informasi", "", "", "Judul", "Awal", "", ""),
        *("Android", "Pemerintah Kota Contoh", "", "", "Ditutup oleh Pelapor", "", "", "", "", ""),
    ),
)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_the_21_columns_of_sp4n_lapor(tmp_path: Path, form: str) -> None:
    assert len(COLUMNS) == 21 == len(REPORTS[0]) == len(REPORTS[1])
    office = Office(tmp_path, file=LAPOR)
    rows = [dict(zip(COLUMNS, report, strict=True)) for report in REPORTS]
    office.put(f"a.{form}", as_csv(rows) if form == "csv" else as_xlsx([COLUMNS, *REPORTS]))
    records, rejected = await office.read()
    assert rejected == []
    first, second = records["9000001"], records["9000002"]
    assert first.submitted_at == datetime(2024, 8, 4, 18, 13, 42, tzinfo=UTC)
    assert (first.is_anonymous, first.is_confidential, second.is_anonymous) == (True, True, False)
    assert (first.status, first.status_reason, second.status) == (S.POSTPONED, "Menunggu anggaran", S.CLOSED)
    assert (first.channel, first.native_channel) == (Channel.WEBSITE, "Website - pemerintah-kota-contoh")
    assert (first.classification, first.category) == (Classification.ASPIRASI, "ketertiban.umum")
    assert (second.category, first.edited_text, second.edited_text) == (None, "Akhir", None)
    assert [each.name for each in first.assigned_agencies or ()] == ["Dinas Contoh"]
    assert not second.assigned_agencies
    assert first.incident_location is not None
    assert first.incident_location.address == "Bakungan, Loa Janan, Kalimantan Timur"
    assert first.reporter is None
    assert second.reporter is None
    assert b"Budi Contoh" not in b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())


async def test_who_reported_is_kept_if_the_file_asks_and_the_row_is_not_anonymous(tmp_path: Path) -> None:
    office = Office(tmp_path, file=LAPOR + "[privacy]\nreporter_identity = true\n")
    office.put("a.xlsx", as_xlsx([COLUMNS, *REPORTS]))
    records, _ = await office.read()
    assert [each.reporter and each.reporter.name for each in records.values()] == [None, "Ani Contoh"]
    assert b"Budi Contoh" not in b"".join(path.read_bytes() for path in (tmp_path / "data").iterdir())


REAL = Path(__file__).parents[2].parent / "shared" / "data" / "sp4n_lapor_export_2024_structure.csv"


@pytest.mark.skipif(not REAL.exists(), reason="the export of a real agency is not at hand")
async def test_a_real_export_of_sp4n_lapor(tmp_path: Path) -> None:
    office = Office(tmp_path, file=LAPOR)
    office.put("a.csv", REAL.read_bytes())
    records, rejected = await office.read()
    rows = list(csv.DictReader(io.StringIO(REAL.read_text("utf-8-sig"), newline="")))
    kinds = {row["Tracking ID"]: row["Tipe Laporan (Anonim/Rahasia)"] for row in rows}
    assert (len(records), rejected) == (240, [])
    assert S.UNMAPPED not in {each.status for each in records.values()}
    assert Channel.OTHER not in {each.channel for each in records.values()}
    assert {id for id, each in records.items() if each.is_confidential} == {
        i for i, k in kinds.items() if "Rahasia" in k
    }
    assert {id for id, each in records.items() if each.is_anonymous} == {i for i, k in kinds.items() if "Anonim" in k}
    assert all(each.submitted_at and each.submitted_at.year in (2023, 2024) for each in records.values())
