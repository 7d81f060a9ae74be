"""Kabupaten Badung's folder of exports: what changed comes as XLSX and CSV in turn, whole, or as the fault has it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx2

import simulators
from connectors.registry import connect, load_agencies
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord
from schema.connector import Connector
from simulators.agency import Agency, life
from simulators.dialects import DIALECTS
from simulators.exports import Exports

AGENCIES = Path(__file__).parents[2] / "agencies"
NOW = datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


class Office(NamedTuple):
    agency: Agency
    outlet: Exports
    folder: Path
    connector: Connector

    def age(self) -> None:
        """A minute goes by for the files."""
        for path in self.folder.iterdir():
            at = path.stat().st_mtime - 60
            os.utime(path, (at, at))


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Office]:
    app = simulators.app("kab-badung", seed=4, count=60, now=lambda: NOW)
    outlet = DIALECTS["kab-badung"].outlet
    assert outlet is not None
    exports = outlet(app.state.agency, folder)
    assert isinstance(exports, Exports)
    exports.open()
    values = {"http.url": "http://127.0.0.1:1" + DIALECTS["kab-badung"].base, **exports.values}
    manifest = load_agencies(AGENCIES)["kab-badung"].with_values(values)
    connector = connect(manifest, Secrets({}), folder=folder / "data", transport=httpx2.ASGITransport(app=app))
    yield Office(app.state.agency, exports, Path(exports.values["files.folder"]), connector)
    await connector.aclose()


async def read(connector: Connector) -> dict[str, ComplaintRecord]:
    return {record.native_id: record async for page in connector.changes(LATER) for record in page.records}


async def test_what_moved_is_in_the_next_export_in_both_forms_alike(tmp_path: Path) -> None:
    async with office(tmp_path) as (agency, outlet, folder, connector):
        assert len(await read(connector)) == 60
        for ending in ("xlsx", "csv"):
            moved = agency.move(3, life("test", 1, 0))
            told = await read(connector)
            assert {key: record.status for key, record in told.items()} == {
                step.native_id: step.after for step in moved
            }, "the feed is quicker"
            await outlet.drop()
            Office(agency, outlet, folder, connector).age()
            again = await read(connector)
            assert {key: record.status for key, record in again.items()} == {
                step.native_id: step.after for step in moved
            }
            assert len(list(folder.glob(f"sidumas-0*.{ending}"))) == 1
        await outlet.drop()
        assert len(list(folder.iterdir())) == 3, "nothing changed"


async def test_faults(tmp_path: Path) -> None:
    async with office(tmp_path) as (agency, outlet, folder, connector):
        await read(connector)
        agency.fail("down")
        agency.move(2, life("test", 1, 0))
        await outlet.drop()
        assert len(list(folder.iterdir())) == 1
        agency.heal()
        agency.fail("malformed")
        dropping = asyncio.create_task(outlet.drop())
        await asyncio.sleep(0)
        assert len(list(folder.iterdir())) == 2
        half = (folder / "sidumas-000001.xlsx").stat().st_size
        assert len(await read(connector)) == 2, "the feed tells it; half a file is no reason to be down"
        await dropping
        assert (folder / "sidumas-000001.xlsx").stat().st_size > half
        Office(agency, outlet, folder, connector).age()
        pages = [page async for page in connector.changes(LATER)]
        assert [each.reason for page in pages for each in page.rejected] == [
            "sidumas-000001.xlsx, row 7: No: is missing"
        ]
