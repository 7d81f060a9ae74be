# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""The statements that read events, and their rows as events."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from gateway.ledger import visibility
from gateway.ledger.database import Row, Sql
from gateway.ledger.filters import event_conditions
from gateway.ledger.rows import moment
from gateway.ledger.statement import Statement
from schema.complaint import Actor
from schema.events import Event, EventDetail, EventKind, EventOrigin
from schema.query import EventFilter, Viewer
from schema.status import ActorRole

#: Events looked at for one page: a filter that matches nothing stays cheap, and its reader moves on all the same.
SCANNED = 5000

_FEW = 500

_COLUMNS = (
    "seq", "kind", "complaint_id", "agency", "version", "origin", "occurred_at", "recorded_at", "actor_role",
    "actor_agency", "detail", "status", "region_code", "classification", "category",
)  # fmt: skip

_detail = msgspec.json.Decoder(EventDetail).decode

#: All that is told of how a complaint went out of sight.
_WITHDRAWN = EventDetail(changed_fields=("isConfidential",))


def page(
    filter: EventFilter, viewer: Viewer, agencies: Collection[str] | None, after: int, until: int, limit: int
) -> Statement:
    """Events with `after` < seq <= `until` that the viewer is told of, oldest first, for `event`.

    Raises:
        BadUserInput: see `filters`.
    """
    sql = Sql()
    conditions = [
        f"e.seq > {sql.bind(after)}",
        f"e.seq <= {sql.bind(until)}",
        *event_conditions(filter, viewer, agencies, sql),
    ]
    columns = [*(f"e.{column}" for column in _COLUMNS), visibility.told_as_it_is(viewer)]
    text = (
        f"SELECT {', '.join(columns)}"
        " FROM events e JOIN complaints c ON c.id = e.complaint_id"
        f" WHERE {' AND '.join(conditions)} ORDER BY e.seq LIMIT {sql.bind(limit)}"
    )
    return Statement(text, sql.params, heavy=until - after > _FEW)


def event(row: Row) -> Event:
    """A row of `page`, without its complaint."""
    seq, kind, complaint_id, agency, version, origin, occurred_at, recorded_at, role, actor, detail, *then, told = row
    status, region_code, classification, category = then
    return Event(
        seq=seq,
        kind=EventKind(kind) if told else EventKind.CORRECTED,
        complaint_id=complaint_id,
        agency=agency,
        version=version,
        origin=EventOrigin(origin),
        occurred_at=moment(occurred_at),
        recorded_at=moment(recorded_at),
        actor=Actor(ActorRole(role), actor) if told and role is not None else None,
        detail=_detail(detail) if told else _WITHDRAWN,
        status=status,
        region_code=region_code,
        classification=classification,
        category=category,
    )


def is_withdrawal(row: Row) -> bool:
    """The event took the complaint out of the viewer's sight."""
    return not row[-1]
