"""Orders and the keys that belong to them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.ledger.order import beyond, key_values, order_by
from schema.errors import BadCursor
from schema.query import ComplaintOrder, ComplaintOrderField, OrderDirection, RowKey

UPDATED, DUE, RELEVANCE = ComplaintOrderField.UPDATED_AT, ComplaintOrderField.DUE_AT, ComplaintOrderField.RELEVANCE
ASC, DESC = OrderDirection.ASC, OrderDirection.DESC


@pytest.mark.parametrize("field", ComplaintOrderField)
@pytest.mark.parametrize("direction", OrderDirection)
@pytest.mark.parametrize(
    "values", [(), (None,), ("x", "x"), (2, "x"), (True, "x"), (1, 1), ("x", 1.0), ([],), (0, "x", 0)]
)
def test_a_key_of_another_order_is_refused(
    field: ComplaintOrderField, direction: OrderDirection, values: tuple[Any, ...]
) -> None:
    with pytest.raises(BadCursor):
        key_values(ComplaintOrder(field, direction), RowKey(values, "complaint_x"))


@pytest.mark.parametrize(
    ("order", "values", "bound"),
    [
        (ComplaintOrder(UPDATED, DESC), ("2021\0",), ["2021", "x"]),
        (ComplaintOrder(DUE, ASC), (0, "2021"), [0, "2021", "x"]),
        (ComplaintOrder(DUE, DESC), ("",), ["", "x"]),
        (ComplaintOrder(RELEVANCE, DESC), (3,), [3.0, "x"]),
    ],
)
def test_a_key_of_the_order_is_bound(order: ComplaintOrder, values: tuple[Any, ...], bound: list[Any]) -> None:
    assert key_values(order, RowKey(values, "x")) == bound


def test_a_page_between_two_keys_is_read_from_either_end() -> None:
    order, names = ComplaintOrder(UPDATED, DESC), ["c.updated_at", "c.id"]
    assert beyond(order, ["$1", "$2"]) == "(c.updated_at, c.id) < ($1, $2)"
    assert beyond(order, ["$3", "$4"], before=True) == "(c.updated_at, c.id) > ($3, $4)"
    assert order_by(order, False, names) == "c.updated_at DESC, c.id DESC"
    assert order_by(order, True, names) == "c.updated_at ASC, c.id ASC"
