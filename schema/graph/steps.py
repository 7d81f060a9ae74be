"""The life of one matter as steps, told by the records of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from schema.complaint import (
    Actor,
    AgencyReference,
    Complaint,
    Disposition,
    FollowUpKind,
    Rating,
    RatingSource,
    by_time,
)
from schema.graph.batches import MOST_RECORDS
from schema.graph.directives import described
from schema.links import Link, LinkKind
from schema.status import ActorRole, ComplaintStatus

#: Most steps of one journey.
MOST_STEPS = 500
#: So many times "bukan wewenang" is ping-pong.
BOUNCES = 3


@described(
    "What happened. May grow.",
    SUBMITTED="A record of the matter was received.",
    STATUS_CHANGED="The status moved.",
    FOLLOW_UP_ADDED="Somebody wrote.",
    TRANSFERRED="It changed hands.",
    LINKED="Two records were joined.",
    RATED="It was rated.",
    CLOCK_BREACHED="A service-level clock ran out.",
)
class JourneyStepKind(StrEnum):
    """Kind of step. At one moment, steps stand in this order."""

    SUBMITTED = "SUBMITTED"
    STATUS_CHANGED = "STATUS_CHANGED"
    FOLLOW_UP_ADDED = "FOLLOW_UP_ADDED"
    TRANSFERRED = "TRANSFERRED"
    LINKED = "LINKED"
    RATED = "RATED"
    CLOCK_BREACHED = "CLOCK_BREACHED"


_ORDER = {kind: place for place, kind in enumerate(JourneyStepKind)}
_RATED_BY = {
    RatingSource.CITIZEN: ActorRole.REPORTER,
    RatingSource.AUTO: ActorRole.SYSTEM,
    RatingSource.ADMIN: ActorRole.NATIONAL_ADMIN,
}


class JourneyStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step, told by `complaint`."""

    kind: JourneyStepKind
    occurred_at: datetime
    complaint: Complaint
    actor: Actor | None = None
    from_status: ComplaintStatus | None = None
    to_status: ComplaintStatus | None = None
    to_agency: AgencyReference | None = None
    follow_up_kind: FollowUpKind | None = None
    note: str | None = None

    @property
    def agency(self) -> str:
        """Slug of the agency whose record tells it."""
        return self.complaint.agency


class Journey(msgspec.Struct, frozen=True, kw_only=True):
    """The whole way.

    Attributes:
        complaints: in the order they came to be; at most 50.
        steps: oldest first; the newest 500.
        hops: how often it changed hands.
        bouncing: sent on as "bukan wewenang" three times or more.
    """

    complaints: tuple[Complaint, ...]
    steps: tuple[JourneyStep, ...]
    hops: int
    bouncing: bool


def journey(
    complaints: Sequence[Complaint],
    links: Sequence[Link] = (),
    names: Mapping[str, str] = MappingProxyType({}),
    *,
    confidential: Callable[[Complaint], bool] = lambda complaint: False,
) -> Journey:
    """Merges the records of one matter into its journey.

    Args:
        complaints: those that the viewer may see.
        links: among them, each once.
        names: of agencies, by slug.
        confidential: whether the viewer may see confidential follow-ups of a record.
    """
    records = sorted(complaints, key=lambda complaint: (complaint.submitted_at, complaint.id))[:MOST_RECORDS]
    known = {record.id: record for record in records}
    among = [link for link in links if link.complaint_id in known and link.other_id in known]
    hops = list(_hops(records, _forwarded(among, known, names)))
    steps = sorted(
        (
            *(step for record in records for step in _steps(record, confidential=confidential(record))),
            *(_transferred(hop) for hop in hops),
            *(_linked(link, known) for link in among if link.kind is not LinkKind.FORWARDED_TO),
        ),
        key=lambda step: (step.occurred_at, _ORDER[step.kind]),
    )
    return Journey(
        complaints=tuple(records),
        steps=tuple(steps[-MOST_STEPS:]),
        hops=len(hops),
        bouncing=sum(hop.disposition.is_not_authority for hop in hops) >= BOUNCES,
    )


class _Hop(NamedTuple):
    """A handing-over, and the record that tells it."""

    record: Complaint
    disposition: Disposition

    @property
    def way(self) -> tuple[str, str]:
        """From whom to whom: slugs, or names of those that are not plugged in."""
        giver, taker = self.disposition.from_agency, self.disposition.to_agency
        return (giver.agency or giver.name) if giver else self.record.agency, taker.agency or taker.name


def _forwarded(links: Iterable[Link], known: Mapping[str, Complaint], names: Mapping[str, str]) -> Iterator[_Hop]:
    """The handings-over that links tell of."""
    for link in links:
        if link.kind is LinkKind.FORWARDED_TO:
            here, there = known[link.complaint_id], known[link.other_id]
            taker = AgencyReference(names.get(there.agency, there.agency), agency=there.agency)
            yield _Hop(here, Disposition(to_agency=taker, occurred_at=there.submitted_at))


def _hops(records: Iterable[Complaint], forwarded: Iterable[_Hop]) -> Iterator[_Hop]:
    """Each handing-over once.

    Two agencies may tell of the same ones, and links of those that nobody tells: on each way there were as many as
    the one tells that tells most, the giver first.
    """
    told: dict[tuple[str, str], dict[str, list[_Hop]]] = {}
    for record in records:
        for disposition in record.dispositions:
            hop = _Hop(record, disposition)
            told.setdefault(hop.way, {}).setdefault(record.agency, []).append(hop)
    linked: dict[tuple[str, str], list[_Hop]] = {}
    for hop in forwarded:
        linked.setdefault(hop.way, []).append(hop)
    for way in dict.fromkeys([*told, *linked]):
        tellers = told.get(way, {})
        most = max(tellers, key=lambda agency: (len(tellers[agency]), agency == way[0], agency), default="")
        said = tellers.get(most, [])
        yield from said
        yield from sorted(linked.get(way, ()), key=lambda hop: hop.disposition.occurred_at)[len(said) :]


def _transferred(hop: _Hop) -> JourneyStep:
    return JourneyStep(
        kind=JourneyStepKind.TRANSFERRED,
        occurred_at=hop.disposition.occurred_at,
        complaint=hop.record,
        actor=_giving(hop),
        to_agency=hop.disposition.to_agency,
        note=hop.disposition.note,
    )


def _giving(hop: _Hop) -> Actor:
    """Who moved the status in the same moment; else the agency that had it."""
    giver, at = hop.disposition.from_agency, hop.disposition.occurred_at
    moved = (move.actor for move in hop.record.timeline if move.occurred_at == at and move.actor is not None)
    return next(moved, Actor(ActorRole.AGENCY, giver.agency if giver else hop.record.agency))


def _linked(link: Link, known: Mapping[str, Complaint]) -> JourneyStep:
    return JourneyStep(kind=JourneyStepKind.LINKED, occurred_at=link.created_at, complaint=known[link.complaint_id])


def _steps(complaint: Complaint, *, confidential: bool) -> Iterator[JourneyStep]:
    yield from _moves(complaint)
    for follow_up in complaint.follow_ups:
        if confidential or not follow_up.is_confidential:
            yield JourneyStep(
                kind=JourneyStepKind.FOLLOW_UP_ADDED,
                occurred_at=follow_up.occurred_at,
                complaint=complaint,
                actor=follow_up.actor,
                follow_up_kind=follow_up.kind,
            )
    for rating in complaint.ratings:
        yield _rated(complaint, rating)
    for clock in complaint.clocks:
        if clock.breached_at is not None:
            yield JourneyStep(kind=JourneyStepKind.CLOCK_BREACHED, occurred_at=clock.breached_at, complaint=complaint)


def _moves(complaint: Complaint) -> Iterator[JourneyStep]:
    """The receipt, then every move. A log that begins with SUBMITTED tells the receipt itself."""
    moves = by_time(complaint.timeline)
    first = moves[0] if moves else None
    received = first if first and first.from_status is None and first.to_status is ComplaintStatus.SUBMITTED else None
    yield JourneyStep(
        kind=JourneyStepKind.SUBMITTED,
        occurred_at=complaint.submitted_at,
        complaint=complaint,
        actor=received.actor if received else None,
        note=received.note if received else None,
    )
    for move in moves[1 if received else 0 :]:
        yield JourneyStep(
            kind=JourneyStepKind.STATUS_CHANGED,
            occurred_at=move.occurred_at,
            complaint=complaint,
            actor=move.actor,
            from_status=move.from_status,
            to_status=move.to_status,
            note=move.note,
        )


def _rated(complaint: Complaint, rating: Rating) -> JourneyStep:
    return JourneyStep(
        kind=JourneyStepKind.RATED,
        occurred_at=rating.occurred_at,
        complaint=complaint,
        actor=Actor(_RATED_BY[rating.source]),
    )
