# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""The statements that read complaints: pages of lists, counts, and single ones.

A page is read from an index that has its rows together and in order, so it takes the same time in a ledger of any
size. Several agencies (or statuses) lie in several places of their index: each is a branch of its own, and the database
merges the branches as it reads, no further than the page goes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import product
from math import prod
from typing import NamedTuple

from gateway.ledger import counters, search, visibility
from gateway.ledger.database import Dialect, Row
from gateway.ledger.filters import (
    Condition,
    Shape,
    bound,
    complaint_conditions,
    condition_sql,
    matching,
    params,
    shape_of,
)
from gateway.ledger.order import beyond, key_values, order_by, terms
from gateway.ledger.rows import COLUMNS, clean
from gateway.ledger.statement import Statement, filled, placeholders, take
from schema.errors import BadUserInput
from schema.query import ComplaintFilter, ComplaintOrder, ComplaintOrderField, OrderDirection, RowKey, Viewer, Window

#: The most branches of a page; more values are looked for in the whole order, where they can't be rare.
_MERGED = 32
_MOST_WITH_ONE_NUMBER = 100
_KNOWN = frozenset(COLUMNS)

_UPDATED, _SUBMITTED = ComplaintOrderField.UPDATED_AT, ComplaintOrderField.SUBMITTED_AT

#: Sets of conditions under which an index has the rows together and in order, beside bounds of the order's own moment.
_INDEXED = {
    _UPDATED: ({"agencies", "statuses"}, {"province"}, {"regency"}, {"top_category"}),
    _SUBMITTED: ({"agencies"}, {"statuses"}, {"province"}, {"regency"}),
    ComplaintOrderField.DUE_AT: ({"agencies"},),
    ComplaintOrderField.RELEVANCE: (),
}
_OWN_BOUNDS = {_UPDATED: {"updated_after", "updated_before"}, _SUBMITTED: {"submitted_after", "submitted_before"}}
_MERGEABLE = ("agencies", "statuses")
#: Conditions that few rows fulfil.
_SINGLE = {"ids", "tracking_ids"}


class _Shape(NamedTuple):
    """What a page's text depends on.

    Attributes:
        visible: see `visibility.parts`.
        split: the places of the conditions that are merged over.
        enough: no less than the limit.
    """

    dialect: Dialect
    visible: tuple[str, ...]
    conditions: Shape
    split: tuple[int, ...]
    order: ComplaintOrder
    after: bool
    before: bool
    backward: bool
    columns: tuple[str, ...]
    enough: int


def page(
    filter: ComplaintFilter,
    order: ComplaintOrder,
    window: Window,
    viewer: Viewer,
    dialect: Dialect,
    columns: tuple[str, ...] = COLUMNS,
) -> Statement:
    """Rows that begin with `columns` and have a `key`: `limit` of them and one more, if there is one.

    A page that is read backward comes in reverse.

    Raises:
        BadUserInput: RELEVANCE without words to be relevant to, or see `filters`.
        BadCursor: a key of the window is not of this order.
    """
    conditions = complaint_conditions(filter, dialect)
    if order.field is ComplaintOrderField.RELEVANCE and all(condition.kind != "text" for condition in conditions):
        raise BadUserInput("RELEVANCE orders by `text`: give it a word")
    split = _split(conditions, order)
    values = [condition.values if k in split else bound(condition) for k, condition in enumerate(conditions)]
    shape = _Shape(
        dialect,
        visibility.parts(viewer),
        tuple([(condition.kind, len(several)) for condition, several in zip(conditions, values, strict=True)]),
        split,
        order,
        window.after is not None,
        window.before is not None,
        window.backward,
        columns,
        1 << max(window.limit.bit_length(), 6),
    )
    keys = [key_values(order, key) for key in (window.after, window.before) if key is not None]
    values_bound = [value for several in (*values, *keys) for value in several]
    heavy, width = _heavy(conditions, split, order), len(_selected(order, columns))
    return Statement(_page(shape), [*values_bound, window.limit + 1], heavy, width=width)


@lru_cache(maxsize=1024)
def places(order: ComplaintOrder, columns: tuple[str, ...]) -> tuple[int, ...]:
    """Where in a row of `page` the order's terms and the id stand."""
    selected = _selected(order, columns)
    return tuple(selected.index(name) for name in (*(term.sql for term in terms(order)), "c.id"))


def key(order: ComplaintOrder, row: Row, columns: tuple[str, ...] = COLUMNS) -> RowKey:
    """Where a row of `page` stands."""
    *values, id = [row[place] for place in places(order, columns)]
    return RowKey(tuple(values), id)


def count(filter: ComplaintFilter, viewer: Viewer, dialect: Dialect) -> Statement:
    """One row with the number of complaints that match."""
    conditions = complaint_conditions(filter, dialect)
    cube = counters.covering([condition.kind for condition in conditions])
    shape = shape_of(conditions)
    countable = visibility.counters(viewer)
    if cube is not None and countable is not None:
        kinds = [condition.kind for condition in conditions]
        where = counters.where(cube, shape, countable, dialect)
        text = f"SELECT {counters.summed(kinds)} FROM counters c WHERE {where}"
        return Statement(text, params(conditions), heavy=counters.large(cube, kinds))
    where = matching(shape, visibility.complaints(viewer), dialect)
    return Statement(
        f"SELECT count(*) FROM complaints c WHERE {where}", params(conditions), heavy=not _single(conditions)
    )


def by_ids(ids: Collection[str], viewer: Viewer, columns: tuple[str, ...] = COLUMNS) -> Statement:
    """The complaints with these ids, in any order: `columns`, then id and seq."""
    asked = filled([clean(id) for id in ids])
    return Statement(_by_ids(columns, visibility.complaints(viewer), len(asked)), asked, few=True)


def by_tracking_id(
    tracking_id: str, agency: str | None, viewer: Viewer, dialect: Dialect, columns: tuple[str, ...] = COLUMNS
) -> Statement:
    """The complaints with this number, by agency."""
    filter = ComplaintFilter(tracking_ids=(tracking_id,), agencies=None if agency is None else (agency,))
    conditions = complaint_conditions(filter, dialect)
    where = matching(shape_of(conditions), visibility.complaints(viewer), dialect)
    text = (
        f"SELECT {', '.join(_columns(columns))} FROM complaints c WHERE {where}"
        f" ORDER BY c.agency, c.id LIMIT {_MOST_WITH_ONE_NUMBER}"
    )
    return Statement(text, params(conditions))


@lru_cache(maxsize=1024)
def _by_ids(columns: tuple[str, ...], visible: str, asked: int) -> str:
    selected = ", ".join([*_columns(columns), "c.id", "c.seq"])
    marks = ", ".join(take(placeholders(), asked))
    return f"SELECT {selected} FROM complaints c WHERE {visible} AND c.id IN ({marks})"


@lru_cache(maxsize=1024)
def _page(shape: _Shape) -> str:
    """The text of a page: values of the conditions, keys and the limit are bound in this order."""
    marks = placeholders()
    bindings = [take(marks, n) for _, n in shape.conditions]
    width = len(terms(shape.order)) + 1
    bounds = [
        beyond(shape.order, take(marks, width), before=before)
        for given, before in ((shape.after, False), (shape.before, True))
        if given
    ]
    order = order_by(shape.order, shape.backward, [place + 1 for place in places(shape.order, shape.columns)])
    branches = [
        _branch(shape, visible, bindings, marks, bounds)
        for visible in shape.visible
        for marks in product(*(bindings[place] for place in shape.split))
    ]
    if shape.dialect is Dialect.POSTGRES:
        # It merges only what is in order already. And without a number it would take a limit for a tenth of all rows.
        branches = [f"({branch} ORDER BY {order} LIMIT {shape.enough})" for branch in branches]
        branches = [f"SELECT * FROM ({' UNION ALL '.join(branches)}) q"]
    return f"{' UNION ALL '.join(branches)} ORDER BY {order} LIMIT {next(marks)}"


def _branch(
    shape: _Shape, visible: str, bindings: Sequence[Sequence[str]], own: Sequence[str], bounds: Sequence[str]
) -> str:
    """The rows of one value (`own`) of each condition that is merged over; without such conditions, all rows."""
    merged = dict(zip(shape.split, own, strict=True))
    source = "complaints c"
    conditions = [visible]
    for k, (kind, n) in enumerate(shape.conditions):
        if kind == "text" and shape.order.field is ComplaintOrderField.RELEVANCE:
            source = f"({search.hits(bindings[k][0], shape.dialect)}) hits JOIN complaints c ON c.id = hits.id"
            continue
        condition = condition_sql(kind, [merged[k]] if k in merged else bindings[k], shape.dialect)
        # SQLite would rather look up each value and sort what it finds, all of it.
        aside = shape.dialect is Dialect.SQLITE and kind in _MERGEABLE and n > 1 and k not in merged
        conditions.append(f"+{condition}" if aside else condition)
    selected = ", ".join(_selected(shape.order, shape.columns))
    branch = f"SELECT {selected} FROM {source} WHERE {' AND '.join([*conditions, *bounds])}"
    # PostgreSQL would walk the order until the page is full, for an old range through nearly all there is. What has an
    # offset is not flattened: the range is read, then sorted.
    return f"SELECT * FROM ({branch} OFFSET 0) b" if _is_other_moment(shape) else branch


def _is_other_moment(shape: _Shape) -> bool:
    """Whether PostgreSQL is asked for a range of one moment in the order of another."""
    kinds = {kind for kind, _ in shape.conditions} - _OWN_BOUNDS.get(shape.order.field, set())
    return shape.dialect is Dialect.POSTGRES and any(kinds & bounds for bounds in _OWN_BOUNDS.values())


def _split(conditions: Sequence[Condition], order: ComplaintOrder) -> tuple[int, ...]:
    """The conditions whose values lie in several places of an index that has the rest of the page in order."""
    several = {c.kind: k for k, c in enumerate(conditions) if c.kind in _MERGEABLE and 1 < len(c.values) <= _MERGED}
    if not several or _single(conditions) or order.field is ComplaintOrderField.RELEVANCE:
        return ()
    places = tuple(several.values())
    if len(places) == 1:
        # Conditions on other columns have indexes of their own, and would keep fewer rows than the statuses.
        kinds = {condition.kind for condition in conditions}
        alone = kinds <= {*_MERGEABLE, *_OWN_BOUNDS.get(order.field, ())}
        return places if "agencies" in several or alone else ()
    return places if prod(len(conditions[k].values) for k in places) <= _MERGED else (several["agencies"],)


def _heavy(conditions: Sequence[Condition], split: tuple[int, ...], order: ComplaintOrder) -> bool:
    """Whether the page may have to be searched for among many rows."""
    if _single(conditions):
        return False
    if conditions and order.field is ComplaintOrderField.DUE_AT and order.direction is OrderDirection.DESC:
        return True
    scattered = [c for k, c in enumerate(conditions) if c.kind in _MERGEABLE and len(c.values) > 1 and k not in split]
    kinds = {condition.kind for condition in conditions} - _OWN_BOUNDS.get(order.field, set())
    return bool(scattered) or not any(kinds <= indexed for indexed in _INDEXED[order.field])


def _single(conditions: Sequence[Condition]) -> bool:
    return any(condition.kind in _SINGLE for condition in conditions)


@lru_cache(maxsize=1024)
def _selected(order: ComplaintOrder, columns: tuple[str, ...]) -> Sequence[str]:
    """The columns, then what else the order compares."""
    selected = _columns(columns)
    compared = [*(term.sql for term in terms(order)), "c.id"]
    return (*selected, *(name for name in compared if name not in selected))


def _columns(columns: Sequence[str]) -> list[str]:
    """What is selected for names of columns, and for what `visibility` says of a row."""
    unknown = [column for column in columns if column not in _KNOWN and not isinstance(column, visibility.Said)]
    if unknown:
        raise ValueError(f"no such columns: {', '.join(sorted(unknown))}")
    return [f"({column})" if isinstance(column, visibility.Said) else f"c.{column}" for column in columns]
