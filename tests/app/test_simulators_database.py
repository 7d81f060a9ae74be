"""Provinsi Sumatera Barat lets its database be read: what stands in it, what moves, and how it fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

import simulators
from connectors.manifest import read_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from gateway.demo import agency_files
from schema.connector import Connector
from schema.errors import BadPayload, MappingFailure, SourceTimeout, Unreachable
from simulators.agency import Agency, life
from simulators.content import story
from simulators.database import Database
from simulators.dialects.prov_sumbar import TABLES, rows

NOW = datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC)
COUNT = 47


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    """The agency, its database open in the test's folder."""
    played: Agency = simulators.app("prov-sumbar", seed=3, count=COUNT, now=lambda: NOW).state.agency
    assert played.dialect.outlet is not None
    outlet = played.dialect.outlet(played, tmp_path)
    assert isinstance(outlet, Database)
    assert outlet.values == {"sql.url": f"sqlite://{tmp_path}/pengaduan.db"}
    outlet.open()
    yield played
    outlet.close()


def plugged(folder: Path) -> Connector:
    manifest = read_manifest(agency_files() / "prov-sumbar.toml")
    hasty = {**manifest.settings, "url": f"sqlite://{folder}/pengaduan.db", "deadline": 0.2, "page": 10}
    return connect(msgspec.structs.replace(manifest, settings=hasty), Secrets({}))


def read(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{folder}/pengaduan.db?mode=ro", uri=True)) as file:
        return file.execute(query).fetchall()


async def harvest(connector: Connector) -> tuple[list[str], list[str]]:
    """Native ids, and why rows were set aside."""
    pages = [page async for page in connector.changes(None)]
    records = [record.native_id for page in pages for record in page.records]
    return records, [rejected.reason for page in pages for rejected in page.rejected]


def test_every_case_stands_there_once_with_its_lists(agency: Agency, tmp_path: Path) -> None:
    found = {row[0] for row in read(tmp_path, "SELECT kunci FROM pengaduan")}
    assert found == {agency.dialect.native_id(case) for case in agency.cases}
    assert len(read(tmp_path, "SELECT kunci FROM pengaduan")) == COUNT
    for case in agency.cases:
        for name, entries in rows(story(case)).items():
            key = agency.dialect.native_id(case)
            assert len(read(tmp_path, f"SELECT * FROM {name} WHERE kunci = '{key}'")) == len(list(entries))


def test_what_moves_and_who_comes_is_there_at_once(agency: Agency, tmp_path: Path) -> None:
    steps = read(tmp_path, "SELECT count(*) FROM riwayat")
    moved = agency.move(4, life("test", 1, 0))
    since = "SELECT kunci FROM pengaduan WHERE waktu_ubah >= '2026-05-04 16:30:15'"
    assert {row[0] for row in read(tmp_path, since)} == {step.native_id for step in moved}
    assert read(tmp_path, "SELECT count(*) FROM riwayat") == [(steps[0][0] + 4,)]
    agency._arrive()
    assert read(tmp_path, "SELECT count(*) FROM pengaduan") == [(COUNT + 1,)]


async def test_it_fails_as_databases_do_and_is_well_again(agency: Agency, tmp_path: Path) -> None:
    connector = plugged(tmp_path)
    failures = {"down": Unreachable, "html": BadPayload, "slow": SourceTimeout, "error": MappingFailure}
    for number, (fault, error) in enumerate(failures.items()):
        agency.fail(fault)
        with pytest.raises(error):
            await harvest(connector)
        agency.move(1, life("test", number, 0))  # life goes on behind it
        agency.heal()
        assert len((await harvest(connector))[0]) == COUNT
    for fault, good, reason in (
        ("empty", 0, None),
        ("malformed", COUNT, "keadaan: is missing"),
        ("loop", COUNT, "comes more than once; sql.query must give one row for each complaint"),
    ):
        agency.fail(fault)
        records, reasons = await harvest(connector)
        assert (len(set(records)), set(reasons)) == (good, {reason} - {None})
        agency.heal()
        assert await harvest(connector) == (sorted(records) or (await harvest(connector))[0], [])
    await connector.aclose()


def test_one_fault_follows_another(agency: Agency, tmp_path: Path) -> None:
    for fault in ("down", "slow", "html", "error", "down", "empty", "loop", "malformed"):
        agency.fail(fault)
    agency.heal()
    assert read(tmp_path, "SELECT count(*) FROM pengaduan") == [(COUNT,)]


def test_a_new_start_makes_it_anew(agency: Agency, tmp_path: Path) -> None:
    agency.fail("down")
    assert agency.dialect.outlet is not None
    again = agency.dialect.outlet(agency, tmp_path)
    again.open()
    assert read(tmp_path, "SELECT count(*) FROM pengaduan") == [(COUNT,)]
    again.close()


def test_a_record_is_the_row_with_its_lists(agency: Agency) -> None:
    record = orjson.loads(agency.record(0))
    assert set(TABLES) - {"pengaduan"} <= set(record)
    assert orjson.loads(agency.dialect.spoil(agency.record(0)))["kunci"] is None
