"""Content that agencies tell while somebody waits: compiled execution shows what graphql-core shows, field by field."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any, cast

import msgspec
import orjson
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from gateway.cursor import SealedCursors
from gateway.execution.execute import Executor, Operation, Way
from gateway.execution.plan import Plan
from gateway.execution.request import GraphQLRequest
from gateway.ledger.reader import LedgerReader
from schema.agency import SourceErrorCode
from schema.complaint import Complaint, ComplaintRecord, ContentState, Told
from schema.graph.context import Context
from schema.graph.schema import build
from schema.ports import Content, Snapshot
from schema.query import PUBLIC, Viewer
from tests.contract.execution_differential_documents import FAR
from tests.contract.execution_differential_ledger import START, diverse, diverse_ledger

GRAPH = build()
CURSORS = SealedCursors(bytes(range(64)))
COMPLAINTS = diverse(120)
_COMPLAINT = cast("GraphQLObjectType", GRAPH._schema.type_map["Complaint"])


def _record(complaint: Complaint, source: Complaint) -> ComplaintRecord:
    """What the agency of `complaint` tells of it: the same entries in other words, all else as of `source`."""
    told: dict[str, Any] = {name: getattr(source, name) for name in Told.__struct_fields__}
    for name, words in (
        ("timeline", "note"),
        ("dispositions", "note"),
        ("follow_ups", "content"),
        ("ratings", "comment"),
    ):
        entries = getattr(complaint, name)[::-2]
        told[name] = tuple(msgspec.structs.replace(entry, **{words: f"told of {words}"}) for entry in entries)
    return ComplaintRecord(**told | {"is_confidential": False}, native_id=complaint.native_id or "")


WITHHELD = [complaint for complaint in COMPLAINTS if complaint.content_state is ContentState.UNAVAILABLE]
RECORDS = {each.id: _record(each, COMPLAINTS[-n]) for n, each in enumerate(WITHHELD)}


class Agencies:
    """`schema.ports.Live`. At hand is what was asked for before.

    Args:
        states: of the content of each complaint.
    """

    def __init__(self, states: Mapping[str, ContentState]) -> None:
        self.asked: list[frozenset[str]] = []
        self._states = states
        self._known: set[str] = set()

    def at_hand(self, id: str) -> Content | None:
        return self._content(id) if id in self._known else None

    async def contents(self, viewer: Viewer, ids: Collection[str]) -> Mapping[str, Content]:
        self.asked.append(frozenset(ids))
        found = {id: self._content(id) for id in ids if id in self._states}
        self._known |= {id for id, content in found.items() if content.state is ContentState.AVAILABLE}
        return found

    async def refresh(self, viewer: Viewer, id: str) -> bool:
        return False

    def _content(self, id: str) -> Content:
        state = self._states[id]
        if state is ContentState.UNAVAILABLE:
            return Content(agency="kab-badung", state=state, error=SourceErrorCode.TIMEOUT)
        return Content(agency="kab-badung", state=state, record=RECORDS[id], good_for=30.0)


class Interpreted(Executor):
    """Runs everything by graphql-core."""

    def _planned(self, operation: Operation, kind: type[Plan], viewer: Viewer) -> Any:
        return None


def _context(viewer: Viewer, snapshot: Snapshot) -> Context:
    return Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: START + timedelta(days=20))


@pytest.fixture(scope="module")
async def reader(
    empty_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LedgerReader]:
    """COMPLAINTS on each database. Only to be read."""
    witness = tmp_path_factory.mktemp("witness") / "witness"
    async with empty_database() as url, diverse_ledger(url, witness, COMPLAINTS) as ledger:
        yield ledger


def _whole(type_: Any, depth: int) -> str:
    if is_leaf_type(type_):
        return ""
    fields = {name: get_named_type(field.type) for name, field in type_.fields.items()}
    chosen = [name + _whole(kind, depth - 1) for name, kind in fields.items() if depth or is_leaf_type(kind)]
    return f" {{ {' '.join(chosen)} }}"


async def _both(reader: LedgerReader, states: Mapping[str, ContentState], text: str) -> tuple[bytes, Counter[Way]]:
    """The answer, which is the same both ways, and how it was come by the compiled one."""
    ways: Counter[Way] = Counter()
    compiled = Executor(
        GRAPH, reader, _context, on_way=lambda way: ways.update([way]), live=Agencies(states), limits=FAR
    )
    interpreted = Interpreted(GRAPH, reader, _context, live=Agencies(states), limits=FAR)
    answers = []
    for executor in (compiled, interpreted):
        answer = await executor.execute(executor.prepare(GraphQLRequest(query=text)), PUBLIC)
        body = orjson.loads(answer.json())
        for error in body.get("errors", ()):
            del error["extensions"]["reference"]
        answers.append((orjson.dumps(body), answer.good_for, answer.dependencies is None))
    assert answers[0] == answers[1], text
    return answers[0][0], ways


AVAILABLE = dict.fromkeys(RECORDS, ContentState.AVAILABLE)
MIXED = {id: list(ContentState)[n % 3] for n, id in enumerate(RECORDS)}


@pytest.mark.parametrize("name", sorted(_COMPLAINT.fields))
async def test_a_field_is_the_same_both_ways(reader: LedgerReader, name: str) -> None:
    chosen = name + _whole(get_named_type(_COMPLAINT.fields[name].type), 2 if name != "journey" else 1)
    text = f"{{ complaints(first: 200) {{ nodes {{ contentState {chosen} }} }} }}"
    answer, ways = await _both(reader, AVAILABLE, text)
    assert b"UNAVAILABLE" not in answer
    assert ways.keys() == {Way.COMPILED}
    answer, _ = await _both(reader, MIXED, text)
    assert b"SOURCE_UNAVAILABLE" in answer


async def test_who_selects_no_content_waits_for_no_agency(reader: LedgerReader) -> None:
    agencies = Agencies(AVAILABLE)
    executor = Executor(GRAPH, reader, _context, live=agencies)
    bare = "id status category { code } incidentLocation { regionCode } timeline { toStatus } rating { score }"
    text = f"{{ complaints(first: 200) {{ nodes {{ {bare} followUps {{ kind }} }} }} }}"
    answer = await executor.execute(executor.prepare(GraphQLRequest(query=text)), PUBLIC)
    assert (answer.good_for, answer.dependencies is None) == (None, False)
    assert agencies.asked == []


async def test_a_page_is_asked_for_at_once_and_each_complaint_only_once(reader: LedgerReader) -> None:
    agencies = Agencies(AVAILABLE)
    executor = Executor(GRAPH, reader, _context, live=agencies)
    for text in ("{ complaints(first: 200) { nodes { title } } }", "{ complaints(first: 200) { nodes { text } } }"):
        answer = await executor.execute(executor.prepare(GraphQLRequest(query=text)), PUBLIC)
        assert (answer.errors, answer.good_for) == ([], 30.0)
    [asked] = agencies.asked
    assert asked <= RECORDS.keys()
    assert len(asked) > 10


async def test_what_nobody_could_tell_is_not_kept(reader: LedgerReader) -> None:
    agencies = Agencies({})
    executor = Executor(GRAPH, reader, _context, live=agencies)
    answer = await executor.execute(
        executor.prepare(GraphQLRequest(query="{ complaints { nodes { title } } }")), PUBLIC
    )
    assert (answer.errors, answer.dependencies) == ([], None)
    assert len(agencies.asked) == 1
