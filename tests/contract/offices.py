"""An office that exports files into a folder, and the connector that reads them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson
import xlsxwriter

from connectors.base import Means
from connectors.files.connector import FilesConnector
from connectors.http import Http
from connectors.manifest import Manifest, parse_manifest
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord, Rejected

NOW = datetime(2024, 9, 25, 5, 0, tzinfo=UTC)

FILE = """
name = "Pemerintah Kota Contoh"
level = "DISTRICT"
region = "64.72"
time_zone = "Asia/Jakarta"
kind = "files"
[http]
url = "http://127.0.0.1:1"
[files]
folder = "ekspor"
{files}
[fields]
native_id = "No"
status = "Status"
title = "Judul"
submitted_at = "Masuk"
{fields}
[status]
baru = "SUBMITTED"
proses = "IN_FOLLOW_UP"
selesai = "CLOSED"
"""
HEAD = ("No", "Status", "Judul", "Masuk")
OWN = 'updated_at = "Diubah"'


def row(number: int, status: str = "baru", **more: str) -> dict[str, str]:
    return {"No": f"A-{number}", "Status": status, "Judul": f"Lampu {number}", "Masuk": "2024-03-01 08:00:00", **more}


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str = ",", title: str = "") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return (title + text.getvalue()).encode()


def as_xlsx(rows: Sequence[Sequence[Any]], skip: int = 0) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "default_date_format": "dd/mm/yyyy hh:mm"}) as book:
        sheet = book.add_worksheet("Pengaduan")
        for number, cells in enumerate(rows, skip):
            sheet.write_row(number, 0, cells)
    return file.getvalue()


class Office:
    """A folder, and a connector that reads it."""

    def __init__(self, folder: Path, files: str = "", fields: str = "", file: str = FILE) -> None:
        text = file.replace("{files}", files).replace("{fields}", fields)
        self.home, self.folder = folder, folder / "ekspor"
        self.folder.mkdir(exist_ok=True)
        self.manifest: Manifest = parse_manifest(text, slug="kota-contoh", file=str(folder / "kota-contoh.toml"))
        self.transport: httpx2.AsyncBaseTransport | None = None
        self.now = NOW

    def put(self, name: str, content: bytes, ago: float = 3600) -> Path:
        """A file that was written so many seconds before `now`."""
        path = self.folder / name
        path.write_bytes(content)
        at = self.now.timestamp() - ago
        os.utime(path, (at, at))
        return path

    @asynccontextmanager
    async def plugged(self, memory: bool = True) -> AsyncIterator[FilesConnector]:
        client = Http(self.manifest.http, transport=self.transport) if self.manifest.http else None
        means = Means(Secrets({}), client, self.home / "data" if memory else None)
        connector = FilesConnector(self.manifest, means, now=lambda: self.now)
        try:
            yield connector
        finally:
            await connector.aclose()

    async def read(self, since: datetime | None = None) -> tuple[dict[str, ComplaintRecord], list[Rejected]]:
        async with self.plugged() as connector:
            return await harvest(connector, since)


async def harvest(
    connector: FilesConnector, since: datetime | None = None
) -> tuple[dict[str, ComplaintRecord], list[Rejected]]:
    records: dict[str, ComplaintRecord] = {}
    rejected: list[Rejected] = []
    async for page in connector.changes(since):
        records |= {record.native_id: record for record in page.records}
        rejected += page.rejected
    return records, rejected


def statuses(records: Mapping[str, ComplaintRecord]) -> dict[str, str]:
    return {id: record.status.value for id, record in sorted(records.items())}


ROWS = [row(1), row(2, "proses"), row(3, "selesai")]
READ = {"A-1": "SUBMITTED", "A-2": "IN_FOLLOW_UP", "A-3": "CLOSED"}
XLSX = as_xlsx([["Daftar pengaduan"], ["Dicetak", 45000.5], [], HEAD, *(list(each.values()) for each in ROWS)])
FORMS = {
    "comma.csv": as_csv(ROWS),
    "semicolon.csv": as_csv(ROWS, ";"),
    "pipe.txt": as_csv(ROWS, "|"),
    "tab.tsv": as_csv(ROWS, "\t"),
    "title.csv": as_csv(ROWS, ";", 'Daftar pengaduan, 2024\n\n"Dicetak, oleh\nadmin"\n'),
    "excel.csv": as_csv(ROWS, ";", "sep=;\n"),
    "odd-mark.csv": as_csv(ROWS, "\t", 'sep="\n'),
    "mark.csv": b"\xef\xbb\xbf" + as_csv(ROWS),
    "wide.csv": as_csv(ROWS).decode().encode("utf-16"),
    "blanks.csv": as_csv(ROWS).replace(b"\r\n", b"\r\n,,,\r\n\r\n"),
    "old-mac.csv": as_csv(ROWS).replace(b"\r\n", b"\r"),
    "no-last-end.csv": as_csv(ROWS).rstrip(),
    "xlsx.xlsx": XLSX,
    "lines.ndjson": b"\n\n".join(orjson.dumps(each) for each in ROWS) + b"\n",
    "list.json": b"\xef\xbb\xbf" + orjson.dumps(ROWS),
}


BEFORE = as_csv([row(1), row(2)])
WHOLE = as_csv([row(1, "selesai"), row(2, "selesai", Judul='Lampu "mati"\nsejak kemarin'), row(3, "selesai")])
