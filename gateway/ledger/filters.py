# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Filters as conditions in SQL. Columns are named here and nowhere taken from input; every value is bound.

A condition is a kind, which has one text for each number of values, and the values. So whatever is asked, the texts
are few, and each is put together once. `c` is the complaint as it is now, `e` an event.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

from gateway.ledger import search, visibility
from gateway.ledger.database import Dialect, Sql
from gateway.ledger.rows import CLOCK_BITS, clean, moment_text
from gateway.ledger.statement import among, filled, placeholders, take
from schema.agency import Agency
from schema.clocks import ClockKind
from schema.errors import BadUserInput
from schema.events import Event, EventKind
from schema.query import ComplaintFilter, EventFilter, Viewer

#: Values in one list of a filter.
MOST_VALUES = 100
#: Characters of `text`.
MOST_TEXT = 200

_REGION = re.compile(r"\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?", re.ASCII)
_PROVINCE, _REGENCY = 2, 5


class Condition(NamedTuple):
    """What is asked of a complaint. `kind` picks the words, `values` are bound to them: distinct, and clean."""

    kind: str
    values: tuple[Any, ...]


#: Kinds of conditions, each with how many values are bound for it: all that a statement's text depends on.
Shape: TypeAlias = tuple[tuple[str, int], ...]

#: Lists: one of the values. Nothing is one that matches nothing.
LISTS = {
    "ids": "c.id",
    "tracking_ids": "c.tracking_id",
    "agencies": "c.agency",
    "levels": "c.level",
    "statuses": "c.status",
    "status_actors": "c.status_actor",
    "classifications": "c.classification",
}

#: A code covers itself, and what follows it after a dot: "36" covers 36.03, not 361. "/" is the sign after ".".
_WITHIN = "({0} = {{0}} OR ({0} >= {{1}} AND {0} < {{2}}))"

_WORDS = {
    "province": "c.province = {0}",
    "regency": "c.regency = {0}",
    # The regency says where to look.
    "region": f"c.regency = {{3}} AND {_WITHIN.format('c.region_code')}",
    "top_category": "c.top_category = {0}",
    "category": _WITHIN.format("c.category"),
    "channel": "c.channel = {0}",
    "submitted_after": "c.submitted_at >= {0}",
    "submitted_before": "c.submitted_at < {0}",
    "updated_after": "c.updated_at >= {0}",
    "updated_before": "c.updated_at < {0}",
    "overdue": "c.breached <> 0",
    "not_overdue": "c.breached = 0",
    "breached_clocks": "(c.breached & {0}) <> 0",
    "due_before": "(c.due_at < {0} OR c.breached <> 0)",
    "changed_after": "c.seq > {0}",
}


def complaint_conditions(filter: ComplaintFilter, dialect: Dialect) -> list[Condition]:
    """All that a filter says. A text without words says nothing.

    Raises:
        BadUserInput: a value can't be meant.
    """
    given = [(condition, getattr(filter, name)) for name, condition in _CONDITIONS.items()]
    conditions = [condition(_checked(value)) for condition, value in given if value is not None]
    if filter.text is not None:
        asked = search.question(_checked_text(filter.text), dialect)
        conditions += [] if asked is None else [Condition("text", (asked,))]
    return conditions


def condition_sql(kind: str, marks: Sequence[str], dialect: Dialect) -> str:
    """The words of a kind; `marks` are its values' placeholders (of a list's: filled up by `statement.filled`)."""
    listed = ", ".join(marks)
    if not listed and (kind in LISTS or kind == "assigned_agencies"):
        return "1 = 0"
    if kind in LISTS:
        return f"{LISTS[kind]} IN ({listed})"
    if kind == "assigned_agencies":
        return f"c.id IN (SELECT a.complaint_id FROM assignments a WHERE a.agency IN ({listed}))"
    if kind == "text":
        return f"c.id IN (SELECT id FROM ({search.hits(listed, dialect)}) hits)"
    return _WORDS[kind].format(*marks)


def bound(condition: Condition) -> Sequence[Any]:
    """What is bound for a condition: lists of any length take few texts."""
    listed = condition.kind in LISTS or condition.kind == "assigned_agencies"
    return filled(condition.values) if listed else condition.values


def params(conditions: Sequence[Condition]) -> list[Any]:
    """What is bound for all of them, one after another."""
    return [value for condition in conditions for value in bound(condition)]


def shape_of(conditions: Sequence[Condition]) -> Shape:
    """Their shape, with `params` bound."""
    return tuple([(condition.kind, len(bound(condition))) for condition in conditions])


@lru_cache(maxsize=1024)
def matching(shape: Shape, visible: str, dialect: Dialect) -> str:
    """The condition on `complaints c` that it is `visible` and of a shape, whose `params` are bound from $1 on."""
    marks = placeholders()
    return " AND ".join([visible, *(condition_sql(kind, take(marks, n), dialect) for kind, n in shape)])


def event_conditions(filter: EventFilter, viewer: Viewer, agencies: Collection[str] | None, sql: Sql) -> list[str]:
    """What `e` must fulfil, beside the complaint `c` as it is now.

    Args:
        agencies: the filter's agencies and levels together; None when neither restricts.

    Raises:
        BadUserInput: a value can't be meant.
    """
    _checked(filter.agencies)
    conditions = [] if agencies is None else [f"e.agency IN {among(sql, agencies)}"]
    for name, column in _EVENT_LISTS.items():
        values = _checked(getattr(filter, name))
        if values is not None:
            conditions.append(f"{column} IN {among(sql, _texts(values))}")
    for code, column in ((_region_code(filter.region_code), "e.region_code"), (filter.category, "e.category")):
        if code is not None:
            conditions.append(_WITHIN.format(column).format(*map(sql.bind, _within(clean(code)))))
    return [*conditions, _kinds(filter.kinds, viewer, sql)]


def event_test(filter: EventFilter, agencies: Collection[str] | None) -> Callable[[Event], bool]:
    """What `event_conditions` asks in SQL, as a test of an event that its viewer is told of at all.

    Raises:
        BadUserInput: a value can't be meant.
    """
    _checked(filter.agencies)
    tests = [] if agencies is None else [_is_one_of("agency", agencies)]
    for name, column in _EVENT_LISTS.items():
        values = _checked(getattr(filter, name))
        if values is not None:
            tests.append(_is_one_of(column.removeprefix("e."), _texts(values)))
    for code, name in ((_region_code(filter.region_code), "region_code"), (filter.category, "category")):
        if code is not None:
            tests.append(_is_within(name, clean(code)))
    kinds = frozenset(filter.kinds)
    if not tests:
        return lambda event: event.kind in kinds
    return lambda event: event.kind in kinds and all(test(event) for test in tests)


def agencies_meant(filter: EventFilter, known: Mapping[str, Agency]) -> Collection[str] | None:
    """The agencies that a filter's `agencies` and `levels` let through together; None when neither restricts."""
    if filter.levels is None:
        return filter.agencies
    levels = [slug for slug, agency in known.items() if agency.level in filter.levels]
    return levels if filter.agencies is None else [slug for slug in levels if slug in filter.agencies]


def _is_one_of(name: str, values: Collection[str]) -> Callable[[Event], bool]:
    get, wanted = attrgetter(name), frozenset(values)
    return lambda event: get(event) in wanted


def _is_within(name: str, code: str) -> Callable[[Event], bool]:
    get, beneath = attrgetter(name), f"{code}."

    def test(event: Event) -> bool:
        value: str | None = get(event)
        return value is not None and (value == code or value.startswith(beneath))

    return test


def _kinds(kinds: Collection[EventKind], viewer: Viewer, sql: Sql) -> str:
    told = f"e.kind IN {among(sql, [kind.value for kind in kinds])} AND {visibility.events(viewer)}"
    if EventKind.CORRECTED in kinds:
        return f"({told} OR {visibility.withdrawals(viewer)})"
    return f"({told})"


def _checked(value: Any) -> Any:
    if isinstance(value, tuple) and len(value) > MOST_VALUES:
        raise BadUserInput(f"a list in a filter may hold at most {MOST_VALUES} values")
    return value


def _checked_text(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise BadUserInput(f"text may have at most {MOST_TEXT} characters")
    return text


def _texts(values: Collection[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([clean(str(value)) for value in values]))


def _list(kind: str) -> Callable[[Any], Condition]:
    return lambda values: Condition(kind, _texts(values))


def _moment(kind: str) -> Callable[[Any], Condition]:
    return lambda moment: Condition(kind, (_milliseconds(moment),))


def _milliseconds(moment: datetime) -> str:
    # Stored moments are whole milliseconds: "at or after" and "before" a finer one both mean the next whole one.
    try:
        return moment_text(moment + timedelta(microseconds=-moment.microsecond % 1000))
    except OverflowError:
        raise BadUserInput("a moment lies out of range") from None


def _within(code: str) -> tuple[str, str, str]:
    return code, f"{code}.", f"{code}/"


def _region_code(code: str | None) -> str | None:
    if code is not None and not _REGION.fullmatch(code):
        raise BadUserInput("regionCode is no region's code: 36, 36.03, 36.03.01 or 36.03.01.2001")
    return code


def _region(code: str) -> Condition:
    _region_code(code)
    if len(code) == _PROVINCE:
        return Condition("province", (code,))
    if len(code) == _REGENCY:
        return Condition("regency", (code,))
    return Condition("region", (*_within(code), code[:_REGENCY]))


def _category(code: str) -> Condition:
    cleaned = clean(code)
    # A code without a dot covers its whole tree, and the tree's root has a column.
    return (
        Condition("category", _within(cleaned))
        if "." in cleaned or not cleaned
        else Condition("top_category", (cleaned,))
    )


def _breached(clocks: Collection[ClockKind]) -> Condition:
    return Condition("breached_clocks", (sum({CLOCK_BITS[clock.value] for clock in clocks}),))


_CONDITIONS: dict[str, Callable[[Any], Condition]] = {
    "ids": _list("ids"),
    "tracking_ids": _list("tracking_ids"),
    "agencies": _list("agencies"),
    "levels": _list("levels"),
    "assigned_agencies": _list("assigned_agencies"),
    "region_code": _region,
    "statuses": _list("statuses"),
    "status_actors": _list("status_actors"),
    "classifications": _list("classifications"),
    "category": _category,
    "channel": lambda channel: Condition("channel", (channel.value,)),
    "submitted_after": _moment("submitted_after"),
    "submitted_before": _moment("submitted_before"),
    "updated_after": _moment("updated_after"),
    "updated_before": _moment("updated_before"),
    "overdue": lambda overdue: Condition("overdue" if overdue else "not_overdue", ()),
    "breached_clocks": lambda clocks: Condition(
        "breached_clocks", (sum({CLOCK_BITS[clock.value] for clock in clocks}),)
    ),
    "due_before": _moment("due_before"),
    "changed_after": lambda seq: Condition("changed_after", (seq,)),
}

_EVENT_LISTS = {
    "ids": "e.complaint_id",
    "statuses": "e.status",
    "classifications": "e.classification",
}
