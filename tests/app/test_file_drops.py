"""Files that agencies drop, through the front door: what is taken, what is refused, and that it is in the graph."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

import connectors.files
from connectors.manifest import parse_manifest
from connectors.secrets import Secrets
from gateway.app import Hub
from gateway.hub import build_hub, open_agencies, open_ledger
from gateway.settings import Settings
from gateway.telemetry import Metrics
from schema.agency import SourceReport
from tests.app.pushing import ask, events, served

pytestmark = pytest.mark.anyio
KEYS = {"KEY_NEW": "kunci-baru-yang-panjang", "KEY_OLD": "kunci-lama-yang-panjang"}
FILE = """
name = "Kota Contoh"
level = "DISTRICT"
region = "64.72"
time_zone = "Asia/Makassar"
kind = "files"
[poll]
every = 3600.0
[files]
[files.inbox]
key = ["env:KEY_NEW", "env:KEY_OLD"]
max_bytes = 5_000
keep_files = 1
[fields]
native_id = "No"
status = "Status"
title = "Judul"
submitted_at = "Masuk"
[status]
baru = "SUBMITTED"
selesai = "CLOSED"
"""
OTHER = """
name = "Kabupaten Lain"
level = "DISTRICT"
region = "64.02"
time_zone = "Asia/Makassar"
kind = "files"
[files]
folder = "ekspor"
[fields]
native_id = "No"
status = "Status"
submitted_at = "Masuk"
"""
HEAD = b"No;Status;Judul;Masuk\r\n"
ONE = HEAD + b"A-1;baru;Lampu mati;2024-03-01 08:00:00\r\nA-2;baru;Jalan rusak;2024-03-01 09:00:00\r\n"
TWO = HEAD + b"A-1;selesai;Lampu mati;2024-03-01 08:00:00\r\n"
PATH = "/agencies/kota-contoh/files/"
BEARER = {"authorization": f"Bearer {KEYS['KEY_NEW']}"}


class Office:
    """A hub, an agency that drops files into it, and what the hub says of the agency after each look."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.hub = hub
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=hub), base_url="http://hub")
        self.inbox = folder / "agencies" / "kota-contoh" / "inbox"
        self.reports: asyncio.Queue[SourceReport] = asyncio.Queue()

    async def put(self, name: str, body: Any, headers: Mapping[str, str] = BEARER, path: str = PATH) -> httpx2.Response:
        return await self.client.put(path + name, content=body, headers=headers)

    async def seen(self) -> SourceReport:
        """What the hub says of the agency's next look."""
        async with asyncio.timeout(10):
            return await self.reports.get()

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        while not await holds():
            await self.seen()

    async def shows(self, rows: dict[str, str]) -> None:
        """Waits until these are in the graph."""

        async def holds() -> bool:
            return await self.rows() == rows

        await self.until(holds)

    async def is_(self, state: str, code: str | None = None) -> None:
        """Waits until the agency's source is so."""
        while True:
            report = await self.seen()
            if (report.state, report.error and report.error.code) == (state, code):
                return

    async def rows(self) -> dict[str, str]:
        page = await ask(self.hub, "{ complaints(first: 20) { nodes { title status } } }")
        return {node["title"]: node["status"] for node in page["complaints"]["nodes"]}

    async def keeps(self, *names: str) -> None:
        """Waits until these are in the inbox."""

        async def holds() -> bool:
            return self.kept() == list(names)

        await self.until(holds)

    def kept(self) -> list[str]:
        """The names of the files in the inbox, without moment and hash."""
        return [path.name[86:] for path in sorted(self.inbox.iterdir())] if self.inbox.is_dir() else []


@asynccontextmanager
async def opened(folder: Path, url: str, slug: str = "kota-contoh") -> AsyncIterator[Office]:
    settings = Settings(data_dir=folder, database_url=url, pages=False)
    told: asyncio.Queue[SourceReport] = asyncio.Queue()

    def on_report(report: SourceReport) -> None:
        if report.agency == slug:
            told.put_nowait(report)

    files = {"kota-contoh": FILE, "kab-lain": OTHER, "kab-tidur": "paused = true\n" + FILE.replace("Contoh", "Tidur")}
    manifests = {
        slug: parse_manifest(text, slug=slug, file=str(folder / f"{slug}.toml")) for slug, text in files.items()
    }
    async with (
        open_ledger(settings) as ledger,
        open_agencies(settings, ledger, Secrets(KEYS), on_report=on_report) as agencies,
    ):
        await agencies.apply(manifests)
        office = Office(await build_hub(settings, ledger, agencies, Metrics(), asyncio.Event(), None), folder)
        office.reports = told
        running = asyncio.create_task(agencies.run())
        try:
            yield office
        finally:
            running.cancel()
            await asyncio.wait([running])
            await office.client.aclose()


@pytest.fixture
async def office(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Office]:
    async with opened(tmp_path, sqlite_url) as made:
        yield made


async def test_what_is_dropped_is_in_the_graph_once(tmp_path: Path, database_url: str) -> None:
    async with opened(tmp_path, database_url) as office:
        await office.is_("OK")  # there is no file yet
        reply = await office.put("ekspor.csv", ONE)
        told = reply.json()
        assert (reply.status_code, told["file"], told["bytes"]) == (201, "ekspor.csv", len(ONE))
        await office.shows({"Lampu mati": "SUBMITTED", "Jalan rusak": "SUBMITTED"})
        again = await office.put("nama lain.csv", ONE)
        assert (again.status_code, again.json()) == (200, told | {"file": "ekspor.csv"})
        assert (await office.put("besok.csv", TWO, {"x-api-key": KEYS["KEY_OLD"]})).status_code == 201
        await office.shows({"Lampu mati": "CLOSED", "Jalan rusak": "SUBMITTED"})
        await office.keeps("besok.csv")  # one is kept of those that were read
        assert (await office.put("ekspor.csv", ONE)).status_code == 201  # gone from the inbox, but it was read
        await office.keeps("ekspor.csv")
        assert await office.rows() == {"Lampu mati": "CLOSED", "Jalan rusak": "SUBMITTED"}
    async with opened(tmp_path, database_url) as office:
        await office.is_("OK")
        assert await office.rows() == {"Lampu mati": "CLOSED", "Jalan rusak": "SUBMITTED"}
    assert [(id, kind, status) for id, kind, status, _ in await events(database_url)] == [
        ("A-1", "SUBMITTED", "SUBMITTED"),
        ("A-2", "SUBMITTED", "SUBMITTED"),
        ("A-1", "STATUS_CHANGED", "CLOSED"),
    ]


@pytest.mark.parametrize("path", ["/agencies/kota-contoh/files", PATH])
async def test_without_a_name_the_content_says_what_it_is(office: Office, path: str) -> None:
    for body, name in ((ONE, "csv"), (b'[{"No": "A-1"}]', "json"), (b'{"No": 1}\n', "ndjson"), (b"PK..", "xlsx")):
        reply = await office.client.post(path, content=body, headers=BEARER)
        assert (reply.status_code, reply.json()["file"]) == (201, f"kiriman.{name}")


async def test_a_file_that_can_not_be_read_is_told_by_the_source(office: Office) -> None:
    assert (await office.put("a.csv", ONE)).status_code == 201
    await office.shows({"Lampu mati": "SUBMITTED", "Jalan rusak": "SUBMITTED"})
    assert (await office.put("b.csv", b"<html>maaf</html>")).status_code == 201
    await office.is_("DOWN", "BAD_PAYLOAD")
    assert len(await office.rows()) == 2
    assert (await office.put("c.csv", TWO)).status_code == 201
    await office.is_("OK")
    assert await office.rows() == {"Lampu mati": "CLOSED", "Jalan rusak": "SUBMITTED"}


async def test_who_has_no_key_or_asks_elsewhere(office: Office) -> None:
    for headers in ({}, {"authorization": "Bearer salah"}, {"x-api-key": ""}, {"authorization": KEYS["KEY_NEW"]}):
        reply = await office.put("a.csv", ONE, headers)
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    for slug in ("kab-hantu", "kab-lain", "kab-tidur", "%00", "x" * 300):
        reply = await office.put("a.csv", ONE, path=f"/agencies/{slug}/files/")
        assert (reply.status_code, reply.json()) == (404, {"error": "no agency takes files here"})
    assert office.kept() == []


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fetc.csv", "a/b.csv", "a.exe", "a", ".a.csv", "~$a.xlsx", "a%00.csv", "é.csv", "x" * 130 + ".csv"],
)
async def test_names_that_are_none(office: Office, name: str) -> None:
    reply = await office.put(name, ONE)
    assert (reply.status_code, reply.json()["error"][:8]) == (400, "the name")
    assert office.kept() == []


async def test_too_large_in_any_way_is_not_kept(office: Office) -> None:
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(1_000):
            pulled += 1
            yield b"x" * 1_000

    said = await office.put("a.csv", b"x" * 5_001)
    unsaid = await office.put("a.csv", endless())
    for reply in (said, unsaid):
        assert (reply.status_code, reply.json()) == (413, {"error": "a file may have 5,000 bytes"})
    assert (await office.put("a.csv", b"x" * 5_000)).status_code == 201
    form = await office.client.post(PATH, files={"file": ONE}, headers=BEARER)
    assert form.status_code == 415
    assert office.kept() == ["a.csv"]


async def test_what_is_cut_short_leaves_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": ONE[:40], "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(name.encode(), value.encode()) for name, value in BEARER.items()]
    path = PATH + "a.csv"
    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "PUT", "scheme": "http", "path": path}
    scope |= {"headers": headers, "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": None}
    await office.hub(scope, receive, send)
    assert sent[0]["status"] == 400

    async def silence() -> AsyncIterator[bytes]:
        yield ONE[:40]
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr("gateway.intake.files.PATIENCE", 0.01)
    assert (await office.put("a.csv", silence())).status_code == 408
    assert office.kept() == []


async def test_a_disk_that_takes_nothing_is_said(office: Office) -> None:
    office.inbox.parent.mkdir(parents=True, exist_ok=True)
    office.inbox.write_bytes(b"in the way")
    reply = await office.put("a.csv", ONE)
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "60")
    office.inbox.unlink()
    assert (await office.put("a.csv", ONE)).status_code == 201


async def test_many_at_once_are_each_taken_once(office: Office) -> None:
    bodies = [HEAD + f"A-{n};baru;Judul {n};2024-03-01 08:00:00\r\n".encode() for n in range(10)]
    replies = await asyncio.gather(*(office.put(f"{n}.csv", body) for n, body in enumerate(bodies * 3)))
    assert {reply.status_code for reply in replies} == {200, 201}
    await office.shows({f"Judul {n}": "SUBMITTED" for n in range(10)})


async def test_the_documented_line_drops_a_file(office: Office, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    readme = (Path(connectors.files.__path__[0]) / "README.md").read_text()
    [line] = re.findall(r"^curl -T.*$", readme, re.MULTILINE)
    (tmp_path / "ekspor.csv").write_bytes(ONE)
    async with served(office.hub) as address:
        script = line.replace("https://HUB", address)
        environment = {**os.environ, "KEY": KEYS["KEY_NEW"]}
        process = await asyncio.create_subprocess_exec(
            "sh", "-euc", script, cwd=tmp_path, env=environment, stdout=PIPE, stderr=DEVNULL
        )
        told, _ = await process.communicate()
    assert orjson.loads(told)["file"] == "ekspor.csv"
    await office.shows({"Lampu mati": "SUBMITTED", "Jalan rusak": "SUBMITTED"})
