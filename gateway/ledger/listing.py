# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""The statements that read complaints: pages of lists, counts, and single ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from gateway.ledger import search, visibility
from gateway.ledger.database import Dialect, Row, Sql
from gateway.ledger.filters import checked_text, complaint_conditions, text_condition
from gateway.ledger.order import bounds, order_by, terms
from gateway.ledger.rows import COLUMNS, clean
from gateway.ledger.statement import Statement, among
from schema.errors import BadUserInput
from schema.query import ComplaintFilter, ComplaintOrder, ComplaintOrderField, RowKey, Viewer, Window

#: Conditions under which a page reads few rows: one agency's rows too lie in the order of each moment.
_QUICK = {"ids", "tracking_ids"}
_MOST_WITH_ONE_NUMBER = 100


def page(
    filter: ComplaintFilter,
    order: ComplaintOrder,
    window: Window,
    viewer: Viewer,
    dialect: Dialect,
    columns: Sequence[str] = COLUMNS,
) -> Statement:
    """Rows of `columns`, then the order's terms, then the id: `limit` of them and one more, if there is one.

    A page that is read backward comes in reverse.

    Raises:
        BadUserInput: RELEVANCE without words to be relevant to, or see `filters`.
        BadCursor: a key of the window is not of this order.
    """
    sql = Sql()
    source, by_text = _source(filter, order, sql, dialect)
    conditions = [*complaint_conditions(filter, viewer, sql), *by_text, *bounds(order, window, sql)]
    selected = ", ".join([*(f"c.{column}" for column in columns), *(term.sql for term in terms(order)), "c.id"])
    text = (
        f"SELECT {selected} FROM {source} WHERE {' AND '.join(conditions)}"
        f" ORDER BY {order_by(order, window)} LIMIT {sql.bind(window.limit + 1)}"
    )
    return Statement(text, sql.params, heavy=_heavy(filter, order))


def key(order: ComplaintOrder, row: Row, columns: Sequence[str] = COLUMNS) -> RowKey:
    """Where a row of `page` stands."""
    start = len(columns)
    end = start + len(terms(order))
    return RowKey(tuple(row[start:end]), row[end])


def count(filter: ComplaintFilter, viewer: Viewer, dialect: Dialect) -> Statement:
    """One row with the number of complaints that match."""
    sql = Sql()
    conditions = matching(filter, viewer, sql, dialect)
    return Statement(f"SELECT count(*) FROM complaints c WHERE {conditions}", sql.params, heavy=True)


def matching(filter: ComplaintFilter, viewer: Viewer, sql: Sql, dialect: Dialect) -> str:
    """The condition on `complaints c` that a filter means to a viewer."""
    return " AND ".join([*complaint_conditions(filter, viewer, sql), *text_condition(filter, sql, dialect)])


def by_ids(ids: Collection[str], viewer: Viewer) -> Statement:
    """The complaints with these ids, in any order."""
    sql = Sql()
    asked = among(sql, [clean(id) for id in ids])
    return Statement(f"{_SELECT} WHERE {visibility.complaints(viewer)} AND c.id IN {asked}", sql.params)


def by_tracking_id(tracking_id: str, agency: str | None, viewer: Viewer) -> Statement:
    """The complaints with this number, by agency."""
    numbered = ComplaintFilter(tracking_ids=(tracking_id,), agencies=None if agency is None else (agency,))
    sql = Sql()
    conditions = " AND ".join(complaint_conditions(numbered, viewer, sql))
    text = f"{_SELECT} WHERE {conditions} ORDER BY c.agency, c.id LIMIT {_MOST_WITH_ONE_NUMBER}"
    return Statement(text, sql.params)


def _source(filter: ComplaintFilter, order: ComplaintOrder, sql: Sql, dialect: Dialect) -> tuple[str, list[str]]:
    if order.field is not ComplaintOrderField.RELEVANCE:
        return "complaints c", text_condition(filter, sql, dialect)
    found = search.hits(checked_text(filter.text or ""), sql, dialect)
    if found is None:
        raise BadUserInput("RELEVANCE orders by `text`: give it a word")
    return f"({found}) hits JOIN complaints c ON c.id = hits.id", []


def _heavy(filter: ComplaintFilter, order: ComplaintOrder) -> bool:
    if order.field in (ComplaintOrderField.DUE_AT, ComplaintOrderField.RELEVANCE):
        return True
    given = {name for name in filter.__struct_fields__ if getattr(filter, name) is not None}
    one_agency = filter.agencies is not None and len(filter.agencies) == 1
    return not given <= (_QUICK | {"agencies"} if one_agency else _QUICK)


_SELECT = f"SELECT {', '.join(f'c.{column}' for column in COLUMNS)} FROM complaints c"
