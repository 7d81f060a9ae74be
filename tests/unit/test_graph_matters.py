"""Deliveries, links, journeys and buttons: for whom they are shown, and how many questions a page of them asks."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import orjson
import pytest
from graphql import ExecutionResult, execute, parse
from msgspec.structs import replace

from gateway.execution.execute import Executor
from gateway.execution.operation import Way
from gateway.execution.request import GraphQLRequest
from schema import access
from schema.complaint import AgencyReference, Complaint, ContentState, FollowUp, FollowUpKind, Routed
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.events import Event, EventDetail, EventKind, Position
from schema.graph.context import Context
from schema.graph.directives import Audience, sees
from schema.graph.fresh import FreshReads
from schema.graph.schema import build
from schema.links import Link, LinkKind, Suggestion
from schema.ports import Snapshot
from schema.query import PUBLIC, EventFilter, Role, Viewer
from schema.status import ComplaintStatus
from tests.unit.graph_ledger import AGENCIES, CURSORS, NOW, LiveList, Memory, complaint, event, follow

_S = ComplaintStatus
ONE = complaint(
    1,
    routing=Routed(agency="kab-tangerang", rule="jalan", explanation={"ID": "Jalan kabupaten.", "EN": "A local road."}),
    follow_ups=(
        FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="Rahasia.", is_confidential=True),
        FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=NOW, content="Dikerjakan."),
    ),
)
TWO = complaint(2, "prov-bali", status=_S.IN_FOLLOW_UP)
THREE = complaint(3, "sp4n-lapor", copied_agencies=(AgencyReference("Kab. Tangerang", agency="kab-tangerang"),))
FOUR = complaint(4)
ALL = [ONE, TWO, THREE, FOUR]

OFFICER = Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-tangerang",), credential="key:1")
ADMIN = Viewer(role=Role.NATIONAL_ADMIN, credential="key:2")
OVERSIGHT = Viewer(role=Role.OVERSIGHT, credential="key:3")
SYSTEM = Viewer(role=Role.INTEGRATOR, agencies=("prov-bali",), credential="key:4")
REPORTER = Viewer(role=Role.REPORTER, complaints=(TWO.id,), credential="reporter:00")
VIEWERS = [PUBLIC, OFFICER, ADMIN, OVERSIGHT, SYSTEM, REPORTER]


def link(one: Complaint, other: Complaint, kind: LinkKind) -> Link:
    return Link(complaint_id=one.id, other_id=other.id, kind=kind, created_at=NOW)


def delivery(number: int, about: Complaint, **fields: Any) -> Delivery:
    known: dict[str, Any] = {
        "kind": DeliveryKind.SUBMIT,
        "state": DeliveryState.QUEUED,
        "queued_at": NOW,
        "seq": number,
    }
    return Delivery(id=f"delivery_{number}", complaint_id=about.id, agency=about.agency, **(known | fields))


def ledger() -> Memory:
    memory = Memory(ALL)
    memory.links_kept = [link(ONE, TWO, LinkKind.FORWARDED_TO), link(TWO, THREE, LinkKind.FORWARDED_TO)]
    memory.deliveries_kept = [delivery(5, ONE), delivery(8, TWO, state=DeliveryState.DEAD), delivery(9, THREE)]
    return memory


class Asking:
    """An executor over a ledger in memory, and graphql-core beside it."""

    def __init__(self, viewer: Viewer, memory: Memory | None = None) -> None:
        self.viewer = viewer
        self.ledger = memory or ledger()
        self.ways: Counter[Way] = Counter()
        self.lone: list[bool] = []
        self.executor = Executor(build(), self, self.context, on_way=lambda way: self.ways.update([way]))

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Snapshot]:
        self.lone.append(lone)
        async with self.ledger.snapshot(viewer) as snapshot:
            yield snapshot

    def context(self, viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: NOW, suggest=self.suggest)

    async def suggest(self, snapshot: Snapshot, about: Complaint, /) -> Sequence[Suggestion]:
        return [Suggestion(complaint=each, kind=LinkKind.DUPLICATE_OF, score=0.9) for each in ALL if each is not about]

    async def ask(self, text: str) -> Any:
        """What both ways answer."""
        self.ledger.asked.clear()
        operation = self.executor.prepare(GraphQLRequest(query=text))
        answer = orjson.loads((await self.executor.execute(operation, self.viewer)).json())
        compiled = self.questions()
        self.ledger.asked.clear()
        pending = execute(
            build()._schema,
            parse(text),
            context_value=self.context(self.viewer, self.ledger),
            executor_class=build().execution_context_class,
        )
        result = pending if isinstance(pending, ExecutionResult) else await pending
        assert result.errors is None, result.errors
        assert answer == orjson.loads(orjson.dumps({"data": result.data}))
        assert self.ways == {Way.COMPILED: 1}
        assert Counter(compiled) == Counter(self.questions())
        return answer["data"]

    def questions(self) -> list[str]:
        """Names of the questions put, but for those for agencies."""
        return [each[0] for each in self.ledger.asked if each[0] != "agencies"]


def nodes(chosen: str) -> str:
    return f"{{ complaints {{ nodes {{ {chosen} }} }} }}"


_PAGES = {
    "links { kind confidence createdAt complaint { id agency { name } } }": ["links", "by_ids"],
    "links { complaint { links { complaint { id } } } }": ["links", "by_ids"],
    "journey { hops bouncing complaints { id } steps { kind agency { id } toAgency { name } actor { role } } }": [
        *("links", "by_ids"),
    ],
    "delivery { id state agency { id } complaint { id } }": ["latest_deliveries", "by_ids"],
    "agency { queue { waiting oldestQueuedAt dead } }": ["queues"],
    "routedBy { agency { id } rule explanation english: explanation(language: EN) }": [],
    "nextStatuses": [],
    "reporter { name } followUps { content }": ["reporters"],
    "linkSuggestions { kind score complaint { id links { kind } } }": ["links", "by_ids"],
}
_NARROWED = {"delivery": Audience.REPORTER, "linkSuggestions": Audience.HANDLER, "reporter": Audience.IDENTITY}


@pytest.mark.parametrize("viewer", VIEWERS, ids=lambda viewer: viewer.role)
@pytest.mark.parametrize("chosen", _PAGES)
async def test_a_page_asks_no_more_than_a_row(viewer: Viewer, chosen: str) -> None:
    asking = Asking(viewer)
    await asking.ask(nodes(f"id {chosen}"))
    nothing = not any(sees(viewer, _NARROWED.get(chosen.split()[0], Audience.PUBLIC), each) for each in ALL)
    expected = [] if nothing else _PAGES[chosen]
    assert asking.questions() == ["complaints", *expected]
    # A snapshot for a lone question is asked nothing else.
    if expected or viewer is PUBLIC:
        assert asking.lone == [not expected]


async def test_one_question_serves_a_page_however_deep() -> None:
    asking = Asking(PUBLIC)
    await asking.ask("{ a: complaints { nodes { links { kind } } } b: complaints { nodes { links { kind } } } }")
    assert asking.questions() == ["complaints", "complaints", "links", "by_ids"]


async def test_links_are_read_from_each_end() -> None:
    data = await Asking(PUBLIC).ask(nodes("id links { kind complaint { id } }"))
    told = {node["id"]: [(each["kind"], each["complaint"]["id"]) for each in node["links"]] for node in _rows(data)}
    assert told == {
        ONE.id: [("FORWARDED_TO", TWO.id)],
        TWO.id: [("FORWARDED_TO", THREE.id), ("FORWARDED_FROM", ONE.id)],
        THREE.id: [("FORWARDED_FROM", TWO.id)],
        FOUR.id: [],
    }


async def test_a_journey_goes_through_all_records_from_wherever_it_is_asked() -> None:
    chosen = "id journey { hops complaints { id } steps { kind agency { id } toAgency { agency { id } } } }"
    ways = {node["id"]: node["journey"] for node in _rows(await Asking(PUBLIC).ask(nodes(chosen)))}
    assert ways[ONE.id] == ways[TWO.id] == ways[THREE.id]
    assert [each["id"] for each in ways[ONE.id]["complaints"]] == [THREE.id, TWO.id, ONE.id]
    moved = [step["toAgency"]["agency"]["id"] for step in ways[ONE.id]["steps"] if step["toAgency"]]
    assert (moved, ways[ONE.id]["hops"]) == (["sp4n-lapor", "prov-bali"], 2)
    assert (ways[FOUR.id]["hops"], len(ways[FOUR.id]["complaints"])) == (0, 1)


async def test_a_journey_ends_after_fifty_records() -> None:
    chain = [complaint(number) for number in range(120)]
    memory = Memory(chain)
    memory.links_kept = [link(a, b, LinkKind.SAME_AS) for a, b in pairwise(chain)]
    data = await Asking(PUBLIC, memory).ask(
        f'{{ complaint(id: "{chain[60].id}") {{ journey {{ complaints {{ id }} }} }} }}'
    )
    assert len(data["complaint"]["journey"]["complaints"]) == 50


@pytest.mark.parametrize(
    ("viewer", "expected"),
    [
        (PUBLIC, {}),
        (OFFICER, {ONE.id: "delivery_5", THREE.id: "delivery_9"}),
        (SYSTEM, {TWO.id: "delivery_8"}),
        (REPORTER, {TWO.id: "delivery_8"}),
        (OVERSIGHT, {ONE.id: "delivery_5", TWO.id: "delivery_8", THREE.id: "delivery_9"}),
    ],
    ids=lambda each: getattr(each, "role", ""),
)
async def test_a_delivery_is_for_its_reporter_and_those_who_handle_it(viewer: Viewer, expected: dict[str, str]) -> None:
    rows = _rows(await Asking(viewer).ask(nodes("id delivery { id }")))
    assert {row["id"]: row["delivery"]["id"] for row in rows if row["delivery"]} == expected


async def test_buttons_are_offered_to_whom_they_work_for() -> None:
    chosen = nodes("id nextStatuses viewerActions followUps { content } linkSuggestions { score }")
    public = {row["id"]: row for row in _rows(await Asking(PUBLIC).ask(chosen))}
    assert all(row["nextStatuses"] == row["viewerActions"] == [] for row in public.values())
    assert [each["content"] for each in public[ONE.id]["followUps"]] == ["Dikerjakan."]
    officer = {row["id"]: row for row in _rows(await Asking(OFFICER).ask(chosen))}
    assert officer[ONE.id]["nextStatuses"][:2] == ["VERIFIED", "AWAITING_INFORMATION"]
    assert officer[FOUR.id]["viewerActions"] == ["ADD_FOLLOW_UP", "TRANSFER", "CHANGE_STATUS", "LINK"]
    # It was forwarded, and is open there.
    assert officer[ONE.id]["viewerActions"] == ["ADD_FOLLOW_UP", "CHANGE_STATUS", "LINK"]
    admin = {row["id"]: row for row in _rows(await Asking(ADMIN).ask(chosen))}
    assert admin[ONE.id]["viewerActions"] == ["ADD_FOLLOW_UP", "TRANSFER", "CHANGE_STATUS", "LINK"]
    assert len(officer[ONE.id]["followUps"]) == 2
    assert len(officer[ONE.id]["linkSuggestions"]) == 3
    assert (officer[THREE.id]["nextStatuses"], officer[THREE.id]["viewerActions"]) == ([], ["ADD_FOLLOW_UP", "LINK"])
    assert (officer[TWO.id]["viewerActions"], officer[TWO.id]["linkSuggestions"]) == ([], None)
    oversight = {row["id"]: row for row in _rows(await Asking(OVERSIGHT).ask(chosen))}
    assert oversight[ONE.id]["viewerActions"] == []
    assert len(oversight[ONE.id]["followUps"]) == 2
    reporter = {row["id"]: row for row in _rows(await Asking(REPORTER).ask(chosen))}
    assert reporter[TWO.id]["viewerActions"] == ["ADD_FOLLOW_UP", "WITHDRAW"]


@pytest.mark.parametrize("status", ComplaintStatus)
def test_buttons_follow_the_status(status: ComplaintStatus) -> None:
    mine = complaint(2, "prov-bali", status=status)
    assert access.may_rate(REPORTER, mine) == (status in (_S.ANSWERED, _S.CLOSED))
    ended = status in (_S.CLOSED, _S.ARCHIVED, _S.REJECTED, _S.DUPLICATE)
    assert access.may_withdraw(REPORTER, mine) == access.may_transfer(SYSTEM, mine) == (not ended)
    assert access.next_statuses(REPORTER, mine) == access.next_statuses(OFFICER, mine) == ()
    emptied = replace(mine, content_state=ContentState.ERASED)
    assert access.next_statuses(SYSTEM, emptied) == ()
    assert not any((access.may_rate(REPORTER, emptied), access.may_follow_up(REPORTER, emptied)))
    assert not access.may_transfer(SYSTEM, emptied)
    assert set(access.next_statuses(SYSTEM, mine)) <= set(ComplaintStatus) - {_S.UNMAPPED}


_BALI = AGENCIES["prov-bali"]


@pytest.mark.parametrize(
    ("viewer", "complaint_seen", "agency_seen"),
    [
        (PUBLIC, {"PUBLIC"}, {"PUBLIC"}),
        (REPORTER, {"PUBLIC", "REPORTER", "IDENTITY"}, {"PUBLIC"}),
        (OFFICER, {"PUBLIC"}, {"PUBLIC"}),
        (SYSTEM, set(Audience), set(Audience)),
        (ADMIN, set(Audience) - {"IDENTITY"}, set(Audience) - {"IDENTITY"}),
        (OVERSIGHT, {"PUBLIC", "REPORTER", "HANDLER"}, {"PUBLIC", "REPORTER", "HANDLER"}),
    ],
    ids=lambda each: getattr(each, "role", ""),
)
def test_an_audience_is_of_the_record_at_hand(viewer: Viewer, complaint_seen: set[str], agency_seen: set[str]) -> None:
    assert {each for each in Audience if sees(viewer, each, TWO)} == complaint_seen
    assert {each for each in Audience if sees(viewer, each, _BALI)} == agency_seen
    assert {each for each in Audience if sees(viewer, each, None)} == {"PUBLIC"}


async def test_deliveries_come_in_pages() -> None:
    asking = Asking(ADMIN)
    chosen = (
        "totalCount pageInfo { hasNextPage hasPreviousPage endCursor } edges { cursor node { id complaint { id } } }"
    )
    first = (await asking.ask(f"{{ deliveries(first: 2, filter: {{ states: [DEAD] }}) {{ {chosen} }} }}"))["deliveries"]
    assert [edge["node"]["id"] for edge in first["edges"]] == ["delivery_5", "delivery_8"]
    assert first["totalCount"] == 3
    end = first["pageInfo"].pop("endCursor")
    assert end == first["edges"][-1]["cursor"] == CURSORS.seal_delivery(8)
    assert first["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": False}
    rest = f'{{ deliveries(after: "{end}") {{ nodes {{ id error {{ message }} }} pageInfo {{ hasPreviousPage }} }} }}'
    asking.ways.clear()
    assert (await asking.ask(rest))["deliveries"] == {
        "nodes": [{"id": "delivery_9", "error": None}],
        "pageInfo": {"hasPreviousPage": True},
    }
    asking.ways.clear()
    none = await asking.ask("{ deliveries(first: 0) { nodes { id } pageInfo { hasNextPage } } }")
    assert none["deliveries"] == {"nodes": [], "pageInfo": {"hasNextPage": True}}


async def test_the_public_is_told_of_no_delivery() -> None:
    asking = Asking(PUBLIC)
    text = '{ deliveries { totalCount nodes { id } } nodes(ids: ["delivery_5"]) { id } agencies { queue { waiting } } }'
    data = await asking.ask(text)
    assert (data["deliveries"], data["nodes"]) == ({"totalCount": 0, "nodes": []}, [None])
    assert [each["queue"]["waiting"] for each in data["agencies"]] == [0, 2, 0]
    assert asking.questions() == ["queues"]
    assert (await Asking(ADMIN).ask('{ node(id: "delivery_5") { ... on Delivery { state } } }')) == {
        "node": {"state": "QUEUED"}
    }


@pytest.mark.parametrize("cursor", ["junk", CURSORS.seal_event(Position("now", 3)), ""])
async def test_a_cursor_of_something_else_is_none(cursor: str) -> None:
    operation = Asking(ADMIN)
    prepared = operation.executor.prepare(GraphQLRequest(query=f'{{ deliveries(after: "{cursor}") {{ totalCount }} }}'))
    answer = await operation.executor.execute(prepared, ADMIN)
    assert answer.errors[0]["extensions"]["code"] == "BAD_CURSOR"


async def test_events_tell_what_was_joined_and_what_was_delivered() -> None:
    memory = ledger()
    linked = EventDetail(link=LinkKind.FORWARDED_TO, other=TWO.id)
    delivered = EventDetail(delivery="delivery_5", delivery_state=DeliveryState.QUEUED)
    memory.told = [
        event(5, EventKind.LINKED, ONE, detail=linked),
        event(6, EventKind.LINKED, ONE, detail=EventDetail(link=LinkKind.SAME_AS, other="complaint_hidden")),
        event(7, EventKind.DELIVERY_CHANGED, ONE, detail=delivered),
        event(8, EventKind.LINKED, None, detail=linked),
    ]
    data = await Asking(OFFICER, memory).ask(
        "{ events { nodes { kind ... on ComplaintLinked { link { kind complaint { id } } } "
        "... on DeliveryChanged { delivery { id state } } } } }"
    )
    assert data["events"]["nodes"] == [
        {"kind": "LINKED", "link": {"kind": "FORWARDED_TO", "complaint": {"id": TWO.id}}},
        {"kind": "LINKED", "link": None},
        {"kind": "DELIVERY_CHANGED", "delivery": {"id": "delivery_5", "state": "QUEUED"}},
        {"kind": "LINKED", "link": None},
    ]


@pytest.mark.parametrize(("viewer", "told"), [(PUBLIC, False), (OFFICER, True), (REPORTER, True)])
async def test_only_the_public_is_never_told_of_deliveries(viewer: Viewer, told: bool) -> None:
    memory = ledger()
    asking = Asking(viewer, memory)
    operation = asking.executor.prepare(
        GraphQLRequest(query="{ events(filter: { kinds: [SUBMITTED, DELIVERY_CHANGED] }) { nodes { kind } } }")
    )
    await asking.executor.execute(operation, viewer)
    [asked] = [each[1] for each in memory.asked if each[0] == "events"]
    assert isinstance(asked, EventFilter)
    assert (EventKind.DELIVERY_CHANGED in asked.kinds) is told


def _rows(data: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = data["complaints"]["nodes"]
    return rows


async def test_each_frame_tells_what_is_joined_by_then() -> None:
    memory, later = ledger(), link(FOUR, TWO, LinkKind.SAME_AS)
    events = [
        event(5, EventKind.LINKED, ONE, detail=EventDetail(link=LinkKind.FORWARDED_TO, other=TWO.id)),
        event(6, EventKind.LINKED, FOUR, detail=EventDetail(link=LinkKind.SAME_AS, other=TWO.id)),
        event(7, EventKind.DELIVERY_CHANGED, ONE, detail=EventDetail(delivery="delivery_5")),
    ]

    class Feed(LiveList):
        async def follow(self, *arguments: Any) -> AsyncIterator[Event | int]:
            async for frame in super().follow(*arguments):
                if frame is events[1]:
                    memory.links_kept.append(later)
                yield frame

    feed = Feed(events)
    asking = Context(
        viewer=OFFICER, snapshot=FreshReads(memory, OFFICER), cursors=CURSORS, clock=lambda: NOW, feed=feed
    )
    frames = await follow(
        memory,
        feed,
        "subscription { complaintEvents(filter: { kinds: [LINKED, DELIVERY_CHANGED] }) { "
        "... on ComplaintEvent { complaint { links { kind } } } ... on ComplaintLinked { link { complaint { id } } } "
        "... on DeliveryChanged { delivery { id } } } }",
        asking,
    )
    told = [(frame["complaint"]["links"], frame.get("link"), frame.get("delivery")) for frame in frames[1:-1]]
    assert told == [
        ([{"kind": "FORWARDED_TO"}], {"complaint": {"id": TWO.id}}, None),
        ([{"kind": "SAME_AS"}], {"complaint": {"id": TWO.id}}, None),
        ([{"kind": "FORWARDED_TO"}], None, {"id": "delivery_5"}),
    ]
    assert memory.open == 0
