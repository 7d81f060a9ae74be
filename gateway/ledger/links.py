# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Links between complaints: as rows, and those that records make by naming each other's numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from gateway.ledger.append import Appended, among
from gateway.ledger.database import Database, Row, Transaction
from gateway.ledger.references import is_ours, numbers, systems
from gateway.ledger.rows import clean, moment, moment_text
from schema.agency import Agency
from schema.complaint import Complaint
from schema.connector import OUR_SYSTEM
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.links import SEEN_FROM_THERE, Link, LinkKind

COLUMNS = ("complaint_id", "other_id", "kind", "created_at", "confidence")

_INSERT = (
    "INSERT INTO links (id, complaint_id, other_id, kind, created_at, confidence, seq)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING"
)
_DISMISS = (
    "INSERT INTO dismissals (id, complaint_id, other_id, created_at) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (id) DO NOTHING"
)


class Named(NamedTuple):
    """A complaint's record names a number in a system."""

    complaint: str
    system: str
    key: str


class _Holder(NamedTuple):
    """A complaint by its numbers."""

    id: str
    agency: str
    native_id: str | None
    generation: int
    tracking_id: str
    ours: bool


def from_row(row: Row) -> Link:
    """The link of a row that was selected in the order of COLUMNS."""
    complaint, other, kind, created_at, confidence = row[: len(COLUMNS)]
    return Link(
        complaint_id=complaint,
        other_id=other,
        kind=LinkKind(kind),
        created_at=moment(created_at),
        confidence=confidence,
    )


def mirrored(link: Link) -> Link:
    """The link as it reads from its other end."""
    return msgspec.structs.replace(
        link, complaint_id=link.other_id, other_id=link.complaint_id, kind=SEEN_FROM_THERE[link.kind]
    )


async def store(tx: Transaction, links: Iterable[Link], seq: int) -> None:
    """Keeps links, each from both its ends; those that are there already stay as they are."""
    rows = [_values(each, seq) for link in links for each in (link, mirrored(link))]
    if rows:
        await tx.executemany(_INSERT, rows)


async def dismiss(tx: Transaction, pairs: Iterable[tuple[str, str]], now: datetime) -> None:
    """Keeps that these are no duplicates of each other."""
    at = moment_text(now)
    rows = [(f"{a}/{b}", a, b, at) for one, other in pairs for a, b in ((one, other), (other, one))]
    if rows:
        await tx.executemany(_DISMISS, rows)


async def read(tx: Transaction | Database, complaints: Collection[str]) -> list[Link]:
    """The links from these complaints, oldest first."""
    test, bound = among(tx, "$1", [clean(id) for id in complaints])
    sql = f"SELECT {', '.join(COLUMNS)} FROM links WHERE complaint_id {test} ORDER BY seq, id"
    return [from_row(row) for row in await tx.fetch(sql, [bound])]


async def reached(tx: Transaction | Database, complaints: Collection[str], most: int) -> list[str]:
    """These complaints and those that are linked to them over any number of links, nearest first, at most so many."""
    found = dict.fromkeys(complaints)
    edge = list(found)
    while edge and len(found) < most:
        edge = [id for id in dict.fromkeys(link.other_id for link in await read(tx, edge)) if id not in found]
        found |= dict.fromkeys(edge)
    return list(found)[:most]


def linked(link: Link, complaint: Complaint) -> EventDraft:
    """The event that tells of a link, on its `complaint_id`."""
    return EventDraft(
        kind=EventKind.LINKED,
        status=complaint.status,
        occurred_at=link.created_at,
        origin=EventOrigin.HUB,
        detail=EventDetail(link=link.kind, other=link.other_id),
    )


async def found(tx: Transaction, batch: Appended, agencies: Mapping[str, Agency], now: datetime) -> list[Link]:
    """The links that a batch makes, once it is written: records of it that name numbers of others, and others that
    name numbers of its records. What is linked in some way is left as it is.

    Args:
        agencies: those of the batch's complaints, by slug.
    """
    names = [Named(complaint, system, key) for _, complaint, system, key in batch.names()]
    names += await _naming(tx, batch.numbered.values(), agencies)
    if not names:
        return []
    pairs = [pair for pair in await _meant(tx, names) if pair[0] != pair[1]]
    known = {(link.complaint_id, link.other_id) for link in await read(tx, {a for a, _ in pairs})} if pairs else set()
    wanted: dict[frozenset[str], Link] = {}
    for one, other in pairs:
        if (one, other) not in known:
            link = Link(complaint_id=one, other_id=other, kind=LinkKind.SAME_AS, created_at=now)
            wanted.setdefault(frozenset((one, other)), link)
    return list(wanted.values())


def told(links: Sequence[Link], complaints: Mapping[str, Complaint], batch: Appended) -> None:
    """Appends the events of links that were found."""
    events: defaultdict[str, list[EventDraft]] = defaultdict(list)
    for link in links:
        for end in (link, mirrored(link)):
            events[end.complaint_id].append(linked(end, complaints[end.complaint_id]))
    for id, drafts in events.items():
        batch.change(Change(before=complaints[id], after=complaints[id], events=tuple(drafts)))


async def _naming(tx: Transaction, complaints: Iterable[Complaint], agencies: Mapping[str, Agency]) -> list[Named]:
    """Who names a number of these complaints, or one that is written like it."""
    by_agency: defaultdict[str, list[Complaint]] = defaultdict(list)
    for complaint in complaints:
        by_agency[complaint.agency].append(complaint)
    found: list[Named] = []
    for slug, held in by_agency.items():
        keys = {clean(key) for complaint in held for key in numbers(complaint) if key}
        names = systems(agencies[slug]) | ({OUR_SYSTEM} if any(map(is_ours, held)) else set())
        in_systems, bound_systems = among(tx, "$1", list(names))
        in_keys, bound_keys = among(tx, "$2", list(keys))
        sql = (
            "SELECT complaint_id, system, key FROM complaint_references"
            f" WHERE system {in_systems} AND key {in_keys} ORDER BY id"
        )
        found += [Named(*row) for row in await tx.fetch(sql, [bound_systems, bound_keys])]
    return found


async def _meant(tx: Transaction, names: Sequence[Named]) -> list[tuple[str, str]]:
    """The complaint that each name means, behind the one that names it. One that may mean several means none."""
    slugs = await _slugs(tx)
    holders = await _holders(tx, {name.key for name in names}, {s for n in names for s in slugs.get(n.system, ())})
    by_key: defaultdict[str, dict[str, _Holder]] = defaultdict(dict)
    for holder in holders:
        for key in (holder.tracking_id, holder.native_id):
            if key is not None:
                by_key[key][holder.id] = holder
    pairs = []
    for name in dict.fromkeys(names):
        meant = _one(name, slugs.get(name.system, frozenset()), by_key[name.key].values())
        pairs += [(name.complaint, meant)] if meant is not None else []
    return pairs


def _one(name: Named, slugs: Collection[str], holders: Iterable[_Holder]) -> str | None:
    newest: dict[tuple[str, str], _Holder] = {}
    for holder in holders:
        as_ours = name.system == OUR_SYSTEM and holder.ours and holder.tracking_id == name.key
        if as_ours or holder.agency in slugs:
            record = (holder.agency, holder.native_id if holder.native_id is not None else f"\0{holder.id}")
            if record not in newest or newest[record].generation < holder.generation:
                newest[record] = holder
    by_number = [holder for holder in newest.values() if holder.tracking_id == name.key]
    meant = by_number or list(newest.values())
    return meant[0].id if len(meant) == 1 else None


async def _holders(tx: Transaction, keys: Collection[str], slugs: Collection[str]) -> list[_Holder]:
    in_keys, bound = among(tx, "$1", list(keys))
    in_slugs, agencies = among(tx, "$2", list(slugs))
    columns = "id, agency, native_id, generation, tracking_id, routing IS NOT NULL"
    sql = (
        f"SELECT {columns} FROM complaints WHERE tracking_id {in_keys}"
        f" UNION SELECT {columns} FROM complaints WHERE agency {in_slugs} AND native_id {in_keys}"
    )
    return [_Holder(*row) for row in await tx.fetch(sql, [bound, agencies])]


async def _slugs(tx: Transaction) -> Mapping[str, frozenset[str]]:
    """Whom a system's name may mean."""
    meant: defaultdict[str, set[str]] = defaultdict(set)
    for slug, facts in await tx.fetch("SELECT id, facts FROM agencies"):
        for name in systems(msgspec.json.decode(facts, type=Agency)):
            meant[name].add(slug)
    return {name: frozenset(slugs) for name, slugs in meant.items()}


def _values(link: Link, seq: int) -> tuple[object, ...]:
    id = f"{link.complaint_id}/{link.kind.value}/{link.other_id}"
    at = moment_text(link.created_at)
    return id, link.complaint_id, link.other_id, link.kind.value, at, link.confidence, seq
