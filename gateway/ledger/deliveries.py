# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Deliveries as rows, and the statements that read them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.ledger.database import Row, Sql
from gateway.ledger.rows import clean, moment, moment_text, stored_text
from gateway.ledger.statement import Statement, among
from schema.agency import SourceProblem
from schema.delivery import WAITING, Delivery, DeliveryFilter, DeliveryKind, DeliveryQueue, DeliveryState
from schema.errors import LedgerCorrupt

#: In the order of `values` and `from_row`.
COLUMNS = (
    "id", "complaint_id", "agency", "kind", "state", "seq", "entry", "attempts", "queued_at", "sent_at", "settled_at",
    "next_attempt_at", "native_id", "error", "owner", "leased_until",
)  # fmt: skip

#: In the very words of the index `deliveries_waiting`: else SQLite does not use it.
OPEN = "d.state IN ('QUEUED', 'SENT', 'UNKNOWN', 'DEAD')"

_WAITING = ", ".join(f"'{state.value}'" for state in sorted(WAITING))

QUEUES = Statement(
    f"SELECT d.agency, sum(CASE WHEN d.state IN ({_WAITING}) THEN 1 ELSE 0 END),"
    f" min(CASE WHEN d.state IN ({_WAITING}) THEN d.queued_at END),"
    f" sum(CASE WHEN d.state = 'DEAD' THEN 1 ELSE 0 END) FROM deliveries d WHERE {OPEN} GROUP BY d.agency",
    heavy=True,
)


def selected(table: str = "d") -> str:
    """The columns, for a SELECT."""
    return ", ".join(f"{table}.{column}" for column in COLUMNS)


def values(delivery: Delivery) -> tuple[Any, ...]:
    """The row of a delivery, in the order of COLUMNS."""
    return (
        delivery.id,
        delivery.complaint_id,
        delivery.agency,
        delivery.kind.value,
        delivery.state.value,
        delivery.seq,
        delivery.entry,
        delivery.attempts,
        moment_text(delivery.queued_at),
        _text(delivery.sent_at),
        _text(delivery.settled_at),
        _text(delivery.next_attempt_at),
        stored_text(delivery.native_id),
        None if delivery.error is None else msgspec.json.encode(delivery.error).decode(),
        stored_text(delivery.owner),
        _text(delivery.leased_until),
    )


def from_row(row: Row) -> Delivery:
    """The delivery of a row that was selected in the order of COLUMNS (longer rows may follow with their own).

    Raises:
        LedgerCorrupt: the row does not hold what the hub writes.
    """
    (
        id,
        complaint,
        agency,
        kind,
        state,
        seq,
        entry,
        attempts,
        queued,
        sent,
        settled,
        due,
        native,
        error,
        owner,
        until,
    ) = row[: len(COLUMNS)]
    try:
        return Delivery(
            id=id,
            complaint_id=complaint,
            agency=agency,
            kind=DeliveryKind(kind),
            state=DeliveryState(state),
            seq=seq,
            entry=entry,
            attempts=attempts,
            queued_at=moment(queued),
            sent_at=_moment(sent),
            settled_at=_moment(settled),
            next_attempt_at=_moment(due),
            native_id=native,
            error=None if error is None else _problem(error),
            owner=owner,
            leased_until=_moment(until),
        )
    except (TypeError, ValueError, msgspec.DecodeError) as problem:
        raise LedgerCorrupt(f"delivery {id} can't be read: {type(problem).__name__}") from problem


def page(filter: DeliveryFilter, mine: str, after: int, limit: int) -> Statement:
    """Deliveries beyond `after` of complaints that fulfil `mine`, oldest first."""
    sql = Sql()
    where = " AND ".join([*_conditions(filter, sql), mine, f"d.seq > {sql.bind(after)}"])
    text = (
        f"SELECT {selected()} FROM deliveries d JOIN complaints c ON c.id = d.complaint_id WHERE {where}"
        f" ORDER BY d.seq, d.id LIMIT {sql.bind(limit)}"
    )
    return Statement(text, sql.params, heavy=True)


def count(filter: DeliveryFilter, mine: str) -> Statement:
    """How many there are, over all pages."""
    sql = Sql()
    where = " AND ".join([*_conditions(filter, sql), mine])
    text = f"SELECT count(*) FROM deliveries d JOIN complaints c ON c.id = d.complaint_id WHERE {where}"
    return Statement(text, sql.params, heavy=True)


def by_ids(ids: Collection[str], mine: str) -> Statement:
    """The deliveries with these ids: the columns, then the seq of the newest event of the complaint."""
    sql = Sql()
    text = (
        f"SELECT {selected()}, c.seq FROM deliveries d JOIN complaints c ON c.id = d.complaint_id"
        f" WHERE {mine} AND d.id IN {among(sql, ids)}"
    )
    return Statement(text, sql.params)


def latest(complaints: Collection[str], mine: str) -> Statement:
    """The newest delivery of each of these complaints (nulls where there is none), then its id and its newest seq."""
    sql = Sql()
    text = (
        f"SELECT {selected()}, c.id, c.seq FROM complaints c LEFT JOIN deliveries d ON d.complaint_id = c.id"
        " AND d.seq = (SELECT max(n.seq) FROM deliveries n WHERE n.complaint_id = c.id)"
        f" WHERE {mine} AND c.id IN {among(sql, complaints)}"
    )
    return Statement(text, sql.params)


def queue(row: Row) -> DeliveryQueue:
    """A row of QUEUES."""
    _, waiting, oldest, dead = row
    return DeliveryQueue(waiting=waiting, oldest_queued_at=_moment(oldest), dead=dead)


def _conditions(filter: DeliveryFilter, sql: Sql) -> list[str]:
    given: Sequence[tuple[str, Collection[str] | None]] = (
        ("d.state", filter.states),
        ("d.agency", filter.agencies),
        ("d.kind", filter.kinds),
    )
    return [
        f"{column} IN {among(sql, [clean(str(value)) for value in values])}"
        for column, values in given
        if values is not None
    ]


_problem: Callable[[str], SourceProblem] = msgspec.json.Decoder(SourceProblem).decode


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment_text(moment)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
