"""Agencies of a few complaints on this machine, and a hub over them; nothing polls but when it is told to."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.manifest import Manifest, parse_manifest
from connectors.secrets import Secrets
from gateway.app import Hub
from gateway.hub import Ledger, build_hub, open_agencies, open_ledger
from gateway.ledger.migrate import migrate
from gateway.server import Server, listen
from gateway.settings import load
from gateway.sync.agencies import Agencies
from gateway.telemetry import Metrics
from gateway.valkey import Valkey
from schema.complaint import complaint_id

#: The bytes of an empty ledger.
_EMPTY: list[bytes] = []

FILE = """
name = "{name}"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
store = "{store}"
[http]
url = "{url}"
rate = 10000
concurrency = 16
deadline = 30
[live]
max_age = {max_age}
deadline = {deadline}
[poll]
lookback = 0
[rest]
list = "/aduan"
records = "aduan"
fetch = "/aduan/{{id}}"
record = "@"
[fields]
native_id = "no"
status = "status"
title = "judul"
original_text = "isi"
region = "kecamatan"
address = "alamat"
tags = "kata"
status_reason = "alasan"
is_confidential = "rahasia"
submitted_at = "dibuat"
updated_at = "diubah"
[timeline]
records = "riwayat"
status = "ke"
at = "waktu"
note = "catatan"
[follow_ups]
records = "tanggapan"
at = "waktu"
content = "isi"
is_confidential = "rahasia"
[status]
baru = "SUBMITTED"
proses = "IN_FOLLOW_UP"
"""


#: What a file adds that asks who reported.
ASKING = """reporter_name = "pelapor"
reporter_phone = "hp"
is_anonymous = "anonim"
[privacy]
reporter_identity = true
[timeline]"""


class Town:
    """An agency's complaint system.

    Attributes:
        store: what it allows the hub to keep.
        rows: its complaints, by number.
        asked: numbers of complaints that it was asked for one by one.
        fault: None, `error` or `hang`.
        takes: seconds for a complaint that it is asked for.
        identities: whether its file asks who reported.
    """

    def __init__(
        self,
        slug: str,
        store: str,
        *,
        size: int = 3,
        max_age: float = 60.0,
        deadline: float = 5.0,
        identities: bool = False,
    ) -> None:
        self.slug = slug
        self.identities = identities
        self.store = store
        self.max_age, self.deadline = max_age, deadline
        self.rows = {str(number): self._row(number) for number in range(1, size + 1)}
        self.asked: list[str] = []
        self.fault: str | None = None
        self.reached = asyncio.Event()
        self.takes = 0.0
        self.app = Starlette(routes=[Route("/aduan", self._list), Route("/aduan/{number}", self._one)])

    def id(self, number: int) -> str:
        """The graph's id of a complaint."""
        return complaint_id(self.slug, str(number))

    def change(self, number: int, minute: int, **values: Any) -> None:
        """Something happens at a complaint."""
        self.rows[str(number)] |= values | {"diubah": f"2026-01-02T08:{minute:02}:00+07:00"}

    def manifest(self, url: str) -> Manifest:
        text = FILE.format(
            name=self.slug.upper(), store=self.store, url=url, max_age=self.max_age, deadline=self.deadline
        )
        if self.identities:
            text = text.replace("[timeline]", ASKING)
        return parse_manifest(text, slug=self.slug, file=f"{self.slug}.toml")

    def _row(self, number: int) -> dict[str, Any]:
        return {
            "no": number,
            "status": "baru",
            "judul": f"Judul {self.slug} {number}",
            "isi": f"Isi {self.slug} {number}",
            "kecamatan": "36.03.01",
            "alamat": f"Jalan {self.slug} {number}",
            "kata": [f"kata-{self.slug}"],
            "alasan": f"Alasan {self.slug}",
            "rahasia": False,
            "dibuat": f"2026-01-02T07:{number % 60:02}:00+07:00",
            "diubah": f"2026-01-02T07:{number % 60:02}:00+07:00",
            "riwayat": [{"ke": "baru", "waktu": f"2026-01-02T07:{number % 60:02}:00+07:00", "catatan": "Catatan satu"}],
            "tanggapan": [
                {"waktu": f"2026-01-02T07:{number % 60:02}:30+07:00", "isi": f"Tanggapan {self.slug} {number}"}
            ],
        }

    async def _list(self, request: Request) -> Response:
        return JSONResponse({"aduan": list(self.rows.values())})

    async def _one(self, request: Request) -> Response:
        number = request.path_params["number"]
        self.asked.append(number)
        self.reached.set()
        await asyncio.sleep(self.takes)
        if self.fault == "hang":
            await asyncio.sleep(3600)
        if self.fault == "error":
            return Response("", 500)
        return JSONResponse(self.rows[number]) if number in self.rows else Response("", 404)


class TownHub:
    """A hub over towns, asked through its front door."""

    def __init__(
        self, app: Hub, client: httpx2.AsyncClient, agencies: Agencies, urls: Mapping[str, str], ledger: Ledger
    ) -> None:
        self.agencies = agencies
        self.ledger = ledger
        self.app = app
        self._urls = urls
        self._client = client

    async def post(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        asked = {"query": query, "variables": variables}
        answer = await self._client.post("/graphql", json=asked, headers=headers)
        return dict(answer.json())

    async def ask(self, query: str, token: str | None = None, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = await self.post(query, token, **variables)
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    @asynccontextmanager
    async def stream(self, query: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The frames of a subscription."""
        async with AsyncExitStack() as stack:
            url = await served(self.app, stack)
            client = await stack.enter_async_context(httpx2.AsyncClient(base_url=url))
            asked = client.stream("GET", "/graphql", params={"query": query}, headers={"accept": "text/event-stream"})
            yield _frames(await stack.enter_async_context(asked))

    async def plug(self, *towns: Town) -> None:
        """Makes these the towns that are plugged in, as they are now."""
        await self.agencies.apply({town.slug: town.manifest(self._urls[town.slug]) for town in towns})

    async def harvest(self) -> None:
        """Reads every town once."""
        for poller in self.agencies:
            report = await poller.harvest()
            assert report.error is None, report


async def migrated(folder: Path) -> None:
    """Puts an empty ledger into a data folder; it is made once."""
    if not _EMPTY:
        with tempfile.TemporaryDirectory() as elsewhere:
            await migrate(path := Path(elsewhere) / "empty.db")
            _EMPTY.append(path.read_bytes())
    _put(folder / "simpul.db", _EMPTY[0])


def _put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists():
        file.write_bytes(content)


@asynccontextmanager
async def town_hub(folder: Path, *towns: Town, valkey: Valkey | None = None, **settings: Any) -> AsyncIterator[TownHub]:
    """A hub that has read these towns."""
    values = load(data_dir=folder, host="127.0.0.1", port=0, pages=False, secret="s" * 32, **settings)
    await migrated(folder)
    async with AsyncExitStack() as stack:
        urls = {town.slug: await served(town.app, stack) for town in towns}
        ledger = await stack.enter_async_context(open_ledger(values))
        agencies = await stack.enter_async_context(open_agencies(values, ledger, Secrets({})))
        app = await build_hub(values, ledger, agencies, Metrics(), asyncio.Event(), valkey)
        transport = httpx2.ASGITransport(app)
        client = await stack.enter_async_context(httpx2.AsyncClient(transport=transport, base_url="http://hub"))
        hub = TownHub(app, client, agencies, urls, ledger)
        await hub.plug(*towns)
        await hub.harvest()
        yield hub


async def _frames(response: httpx2.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def served(app: ASGIApp, stack: AsyncExitStack) -> str:
    """The application's address, until the stack ends."""
    started = asyncio.Event()
    server = Server(app, listen("127.0.0.1", 0), asyncio.Event(), lambda _: started.set(), handle_signals=False)
    serving = asyncio.create_task(server.run_until_stopped())
    stack.push_async_callback(_stopped, server, serving)
    await started.wait()
    return server.address


async def _stopped(server: Server, serving: asyncio.Task[None]) -> None:
    server.stop()
    server.force_exit = True  # a request that hangs is not waited for
    await serving
    # What it leaves out when it is in a hurry: the application's own end, a task that would be found by the collector.
    await server.lifespan.shutdown()
