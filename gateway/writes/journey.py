"""The way of one matter through the agencies, over all its records: how often it was sent on, and by whom. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta, timezone
from typing import Final

from schema.complaint import Complaint, Disposition, by_time
from schema.links import Link, LinkKind
from schema.writes import Held

#: The third agency that says "bukan wewenang" is the last that decides alone.
MOST_HOPS: Final = 3

_WIB = timezone(timedelta(hours=7), "WIB")
_FORWARDED = frozenset({LinkKind.FORWARDED_TO, LinkKind.FORWARDED_FROM})


def records(complaint: Complaint, held: Held) -> list[Complaint]:
    """The complaint and every record that its matter has: not those of others who complain of the same."""
    near = _joined(held.links)
    found, ahead = {complaint.id: complaint}, [complaint.id]
    while ahead:
        for id in near.get(ahead.pop(), ()):
            if id not in found and id in held.complaints:
                found[id] = held.complaints[id]
                ahead.append(id)
    return list(found.values())


def hand_overs(complaints: Iterable[Complaint]) -> list[Disposition]:
    """Every sending on from one agency to another, oldest first.

    Both may tell of the same ones: on each way there were as many as the one tells that tells most, the giver first.
    """
    told: dict[tuple[str, str], dict[str, list[Disposition]]] = {}
    for complaint in complaints:
        for each in complaint.dispositions:
            source = each.from_agency.agency if each.from_agency is not None else None
            giver, taker = source or complaint.agency, each.to_agency.agency
            if taker is not None and taker != giver:
                told.setdefault((giver, taker), {}).setdefault(complaint.agency, []).append(each)
    most = (
        max(tellers.items(), key=lambda teller: (len(teller[1]), teller[0] == way[0]))[1]
        for way, tellers in told.items()
    )
    return by_time([each for entries in most for each in entries])


def hops(dispositions: Iterable[Disposition]) -> int:
    """How often an agency said "bukan wewenang"."""
    return sum(disposition.is_not_authority for disposition in dispositions)


def history(dispositions: Sequence[Disposition]) -> str:
    """What a person reads of the way so far: agencies and times."""
    steps = (f"{number}. {_step(each)}" for number, each in enumerate(dispositions, 1))
    return "Riwayat penerusan: " + "; ".join(steps) + "."


def still_open(complaint: Complaint, held: Held, ended: frozenset[str]) -> bool:
    """Whether the matter now lies with an agency that this record was forwarded to.

    Args:
        ended: statuses in which a record is over.
    """
    onward = {
        each.other_id for each in held.links if each.complaint_id == complaint.id and each.kind is LinkKind.FORWARDED_TO
    }
    return any(id in held.complaints and held.complaints[id].status not in ended for id in onward)


def _joined(links: Iterable[Link]) -> dict[str, set[str]]:
    """By id, the records of the same matter. From its other end a duplicate looks like the same."""
    links = list(links)
    duplicates = {frozenset((each.complaint_id, each.other_id)) for each in links if each.kind is LinkKind.DUPLICATE_OF}
    near: dict[str, set[str]] = {}
    for each in links:
        ends = frozenset((each.complaint_id, each.other_id))
        if each.kind in _FORWARDED or (each.kind is LinkKind.SAME_AS and ends not in duplicates):
            near.setdefault(each.complaint_id, set()).add(each.other_id)
            near.setdefault(each.other_id, set()).add(each.complaint_id)
    return near


def _step(disposition: Disposition) -> str:
    source = disposition.from_agency.name if disposition.from_agency else "?"
    moment = f"{disposition.occurred_at.astimezone(_WIB):%d-%m-%Y %H.%M} WIB"
    why = " (bukan wewenang)" if disposition.is_not_authority else ""
    return f"{source} ke {disposition.to_agency.name}, {moment}{why}"
