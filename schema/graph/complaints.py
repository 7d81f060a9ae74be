"""Lists of complaints, and single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import msgspec
import strawberry
from msgspec.structs import replace

from schema import agency as agencies
from schema import complaint as records
from schema import query as asked
from schema.errors import AmbiguousTrackingId, BadUserInput
from schema.graph.agency import SourceReport, covered, report_of
from schema.graph.complaint import Complaint
from schema.graph.content import shown, shown_all
from schema.graph.context import Context, Info
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.filters import ComplaintFilter, ComplaintOrder, complaint_filter, complaint_order
from schema.graph.page import After, Before, First, Last, PageInfo, given, page_size
from schema.graph.selection import selected
from schema.query import ComplaintOrderField, ComplaintPage, OrderDirection, RowKey, Window

DEFAULT_SIZE = 25
MOST_ROWS = 500

_NO_ROWS = ComplaintPage(rows=(), keys=(), has_next=False, has_previous=False)
_NEWEST_CHANGE = ComplaintOrder(field=ComplaintOrderField.UPDATED_AT, direction=OrderDirection.DESC)
_OF_THE_ROWS = frozenset({"edges", "nodes", "pageInfo"})


class Row(msgspec.Struct, frozen=True):
    """A complaint and where it stands under an order."""

    node: records.Complaint
    order: asked.ComplaintOrder
    key: RowKey


@dataclass(slots=True, frozen=True)
class Listing:
    """What a list was asked for, and its page, if rows were."""

    filter: asked.ComplaintFilter
    order: asked.ComplaintOrder
    page: ComplaintPage

    async def covered(self, context: Context) -> list[agencies.Agency]:
        """The agencies that the filter covers, in order."""
        return covered(await context.agencies(), self.filter.agencies, self.filter.levels)


def _cursor(root: Row, info: Info) -> str:
    return info.context.cursors.seal_row(root.order, root.key)


def _edges(root: Listing) -> list[Row]:
    return [Row(row, root.order, key) for row, key in zip(root.page.rows, root.page.keys, strict=True)]


def _nodes(root: Listing) -> Sequence[records.Complaint]:
    return root.page.rows


def _page_info(root: Listing, info: Info) -> PageInfo:
    keys = root.page.keys
    return PageInfo(
        has_next_page=root.page.has_next,
        has_previous_page=root.page.has_previous,
        start_cursor=info.context.cursors.seal_row(root.order, keys[0]) if keys else None,
        end_cursor=info.context.cursors.seal_row(root.order, keys[-1]) if keys else None,
    )


async def _total_count(root: Listing, info: Info) -> int:
    return await info.context.snapshot.count(root.filter)


async def _sources(root: Listing, info: Info) -> list[agencies.SourceReport]:
    return [await report_of(info.context, agency.id) for agency in await root.covered(info.context)]


async def _as_of(root: Listing, info: Info) -> str:
    context = info.context
    everywhere = root.filter.agencies is None and root.filter.levels is None
    slugs = None if everywhere else [agency.id for agency in await root.covered(context)]
    return context.cursors.seal_event(await context.snapshot.stamp(slugs))


@object_type("A row and its place in the order.", to=Audience.PUBLIC)
class ComplaintEdge:
    cursor: str = field("For `after` and `before` under the same order. Not an event cursor.", _cursor)
    node: Complaint = field("The complaint.")


@object_type("A page of complaints, with the health of the agencies it came from.", to=Audience.PUBLIC)
class ComplaintConnection:
    edges: list[ComplaintEdge] = field("The rows with their cursors.", _edges)
    nodes: list[Complaint] = field("The rows without their cursors.", _nodes)
    page_info: PageInfo = field("Where the page stands.", _page_info)
    total_count: int = field(
        "Exact, over all pages, for this viewer and filter. Costs nothing when not selected.", _total_count
    )
    sources: list[SourceReport] = field(
        "One row for each agency that the filter covers, whether or not it has rows here; "
        "DOWN or STALE agencies still answer from the mirror.",
        _sources,
        size=sized(10),
    )
    as_of: str = field(
        "Event cursor: the newest event that these rows depend on. "
        "Subscribe `after` it and nothing is missed or repeated.",
        _as_of,
    )


async def find_complaints(
    info: Info,
    filter: Annotated[ComplaintFilter | None, strawberry.argument(description="Which ones.")] = strawberry.UNSET,
    order_by: Annotated[
        ComplaintOrder | None, strawberry.argument(description="The order; the newest change first by default.")
    ] = _NEWEST_CHANGE,
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> Listing:
    context = info.context
    wanted, order, window = await asked_page(
        context, filter=filter, order_by=order_by, first=first, after=after, last=last, before=before
    )
    page = await _page(info, wanted, order, window) if selected(info) & _OF_THE_ROWS else _NO_ROWS
    return Listing(wanted, order, page)


async def asked_page(
    context: Context,
    *,
    filter: ComplaintFilter | None = strawberry.UNSET,
    order_by: ComplaintOrder | None = _NEWEST_CHANGE,
    first: int | None = strawberry.UNSET,
    after: str | None = strawberry.UNSET,
    last: int | None = strawberry.UNSET,
    before: str | None = strawberry.UNSET,
) -> tuple[asked.ComplaintFilter, asked.ComplaintOrder, Window]:
    """What the arguments of a list mean to the ledger.

    Raises:
        BadUserInput: see `complaint_filter`, `complaint_order`, or the page's arguments contradict each other.
        BadCursor, CursorExpired: a cursor is of another order, or none, or can't be continued.
    """
    wanted = await complaint_filter(context, filter)
    order = complaint_order(order_by, wanted)
    window = _window(context, order, first=given(first), after=given(after), last=given(last), before=given(before))
    return wanted, order, window


def _window(
    context: Context,
    order: asked.ComplaintOrder,
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Window:
    """The page that the arguments name.

    Raises:
        BadUserInput: they contradict each other.
        BadCursor: a cursor of another order, or none.
    """
    if first is not None and last is not None:
        raise BadUserInput("Either `first` or `last`, not both.")
    name, asked_for = ("first", first) if last is None else ("last", last)
    return Window(
        limit=page_size(asked_for, name, default=DEFAULT_SIZE, most=MOST_ROWS),
        after=context.cursors.open_row(order, after) if after is not None else None,
        before=context.cursors.open_row(order, before) if before is not None else None,
        backward=last is not None,
    )


async def _page(
    info: Info, filter: asked.ComplaintFilter, order: asked.ComplaintOrder, window: Window
) -> ComplaintPage:
    context = info.context
    # No rows still tells whether some follow, so one is asked for and left out.
    page = await context.snapshot.complaints(filter, order, replace(window, limit=max(window.limit, 1)))
    if not window.limit:
        more = bool(page.rows)
        return replace(page, rows=(), keys=(), **{"has_previous" if window.backward else "has_next": more})
    await context.agencies()  # so that the rows' agencies are at hand
    return replace(page, rows=tuple(shown_all(page.rows, info)))


async def find_complaint(
    info: Info,
    id: Annotated[strawberry.ID | None, strawberry.argument(description="As `Complaint.id`.")] = strawberry.UNSET,
    tracking_id: Annotated[
        str | None,
        strawberry.argument(
            description="As printed on the citizen's receipt. Agencies number on their own: if two visible complaints "
            "carry it, add `agency`, else the error is AMBIGUOUS_TRACKING_ID and its `extensions.agencies` name them."
        ),
    ] = strawberry.UNSET,
    agency: Annotated[
        strawberry.ID | None, strawberry.argument(description="Slug; only with `trackingId`.")
    ] = strawberry.UNSET,
    max_age_seconds: Annotated[
        int | None,
        strawberry.argument(
            description="Read through to the agency when the mirrored copy is older than this many seconds "
            "(0: always). Past the agency's deadline the stale copy is answered, and `stale` is true."
        ),
    ] = strawberry.UNSET,
) -> records.Complaint | None:
    context, max_age = info.context, given(max_age_seconds)
    if max_age is not None and max_age < 0:
        raise BadUserInput("`maxAgeSeconds` can't be negative.")
    found = await _one(context, given(id), given(tracking_id), given(agency))
    if found is None:
        return None
    if max_age is not None and await _older(context, found, max_age):
        reads = context.reads
        if reads is None or reads.outdated(found.id):
            context.outdated.add(found.id)
    return shown(found, info)


async def _one(
    context: Context, id: str | None, tracking_id: str | None, agency: str | None
) -> records.Complaint | None:
    if id is not None and tracking_id is None and agency is None:
        return (await context.snapshot.by_ids([id])).get(id)
    if id is not None or tracking_id is None:
        raise BadUserInput("Exactly one of `id` and `trackingId`; `agency` goes with `trackingId` alone.")
    found = await context.snapshot.by_tracking_id(tracking_id, agency)
    slugs = sorted({complaint.agency for complaint in found})
    if len(slugs) > 1:
        raise AmbiguousTrackingId("Complaints of several agencies carry this number: add `agency`.", agencies=slugs)
    # An agency that used a number again means its newest complaint.
    return max(found, key=lambda complaint: (complaint.submitted_at, complaint.id), default=None)


async def _older(context: Context, complaint: records.Complaint, seconds: int) -> bool:
    """Whether the mirror of the complaint is older than so many seconds."""
    report = await report_of(context, complaint.agency)
    seen = [moment for moment in (complaint.synced_at, report.as_of) if moment is not None]
    return not seen or context.clock() - max(seen) > timedelta(seconds=seconds)
