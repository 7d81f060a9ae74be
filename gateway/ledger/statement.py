"""A reading statement, ready to run: one text per shape of question, the values apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from gateway.ledger.database import Sql


class Statement(NamedTuple):
    """What `Session.fetch` takes. `heavy`: it may read many rows, so it belongs beside the event loop."""

    sql: str
    params: Sequence[Any] = ()
    heavy: bool = False


def among(sql: Sql, values: Collection[Any]) -> str:
    """`(…)` for `x IN (…)`, filled up to a power of two by repetition, so that lists of any length make few texts."""
    filled = list(values)
    if filled:
        filled += filled[-1:] * ((1 << (len(filled) - 1).bit_length()) - len(filled))
    return f"({sql.list(filled)})"
