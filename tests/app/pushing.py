"""A hub into which an agency sends, and the agency that signs what it sends."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
import orjson

from connectors.manifest import Manifest, parse_manifest
from connectors.secrets import Secret, Secrets
from connectors.signature import Key, key_of
from gateway.app import Hub
from gateway.fastlane import Lane
from gateway.hub import build_hub, open_agencies, open_ledger
from gateway.ledger.database import open_database
from gateway.server import Server, listen
from gateway.settings import Settings
from gateway.telemetry import Metrics

SECRETS = {"UJI_NEW": "whsec_bmV3LXNlY3JldC1vZi0zMi1ieXRlcy1leGFjdGx5ISE=", "UJI_OLD": "an old secret in plain text"}
FILE = """
name = "Kabupaten Uji"
level = "DISTRICT"
region = "34.04"
time_zone = "Asia/Jakarta"
kind = "webhook"
[webhook]
secrets = ["env:UJI_NEW", "env:UJI_OLD"]
records = "laporan"
cursor = "sampai"
[fields]
native_id = "id"
status = "status"
title = "judul"
is_confidential = "rahasia"
submitted_at = "masuk"
updated_at = "diubah"
[status]
baru = "SUBMITTED"
proses = "IN_FOLLOW_UP"
selesai = "CLOSED"
"""
STEPS = ("baru", "proses", "selesai")


def manifest(text: str = FILE, slug: str = "kab-uji") -> Manifest:
    return parse_manifest(text, slug=slug, file=f"{slug}.toml")


def record(number: int, step: int = 0, **more: Any) -> dict[str, Any]:
    """A complaint after so many steps, one an hour."""
    at = f"2024-03-{1 + number % 28:02d}T{8 + step:02d}:00:00+07:00"
    first = f"2024-03-{1 + number % 28:02d}T08:00:00+07:00"
    told = {"id": f"U-{number}", "status": STEPS[step], "judul": f"Lampu {number} mati", "masuk": first, "diubah": at}
    return {**told, **more}


class Sender:
    """An agency's own program: signs and sends.

    Args:
        hub: an application, or the address of a hub.
    """

    def __init__(self, hub: Hub | str, secret: str = SECRETS["UJI_NEW"], slug: str = "kab-uji") -> None:
        transport = None if isinstance(hub, str) else httpx2.ASGITransport(app=hub)
        address = hub if isinstance(hub, str) else "http://hub"
        self.client = httpx2.AsyncClient(transport=transport, base_url=address, timeout=30)
        self.path = f"/agencies/{slug}/webhook"
        self.key: Key = key_of(Secret(secret))
        self._numbers = itertools.count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    def headers(self, body: bytes = b"", id: str | None = None, late: int = 0) -> dict[str, str]:
        id, at = id or f"msg_{next(self._numbers)}", int(time.time()) - late
        return {
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": self.key.sign(id, at, body),
            "content-type": "application/json",
        }

    async def post(self, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        return await self.client.post(self.path, content=body, headers=headers)

    async def send(self, content: object, id: str | None = None, late: int = 0) -> httpx2.Response:
        body = content if isinstance(content, bytes) else orjson.dumps(content)
        return await self.post(body, self.headers(body, id, late))

    async def push(self, *records: object, cursor: str | None = None, id: str | None = None) -> dict[str, Any]:
        """Sends records; what the hub says of them."""
        reply = await self.send({"laporan": records} | ({"sampai": cursor} if cursor else {}), id)
        assert reply.status_code == 200, reply.text
        told: dict[str, Any] = reply.json()
        return told

    async def ask(self) -> httpx2.Response:
        return await self.client.get(self.path, headers=self.headers())


@asynccontextmanager
async def open_hub(
    folder: Path, url: str, *manifests: Manifest, environment: Mapping[str, str] = SECRETS
) -> AsyncIterator[Hub]:
    """A hub over a ledger that is there; what runs beside its server is not started."""
    settings = Settings(data_dir=folder, database_url=url, pages=False)
    metrics = Metrics()
    async with (
        open_ledger(settings) as ledger,
        open_agencies(settings, ledger, Secrets(environment)) as agencies,
    ):
        await agencies.apply({each.slug: each for each in manifests or (manifest(),)})
        yield await build_hub(settings, ledger, agencies, metrics, asyncio.Event(), None)


@asynccontextmanager
async def served(hub: Hub, port: int = 0) -> AsyncIterator[str]:
    """The address of a hub that listens, by way of the lane that a real one has."""
    started, closing = asyncio.Event(), asyncio.Event()
    protocol = Lane(hub).protocol()
    listener = listen("127.0.0.1", port)
    server = Server(hub, listener, closing, lambda _: started.set(), protocol=protocol, handle_signals=False)
    serving = asyncio.create_task(server.run_until_stopped())
    try:
        await started.wait()
        yield server.address
    finally:
        server.stop()
        await serving


async def ask(hub: Hub, query: str, **variables: Any) -> dict[str, Any]:
    """The graph's answer."""
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=hub), base_url="http://hub") as client:
        reply = await client.post("/graphql", json={"query": query, "variables": variables})
    told = reply.json()
    assert "errors" not in told, told
    found: dict[str, Any] = told["data"]
    return found


async def events(url: str) -> list[Sequence[Any]]:
    """Native id, kind, status and origin of every event but breached clocks, in the ledger's order."""
    async with open_database(url, readers=1) as database:
        return [
            tuple(row)
            for row in await database.fetch(
                "SELECT c.native_id, e.kind, e.status, e.origin FROM events e"
                " JOIN complaints c ON c.id = e.complaint_id WHERE e.kind <> 'CLOCK_BREACHED' ORDER BY e.seq"
            )
        ]
