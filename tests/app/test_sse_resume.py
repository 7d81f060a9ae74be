"""A plain EventSource over the real graph: it goes on where it was, by the header that browsers send by themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.app.test_live import FOLLOW, hub


class Event(NamedTuple):
    id: str
    frame: dict[str, Any]


@asynccontextmanager
async def source(address: str, last: str | None = None) -> AsyncIterator[Any]:
    """An EventSource that has seen `last`; yields a function that waits for its next event."""
    headers = {"accept": "text/event-stream"} | ({} if last is None else {"last-event-id": last})
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=5) as client,
        client.stream(
            "GET", f"{address}/graphql", params={"query": FOLLOW.replace("recovered", "recovered gap")}, headers=headers
        ) as response,
    ):
        lines = response.aiter_lines()

        async def event() -> Event:
            fields: dict[str, str] = {}
            while line := await anext(lines):
                name, _, value = line.partition(": ")
                fields[name] = value
            if "data" not in fields:
                return await event()
            return Event(fields["id"], json.loads(fields["data"])["data"]["complaintEvents"])

        yield event


async def test_an_event_source_goes_on_where_it_was(sqlite_url: str, tmp_path: Path) -> None:
    async with asyncio.timeout(20), hub(sqlite_url, tmp_path) as running:
        await running.submit(1)
        async with source(running.address) as event:
            first = await event()
            assert (first.frame["__typename"], first.frame["recovered"]) == ("StreamPosition", True)
            await running.submit(2)
            second = await event()
        assert second.frame["complaint"]["trackingId"] == "BALI-2"
        assert (first.id, second.id) == (first.frame["cursor"], second.frame["cursor"])
        # It was cut off; meanwhile something happens. It sends its first address again, and the last id beside it.
        await running.submit(3)
        async with source(running.address, second.id) as event:
            again = await event()
            assert (again.frame["recovered"], again.id) == (True, second.id)
            assert (await event()).frame["complaint"]["trackingId"] == "BALI-3"


@pytest.mark.parametrize("last", ["no cursor", "AAAA", "\xe9\xff", "x" * 4_000], ids=lambda last: last[:9])
async def test_an_id_that_is_no_cursor_is_told_so(sqlite_url: str, tmp_path: Path, last: str) -> None:
    async with asyncio.timeout(20), hub(sqlite_url, tmp_path) as running:
        await running.submit(1)
        async with source(running.address, last.encode("latin-1")) as event:  # type: ignore[arg-type]
            position = await event()
            assert (position.frame["recovered"], position.frame["gap"]) == (False, "UNKNOWN_CURSOR")
            # From here on it is live, and the browser has an id that is right.
            await running.submit(2)
            submitted = await event()
        assert submitted.frame["complaint"]["trackingId"] == "BALI-2"
        async with source(running.address, position.id) as event:
            assert (await event()).frame["recovered"] is True
            assert await event() == submitted
