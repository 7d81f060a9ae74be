"""One bad agency is nobody else's trouble: lag and answers of the others, requests to the bad one, the hub's memory."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.listener import Listener
from tests.live.demo import START, Running, wait

AGENCIES, BAD = 10, 9
EVERY = 0.5
ROUNDS, SECONDS, BROKEN = 5, 8.0, 60.0

FILE = """
name = "Pemerintah Kabupaten Contoh {number}"
level = "DISTRICT"
region = "36.{number:02}"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "{url}/{number}"
deadline = 4.0
[poll]
every = {every}
lookback = 1.0
stale_after = 60.0
[rest]
list = "/aduan"
since = {{ param = "sejak", format = "epoch" }}
records = "data"
[fields]
native_id = "no"
status = "status"
title = "judul"
updated_at = "diubah"
[dates]
formats = ["epoch"]
[status]
baru = "SUBMITTED"
proses = "IN_FOLLOW_UP"
"""
QUERY = "query($after: String) { complaints(first: 20, after: $after) { nodes { id title status updatedAt } asOf } }"
EVENTS = "subscription { complaintEvents { ... on ComplaintEvent { complaint { trackingId } } } }"


class Systems:
    """The agencies' systems, all in one app: each has 50 complaints; the bad one does as it is told."""

    def __init__(self) -> None:
        start = time.time() - 100
        self.rows = [
            [{"no": f"{a}-{n}", "status": "baru", "judul": "Lampu", "diubah": start} for n in range(50)]
            for a in range(AGENCIES)
        ]
        self.fault: str | None = None
        self.asked = 0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{number:int}/aduan", self._list)])

    async def _list(self, request: Request) -> Response:
        number = request.path_params["number"]
        if number == BAD:
            self.asked += 1
            if self.fault == "hang":
                await asyncio.sleep(3_600)
            if self.fault == "503":
                return Response("", 503)
        since = float(request.query_params.get("sejak", 0))
        return JSONResponse({"data": [row for row in self.rows[number] if row["diubah"] >= since - 1]})

    def change(self) -> str:
        """Changes a complaint of one of the good ones; returns its number."""
        row = random.choice(self.rows[random.randrange(BAD)])
        row["status"] = "proses" if row["status"] == "baru" else "baru"
        row["diubah"] = time.time()
        return str(row["no"])


@asynccontextmanager
async def hub_over(systems: Systems, folder: Path) -> AsyncIterator[Running]:
    listener = Listener(systems.app())
    await listener.open()
    (folder / "agencies").mkdir()
    for number in range(AGENCIES):
        text = FILE.format(number=number, url=listener.url, every=EVERY)
        (folder / "agencies" / f"kab-contoh-{number}.toml").write_text(text)
    settings = {
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
    }
    hub = await asyncio.to_thread(Running, "serve", "--migrate", log=folder / "hub.log", settings=settings)
    try:
        await asyncio.to_thread(wait, hub.all_well, START)
        yield hub
    finally:
        hub.kill()
        listener.end()


class Window:
    """What was measured over some seconds: lags of changes and times of answers, in seconds."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.answers: list[float] = []

    @property
    def lag(self) -> float:
        return statistics.median(self.lags)

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.answers, n=100)[98]


async def measured(hub: Running, systems: Systems) -> Window:
    window, changed = Window(), dict[str, float]()

    async def listen(frames: Any) -> None:
        async for frame in frames:
            number = ((frame.get("complaintEvents") or {}).get("complaint") or {}).get("trackingId")
            if number in changed:
                window.lags.append(time.monotonic() - changed.pop(number))

    async def ask() -> None:
        async with httpx2.AsyncClient(base_url=hub.address) as client:
            while True:
                # A comment of its own makes each a question that no cache knows.
                body = {"query": f"#{random.random()}\n{QUERY}"}
                started = time.monotonic()
                (await client.post("/graphql", json=body)).raise_for_status()
                window.answers.append(time.monotonic() - started)
                await asyncio.sleep(0.02)

    async with hub.subscribed(EVENTS) as frames:
        await anext(frames)
        tasks = [asyncio.create_task(listen(frames)), asyncio.create_task(ask())]
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            changed.setdefault(systems.change(), time.monotonic())
            await asyncio.sleep(0.1)
        await asyncio.sleep(3 * EVERY)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    return window


@pytest.mark.soak
async def test_one_of_ten_hangs_and_the_others_do_not_notice(tmp_path: Path) -> None:
    systems = Systems()
    async with hub_over(systems, tmp_path) as hub:
        await measured(hub, systems)
        well, beside = [], []
        for _ in range(ROUNDS):
            systems.fault = None
            well.append(await measured(hub, systems))
            systems.fault = "hang"
            await asyncio.sleep(1)
            beside.append(await measured(hub, systems))
    lag = statistics.median(w.lag for w in beside) / statistics.median(w.lag for w in well)
    p99 = statistics.median(w.p99 for w in beside) / statistics.median(w.p99 for w in well)
    alone = f"{statistics.median(w.lag for w in well):.2f} s, {1000 * statistics.median(w.p99 for w in well):.1f} ms"
    print(f"one of ten hangs: lag of the others x {lag:.2f}, p99 of queries x {p99:.2f} (alone: {alone})")
    assert lag < 1.25
    assert p99 < 1.25


@pytest.mark.soak
async def test_an_agency_that_always_fails_is_asked_once_per_poll(tmp_path: Path) -> None:
    systems = Systems()
    async with hub_over(systems, tmp_path) as hub:
        systems.fault, systems.asked = "503", 0
        began, polls, last = time.monotonic(), 0, None
        while time.monotonic() - began < BROKEN:
            checked = await asyncio.to_thread(_checked, hub)
            polls, last = polls + (checked != last), checked
            await asyncio.sleep(0.1)
    print(f"503 for {BROKEN:.0f} s: {systems.asked} requests, {polls} polls at {datetime.now(UTC):%H:%M}")
    assert 0 < systems.asked <= 1.10 * polls + 1


def _checked(hub: Running) -> str:
    query = '{ agency(id: "kab-contoh-9") { source { checkedAt } } }'
    return str(hub.ask(query)["agency"]["source"]["checkedAt"])


@pytest.mark.soak
def test_the_evil_agency_costs_little_memory_and_no_time(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.soak.evil_memory", str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300).stdout
    found = json.loads(said.splitlines()[-1])  # before it stand logs
    late = f"{found['late_ms']:.0f} ms past the deadline"
    print(f"evil agency, {found['cases']} cases: +{found['megabytes']:.1f} MB, {late}")
    assert found["megabytes"] <= 32
    assert found["late_ms"] <= 100
