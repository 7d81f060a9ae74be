"""Event cursors: sealed places in the ledger."""

from __future__ import annotations

from enum import StrEnum

from schema.errors import CursorExpired
from schema.events import Position
from schema.graph.context import Context
from schema.graph.directives import described


@described(
    "Why a stream can't be continued. May grow.",
    EPOCH_CHANGED="The ledger's history was rewritten (restore).",
    EXPIRED="Older than what is kept.",
    UNKNOWN_CURSOR="Beyond the head, forged or not a cursor.",
)
class GapReason(StrEnum):
    """Why events after a cursor can't all be told."""

    EPOCH_CHANGED = "EPOCH_CHANGED"
    EXPIRED = "EXPIRED"
    UNKNOWN_CURSOR = "UNKNOWN_CURSOR"


async def gap_after(context: Context, position: Position) -> GapReason | None:
    """Why not every event after the position can be told; None when every one can."""
    if position.epoch != await context.epoch():
        return GapReason.EPOCH_CHANGED
    if position.seq > (await context.snapshot.head()).seq:
        await context.begin_anew(position)
        return GapReason.UNKNOWN_CURSOR
    return GapReason.EXPIRED if position.seq + 1 < await context.snapshot.oldest() else None


async def head_cursor(context: Context) -> str:
    """Cursor of the newest event that the viewer could see: where to start anew."""
    return context.cursors.seal_event(await context.snapshot.stamp())


async def seq_of(context: Context, cursor: str) -> int:
    """The seq that an event cursor holds.

    Raises:
        BadCursor: not a cursor of this hub.
        CursorExpired: the ledger's history was rewritten since.
    """
    position = context.cursors.open_event(cursor)
    if position.epoch != await context.epoch():
        raise expired(await head_cursor(context))
    return position.seq


def expired(head: str) -> CursorExpired:
    """The error for a cursor that can't be continued."""
    return CursorExpired("This cursor can't be continued: query again and start at the answer's `asOf`.", head=head)
