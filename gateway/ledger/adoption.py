"""Complaints that were written here and the records that agencies made of them: one complaint, whichever came first.

A record is known by the reference that its agency tells, or by the native id that the agency answered. Where an agency
tells no reference, a record may be read before its answer came, and stand here as a complaint of its own. Then the one
that was written here takes over the native id, with the next generation, so that it is the one that is kept up to date;
the other one stays as it was read, is linked to it as SAME_AS, and its clocks stop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from gateway.ledger import links, outbox
from gateway.ledger.append import LONGEST, Appended, among, newest, snapshots
from gateway.ledger.database import Transaction
from gateway.ledger.rows import clean
from schema.complaint import Complaint
from schema.delivery import Delivery, DeliveryState
from schema.events import Change
from schema.links import Link, LinkKind


class Filed(NamedTuple):
    """A complaint that was written here, and the record that it turns out to be.

    Attributes:
        twin: the complaint that was made of the record before.
    """

    native_id: str
    complaint: Complaint
    seq: int
    delivery: Delivery | None
    twin: Complaint | None


class Adopted(NamedTuple):
    """What adopting did.

    Attributes:
        complaints: with their native ids, by them.
        before, deliveries: the SUBMIT deliveries that were not acknowledged, by id, and as they are now.
    """

    complaints: dict[str, Complaint]
    before: dict[str, Delivery]
    deliveries: list[Delivery]
    links: list[Link]


async def filed_here(
    tx: Transaction, agency: str, references: Mapping[str, str], known: Mapping[str, Complaint]
) -> list[Filed]:
    """The complaints whose records are told of for the first time.

    Args:
        references: our tracking ids, by native id.
        known: complaints by native id.
    """
    asked: dict[str, str] = {}
    for native_id, reference in references.items():
        held = known.get(native_id)
        if len(native_id) <= LONGEST["native_id"] and (held is None or held.tracking_id != reference):
            asked.setdefault(clean(reference), native_id)
    if not asked:
        return []
    test, bound = among(tx, "$2", list(asked))
    where = f"agency = $1 AND tracking_id {test} AND native_id IS NULL AND routing IS NOT NULL ORDER BY id"
    found = await snapshots(tx, where, [agency, bound])
    deliveries = await outbox.submits(tx, [complaint.id for complaint, _ in found]) if found else {}
    return [
        Filed(
            native_id := asked.pop(complaint.tracking_id),
            complaint,
            seq,
            deliveries.get(complaint.id),
            known.get(native_id),
        )
        for complaint, seq in found
        if complaint.tracking_id in asked
    ]


def adopt(filed: Sequence[Filed], batch: Appended, now: datetime) -> Adopted:
    """Gives complaints the native ids of their records, and has what was to be delivered acknowledged."""
    adopted = Adopted({}, {}, [], [])
    for native_id, complaint, _, delivery, twin in filed:
        after = replace(complaint, native_id=native_id)
        events = []
        if twin is not None:
            after, link = _taken_over(after, twin, batch, now)
            adopted.links.append(link)
            events.append(links.linked(link, after))
        if delivery is not None and delivery.state is not DeliveryState.ACKNOWLEDGED:
            adopted.before[delivery.id] = delivery
            adopted.deliveries.append(_acknowledged(delivery, native_id, now))
            events.append(outbox.moved(adopted.deliveries[-1], after, now))
        batch.change(Change(before=complaint, after=after, events=tuple(events)))
        adopted.complaints[native_id] = replace(after, version=complaint.version + len(events))
    return adopted


async def twins(tx: Transaction, changes: Sequence[Change]) -> dict[str, tuple[Complaint, int]]:
    """Who holds the native ids that complaints are given by changes, with their seqs, by the id of who is given it."""
    found = {}
    for change in changes:
        native_id, before = change.after.native_id, change.before
        if native_id is None or (before is not None and before.native_id == native_id):
            continue
        for holder in await newest(tx, change.after.agency, [clean(native_id)]):
            if holder[0].id != change.after.id:
                found[change.after.id] = holder
    return found


def taking_over(change: Change, twin: Complaint, batch: Appended, now: datetime) -> tuple[Change, Link]:
    """A change that gives a complaint the native id that `twin` holds, as it is to be appended."""
    after, link = _taken_over(change.after, twin, batch, now)
    return replace(change, after=after, events=(*change.events, links.linked(link, after))), link


def _taken_over(complaint: Complaint, twin: Complaint, batch: Appended, now: datetime) -> tuple[Complaint, Link]:
    link = Link(complaint_id=complaint.id, other_id=twin.id, kind=LinkKind.SAME_AS, created_at=now)
    stopped = tuple(clock if clock.stopped_at is not None else replace(clock, stopped_at=now) for clock in twin.clocks)
    event = links.linked(links.mirrored(link), twin)
    batch.change(Change(before=twin, after=replace(twin, clocks=stopped), events=(event,)))
    return replace(complaint, generation=twin.generation + 1), link


def _acknowledged(delivery: Delivery, native_id: str, now: datetime) -> Delivery:
    return replace(
        delivery,
        state=DeliveryState.ACKNOWLEDGED,
        native_id=native_id,
        settled_at=now,
        next_attempt_at=None,
        error=None,
        owner=None,
        leased_until=None,
    )
