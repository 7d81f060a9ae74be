"""An agency that files whatever comes, as often as it comes, and may hang up before it says so."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qs, urlsplit

_WIB = timezone(timedelta(hours=7))

FILE = """
name = "{name}"
level = "{level}"
{region}
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "{url}"
rate = 10000
concurrency = 16
[poll]
every = {every}
lookback = 5
[writes]
settles_after = {settles_after}
[rest]
list = "/aduan"
since = {{ param = "sejak", format = "%Y-%m-%d %H:%M:%S" }}
records = "aduan"
fetch = "/aduan/{{id}}"
record = "@"
[rest.writes.submit]
path = "/aduan"
body = {{ referensi = "reference", judul = "title", isi = "text" }}
native_id = "no"
tracking_id = "nomor"
[rest.writes.submit.find]
path = "/aduan"
params = {{ referensi = "reference" }}
records = "aduan"
reference = "referensi"
native_id = "no"
tracking_id = "nomor"
[dates]
formats = ["%Y-%m-%d %H:%M:%S"]
[fields]
native_id = "no"
tracking_id = "nomor"
status = "status"
title = "judul"
original_text = "isi"
submitted_at = "dibuat"
updated_at = "diubah"
reference = "referensi"
[status]
baru = "SUBMITTED"
"""


class Naive:
    """An agency of its own small server; it outlives the hubs that are killed.

    Attributes:
        rows: what was filed, in its order.
        drops: every second record is filed, and the line is cut instead of an answer; so many times.
        dropped: how many were.
    """

    def __init__(self, slug: str, level: str, region: str | None = None, *, drops: int = 0) -> None:
        self.slug, self.level, self.region = slug, level, region
        self.rows: list[dict[str, Any]] = []
        self.drops, self.dropped = drops, 0
        self.url = ""
        self._by_reference: dict[str, list[dict[str, Any]]] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    def file(self, *, every: float, settles_after: float) -> str:
        """Its file for the hub."""
        region = f'region = "{self.region}"' if self.region else ""
        return FILE.format(
            name=self.slug, level=self.level, region=region, url=self.url, every=every, settles_after=settles_after
        )

    def references(self) -> Counter[str]:
        """How often each of the hub's references was filed."""
        return Counter(row["referensi"] for row in self.rows)

    def titles(self) -> Counter[str]:
        return Counter(row["judul"] for row in self.rows)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, target, _ = lines[0].split(" ")
                headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                answer = self._filed(json.loads(body)) if method == "POST" else self._found(target)
                if method == "POST" and self.drops > 0 and len(self.rows) % 2:
                    self.drops -= 1
                    self.dropped += 1
                    return
                text = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(text)
                )
                writer.write(text)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a hub was killed
        finally:
            writer.close()

    def _filed(self, told: dict[str, Any]) -> dict[str, Any]:
        at = datetime.now(UTC).astimezone(_WIB).strftime("%Y-%m-%d %H:%M:%S")
        number = len(self.rows) + 1
        row = {**told, "no": number, "nomor": f"{self.slug}/{number}", "status": "baru", "dibuat": at, "diubah": at}
        self.rows.append(row)
        self._by_reference.setdefault(told["referensi"], []).append(row)
        return row

    def _found(self, target: str) -> Any:
        address = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        if number := address.path.removeprefix("/aduan").strip("/"):
            return self.rows[int(number) - 1]
        if "referensi" in query:
            return {"aduan": self._by_reference.get(query["referensi"], [])}
        return {"aduan": [row for row in self.rows if row["diubah"] >= query.get("sejak", "")]}
