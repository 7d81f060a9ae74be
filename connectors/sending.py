"""What kinds that write have in common: a no that is one, acknowledgements read back, entries that are counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from connectors.asked import REFUSALS
from connectors.transport import unsent
from connectors.values import text
from connectors.words import fold
from schema.complaint import ComplaintRecord, Disposition, RatingSource
from schema.connector import Acknowledgement, Page, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import HttpFailure, SourceError, SourceFailure, WriteRejected

_CITIZEN = RatingSource.CITIZEN
Entry = TypeVar("Entry")
Fetch: TypeAlias = Callable[[Sequence[str]], Awaitable[Page]]


class Teller(Protocol):
    """What a kind speaks of writes with."""

    async def send(self, write: Write) -> Acknowledgement: ...

    async def find(self, write: Write) -> Acknowledgement | None: ...


def answered(error: SourceError) -> SourceError:
    """What an error inside a reply that looks well means for a write: a no where it says so."""
    if isinstance(error, HttpFailure) and error.status in REFUSALS and not error.transient:
        return WriteRejected(str(error))
    return error


async def confirmed(sender: Sender, fetch: Fetch, write: Write, acknowledgement: Acknowledgement) -> Acknowledgement:
    """Reads back what was acknowledged: a new record by its key, what was written to one as `find` does.

    Raises:
        SourceError: it is not there, or could not be read: whether it was written is not known.
    """
    try:
        if write.kind is DeliveryKind.SUBMIT and acknowledgement.native_id is not None:
            page = await fetch((acknowledgement.native_id,))
            there = bool(page.records or page.rejected)
        else:
            there = write.kind not in sender.finds or await sender.find(write) is not None
    except SourceError as error:
        error.arrived = True
        raise
    if not there:
        raise SourceFailure("the agency acknowledged what it doesn't have")
    return acknowledgement


def holds(record: ComplaintRecord, write: Write) -> bool:
    """Whether a record has what was written to it: as many entries like it as the complaint has up to that one.

    So it is found by agencies that keep no reference, and the same said twice is found twice. Ratings are alike by
    their stars, moves by the state, what is handed on by whom to and why, and answers by their text.
    """
    complaint = write.complaint
    if (answer := write.follow_up) is not None:
        return _has(record.follow_ups, complaint.follow_ups, answer, lambda a, b: text(a.content) == text(b.content))
    if (handed := write.disposition) is not None:
        return _has(record.dispositions, complaint.dispositions, handed, _alike)
    if (move := write.status) is not None:
        there = record.status is move.to_status
        log = record.timeline
        return there if log is None else _has(log, complaint.timeline, move, lambda a, b: a.to_status is b.to_status)
    stars = write.rating
    return stars is not None and any(each.score == stars.score for each in record.ratings if each.source is _CITIZEN)


def _has(told: Sequence[Entry], written: Sequence[Entry], entry: Entry, alike: Callable[[Entry, Entry], bool]) -> bool:
    place = written.index(entry) if entry in written else len(written)
    rank = 1 + sum(alike(each, entry) for each in written[:place])
    return sum(alike(each, entry) for each in told) >= rank


def _alike(one: Disposition, other: Disposition) -> bool:
    a, b = one.to_agency, other.to_agency
    same = (a.agency is not None and a.agency == b.agency) or fold(a.name) == fold(b.name)
    return same and text(one.note) == text(other.note)


def native_id(write: Write) -> str:
    """The key of the record that something is written to.

    Raises:
        SourceError: it has none yet; nothing was sent.
    """
    if not write.native_id or write.native_id in (".", ".."):
        raise unsent(SourceFailure("the record has no key at the agency that can be written to"))
    return write.native_id
