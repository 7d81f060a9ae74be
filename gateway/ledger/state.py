# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""What a snapshot needs to know of the whole ledger, remembered from snapshot to snapshot while it is the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from gateway.ledger.database import Row
from gateway.ledger.statement import Statement
from gateway.ledger.visibility import stamps
from schema.agency import Agency, SourceReport
from schema.errors import LedgerCorrupt
from schema.events import Position
from schema.ports import Versions
from schema.query import Viewer

T = TypeVar("T")

_COLUMNS = "h.epoch, h.seq, h.health, h.facts, h.derived, (SELECT min(seq) FROM events)"
HEAD = Statement(f"SELECT {_COLUMNS} FROM head h")
STAMPS = Statement("SELECT agency, visibility, seq FROM stamps")
AGENCIES = Statement("SELECT id, facts, report FROM agencies ORDER BY id")
_WIDTH = 6

#: All of it as one JSON value of PostgreSQL's; null stands for what did not change since the marks that are bound.
_WHOLE = (
    f"(SELECT json_build_array({_COLUMNS},"
    " CASE WHEN h.epoch = {0} AND h.seq = {1} THEN NULL ELSE"
    " (SELECT COALESCE(json_agg(json_build_array(agency, visibility, seq)), '[]') FROM stamps) END,"
    " CASE WHEN h.epoch = {2} AND h.health = {3} AND h.facts = {4} THEN NULL ELSE"
    " (SELECT COALESCE(json_agg(json_build_array(id, facts, report) ORDER BY id), '[]') FROM agencies) END"
    ")::text FROM head h)"
)
_MARKS = 5
#: Viewers whose versions are remembered.
_MOST_VIEWERS = 1000


class Head(NamedTuple):
    """The head row, and the oldest event that is kept. Rows that differ in nothing mean the same ledger."""

    epoch: str
    seq: int
    health: int
    facts: int
    derived: int
    first: int | None

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.seq)

    @property
    def oldest(self) -> int:
        """The seq of the oldest event that is kept, or of the next one."""
        return self.seq + 1 if self.first is None else self.first

    @property
    def stamped(self) -> tuple[str, int]:
        """The same as long as the stamps are."""
        return self.epoch, self.seq

    @property
    def reported(self) -> tuple[str, int, int]:
        """The same as long as agencies and their reports are."""
        return self.epoch, self.health, self.facts


class State(NamedTuple):
    """What was last read of the ledger as a whole.

    Attributes:
        stamps: agency, visibility and seq of every stamp, under the mark `stamped`.
        agencies: slug, facts and report of every agency, under the mark `reported`.
    """

    stamped: tuple[str, int] = ("", -1)
    stamps: Sequence[Row] = ()
    reported: tuple[str, int, int] = ("", -1, -1)
    agencies: Sequence[Row] = ()

    def is_of(self, head: Head) -> bool:
        """Whether nothing of it has changed under this head."""
        epoch, seq, health, facts, _, _ = head
        return self.stamped == (epoch, seq) and self.reported == (epoch, health, facts)


def beside(statement: Statement | None) -> Statement:
    """The statement, with the head behind the values of each of its few rows; None asks for the head alone."""
    return HEAD if statement is None else Statement(_beside(statement.sql), statement.params)


def head_of(row: Row) -> Head:
    """The head in a row of a statement that was put `beside`."""
    return Head(*row[-_WIDTH:])


@lru_cache(maxsize=1024)
def _beside(sql: str) -> str:
    return f"SELECT q.*, {_COLUMNS} FROM ({sql}) q, head h"


class _Whole(msgspec.Struct, array_like=True):
    epoch: str
    seq: int
    health: int
    facts: int
    derived: int
    first: int | None
    stamps: list[tuple[str, str, int]] | None
    agencies: list[tuple[str, str, str | None]] | None


class Told(NamedTuple):
    """What one statement brought.

    Attributes:
        values: of the statements that went with it.
    """

    rows: Sequence[Row]
    values: Sequence[Any]
    head: Head
    state: State


def asking(state: State, statement: Statement | None, *others: Statement) -> Statement:
    """The statement, and with it the whole ledger's state: to be read by `told`.

    One statement is a snapshot of its own on PostgreSQL, and needs no transaction.

    Args:
        statement: None asks for the state alone.
        others: of one value each.
    """
    marks = (*state.stamped, *state.reported)
    if statement is None:
        return Statement(_asking(None, 0, 0), marks)
    widths = tuple((other.sql, len(other.params)) for other in others)
    params = [*statement.params, *marks, *(value for other in others for value in other.params)]
    text = _asking(statement.sql, statement.width, len(statement.params), *widths)
    return Statement(text, params, statement.heavy)


def told(found: Sequence[Row], state: State, statement: Statement | None, *others: Statement) -> Told | None:
    """What came of `asking`; None: no row brought the state."""
    if not found:
        return None
    [*values] = found[0] if statement is None or statement.width else found[0][-1 - len(others) :]
    text, values, columns = values[0], values[1 : 1 + len(others)], values[1 + len(others) :]
    whole = _whole(text)
    head = Head(whole.epoch, whole.seq, whole.health, whole.facts, whole.derived, whole.first)
    stamps = state.stamps if whole.stamps is None else whole.stamps
    agencies = state.agencies if whole.agencies is None else whole.agencies
    if statement is not None and statement.width:
        found = [] if columns[0] is None else list(zip(*columns, strict=True))
    return Told(found, values, head, State(head.stamped, stamps, head.reported, agencies))


_whole = msgspec.json.Decoder(_Whole).decode


@lru_cache(maxsize=1024)
def _asking(sql: str | None, width: int, params: int, *others: tuple[str, int]) -> str:
    state = _WHOLE.format(*(f"${params + n}" for n in range(1, _MARKS + 1)))
    if sql is None:
        return f"SELECT {state}"
    values, bound = [state], params + _MARKS
    for other, its in others:
        values.append(f"({_moved(other, bound)})")
        bound += its
    if width:
        # Column by column in one row: it sends each row by itself, and reading so many takes longer than the rows do.
        names = [f"c{n}" for n in range(width)]
        arrays = [f"array_agg({name})" for name in names]
        return f"SELECT {', '.join([*values, *arrays])} FROM ({sql}) q ({', '.join(names)})"
    # The rest of the rows carries nothing: what is the same for all of them is sent once.
    first = ", ".join([f"CASE WHEN row_number() OVER () = 1 THEN {value} END" for value in values])
    return f"SELECT q.*, {first} FROM ({sql}) q"


def _moved(sql: str, by: int) -> str:
    """The same text with the numbers of its placeholders moved on."""
    return re.sub(r"\$(\d+)", lambda found: f"${int(found[1]) + by}", sql)


class Remembered:
    """The last state that any snapshot read, and what was made of it. One for all snapshots of a reader."""

    def __init__(self) -> None:
        self.state = State()
        self._versions: tuple[Head | None, dict[Viewer, Versions]] = None, {}
        self._agencies: tuple[Sequence[Row], Mapping[str, Agency]] = (), {}
        self._sources: tuple[Sequence[Row], Mapping[str, SourceReport]] = (), {}

    def versions(self, head: Head, stamps: Sequence[Row], viewer: Viewer) -> Versions:
        """What the viewer's answers are compared by, under this head and its stamps."""
        known, versions = self._versions
        if known != head or len(versions) >= _MOST_VIEWERS:
            self._versions = head, versions = head, {}
        found = versions.get(viewer)
        if found is None:
            found = versions[viewer] = _versions(head, stamps, viewer)
        return found

    def agencies(self, rows: Sequence[Row]) -> Mapping[str, Agency]:
        """The agencies by slug."""
        if self._agencies[0] is not rows:
            self._agencies = rows, {slug: _agency(facts) for slug, facts, _ in rows}
        return self._agencies[1]

    def sources(self, rows: Sequence[Row]) -> Mapping[str, SourceReport]:
        """The sources' reports by slug."""
        if self._sources[0] is not rows:
            self._sources = rows, {slug: _report(slug, text) for slug, _, text in rows}
        return self._sources[1]


def _versions(head: Head, rows: Sequence[Row], viewer: Viewer) -> Versions:
    seen: dict[str, int] = {}
    for agency, visibility, seq in rows:
        if visibility in stamps(viewer, agency):
            seen[agency] = max(seq, seen.get(agency, 0))
    return Versions(
        epoch=head.epoch,
        agencies=seen,
        health=head.health,
        facts=head.facts,
        derived=head.derived,
        head=head.seq,
    )


# Decoded once per text, not per snapshot.
@lru_cache(maxsize=2048)
def _agency(facts: str) -> Agency:
    return _decoded(facts, Agency)


@lru_cache(maxsize=2048)
def _report(slug: str, text: str | None) -> SourceReport:
    return SourceReport(agency=slug) if text is None else _decoded(text, SourceReport)


def _decoded(text: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise LedgerCorrupt(f"an agency's {kind.__name__} can't be read") from error
