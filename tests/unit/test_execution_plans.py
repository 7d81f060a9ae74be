"""Compiled execution where a ledger in memory shows it: ways, errors, variables, bounds, frames."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import orjson
import pytest
from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, execute, parse, subscribe, validate
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.execution.answer import Answer, Ended
from gateway.execution.document import MOST_CHOICES
from gateway.execution.execute import Executor
from gateway.execution.kept import Kept
from gateway.execution.masking import shown
from gateway.execution.operation import Operation, Way
from gateway.execution.plan import QueryPlan
from gateway.execution.request import GraphQLRequest
from gateway.execution.source import Source
from gateway.guard.limits import QueryLimits
from schema.agency import SourceReport
from schema.delivery import Delivery, DeliveryKind
from schema.events import Event, EventDetail, EventKind
from schema.graph.context import Context
from schema.graph.schema import build
from schema.links import Link, LinkKind
from schema.ports import Snapshot
from schema.query import PUBLIC, Role, Viewer
from tests.contract.execution_differential_documents import FAR, Asked, Words, subscriptions
from tests.contract.execution_differential_ledger import diverse
from tests.unit.graph_ledger import AGENCIES, CURSORS, NOW, LiveList, Memory, complaint, cursor, event

GRAPH = build()


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with capture_logs():
        yield


class Asking:
    """An executor over a ledger in memory."""

    def __init__(self, ledger: Memory, feed: LiveList | None = None, **options: Any) -> None:
        self.ledger = ledger
        self.feed = feed
        self.ways: list[Way] = []
        self.executor = Executor(GRAPH, ledger, self.context, on_way=self.ways.append, **options)

    def context(self, viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: NOW, feed=self.feed)

    async def ask(self, text: str, variables: Mapping[str, Any] | None = None) -> Answer:
        operation = self.executor.prepare(GraphQLRequest(query=text, variables=dict(variables or {})))
        return await self.executor.execute(operation, PUBLIC)

    async def stock(self, text: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        result: Any = execute(
            GRAPH._schema,
            parse(text),
            context_value=self.context(PUBLIC, self.ledger),
            variable_values=dict(variables or {}),
            executor_class=GRAPH.execution_context_class,
        )
        result = await result if hasattr(result, "__await__") else result
        return _body(result.data, result.errors)


def _body(data: Any, errors: list[GraphQLError] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"errors": shown(errors)} if errors else {}
    if data is not None or any(error.path for error in errors or ()):
        body["data"] = data
    return _without_references(body)


def _without_references(body: dict[str, Any]) -> dict[str, Any]:
    for error in body.get("errors", ()):
        error["extensions"].pop("reference")
    return cast("dict[str, Any]", orjson.loads(orjson.dumps(body)))


def _told(answer: Answer) -> dict[str, Any]:
    return _without_references(orjson.loads(answer.json()))


async def test_a_compiled_answer_is_written_already_and_says_what_it_rests_on() -> None:
    asking = Asking(Memory([complaint(1)], [event(4)]))
    answer = await asking.ask("{ complaints { nodes { title } } }")
    assert answer.raw == b'{"data":{"complaints":{"nodes":[{"title":"Jalan berlubang 1"}]}}}'
    assert answer.body()["data"]["complaints"]["nodes"] == [{"title": "Jalan berlubang 1"}]
    assert answer.outcome == "ok"
    assert answer.versions is not None
    assert answer.versions.agencies == {"kab-tangerang": 4}
    assert answer.dependencies is asking.ledger.dependencies
    assert asking.ways == [Way.COMPILED]


async def test_introspection_is_graphql_cores_and_may_be_kept() -> None:
    asking = Asking(Memory())
    answer = await asking.ask("{ __schema { queryType { name } } viewer { role } }")
    assert answer.data == {"__schema": {"queryType": {"name": "Query"}}, "viewer": {"role": "PUBLIC"}}
    assert answer.versions is not None
    assert asking.ways == [Way.INTERPRETED]


async def test_versions_are_not_asked_for_where_nobody_wants_them() -> None:
    answer = await Asking(Memory(), versioned=False).ask("{ viewer { role } }")
    assert answer.versions is None


#: By what goes wrong in it.
_WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "an argument": ("{ complaints(first: -1) { totalCount } viewer { role } }", {}),
    "a cursor": ('{ complaints(after: "junk") { nodes { id } } }', {}),
    "contradiction": ('{ complaint(id: "x", trackingId: "y") { id } }', {}),
    "a non-null field of one row": ("{ complaints { nodes { id agency { id } } } viewer { role } }", {}),
    "a nullable list": ("{ nodes(ids: $ids) { id ... on Complaint { agency { name } } } }", {}),
    "a moment": ("{ complaints { nodes { syncedAt } } }", {}),
}


@pytest.mark.parametrize("what", _WRONG)
async def test_an_error_is_told_by_graphql_core(what: str) -> None:
    odd = complaint(2, agency="kab-gone", synced_at=datetime(2021, 1, 1))  # noqa: DTZ001  # that is what is wrong
    asking = Asking(Memory([complaint(1), odd]))
    text, variables = _WRONG[what]
    if "$ids" in text:
        text, variables = f"query($ids: [ID!]!) {text}", {"ids": [complaint(1).id, odd.id, "prov-bali"]}
    answer = await asking.ask(text, variables)
    assert answer.errors
    assert answer.versions is None
    assert answer.dependencies is None
    assert _told(answer) == await asking.stock(text, variables)
    assert asking.ways == [Way.REPEATED]


@pytest.mark.parametrize(
    "variables",
    [{}, {"n": None}, {"n": 2}, {"n": "2"}, {"n": 2**31}, {"n": {"a": 1}}, {"f": {"agencies": ["prov-bali"]}},
     {"f": {"agencies": "prov-bali"}}, {"f": {"nothing": 1}}, {"f": {"regionCode": "36.0"}}, {"f": None},
     {"o": {"field": "SUBMITTED_AT"}}, {"o": {"direction": "ASC"}}, {"o": {"field": "BY_NAME"}}, {"l": "EN"},
     {"l": None}, {"unknown": 1}],
    ids=str,
)  # fmt: skip
async def test_variables_are_coerced_as_graphql_core_does(variables: dict[str, Any]) -> None:
    asking = Asking(Memory([complaint(1), complaint(2, "prov-bali")]))
    text = """query($n: Int = 1, $f: ComplaintFilter, $o: ComplaintOrder, $l: Language! = ID) {
        complaints(first: $n, filter: $f, orderBy: $o) { nodes { id statusLabel(language: $l) } }
        some: complaints(filter: {agencies: ["prov-bali"], levels: [DISTRICT]}, first: $n) { totalCount } }"""
    assert _told(await asking.ask(text, variables)) == await asking.stock(text, variables)


async def test_the_same_plan_serves_other_variables() -> None:
    asking = Asking(Memory([complaint(1), complaint(2)]))
    text = "query($id: ID!, $in: Language!) { complaint(id: $id) { id statusLabel(language: $in) } }"
    labels = []
    for number, language in ((1, "ID"), (2, "EN"), (1, "EN")):
        variables = {"id": complaint(number).id, "in": language}
        answer = _told(await asking.ask(text, variables))
        assert answer == await asking.stock(text, variables)
        labels.append(answer["data"]["complaint"]["statusLabel"])
    assert labels[0] != labels[1] == labels[2]
    assert asking.ways == [Way.COMPILED] * 3


async def test_choices_of_skip_and_include_are_bounded() -> None:
    asking = Asking(Memory())
    names = [f"v{number}" for number in range(5)]
    text = f"query({', '.join(f'${name}: Boolean!' for name in names)}) {{ viewer {{ role {' '.join(names)} }} }}"
    for name in names:
        text = text.replace(f" {name}", f" {name}: role @include(if: ${name})")
    for choice in range(2 ** len(names)):
        variables = {name: bool(choice >> place & 1) for place, name in enumerate(names)}
        assert _told(await asking.ask(text, variables)) == await asking.stock(text, variables)
    assert asking.ways == [Way.COMPILED] * MOST_CHOICES + [Way.INTERPRETED] * (2 ** len(names) - MOST_CHOICES)


async def test_a_selection_deeper_than_python_goes_is_not_compiled() -> None:
    asking = Asking(Memory(), limits=QueryLimits(nesting=200, depth=200))
    deep = "parent { " * 150 + "id" + " }" * 150
    text = f'{{ region(code: "36.03") {{ {deep} }} }}'
    assert _told(await asking.ask(text)) == await asking.stock(text)
    assert asking.ways == [Way.INTERPRETED]


async def test_rows_that_wait_are_awaited_together() -> None:
    rows = [complaint(number, slug) for number in range(20) for slug in ("kab-tangerang", "prov-bali")]
    asking = Asking(Memory(rows, sources={"prov-bali": SourceReport(agency="prov-bali", stale=True)}))
    chosen = "... on Complaint { stale journey { complaints { stale agency { source { stale } } } } }"
    ids = {"ids": [row.id for row in rows]}
    asked = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {chosen} }} }}"
    assert _told(await asking.ask(asked, ids)) == await asking.stock(asked, ids)
    assert asking.ways == [Way.COMPILED]
    assert asking.ledger.asked.count(("sources",)) == 2  # once for each way


async def test_only_columns_that_are_wanted_are_read() -> None:
    asked: list[tuple[str, ...]] = []

    class Noting(Memory):
        async def rows(
            self, filter: Any, order: Any, window: Any, columns: tuple[str, ...], *, count: bool = False
        ) -> Any:
            asked.append(columns)
            return await super().rows(filter, order, window, columns, count=count)

    asking = Asking(Noting([complaint(1)]))
    await asking.ask("{ complaints { nodes { trackingId agency { name } overdue } edges { node { updatedAt } } } }")
    await asking.ask("{ complaints { totalCount asOf } }")
    assert asked == [("id", "tracking_id", "agency", "breached", "updated_at")]


async def test_a_snapshot_is_told_when_one_question_is_all() -> None:
    told: list[bool] = []

    class Noting(Memory):
        @asynccontextmanager
        async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Memory]:
            told.append(lone)
            async with super().snapshot(viewer, lone=lone) as snapshot:
                yield snapshot

    asking = Asking(Noting([complaint(1)], [event(3)]))
    alone = ["{ complaints { totalCount nodes { id } } }", "{ complaints { a: totalCount b: totalCount } }"]
    alone.append(f'{{ complaint(id: "{complaint(1).id}") {{ agency {{ name }} }} }}')
    asked_first = f'{{ complaints(filter: {{changedAfter: "{cursor(3)}"}}) {{ totalCount }} }}'
    for text in (*alone, asked_first, "{ complaints { totalCount } asOf }", "{ agencies { id } }"):
        assert not (await asking.ask(text)).errors
    assert told == [True, True, True, False, False, False]


async def test_documents_come_and_go_and_nothing_is_left_of_them() -> None:
    asking = Asking(Memory())
    for number in range(900):
        await asking.ask(f"{{ viewer {{ role }} }} # {number}")
    gc.collect()
    plans = [each for each in gc.get_objects() if isinstance(each, QueryPlan)]
    # By weight: about 34 kB each.
    assert len(plans) < 800


def test_pieces_of_json_are_bounded() -> None:
    kept, written = Kept(most=2_000), []

    def project(record: Any, run: Any) -> Any:
        written.append(record)
        return {"name": record}

    show = kept.keeping(project)
    names = ["a" * 100, "b" * 100]
    assert show(names[0], cast("Any", None)) is show(names[0], cast("Any", None))
    assert len(written) == 1
    others = [f"{number:0100}" for number in range(20)]
    for name in others:
        show(name, cast("Any", None))
    show(names[0], cast("Any", None))
    assert len(written) == 22


def test_a_value_is_never_read_as_python() -> None:
    source = Source()
    value = "');__import__('os').abort()#"
    name = source.function("o", f"[{source.constant(value)}, o]")
    assert source.load(name)("x") == [value, "x"]


_ROWS = [row for row in diverse(12) if row.agency in AGENCIES]
#: One error a frame: which of two is told beside a null is left open, and depends on what was read before.
_SHOWN = [row if row.agency in AGENCIES else replace(row, routing=None) for row in diverse(12)]
_FRAMES = [
    each
    for number, row in enumerate(_SHOWN)
    for each in (
        Event(
            seq=number * 10 + place,
            kind=kind,
            complaint_id=row.id,
            agency="prov-bali" if number % 2 else "sp4n-lapor",
            version=2,
            origin=event(1).origin,
            occurred_at=NOW,
            recorded_at=NOW,
            complaint=row if place % 4 else None,
            detail=detail,
        )
        for place, (kind, detail) in enumerate(
            [
                (EventKind.SUBMITTED, EventDetail()),
                (EventKind.STATUS_CHANGED, EventDetail(to_status=row.status, entry=0)),
                (EventKind.FOLLOW_UP_ADDED, EventDetail(entry=0)),
                (EventKind.TRANSFERRED, EventDetail(entry=0)),
                (EventKind.CORRECTED, EventDetail(changed_fields=("title", "reporter"))),
                (EventKind.RATED, EventDetail(entry=0)),
                (EventKind.LINKED, EventDetail(link=LinkKind.SAME_AS, other=_ROWS[number % 5].id)),
                (EventKind.DELIVERY_CHANGED, EventDetail(delivery=f"delivery_{number % 5}")),
                # A move to no status at all: an error in the middle of a stream.
                (EventKind.STATUS_CHANGED, EventDetail()),
            ]
        )
    )
]
_LINKS = [
    Link(complaint_id=one.id, other_id=other.id, kind=kind, created_at=NOW)
    for one, other, kind in zip(_ROWS, _ROWS[1:], [*LinkKind] * 3, strict=False)
]
_DELIVERIES = [
    Delivery(
        id=f"delivery_{number}",
        complaint_id=row.id,
        agency=row.agency,
        kind=DeliveryKind.SUBMIT,
        queued_at=NOW,
        seq=number + 1,
    )
    for number, row in enumerate(_ROWS[:4])
]
_VIEWERS = [
    PUBLIC,
    PUBLIC,
    Viewer(role=Role.NATIONAL_ADMIN, credential="key:1"),
    Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali",), credential="key:2"),
    Viewer(role=Role.REPORTER, complaints=(_ROWS[0].id, _ROWS[1].id), credential="reporter:0"),
]
_WORDS = Words({name: ["prov-bali"] for name in ("agencies", "ids", "regionCode", "category", "after")}, {})


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(asked=subscriptions(GRAPH._schema, _WORDS), viewer=st.sampled_from(_VIEWERS))
async def test_frames_are_the_same(asked: Asked, viewer: Viewer) -> None:
    assume(not validate(GRAPH._schema, parse(asked.text)))
    frames: list[Event | int] = [*_FRAMES[:20], 200, *_FRAMES[20:40]]
    asking = Asking(Memory(_ROWS, [event(3)]), LiveList(frames), limits=FAR)
    asking.ledger.links_kept, asking.ledger.deliveries_kept = _LINKS, _DELIVERIES
    operation = asking.executor.prepare(GraphQLRequest(query=asked.text, variables=asked.variables))
    told: list[dict[str, Any]] = []
    try:
        async for frame in asking.executor.subscribe(operation, viewer):
            told.append(_without_references(orjson.loads(frame.body)))
    except Ended as ended:
        told.append(_told(ended.answer))
    source: Any = subscribe(
        GRAPH._schema,
        parse(asked.text),
        context_value=asking.context(viewer, asking.ledger),
        variable_values=asked.variables,
        executor_class=GRAPH.execution_context_class,
    )
    source = await source if hasattr(source, "__await__") else source
    if isinstance(source, ExecutionResult):
        # It can't begin: a variable does not fit.
        assert told == [{"errors": _body(None, source.errors)["errors"]}]
        return
    # The last one, Lagged, tells everybody another time to come back.
    assert told[:-1] == [_body(result.data, result.errors) async for result in source][:-1]
    assert len(told) == len(frames) + 2
    assert Way.INTERPRETED not in asking.ways


async def test_a_subscription_that_can_not_begin_is_refused() -> None:
    asking = Asking(Memory([], [event(3)]), None)
    operation = asking.executor.prepare(GraphQLRequest(query="subscription { complaintEvents { __typename } }"))
    answer = await _refusal(asking, operation)
    assert answer.refused
    assert answer.errors[0]["extensions"]["code"] == "BAD_USER_INPUT"
    wrong = GraphQLRequest(query="subscription($a: String!) { complaintEvents(after: $a) { __typename } }")
    answer = await _refusal(asking, asking.executor.prepare(wrong))
    assert answer.refused
    assert "$a" in answer.errors[0]["message"]


async def _refusal(asking: Asking, operation: Operation) -> Answer:
    with pytest.raises(Ended) as ended:
        await anext(asking.executor.subscribe(operation, PUBLIC))
    return ended.value.answer


def test_every_field_of_the_graph_can_be_compiled() -> None:
    resolvers = Executor(GRAPH, Memory(), Asking(Memory()).context)._graph.resolvers
    for type_ in GRAPH._schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for field in type_.fields.values():
                resolvers.of(field)


async def test_a_cursor_of_the_ledger_is_followed() -> None:
    asking = Asking(Memory([complaint(1)], [event(3), event(4)]))
    text = f'{{ complaints(filter: {{changedAfter: "{cursor(3)}"}}) {{ nodes {{ id }} }} }}'
    assert _told(await asking.ask(text)) == await asking.stock(text)
    assert asking.ways == [Way.COMPILED]
