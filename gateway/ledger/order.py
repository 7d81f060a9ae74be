"""Orders of lists, and the keys by which a page goes on exactly where another ended.

An order is a few terms and then the id, all running in the asked direction, so that one comparison of row values
says "after this row". No term is ever NULL: where a value may be missing, its term puts a value in that sorts last.

    UPDATED_AT    updated_at
    SUBMITTED_AT  submitted_at
    DUE_AT ASC    overdue first, then due_at, then what has no due_at: an officer's queue
    DUE_AT DESC   due_at, then what has none; overdue or not
    RELEVANCE     the score, best first in either direction (which then turns the ties alone)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gateway.ledger.rows import clean
from schema.errors import BadCursor
from schema.query import ComplaintOrder, ComplaintOrderField, OrderDirection, RowKey


class Term(NamedTuple):
    """One value of an order. `kind`: str, int or float."""

    sql: str
    kind: type


#: Sort last by any collation: before every moment, and after every moment.
_NEVER, _EVER = "", "9999-12-31T23:59:59.999Z"

_TERMS = {
    (ComplaintOrderField.UPDATED_AT, OrderDirection.ASC): (Term("c.updated_at", str),),
    (ComplaintOrderField.UPDATED_AT, OrderDirection.DESC): (Term("c.updated_at", str),),
    (ComplaintOrderField.SUBMITTED_AT, OrderDirection.ASC): (Term("c.submitted_at", str),),
    (ComplaintOrderField.SUBMITTED_AT, OrderDirection.DESC): (Term("c.submitted_at", str),),
    (ComplaintOrderField.DUE_AT, OrderDirection.ASC): (
        Term("(CASE WHEN c.breached <> 0 THEN 0 ELSE 1 END)", int),
        Term(f"COALESCE(c.due_at, '{_EVER}')", str),
    ),
    (ComplaintOrderField.DUE_AT, OrderDirection.DESC): (Term(f"COALESCE(c.due_at, '{_NEVER}')", str),),
    (ComplaintOrderField.RELEVANCE, OrderDirection.ASC): (Term("(-hits.score)", float),),
    (ComplaintOrderField.RELEVANCE, OrderDirection.DESC): (Term("hits.score", float),),
}


def terms(order: ComplaintOrder) -> Sequence[Term]:
    """What is compared before the id."""
    return _TERMS[order.field, order.direction]


def order_by(order: ComplaintOrder, backward: bool, names: Sequence[object]) -> str:
    """`x DESC, c.id DESC` for the names of the terms and the id; turned round for a page that is read backward."""
    word = "DESC" if _descends(order) != backward else "ASC"
    return ", ".join([f"{name} {word}" for name in names])


def beyond(order: ComplaintOrder, marks: Sequence[str], *, before: bool = False) -> str:
    """The condition that keeps the rows after a key, or those before it; `marks` bind its `key_values`."""
    sign = "<" if _descends(order) != before else ">"
    columns = ", ".join([*(term.sql for term in terms(order)), "c.id"])
    return f"({columns}) {sign} ({', '.join(marks)})"


def key_values(order: ComplaintOrder, key: RowKey) -> list[str | float | int]:
    """What is bound for a key: the order's values, then the id.

    Raises:
        BadCursor: the key is not of this order.
    """
    expected = terms(order)
    if len(key.values) != len(expected):
        raise BadCursor("the cursor belongs to another order")
    return [*(_value(term.kind, value) for term, value in zip(expected, key.values, strict=True)), clean(key.id)]


def _descends(order: ComplaintOrder) -> bool:
    return order.direction is OrderDirection.DESC


def _value(kind: type, value: str | float | int | None) -> str | float | int:
    if kind is str and isinstance(value, str):
        return clean(value)
    if kind is int and not isinstance(value, bool) and value in (0, 1):
        return int(value)
    if kind is float and isinstance(value, float | int):
        return float(value)
    raise BadCursor("the cursor belongs to another order")
