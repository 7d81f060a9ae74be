# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Counters of complaints, kept in the transactions that change them.

The table `counters` holds a few small cubes. A cube counts the complaints by some dimensions; a dimension that is not
of the cube, and a value that a complaint does not have, are the empty text. Whatever a filter and a grouping name, the
first cube that has all of it answers, by adding up a few thousand rows at most; what no cube has is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from gateway.ledger.database import Dialect
from gateway.ledger.filters import Shape, condition_sql
from gateway.ledger.rows import breached_bits, regions, top_category
from gateway.ledger.statement import placeholders, take
from schema.agency import AgencyLevel
from schema.complaint import Complaint

#: What complaints are counted by, in the order of the table's key: columns of `complaints`.
DIMENSIONS = ("agency", "province", "regency", "top_category", "classification", "status")

#: Dimensions of each cube, by size. A province and its regencies go together, so do an agency and its level. Most
#: changes move a status: they touch the cubes that have it, and no other.
CUBES: dict[int, tuple[str, ...]] = {
    1: ("top_category", "classification", "status"),
    2: ("agency",),
    3: ("province", "regency"),
    4: ("agency", "status"),
    5: ("province", "regency", "status"),
    6: ("agency", "province", "regency"),
    7: ("province", "regency", "top_category"),
    8: ("agency", "top_category", "classification"),
}

#: Cubes of so many rows that adding up all of them takes a while, with what narrows them down.
_LARGE = {7: {"province", "regency"}, 8: {"agencies"}}

_COLUMNS = ("cube", *DIMENSIONS, "public", "level", "complaints", "overdue")

#: Dimensions that conditions of a filter need.
_NEEDED = {
    "agencies": "agency",
    "levels": "agency",
    "statuses": "status",
    "classifications": "classification",
    "province": "province",
    "regency": "regency",
    "top_category": "top_category",
    "overdue": None,
    "not_overdue": None,
}

_SUMMED = {"overdue": "c.overdue", "not_overdue": "c.complaints - c.overdue"}

#: Adds a row to what its key already counts.
ADD = (
    f"INSERT INTO counters ({', '.join(_COLUMNS)})"
    f" VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"
    f" ON CONFLICT (cube, {', '.join(DIMENSIONS)}, public) DO UPDATE SET"
    " complaints = counters.complaints + excluded.complaints, overdue = counters.overdue + excluded.overdue"
)


class Cell(NamedTuple):
    """What a complaint is counted under, in the order of the table's key."""

    agency: str
    province: str
    regency: str
    top_category: str
    classification: str
    status: str
    public: bool


class Counted(NamedTuple):
    """How a complaint is counted."""

    cell: Cell
    overdue: bool


def counted(complaint: Complaint) -> Counted:
    """How a complaint is counted, by what its row holds."""
    place = complaint.incident_location
    province, regency = regions(place.region_code if place else None)
    cell = Cell(
        agency=complaint.agency,
        province=province or "",
        regency=regency or "",
        top_category=top_category(complaint.category) or "",
        classification=complaint.classification.value if complaint.classification else "",
        status=complaint.status.value,
        public=not complaint.is_confidential,
    )
    return Counted(cell, bool(complaint.clocks and breached_bits(complaint.clocks)))


class Tally:
    """What changes of complaints add to the counters."""

    def __init__(self) -> None:
        self._complaints: Counter[tuple[Any, ...]] = Counter()
        self._overdue: Counter[tuple[Any, ...]] = Counter()

    def move(self, before: Counted | None, after: Counted) -> None:
        """Counts a complaint as `after` and no longer as `before`, which is None for a new one."""
        if before == after:
            return
        if before is not None:
            self._add(before, -1)
        self._add(after, 1)

    def rows(self, levels: Mapping[str, AgencyLevel]) -> list[tuple[Any, ...]]:
        """What `ADD` takes."""
        return [
            (*key, levels[key[1]].value if key[1] else "", self._complaints[key], self._overdue[key])
            for key in self._complaints
            if self._complaints[key] or self._overdue[key]
        ]

    def _add(self, counted: Counted, sign: int) -> None:
        for key in _keys(counted.cell):
            self._complaints[key] += sign
            self._overdue[key] += sign * counted.overdue


@lru_cache(maxsize=4096)
def _keys(cell: Cell) -> Sequence[tuple[Any, ...]]:
    """The table's keys that a cell is counted under, one of each cube."""
    return [
        (cube, *(getattr(cell, name) if name in dimensions else "" for name in DIMENSIONS), cell.public)
        for cube, dimensions in CUBES.items()
    ]


def refill() -> Iterator[str]:
    """Statements that count all complaints anew, in one transaction."""
    # The wide table is read once; what is left of it, eight times.
    values = [f"COALESCE({column}, '') AS {column}" for column in DIMENSIONS]
    every = ", ".join(str(n) for n in range(1, len(DIMENSIONS) + 3))
    yield (
        f"CREATE TEMPORARY TABLE counted AS SELECT {', '.join(values)}, public, level, count(*) AS complaints,"
        f" sum(CASE WHEN breached <> 0 THEN 1 ELSE 0 END) AS overdue FROM complaints GROUP BY {every}"
    )
    yield "DELETE FROM counters"
    for cube, dimensions in CUBES.items():
        of_cube = [column if column in dimensions else "''" for column in DIMENSIONS]
        level = ("level",) if "agency" in dimensions else ()
        yield (
            f"INSERT INTO counters ({', '.join(_COLUMNS)})"
            f" SELECT {cube}, {', '.join(of_cube)}, public, {level[0] if level else repr('')},"
            f" sum(complaints), sum(overdue) FROM counted GROUP BY {', '.join(['public', *dimensions, *level])}"
        )
    yield "DROP TABLE counted"


def covering(kinds: Collection[str], dimensions: Collection[str] = ()) -> int | None:
    """The first cube that has what these kinds of conditions and these columns need; None if none has it all."""
    if not _NEEDED.keys() >= set(kinds):
        return None
    needed = {_NEEDED[kind] for kind in kinds} | {"agency" if name == "level" else name for name in dimensions}
    return next((cube for cube, has in CUBES.items() if needed <= {None, *has}), None)


def large(cube: int, kinds: Collection[str]) -> bool:
    """Whether adding up what conditions of these kinds leave of a cube may take more than a few milliseconds."""
    return cube in _LARGE and not _LARGE[cube] & set(kinds)


@lru_cache(maxsize=1024)
def where(cube: int, shape: Shape, visible: str, dialect: Dialect) -> str:
    """Which rows of `counters c` a filter means; its values are bound from $1 on."""
    marks = placeholders()
    conditions = [_condition(kind, take(marks, n), dialect) for kind, n in shape if kind not in _SUMMED]
    # The table's key begins with them.
    key = [f"c.cube = {cube}", *(["c.agency = ''"] if "agency" not in CUBES[cube] else [])]
    return " AND ".join([*key, visible, *conditions])


def _condition(kind: str, marks: Sequence[str], dialect: Dialect) -> str:
    condition = condition_sql(kind, marks, dialect)
    return f"c.province = substr({marks[0]}, 1, 2) AND {condition}" if kind == "regency" else condition


def summed(kinds: Collection[str]) -> str:
    """The number of complaints that `where` means, and that fulfil what it can't say."""
    [said] = [_SUMMED[kind] for kind in kinds if kind in _SUMMED] or ["c.complaints"]
    return _sum(said)


def overdue(kinds: Collection[str]) -> str:
    """How many of them are overdue."""
    return _sum("0" if "not_overdue" in kinds else "c.overdue")


def _sum(value: str) -> str:
    return f"CAST(COALESCE(sum({value}), 0) AS BIGINT)"
