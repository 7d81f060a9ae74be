"""The pilots that speak `lapor` and `open311`, read with their own files: one by one, and while they misbehave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx2
import pytest
from starlette.applications import Starlette

from connectors.manifest import Manifest, read_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from schema.complaint import ComplaintRecord
from schema.connector import Connector, Page
from schema.errors import BadPayload, HttpFailure, SourceError
from simulators.asgi import ENVIRONMENT, app

AGENCIES = Path(__file__).parents[2] / "agencies"
PILOTS = ("sp4n-lapor", "prov-bali")
COUNT = 260


def manifest(slug: str) -> Manifest:
    read = read_manifest(AGENCIES / f"{slug}.toml")
    return read.at(read.http.url.replace("https://", "http://"))


@asynccontextmanager
async def pilot(slug: str) -> AsyncIterator[tuple[Starlette, Connector]]:
    system = app(slug, count=COUNT)
    connector = connect(manifest(slug), Secrets(ENVIRONMENT), transport=httpx2.ASGITransport(system))
    yield system, connector
    await connector.aclose()


async def pages(connector: Connector) -> list[Page]:
    return [page async for page in connector.changes(None)]


async def harvest(connector: Connector) -> dict[str, ComplaintRecord]:
    return {record.native_id: record for page in await pages(connector) for record in page.records}


@pytest.mark.parametrize("slug", PILOTS)
async def test_one_complaint_is_read_as_in_the_list(slug: str) -> None:
    async with pilot(slug) as (_, connector):
        listed = await harvest(connector)
        some = Random(1).sample(sorted(listed), 5)
        page = await connector.fetch([*some, "there-is-none"])
    assert [record.native_id for record in page.records] == some
    assert all(record == listed[record.native_id] for record in page.records)


@pytest.mark.parametrize("slug", PILOTS)
async def test_a_malformed_record_in_each_page_costs_no_other(slug: str) -> None:
    async with pilot(slug) as (system, connector):
        whole = await harvest(connector)
        system.state.agency.fail("malformed")
        found = await pages(connector)
    assert {record.native_id for page in found for record in page.records} == whole.keys()
    assert any(page.rejected for page in found)


@pytest.mark.parametrize(("fault", "error"), [("html", BadPayload), ("error", HttpFailure)])
@pytest.mark.parametrize("slug", PILOTS)
async def test_a_fault_is_its_typed_error(slug: str, fault: str, error: type[SourceError]) -> None:
    async with pilot(slug) as (system, connector):
        system.state.agency.fail(fault)
        with pytest.raises(error):
            await pages(connector)
        system.state.agency.heal()
        assert await pages(connector)
