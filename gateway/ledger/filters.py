# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Filters as conditions in SQL. Columns are named here and nowhere taken from input; every value is bound.

`c` is the complaint as it is now, `e` an event. Several values in a list are one `IN`; nothing is one that matches
nothing; a missing condition leaves no trace in the statement, so each set of conditions has one text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Any

from gateway.ledger import search, visibility
from gateway.ledger.database import Dialect, Sql
from gateway.ledger.rows import CLOCK_BITS, clean, moment_text
from gateway.ledger.statement import among
from schema.errors import BadUserInput
from schema.events import EventKind
from schema.query import ComplaintFilter, EventFilter, Viewer

#: Values in one list of a filter.
MOST_VALUES = 100
#: Characters of `text`.
MOST_TEXT = 200

_REGION = re.compile(r"\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?", re.ASCII)

_Condition = Callable[[Any, Sql], str]


def complaint_conditions(filter: ComplaintFilter, viewer: Viewer, sql: Sql) -> list[str]:
    """What `c` must fulfil: to be seen by the viewer, and all of the filter but its `text`.

    Raises:
        BadUserInput: a value can't be meant.
    """
    return [visibility.complaints(viewer), *_conditions(filter, _COMPLAINT, sql)]


def text_condition(filter: ComplaintFilter, sql: Sql, dialect: Dialect) -> list[str]:
    """All words of the filter's `text` occur. A text without words restricts nothing."""
    if filter.text is None:
        return []
    found = search.hits(checked_text(filter.text), sql, dialect)
    return [] if found is None else [f"c.id IN (SELECT id FROM ({found}) hits)"]


def checked_text(text: str) -> str:
    """The text, if it is not too long to search for."""
    if len(text) > MOST_TEXT:
        raise BadUserInput(f"text may have at most {MOST_TEXT} characters")
    return text


def event_conditions(filter: EventFilter, viewer: Viewer, agencies: Collection[str] | None, sql: Sql) -> list[str]:
    """What `e` must fulfil, beside the complaint `c` as it is now.

    Args:
        agencies: the filter's agencies and levels together; None when neither restricts.
    """
    _checked(filter.agencies)
    holding = [] if agencies is None else [f"e.agency IN {among(sql, agencies)}"]
    return [*holding, *_conditions(filter, _EVENT, sql), _kinds(filter.kinds, viewer, sql)]


def _kinds(kinds: Collection[EventKind], viewer: Viewer, sql: Sql) -> str:
    told = f"e.kind IN {among(sql, [kind.value for kind in kinds])} AND {visibility.events(viewer)}"
    if EventKind.CORRECTED in kinds:
        return f"({told} OR {visibility.withdrawals(viewer)})"
    return f"({told})"


def _conditions(filter: ComplaintFilter | EventFilter, known: dict[str, _Condition], sql: Sql) -> list[str]:
    given = [(condition, getattr(filter, name)) for name, condition in known.items()]
    return [condition(_checked(value), sql) for condition, value in given if value is not None]


def _checked(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) > MOST_VALUES:
        raise BadUserInput(f"a list in a filter may hold at most {MOST_VALUES} values")
    return value


def _in(column: str) -> _Condition:
    return lambda values, sql: f"{column} IN {among(sql, [clean(str(value)) for value in values])}"


def _equal(column: str) -> _Condition:
    return lambda value, sql: f"{column} = {sql.bind(clean(str(value)))}"


def _moment(comparison: str) -> _Condition:
    return lambda moment, sql: comparison.format(sql.bind(_milliseconds(moment)))


def _milliseconds(moment: datetime) -> str:
    # Stored moments are whole milliseconds: "at or after" and "before" a finer one both mean the next whole one.
    try:
        return moment_text(moment + timedelta(microseconds=-moment.microsecond % 1000))
    except OverflowError:
        raise BadUserInput("a moment lies out of range") from None


def _within(column: str, code: str, sql: Sql) -> str:
    """The code itself, and what follows it after a dot: "36" covers 36.03, not 361. "/" is the sign after "."."""
    itself, after, before = (sql.bind(clean(code + end)) for end in ("", ".", "/"))
    return f"({column} = {itself} OR ({column} >= {after} AND {column} < {before}))"


def _region(column: str) -> _Condition:
    def condition(code: str, sql: Sql) -> str:
        if not _REGION.fullmatch(code):
            raise BadUserInput("regionCode is no region's code: 36, 36.03, 36.03.01 or 36.03.01.2001")
        return _within(column, code, sql)

    return condition


def _category(column: str) -> _Condition:
    return lambda code, sql: _within(column, code, sql)


def _assigned(values: Collection[str], sql: Sql) -> str:
    return f"c.id IN (SELECT a.complaint_id FROM assignments a WHERE {_in('a.agency')(values, sql)})"


def _overdue(overdue: bool, sql: Sql) -> str:
    return "c.breached <> 0" if overdue else "c.breached = 0"


def _breached(clocks: Collection[Any], sql: Sql) -> str:
    return f"(c.breached & {sql.bind(sum({CLOCK_BITS[clock.value] for clock in clocks}))}) <> 0"


_COMPLAINT: dict[str, _Condition] = {
    "ids": _in("c.id"),
    "tracking_ids": _in("c.tracking_id"),
    "agencies": _in("c.agency"),
    "levels": _in("c.level"),
    "assigned_agencies": _assigned,
    "region_code": _region("c.region_code"),
    "statuses": _in("c.status"),
    "status_actors": _in("c.status_actor"),
    "classifications": _in("c.classification"),
    "category": _category("c.category"),
    "channel": _equal("c.channel"),
    "submitted_after": _moment("c.submitted_at >= {}"),
    "submitted_before": _moment("c.submitted_at < {}"),
    "updated_after": _moment("c.updated_at >= {}"),
    "updated_before": _moment("c.updated_at < {}"),
    "overdue": _overdue,
    "breached_clocks": _breached,
    "due_before": _moment("(c.due_at < {} OR c.breached <> 0)"),
    "changed_after": lambda seq, sql: f"c.seq > {sql.bind(seq)}",
}

_EVENT: dict[str, _Condition] = {
    "ids": _in("e.complaint_id"),
    "region_code": _region("e.region_code"),
    "statuses": _in("e.status"),
    "classifications": _in("e.classification"),
    "category": _category("e.category"),
}
