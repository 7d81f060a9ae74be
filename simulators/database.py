# ruff: noqa: S608 - the names of tables and columns are ours
"""An agency that lets its database be read: a SQLite file that is told of every change, and fails as files do."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from simulators.agency import Agency
from simulators.content import Story, story

#: By table, what a case has to say in it.
Rows = Mapping[str, Iterable[Mapping[str, Any]]]

_LOGIN = b"<!DOCTYPE html><html lang=id><title>Masuk</title><h1>Sesi Anda telah berakhir</h1></html>\n"
#: Seconds that a reader may hold a change up.
_PATIENCE = 10.0


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """How an agency keeps its cases.

    Attributes:
        tables: definitions of columns, by name of the table.
        main: the table with one row for each case. Readers see a view of that name, which can tell something else.
        key, moment: columns of it: whose row it is (so called in every table), and its last change.
        rows: what a case has to say.
    """

    tables: Mapping[str, str]
    main: str
    key: str
    moment: str
    rows: Callable[[Story], Rows]


class Database:
    """The outlet: `pengaduan.db` in the agency's folder, made anew at each start.

    Args:
        setting: dotted key of the agency's file that names the database.
    """

    def __init__(self, agency: Agency, folder: Path, layout: Layout, setting: str = "sql.url") -> None:
        self._agency, self._layout = agency, layout
        self._path, self._away = folder / "pengaduan.db", folder / "pengaduan.away"
        self.values: Mapping[str, str] = {setting: f"sqlite://{self._path.absolute()}"}
        self._fault: str | None = None
        # Until `open`, a database that nobody sees.
        self._file = sqlite3.connect(":memory:")

    def open(self) -> None:
        self._path.unlink(missing_ok=True)
        self._away.unlink(missing_ok=True)
        self._file.close()
        self._file = sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)
        # It is made anew after a crash, so nothing need be safe from one.
        self._run("PRAGMA journal_mode = MEMORY", "PRAGMA synchronous = OFF", "BEGIN")
        for name, columns in self._layout.tables.items():
            table, key = self._table(name), self._layout.key
            self._run(f"CREATE TABLE {table} ({columns})", f"CREATE INDEX {table}_{key} ON {table} ({key})")
        self._file.execute(
            f"CREATE INDEX {self._layout.moment} ON {self._table(self._layout.main)} ({self._layout.moment})"
        )
        self._show("")
        for place in range(len(self._agency.cases)):
            self._write(place)
        self._run("COMMIT")
        self._agency.on_change.append(self._write)
        self._agency.on_fault.append(self._turn)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        self._file.close()

    def _table(self, name: str) -> str:
        return f"all_{name}" if name == self._layout.main else name

    def _write(self, place: int) -> None:
        """What a case has to say, in place of what it said before."""
        told = self._layout.rows(story(self._agency.cases[place]))
        key = next(row[self._layout.key] for row in told[self._layout.main])
        self._run("SAVEPOINT one_case")
        for name, rows in told.items():
            self._file.execute(f"DELETE FROM {self._table(name)} WHERE {self._layout.key} = ?", (key,))
            for row in rows:
                columns, marks = ", ".join(row), ", ".join("?" * len(row))
                self._file.execute(f"INSERT INTO {self._table(name)} ({columns}) VALUES ({marks})", [*row.values()])
        self._run("RELEASE one_case")

    # ------------------------------------------------------------- failing

    def _turn(self) -> None:
        """A fault has begun or ended."""
        self._end()
        self._fault = self._agency.fault
        table = self._table(self._layout.main)
        match self._fault:
            case "down":
                self._path.rename(self._away)
            case "html":
                self._path.rename(self._away)
                self._path.write_bytes(_LOGIN * 20)
            case "slow":
                self._run("BEGIN EXCLUSIVE")
            case "error":
                self._run(f"DROP VIEW {self._layout.main}")
            case "empty":
                self._show("WHERE 0")
            case "loop":
                self._show(f"UNION ALL SELECT * FROM {table}")
            case "malformed":
                self._show(f"UNION ALL SELECT {', '.join(map(self._broken, self._columns()))}")

    def _end(self) -> None:
        match self._fault:
            case "down" | "html":
                self._away.replace(self._path)
            case "slow":
                self._run("COMMIT")
            case "error" | "empty" | "loop" | "malformed":
                self._show("")

    def _show(self, rest: str) -> None:
        """Lets readers see all cases, or something else."""
        main = self._layout.main
        self._run(
            "SAVEPOINT other_view",
            f"DROP VIEW IF EXISTS {main}",
            f"CREATE VIEW {main} AS SELECT * FROM {self._table(main)} {rest}",
            "RELEASE other_view",
        )

    def _run(self, *statements: str) -> None:
        for statement in statements:
            self._file.execute(statement)

    def _columns(self) -> list[str]:
        told = self._file.execute(f"PRAGMA table_info({self._table(self._layout.main)})")
        return [name for _, name, *_ in told]

    def _broken(self, column: str) -> str:
        """What a row holds that can't be read, and that nobody who asks for changes misses."""
        return {self._layout.key: "'rusak'", self._layout.moment: "'9999-12-31 00:00:00'"}.get(column, "NULL")
