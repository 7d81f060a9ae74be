"""The ledger's own database connections: the same few calls on SQLite and on PostgreSQL.

    async with open_database(url) as database:
        async with database.session() as session:          # ONE consistent snapshot, begun at the first fetch
            rows = await session.fetch("SELECT id FROM complaints WHERE agency = $1 AND version > $2", ["prov-bali", 3])
            rows = await session.fetch(statistics, params, heavy=True)    # SQLite: in a thread; under a deadline
        rows = await database.fetch("SELECT seq FROM head")               # one statement alone, cheapest

Statements are written once, with `$1`, `$2` … as placeholders (SQLite is given `?1`, `?2` …: any order, any number of
uses; no `$1` inside a string literal). `Sql` numbers them while a statement is put together; a list is
`sql.list(values)`.
What differs beyond that asks `database.dialect`. Rows are read by position: tuples on SQLite, asyncpg's Records on
PostgreSQL. Booleans are 0 and 1 on SQLite; write `public` or `NOT public` in a condition, never `public = 1`.

A session is released when its block is left, also by cancellation. It answers one question after another, whoever asks.

Errors of the drivers come out as `schema.errors.LedgerError`s (`errors_of_sqlite`, `errors_of_postgres`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

from schema.errors import ConfigError

T = TypeVar("T")

#: Seconds. Whoever waits that long for a list has left, and the work that nobody waits for is stopped.
DEADLINE = 10.0
#: Connections for reading.
READERS = 8
#: A tuple or an asyncpg Record: `row[0]`, `row[:3]`, `a, b = row`.
Row: TypeAlias = Any


class Dialect(StrEnum):
    """Which database it is."""

    SQLITE = "sqlite"
    POSTGRES = "postgres"


class Session(Protocol):
    """One consistent snapshot. Who has no block for it calls `release`."""

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        """All rows of a statement. `heavy`: may take more than a few milliseconds.

        Raises:
            DeadlinePassed: it took too long, and was stopped.
            LedgerError: the session is over, or see `schema.errors`.
        """

    async def release(self) -> None:
        """Ends the snapshot."""

    async def __aenter__(self) -> Session: ...

    async def __aexit__(self, *_: object) -> None: ...


class Transaction(Protocol):
    """One writing transaction. On SQLite its calls never suspend: they run in the writer's thread."""

    dialect: Dialect

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> Sequence[Row]:
        """All rows of a statement, RETURNING included."""

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Runs a statement."""

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Runs a statement once per row."""


#: What runs inside a transaction. It awaits nothing but the transaction's own calls.
Body = Callable[[Transaction], Coroutine[Any, Any, T]]


class WritingConnection(Protocol):
    """A connection of the ledger's writer. One transaction at a time."""

    async def transaction(self, body: Body[T]) -> T:
        """Runs `body` and commits; nothing is kept when it raises.

        Not to be cancelled: the writer's task awaits it, callers await a shielded future.
        """

    async def scrub(self) -> None:
        """Lets go of what was deleted or overwritten: it is still in free pages, logs and word indexes."""

    async def analyze(self) -> None:
        """Tells the database's planner how the rows are spread now."""

    def alive(self) -> bool:
        """False once it can't be used any more."""

    async def aclose(self) -> None:
        """Ends it."""


class Database(Protocol):
    """One database, by its connections."""

    dialect: Dialect
    #: Names it in a log: no credentials.
    name: str

    def session(self) -> Session:
        """A snapshot; no connection is taken before its first fetch, and nothing may be fetched after its block."""

    async def fetch(self, sql: str, params: Sequence[Any] = (), *, heavy: bool = False) -> Sequence[Row]:
        """All rows of one reading statement, a snapshot of its own."""

    async def connect(self) -> WritingConnection:
        """A connection of its own for a writer."""

    def in_use(self) -> int:
        """Reading connections that are taken now."""

    async def aclose(self) -> None:
        """Ends every reading connection."""


class Sql:
    """Numbers placeholders and keeps their values while a statement is put together."""

    __slots__ = ("params",)

    def __init__(self) -> None:
        self.params: list[Any] = []

    def bind(self, value: Any) -> str:
        """The placeholder that stands for `value`."""
        self.params.append(value)
        return f"${len(self.params)}"

    def list(self, values: Iterable[Any]) -> str:
        """Placeholders for `x IN (…)`; for no values one that matches nothing."""
        return ", ".join([self.bind(value) for value in values]) or "NULL"


@asynccontextmanager
async def open_database(
    url: str | Path, *, readers: int = READERS, deadline: float = DEADLINE
) -> AsyncIterator[Database]:
    """Opens a database that `migrate` has made.

    Args:
        url: a Path or `sqlite://PATH` (`sqlite:///var/lib/simpul/hub.db`, relative: `sqlite://hub.db`), or
            `postgres://USER@HOST:PORT/NAME`.
        readers: the most snapshots that are read at once; others wait.
        deadline: seconds that a reading statement may take.

    Raises:
        LedgerUnavailable: it can't be reached.
        ConfigError: not such an address.
    """
    database = await _opener(url)(readers, deadline)
    try:
        yield database
    finally:
        await database.aclose()


def sqlite_path(url: str | Path) -> Path | None:
    """The file that an address means; None when it is a PostgreSQL's."""
    if isinstance(url, Path):
        return url
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest:
        return Path(rest)
    if scheme in ("postgres", "postgresql"):
        return None
    raise ConfigError("not an address of a database", allowed=("sqlite://PATH", "postgres://USER@HOST:PORT/NAME"))


def _opener(url: str | Path) -> Callable[[int, float], Awaitable[Database]]:
    # Each driver is loaded only where it is used.
    path = sqlite_path(url)
    if path is not None:
        from gateway.ledger.sqlite import open_sqlite

        return lambda readers, deadline: open_sqlite(path, readers, deadline)
    from gateway.ledger.postgres import open_postgres

    return lambda readers, deadline: open_postgres(str(url), readers, deadline)
