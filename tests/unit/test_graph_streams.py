"""Events, page by page and live."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from schema.agency import SourceReport, SourceState
from schema.clocks import ClockKind, SlaClock
from schema.complaint import (
    AgencyReference,
    Disposition,
    FollowUp,
    FollowUpKind,
    NativeStatus,
    Rating,
    RatingSource,
    StatusEvent,
)
from schema.events import EventDetail, EventKind, Position
from schema.graph.schema import build
from schema.query import EventFilter, Viewer
from schema.status import ComplaintStatus
from tests.unit.graph_ledger import NOW, LiveList, Memory, ask, complaint, context, cursor, event, follow, refusal

NOW_Z = "2021-03-23T05:12:00.000Z"
POSITION = "complaintEvents(after: $c) { ... on StreamPosition { cursor recovered gap head } }"

RICH = complaint(
    1,
    timeline=(
        StatusEvent(
            to_status=ComplaintStatus.CLOSED,
            occurred_at=NOW,
            native_status=NativeStatus("Selesai"),
            note="Sudah diperbaiki.",
        ),
    ),
    follow_ups=(FollowUp(kind=FollowUpKind.FINAL_ANSWER, occurred_at=NOW, content="Sudah."),),
    dispositions=(Disposition(to_agency=AgencyReference("Bali", agency="prov-bali"), occurred_at=NOW),),
    ratings=(Rating(score=5, source=RatingSource.AUTO, occurred_at=NOW),),
    clocks=(SlaClock(kind=ClockKind.VERIFY, limit_days=3, started_at=NOW, breached=True, breached_at=NOW),),
)
FIRST = EventDetail(entry=0)
OF_EACH_KIND = [
    event(1, EventKind.SUBMITTED, RICH),
    event(
        2,
        EventKind.STATUS_CHANGED,
        RICH,
        detail=EventDetail(from_status=ComplaintStatus.ANSWERED, to_status=ComplaintStatus.CLOSED, entry=0),
    ),
    event(3, EventKind.FOLLOW_UP_ADDED, RICH, detail=FIRST),
    event(4, EventKind.TRANSFERRED, RICH, detail=FIRST),
    event(5, EventKind.CORRECTED, RICH, detail=EventDetail(changed_fields=("title", "reporter", "delivery"))),
    event(6, EventKind.LINKED, RICH),
    event(7, EventKind.RATED, RICH, detail=FIRST),
    event(8, EventKind.CLOCK_BREACHED, RICH, detail=EventDetail(clock=ClockKind.VERIFY)),
]
FIELDS = """__typename cursor kind complaint { id } agency { id } occurredAt
    ... on StatusChanged { fromStatus toStatus nativeStatus { label } statusReason }
    ... on FollowUpAdded { followUp { content } }
    ... on ComplaintTransferred { disposition { toAgency { name agency { id } } occurredAt } }
    ... on ComplaintCorrected { changedFields }
    ... on ComplaintLinked { link { kind } }
    ... on ResolutionRated { rating { score source } }
    ... on ClockBreached { clock { kind limitDays breachedAt } }"""
TOLD: list[tuple[str, dict[str, Any]]] = [
    ("ComplaintSubmitted", {}),
    (
        "StatusChanged",
        {
            "fromStatus": "ANSWERED",
            "toStatus": "CLOSED",
            "nativeStatus": {"label": "Selesai"},
            "statusReason": "Sudah diperbaiki.",
        },
    ),
    ("FollowUpAdded", {"followUp": {"content": "Sudah."}}),
    (
        "ComplaintTransferred",
        {"disposition": {"toAgency": {"name": "Bali", "agency": {"id": "prov-bali"}}, "occurredAt": NOW_Z}},
    ),
    ("ComplaintCorrected", {"changedFields": ["title"]}),
    ("ComplaintLinked", {"link": None}),
    ("ResolutionRated", {"rating": {"score": 5, "source": "AUTO"}}),
    ("ClockBreached", {"clock": {"kind": "VERIFY", "limitDays": 3, "breachedAt": NOW_Z}}),
]


async def test_every_kind_of_event_tells_what_happened() -> None:
    ledger = Memory([RICH], OF_EACH_KIND)
    page = (await ask(ledger, f"{{ events {{ nodes {{ {FIELDS} }} edges {{ cursor node {{ cursor }} }} }} }}"))[
        "events"
    ]
    common = {"complaint": {"id": RICH.id}, "agency": {"id": "kab-tangerang"}, "occurredAt": NOW_Z}
    for seq, (node, (name, own)) in enumerate(zip(page["nodes"], TOLD, strict=True), start=1):
        kind = node.pop("kind")
        assert node == {"__typename": name, "cursor": cursor(seq), **common, **own}
        assert kind == OF_EACH_KIND[seq - 1].kind
    assert [edge["cursor"] for edge in page["edges"]] == [edge["node"]["cursor"] for edge in page["edges"]]


async def test_events_of_a_complaint_that_cannot_be_seen_any_more_still_answer() -> None:
    hidden = [
        event(1, EventKind.TRANSFERRED, detail=FIRST),
        event(2, EventKind.CLOCK_BREACHED, detail=EventDetail(clock=ClockKind.FINISH)),
        event(3, EventKind.FOLLOW_UP_ADDED, detail=FIRST),
        event(4, EventKind.RATED, detail=EventDetail(entry=7)),
    ]
    nodes = (await ask(Memory([], hidden), f"{{ events {{ nodes {{ {FIELDS} }} }} }}"))["events"]["nodes"]
    assert [node["complaint"] for node in nodes] == [None] * 4
    assert nodes[0]["disposition"] == {"toAgency": {"name": "", "agency": None}, "occurredAt": NOW_Z}
    assert nodes[1]["clock"] == {"kind": "FINISH", "limitDays": 0, "breachedAt": NOW_Z}
    assert nodes[2]["followUp"] is None
    assert nodes[3]["rating"] is None


async def test_a_page_of_events_ends_where_the_next_begins() -> None:
    ledger = Memory([RICH], OF_EACH_KIND)
    document = """query ($after: String, $first: Int) { events(after: $after, first: $first) {
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } nodes { cursor } } }"""
    page = (await ask(ledger, document, after=cursor(2), first=3))["events"]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": True,
        "startCursor": cursor(3),
        "endCursor": cursor(5),
    }
    page = (await ask(ledger, document, after=cursor(8)))["events"]
    assert page["nodes"] == []
    assert page["pageInfo"]["endCursor"] == cursor(8)
    page = (await ask(ledger, document, first=0))["events"]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": None,
        "endCursor": cursor(0),
    }


@pytest.mark.parametrize("after", [cursor(3, "before"), cursor(2), cursor(9)])
async def test_a_cursor_that_cannot_be_continued_is_an_error_of_events(after: str) -> None:
    ledger = Memory([RICH], OF_EACH_KIND, oldest=4)
    error = await refusal(ledger, "query ($c: String) { events(after: $c) { nodes { cursor } } }", c=after)
    assert (error.code, error.extensions) == ("CURSOR_EXPIRED", {"head": cursor(8)})


async def test_event_filters_reach_the_ledger() -> None:
    ledger = Memory()
    await ask(
        ledger,
        """{ a: events { nodes { cursor } }
        b: events(filter: {kinds: [RATED, DELIVERY_CHANGED], levels: [PROVINCE]}) { nodes { cursor } }
        c: events(filter: {agencies: []}) { nodes { cursor } } }""",
    )
    filters = [question[1] for question in ledger.asked if question[0] == "events"]
    assert filters[0] == EventFilter()
    assert filters[1].kinds == (EventKind.RATED,)
    assert filters[2] == EventFilter(agencies=())


@pytest.mark.parametrize(
    ("after", "position", "start"),
    [
        (None, {"cursor": cursor(8), "recovered": True, "gap": None}, 8),
        (cursor(5), {"cursor": cursor(5), "recovered": True, "gap": None}, 5),
        (cursor(3), {"cursor": cursor(3), "recovered": True, "gap": None}, 3),
        (cursor(8), {"cursor": cursor(8), "recovered": True, "gap": None}, 8),
        (cursor(2), {"cursor": cursor(8), "recovered": False, "gap": "EXPIRED"}, 8),
        (cursor(9), {"cursor": cursor(8), "recovered": False, "gap": "UNKNOWN_CURSOR"}, 8),
        ("made up", {"cursor": cursor(8), "recovered": False, "gap": "UNKNOWN_CURSOR"}, 8),
        (cursor(5, "before"), {"cursor": cursor(8), "recovered": False, "gap": "EPOCH_CHANGED"}, 8),
    ],
)
async def test_a_stream_says_first_where_it_starts(after: str | None, position: dict[str, Any], start: int) -> None:
    feed = LiveList()
    frame, _ = await follow(
        Memory([RICH], OF_EACH_KIND, oldest=4), feed, f"subscription ($c: String) {{ {POSITION} }}", c=after
    )
    assert frame == {**position, "head": cursor(8)}
    assert feed.followed == [(EventFilter(), start)]


async def test_a_stream_tells_events_and_checkpoints_and_holds_no_snapshot() -> None:
    ledger, feed = Memory([RICH], OF_EACH_KIND), LiveList([*OF_EACH_KIND, 508])
    document = (
        f"subscription {{ complaintEvents {{ ... on StreamFrame {{ cursor }} ... on ComplaintEvent {{ {FIELDS} }} }} }}"
    )
    frames = await follow(ledger, feed, document)
    assert [frame.get("__typename") for frame in frames] == [None, *[name for name, _ in TOLD], None, None]
    assert frames[-2] == {"cursor": cursor(508)}
    assert ledger.open == 0
    # Agencies are read anew for each event: a stream may last for weeks.
    assert ledger.asked.count(("agencies",)) == len(OF_EACH_KIND)


async def test_a_stream_that_is_left_leaves_the_feed() -> None:
    feed = LiveList([*OF_EACH_KIND])
    stream: Any = await build().subscribe(
        "subscription { complaintEvents { __typename } }", context_value=context(Memory([], OF_EACH_KIND), feed)
    )
    for _ in range(2):
        await anext(stream)
    await stream.aclose()
    assert feed.closed


class Changes(LiveList):
    """A feed whose agencies change when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()

    async def follow_sources(self, viewer: Viewer, agencies: Collection[str] | None) -> AsyncIterator[str]:
        try:
            while (slug := await self.queue.get()) is not None:
                yield slug
        finally:
            self.closed = True


async def test_agencies_come_once_as_they_are_then_as_they_change() -> None:
    ledger, feed = Memory(), Changes()
    stream: Any = await build().subscribe(
        'subscription { agencyHealthChanged(agencies: ["prov-bali", "kab-tangerang"]) { id source { state } } }',
        context_value=context(ledger, feed),
    )

    async def next_frame() -> tuple[str, str]:
        agency = (await anext(stream)).data["agencyHealthChanged"]
        return agency["id"], agency["source"]["state"]

    assert await next_frame() == ("prov-bali", "NEVER_SYNCED")
    # It changes while the present state is still being told.
    feed.queue.put_nowait("prov-bali")
    assert await next_frame() == ("kab-tangerang", "NEVER_SYNCED")
    ledger.reports["prov-bali"] = SourceReport(agency="prov-bali", state=SourceState.OK)
    assert await next_frame() == ("prov-bali", "OK")
    await stream.aclose()
    assert feed.closed


async def test_without_a_feed_nothing_can_be_followed() -> None:
    result: Any = await build().subscribe(
        "subscription { complaintEvents { __typename } }", context_value=context(Memory())
    )
    errors = result.errors if hasattr(result, "errors") else (await anext(result)).errors
    assert errors[0].original_error.code == "BAD_USER_INPUT"


def test_the_events_are_of_every_kind_but_deliveries() -> None:
    assert {*(told.kind for told in OF_EACH_KIND), EventKind.DELIVERY_CHANGED} == set(EventKind)


async def test_a_cursor_of_ours_beyond_the_head_begins_a_new_epoch() -> None:
    ledger, feed = Memory([RICH], OF_EACH_KIND), LiveList()
    told: list[Position] = []

    async def put_back(position: Position) -> None:
        told.append(position)
        ledger.epoch = "after"

    asking = context(ledger, feed)
    asking.on_ahead = put_back
    frames = await follow(ledger, feed, f"subscription ($c: String) {{ {POSITION} }}", asking, c=cursor(9))
    assert told == [Position("now", 9)]
    assert frames[0]["cursor"] == cursor(8, "after")
