"""Live frames."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from enum import StrEnum
from typing import Annotated, TypeVar, Union

import strawberry

from schema import agency as records
from schema import events as facts
from schema.errors import BadCursor, BadUserInput
from schema.events import Position
from schema.graph.agency import covered
from schema.graph.conditions import MOST_VALUES
from schema.graph.context import Context, Info
from schema.graph.directives import Audience, described, field, object_type
from schema.graph.events import (
    ClockBreached,
    ComplaintCorrected,
    ComplaintLinked,
    ComplaintSubmitted,
    ComplaintTransferred,
    DeliveryChanged,
    FollowUpAdded,
    ResolutionRated,
    StatusChanged,
    StreamFrame,
)
from schema.graph.filters import EventFilter, event_filter
from schema.graph.page import given
from schema.graph.positions import GapReason, gap_after
from schema.ports import AccessChanged, CaughtUp, Feed

T = TypeVar("T")

#: The longest that a client is asked to stay away when a stream ends, in seconds.
MOST_RETRY = 5


@described(
    "Why the hub ends a stream. May grow.",
    RESTART="The hub is going down.",
    SLOW_CONSUMER="Frames were not taken fast enough.",
    ACCESS_CHANGED="Token expired or revoked.",
)
class LagReason(StrEnum):
    """Why the hub ends a stream."""

    RESTART = "RESTART"
    SLOW_CONSUMER = "SLOW_CONSUMER"
    ACCESS_CHANGED = "ACCESS_CHANGED"


@object_type("First frame of every stream.", to=Audience.PUBLIC)
class StreamPosition(StreamFrame):
    cursor: str = field("Where the stream starts: the `after` asked for if recovered, else the head.")
    recovered: bool = field(
        "Every event after `after` will come. False: nothing is replayed; query again and start at its `asOf`."
    )
    gap: GapReason | None = field("Why not; null when recovered.")
    head: str = field("The newest event when the stream began.")


@object_type(
    "Events that the filter or the viewer's rights kept back: moves the cursor on, every 10 s or 500 events.",
    to=Audience.PUBLIC,
)
class Checkpoint(StreamFrame):
    cursor: str = field("The last event that was kept back.")


@object_type(
    "Last frame before the hub ends the stream. Reconnect after `retryAfterSeconds` with `cursor`.", to=Audience.PUBLIC
)
class Lagged(StreamFrame):
    cursor: str = field("Where to go on.")
    reason: LagReason = field("Why the stream ends.")
    retry_after_seconds: int = field("How long to wait.")


EventFrame = Annotated[
    Union[  # noqa: UP007  # Strawberry needs a name on it
        StreamPosition,
        ComplaintSubmitted,
        StatusChanged,
        FollowUpAdded,
        ComplaintTransferred,
        ComplaintCorrected,
        ComplaintLinked,
        ResolutionRated,
        ClockBreached,
        DeliveryChanged,
        Checkpoint,
        Lagged,
    ],
    strawberry.union(
        "EventFrame",
        description="A frame of `complaintEvents`. Select `... on StreamFrame { cursor }` and a frame of a later "
        "version still moves you on.",
    ),
]


async def follow_events(
    info: Info,
    filter: Annotated[EventFilter | None, strawberry.argument(description="Which events.")] = strawberry.UNSET,
    after: Annotated[
        str | None, strawberry.argument(description="Any event cursor, `asOf` included; without it, live only.")
    ] = strawberry.UNSET,
) -> AsyncGenerator[StreamPosition | facts.Event | Checkpoint | CaughtUp | Lagged, None]:
    context = info.context
    wanted = event_filter(context.viewer, filter)
    feed = _feed(context)
    # An empty Last-Event-ID is none; an empty `after` is a cursor that was lost.
    start, position = await _begin(context, context.after or given(after))
    yield position
    frames, last, reason = feed.follow(context.viewer, wanted, start), start.seq, LagReason.RESTART
    try:
        async for frame in frames:
            if isinstance(frame, CaughtUp):
                # Nothing to be executed: whoever executes may tell what comes in this stream's stead.
                yield frame
                last = frame.seq
                continue
            last = frame if isinstance(frame, int) else frame.seq
            yield shown_as(frame, context)
    except AccessChanged:
        reason = LagReason.ACCESS_CHANGED
    finally:
        await _close(frames)
    # Not all at once: who listens shall not come back all at once.
    retry = 1 + secrets.randbelow(MOST_RETRY)
    yield Lagged(cursor=context.event_cursor(last), reason=reason, retry_after_seconds=retry)


def shown_as(told: facts.Event | int, context: Context) -> facts.Event | Checkpoint:
    """The frame for what the feed tells."""
    if isinstance(told, int):
        return Checkpoint(cursor=context.event_cursor(told))
    context.renew()
    return told


def made_of(frame: object, context: Context) -> tuple[object, ...] | None:
    """The records by which a frame is the same for all who asked the same; None for one that is a subscriber's own."""
    if isinstance(frame, facts.Event):
        return (frame,)
    if isinstance(frame, records.Agency):
        report = context.report(frame.id)
        return None if report is None else (frame, report)
    return None


def cursor_of(frame: object, context: Context) -> str | None:
    """Where to go on after a frame; None where nothing can be resumed."""
    if isinstance(frame, facts.Event):
        return context.event_cursor(frame.seq)
    return frame.cursor if isinstance(frame, StreamPosition | Checkpoint | Lagged) else None


async def _begin(context: Context, after: str | None) -> tuple[Position, StreamPosition]:
    """Where to start, and the frame that says so."""
    # First, because a cursor beyond the head begins a new epoch.
    start, gap = await _resumed(context, after)
    epoch = await context.epoch()
    # Between what the viewer could see last and the true head lies nothing for him, so nothing is told twice.
    newest = await context.snapshot.stamp()
    head = context.cursors.seal_event(newest)
    if newest.epoch != epoch:
        # Another one began between the two questions.
        context.known_epoch = newest.epoch
        start, gap = None, gap or (None if after is None else GapReason.EPOCH_CHANGED)
    if after is None or start is None:
        return newest, StreamPosition(cursor=head, recovered=gap is None, gap=gap, head=head)
    return Position(epoch, start), StreamPosition(cursor=after, recovered=True, gap=None, head=head)


async def _resumed(context: Context, after: str | None) -> tuple[int | None, GapReason | None]:
    """The seq to go on after, or why there is none."""
    if after is None:
        return None, None
    try:
        position = context.cursors.open_event(after)
    except BadCursor:
        return None, GapReason.UNKNOWN_CURSOR
    gap = await gap_after(context, position)
    return (position.seq, None) if gap is None else (None, gap)


async def follow_agencies(
    info: Info,
    agencies: Annotated[
        list[strawberry.ID] | None, strawberry.argument(description="Slugs; without it, all agencies.")
    ] = strawberry.UNSET,
) -> AsyncGenerator[records.Agency, None]:
    context, slugs = info.context, given(agencies)
    if slugs is not None and len(slugs) > MOST_VALUES:
        raise BadUserInput(f"`agencies` takes at most {MOST_VALUES} values.")
    changes = _feed(context).follow_sources(context.viewer, slugs)
    # Listening starts before the present state is read: what changes meanwhile comes again, and nothing is missed.
    changed = asyncio.ensure_future(anext(changes, None))
    try:
        context.renew()
        for agency in covered(await context.agencies(), slugs, None):
            yield agency
        while (slug := await changed) is not None:
            changed = asyncio.ensure_future(anext(changes, None))
            context.renew()
            now = (await context.agencies()).get(slug)
            if now is not None:
                yield now
    finally:
        await _give_up(changed)
        await _close(changes)


def _feed(context: Context) -> Feed:
    if context.feed is None:
        raise BadUserInput("Live frames need a transport that streams.")
    return context.feed


async def _give_up(task: asyncio.Future[T]) -> None:
    task.cancel()
    await asyncio.wait([task])


async def _close(frames: AsyncIterator[T]) -> None:
    # A feed's generator holds its place among the listeners until it is closed; a plain iterator holds none.
    if isinstance(frames, AsyncGenerator):
        await frames.aclose()
