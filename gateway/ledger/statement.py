"""A reading statement, ready to run: one text per shape of question, the values apart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

from gateway.ledger.database import Sql


class Statement(NamedTuple):
    """What `Session.fetch` takes.

    Attributes:
        heavy: it may read many rows, so it belongs beside the event loop.
        few: it brings a few rows, found by their ids.
        width: of its rows, where they may be many; 0 where nobody counted.
    """

    sql: str
    params: Sequence[Any] = ()
    heavy: bool = False
    few: bool = False
    width: int = 0


def filled(values: Collection[Any]) -> Sequence[Any]:
    """The values, filled up to a power of two by repetition, so that lists of any length make few texts."""
    listed = list(values)
    return listed + listed[-1:] * ((1 << (len(listed) - 1).bit_length()) - len(listed)) if len(listed) > 1 else listed


def among(sql: Sql, values: Collection[Any]) -> str:
    """`(…)` for `x IN (…)`."""
    return f"({sql.list(filled(values))})"


def placeholders() -> Iterator[str]:
    """$1, $2 …"""
    return (f"${n}" for n in count(1))


def take(marks: Iterator[str], n: int) -> list[str]:
    """The next `n` of them."""
    return [next(marks) for _ in range(n)]
