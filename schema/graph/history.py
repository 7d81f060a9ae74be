"""The ledger, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import strawberry
from msgspec.structs import replace

from schema import events as facts
from schema import query as asked
from schema.graph.context import Context, Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.events import ComplaintEvent, cursor_of
from schema.graph.filters import EventFilter, event_filter
from schema.graph.page import First, PageInfo, given, page_size
from schema.graph.positions import expired, gap_after, head_cursor
from schema.query import EventPage

DEFAULT_SIZE = 100
MOST_EVENTS = 500


@dataclass(slots=True, frozen=True)
class History:
    """A page of events, and whether some that are kept came before it."""

    page: EventPage
    has_previous: bool


def _node(root: facts.Event) -> facts.Event:
    return root


def _events(root: History) -> Sequence[facts.Event]:
    return root.page.events


def _page_info(root: History, info: Info) -> PageInfo:
    events = root.page.events
    return PageInfo(
        has_next_page=root.page.has_more,
        has_previous_page=root.has_previous,
        start_cursor=cursor_of(events[0], info) if events else None,
        end_cursor=info.context.event_cursor(root.page.end),
    )


@object_type("An event and its cursor.", to=Audience.PUBLIC)
class EventEdge:
    cursor: str = field("Equal to `node.cursor`.", cursor_of)
    node: ComplaintEvent = field("The event.", _node, scoped=True)


@object_type("A page of the ledger.", to=Audience.PUBLIC)
class EventConnection:
    edges: list[EventEdge] = field("The events with their cursors.", _events)
    nodes: list[ComplaintEvent] = field("The events; each has its cursor.", _events, scoped=True)
    page_info: PageInfo = field(
        "`endCursor` moves past filtered-out events too and is set on an empty page: keep it.", _page_info
    )


async def find_events(
    info: Info,
    filter: Annotated[EventFilter | None, strawberry.argument(description="Which ones.")] = strawberry.UNSET,
    after: Annotated[
        str | None, strawberry.argument(description="Any event cursor, `asOf` included.")
    ] = strawberry.UNSET,
    first: First = DEFAULT_SIZE,
) -> History:
    context = info.context
    wanted = event_filter(context.viewer, filter)
    size = page_size(first, "first", default=DEFAULT_SIZE, most=MOST_EVENTS)
    await context.epoch()
    oldest = await context.snapshot.oldest()
    start = await _start(context, given(after), oldest)
    return History(await _page(context, wanted, start, size), has_previous=start >= oldest)


async def _start(context: Context, after: str | None, oldest: int) -> int:
    if after is None:
        return oldest - 1
    position = context.cursors.open_event(after)
    if await gap_after(context, position) is not None:
        raise expired(await head_cursor(context))
    return position.seq


async def _page(context: Context, filter: asked.EventFilter, start: int, size: int) -> EventPage:
    # No events still tells whether some follow, so one is asked for and left out.
    page = await context.snapshot.events(filter, start, max(size, 1))
    if not size:
        return replace(page, events=(), end=start, has_more=bool(page.events))
    await context.agencies()  # so that the events' agencies are at hand
    return page
