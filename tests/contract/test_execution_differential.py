"""Compiled execution answers what graphql-core answers, byte for byte, over documents drawn at random."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from graphql import (
    ExecutionResult,
    GraphQLEnumType,
    GraphQLNonNull,
    GraphQLObjectType,
    execute,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from strawberry.execution import optimized_is_awaitable
from strawberry.utils.str_converters import to_snake_case
from structlog.testing import capture_logs

from gateway.cursor import SealedCursors
from gateway.execution.columns import TABLES
from gateway.execution.execute import Executor
from gateway.execution.masking import shown
from gateway.execution.operation import Way
from gateway.execution.request import GraphQLRequest
from gateway.ledger.models import ComplaintRow
from gateway.ledger.reader import LedgerReader
from schema.complaint import Complaint
from schema.errors import LedgerUnavailable
from schema.events import Position
from schema.graph.context import Context
from schema.graph.schema import build
from schema.links import LinkKind, Suggestion
from schema.ports import Snapshot
from schema.query import PUBLIC, ComplaintOrder, Role, RowKey, Viewer
from tests.contract.execution_differential_documents import FAR, Asked, Words, queries
from tests.contract.execution_differential_ledger import AGENCIES, START, diverse, diverse_ledger

GRAPH = build()
CURSORS = SealedCursors(bytes(range(64)))
COMPLAINTS = diverse(200)


#: When all is asked: some mirrors are too old for some who ask.
LATER = START + timedelta(days=20)
#: Stands in documents for the cursor of an event of the ledger that is asked.
EVENT = "EVENT"


def words() -> Words:
    some = COMPLAINTS[::17]
    ids, slugs = [each.id for each in some], [agency.id for agency in AGENCIES]
    row = CURSORS.seal_row(ComplaintOrder(), RowKey(("2021-01-15T00:00:00.000Z",), some[0].id))
    nodes = [*ids, *slugs, "region_36.03", "category_agama", f"delivery_{7:026}", "complaint_nobody", ""]
    numbers = [each.tracking_id for each in some]
    good: dict[str, list[Any]] = {
        "id": nodes,
        "ids": nodes,
        "agency": slugs,
        "agencies": [*slugs, "gone"],
        "assignedAgencies": slugs,
        "trackingId": numbers,
        "trackingIds": numbers,
        "regionCode": ["36", "36.03", "51"],
        "parentCode": ["36", "51.03", "zz"],
        "code": ["36", "36.03.01", "agama", "agama.haji-dan-umroh", "nothing"],
        "category": ["agama", "infrastruktur"],
        "text": ["jalan", "petik miring", ""],
        "after": [row, EVENT, CURSORS.seal_delivery(1_000)],
        "before": [row],
        "changedAfter": [EVENT],
        "representations": [{"__typename": "Complaint", "id": ids[0]}, {"__typename": "Agency", "id": "prov-bali"}],
    }
    elsewhere = CURSORS.seal_event(Position("elsewhere", 3))
    bad: dict[str, list[Any]] = {
        "after": ["junk", elsewhere],
        "changedAfter": ["junk", elsewhere],
        "regionCode": ["36.0"],
        "text": ["é" * 201],
        "trackingId": ["same", "nobody's"],
        "representations": [{"id": "x"}],
    }
    return Words(good, bad)


OFFICER = Viewer(role=Role.AGENCY_COORDINATOR, agencies=("kab-badung", "prov-bali"), credential="key:1")
#: Those who are not the public.
VIEWERS = (
    OFFICER,
    Viewer(role=Role.NATIONAL_ADMIN, credential="key:2"),
    Viewer(role=Role.OVERSIGHT, credential="key:3", name="Ombudsman", expires_at=LATER + timedelta(days=1)),
    Viewer(role=Role.INTEGRATOR, agencies=("sp4n-lapor",), credential="key:4"),
    Viewer(role=Role.REPORTER, complaints=tuple(each.id for each in COMPLAINTS[:40]), credential="reporter:00"),
)
WORDS = words()
ASKED = queries(GRAPH._schema, WORDS)


class Both:
    """The same question, put to the executor and to graphql-core.

    Args:
        faults: questions that fail, whoever asks.
        columns_only: the executor has no whole records to read.
    """

    def __init__(
        self,
        reader: LedgerReader,
        faults: Collection[str] = (),
        *,
        viewer: Viewer = PUBLIC,
        columns_only: bool = False,
    ) -> None:
        self.ledger = reader
        self.viewer = viewer
        self.reader = Faulty(reader, faults)
        self.ways: Counter[Way] = Counter()
        compiled = Faulty(reader, ("complaints", "by_tracking_id")) if columns_only else self.reader
        self.executor = Executor(GRAPH, compiled, _context, on_way=lambda way: self.ways.update([way]), limits=FAR)

    async def agree(self, asked: Asked) -> None:
        asked = await self._here(asked)
        operation = self.executor.prepare(GraphQLRequest(query=asked.text, variables=asked.variables))
        compiled = _without_references((await self.executor.execute(operation, self.viewer)).json())
        assert compiled == _without_references(await self.stock(asked)), asked

    async def _here(self, asked: Asked) -> Asked:
        async with self.ledger.snapshot(PUBLIC) as snapshot:
            cursor = CURSORS.seal_event(Position((await snapshot.head()).epoch, 30))
        variables = orjson.loads(orjson.dumps(asked.variables).replace(EVENT.encode(), cursor.encode()))
        return Asked(asked.text.replace(EVENT, cursor), variables)

    async def stock(self, asked: Asked) -> bytes:
        async with self.reader.snapshot(self.viewer) as snapshot:
            pending = execute(
                GRAPH._schema,
                parse(asked.text),
                context_value=_context(self.viewer, snapshot),
                variable_values=asked.variables,
                executor_class=GRAPH.execution_context_class,
                is_awaitable=cast("Any", optimized_is_awaitable),
            )
            result = pending if isinstance(pending, ExecutionResult) else await pending
        errors = result.errors or []
        body: dict[str, Any] = {"errors": shown(errors)} if errors else {}
        if result.data is not None or any(error.path for error in errors):
            body["data"] = result.data
        return orjson.dumps(body)


class Faulty:
    """A reader whose snapshots fail at some questions."""

    def __init__(self, reader: LedgerReader, faults: Collection[str]) -> None:
        self._reader = reader
        self._faults = faults

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        async with self._reader.snapshot(viewer, lone=lone) as snapshot:
            yield _FaultySnapshot(snapshot, self._faults)


class _FaultySnapshot:
    def __init__(self, snapshot: Snapshot, faults: Collection[str]) -> None:
        self._snapshot = snapshot
        self._faults = faults

    def __getattr__(self, name: str) -> Any:
        answer = getattr(self._snapshot, name)
        if name not in self._faults and name != "rows":
            return answer

        async def ask(*arguments: Any, **named: Any) -> Any:
            if name in self._faults or (named.get("count") and "count" in self._faults):
                raise LedgerUnavailable(f"no {name} today")
            return await answer(*arguments, **named)

        return ask


def _context(viewer: Viewer, snapshot: Snapshot) -> Context:
    async def suggest(snapshot: Snapshot, complaint: Complaint, /) -> Sequence[Suggestion]:
        return [Suggestion(complaint=complaint, kind=LinkKind.DUPLICATE_OF, score=n / 12) for n in range(12, 0, -1)]

    return Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: LATER, suggest=suggest)


def _without_references(body: bytes) -> str:
    answer = orjson.loads(body)
    for error in answer.get("errors", ()):
        error["extensions"].pop("reference")
    return orjson.dumps(answer).decode()


@pytest.fixture(scope="module")
async def reader(
    empty_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LedgerReader]:
    """COMPLAINTS on each database. Only to be read."""
    witness = tmp_path_factory.mktemp("witness") / "witness"
    async with empty_database() as url, diverse_ledger(url, witness, COMPLAINTS) as ledger:
        yield ledger


@pytest.fixture(scope="module")
async def file_reader(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LedgerReader]:
    """The same on SQLite alone: after every error PostgreSQL's connections are made anew."""
    folder = tmp_path_factory.mktemp("failing")
    shutil.copy(migrated_file, folder / "hub.db")
    async with diverse_ledger(f"sqlite://{folder / 'hub.db'}", folder / "witness", COMPLAINTS) as ledger:
        yield ledger


def _fits(asked: Asked) -> bool:
    return not validate(GRAPH._schema, parse(asked.text))


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Thousands of errors are meant, and a traceback in colours takes longer than the query."""
    with capture_logs():
        yield


# What is drawn is printed as it is: making it shorter would take minutes.
_drawn = settings(
    deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.reuse, Phase.generate]
)


#: Whoever asks: the public as often as all others together.
ASKING = st.one_of(st.just(PUBLIC), st.sampled_from(VIEWERS))


@settings(_drawn, max_examples=25)
@given(asked=ASKED, viewer=ASKING)
async def test_drawn_documents(reader: LedgerReader, asked: Asked, viewer: Viewer) -> None:
    assume(_fits(asked))
    await Both(reader, viewer=viewer).agree(asked)


#: Questions that go wrong together: one way asks by the first name, the other by the second.
_FAULTS = st.sets(
    st.sampled_from(
        [
            ("complaints", "rows"),
            ("by_ids", "rows_by_ids"),
            ("by_tracking_id", "rows_by_tracking_id"),
            ("count",),
            ("stamp",),
            ("sources",),
            ("statistics",),
            ("events",),
            ("head",),
            ("links",),
            ("deliveries",),
            ("deliveries_by_ids",),
            ("latest_deliveries",),
            ("queues",),
        ]
    ),
    min_size=1,
    max_size=3,
)


@settings(_drawn, max_examples=25)
# Without directives: a plan does not ask for rows that `@skip` leaves out, so it can't fail there.
@given(asked=queries(GRAPH._schema, WORDS, directives=False), faults=_FAULTS, viewer=ASKING)
async def test_drawn_documents_over_a_failing_ledger(
    file_reader: LedgerReader, asked: Asked, faults: set[tuple[str, ...]], viewer: Viewer
) -> None:
    assume(_fits(asked))
    await Both(file_reader, {name for names in faults for name in names}, viewer=viewer).agree(asked)


@pytest.mark.soak
async def test_thousands_of_drawn_documents(reader: LedgerReader) -> None:
    everybody, asked = [Both(reader, viewer=viewer) for viewer in (PUBLIC, *VIEWERS)], list[Asked]()

    @settings(_drawn, max_examples=5_000, phases=[Phase.generate], database=None)
    @given(one=ASKED)
    def draw(one: Asked) -> None:
        asked.append(one)

    draw()
    for number, one in enumerate(filter(_fits, asked)):
        # The public as often as all others together.
        await everybody[number // 2 % len(everybody) if number % 2 else 0].agree(one)
    for both in everybody:
        print(both.viewer.role, {way.value: count for way, count in both.ways.items()})


def _whole(type_: Any, depth: int) -> str:
    """A selection of all of a type, but for what it refers to."""
    if is_leaf_type(type_):
        return ""
    chosen = [
        name + _whole(get_named_type(field.type), depth - 1)
        for name, field in type_.fields.items()
        if depth > 0 or is_leaf_type(get_named_type(field.type))
    ]
    return f" {{ __typename {' '.join(chosen)} }}"


_COMPLAINT = cast("GraphQLObjectType", GRAPH._schema.type_map["Complaint"])
#: Fields that need the whole record: their resolvers read it all.
_OF_THE_RECORD = {"journey"}
#: Fields that others than the public are answered otherwise.
_OF_OTHERS = ("delivery", "followUps", "linkSuggestions", "nextStatuses", "reporter", "viewerActions")


@pytest.mark.parametrize("name", sorted(_COMPLAINT.fields.keys() - _OF_THE_RECORD))
async def test_a_field_is_the_same_from_columns(reader: LedgerReader, name: str) -> None:
    both = Both(reader, columns_only=True)
    chosen = name + _whole(get_named_type(_COMPLAINT.fields[name].type), 2)
    await both.agree(Asked(f"{{ complaints(first: 200) {{ nodes {{ {chosen} again: {chosen} }} }} }}", {}))
    assert both.ways == {Way.COMPILED: 1}


@pytest.mark.parametrize("name", _OF_OTHERS)
async def test_a_field_for_an_officer_is_the_same_from_columns(reader: LedgerReader, name: str) -> None:
    # Suggestions are made of the whole record.
    both = Both(reader, viewer=OFFICER, columns_only=name != "linkSuggestions")
    chosen = name + _whole(get_named_type(_COMPLAINT.fields[name].type), 1)
    await both.agree(Asked(f"{{ complaints(first: 100) {{ nodes {{ {chosen} }} }} }}", {}))
    assert both.ways == {Way.COMPILED: 1}


@pytest.mark.parametrize("seconds", ["0", "100000000", "null", "$seconds"])
async def test_a_mirror_that_is_too_old_is_told_so(reader: LedgerReader, seconds: str) -> None:
    one = f'complaint(id: "{COMPLAINTS[3].id}", maxAgeSeconds: {seconds}) {{ id stale agency {{ id }} }}'
    both = Both(reader)
    declared = "query($seconds: Int)" if "$" in seconds else "query"
    await both.agree(Asked(f"{declared} {{ {one} }}", {"seconds": 5}))
    assert both.ways == {Way.COMPILED: 1}
    await both.agree(Asked(f"{declared} {{ {one} complaints {{ nodes {{ id stale }} }} }}", {"seconds": 5}))


@pytest.mark.parametrize("viewer", [PUBLIC, OFFICER], ids=lambda viewer: viewer.role)
async def test_a_field_of_the_record_is_compiled_all_the_same(reader: LedgerReader, viewer: Viewer) -> None:
    both = Both(reader, viewer=viewer)
    chosen = "journey { hops bouncing complaints { id } steps { kind note complaint { id } agency { id } } }"
    await both.agree(Asked(f"{{ complaints(first: 100) {{ totalCount nodes {{ id {chosen} }} }} }}", {}))
    assert both.ways == {Way.COMPILED: 1}


def test_columns_of_what_is_never_null_are_never_null() -> None:
    nullable = {name for name, field in ComplaintRow._meta.fields_map.items() if field.null}
    stored = TABLES["Complaint"].stored
    for name, field in _COMPLAINT.fields.items():
        attribute = stored.get(to_snake_case(name))
        if isinstance(field.type, GraphQLNonNull) and attribute and attribute.answer:
            assert not nullable & set(attribute.columns), name


def test_an_enum_is_stored_by_its_name() -> None:
    for type_ in GRAPH._schema.type_map.values():
        if isinstance(type_, GraphQLEnumType) and not type_.name.startswith("__"):
            assert all(value.value == name for name, value in type_.values.items()), type_


async def test_what_may_not_be_shown_is_hidden_in_columns_too(reader: LedgerReader) -> None:
    both = Both(reader)
    chosen = "contentState title text incidentLocation { regionCode } attachments { id } followUps { content }"
    asked = Asked(f"{{ complaints(first: 200) {{ nodes {{ {chosen} }} }} }}", {})
    operation = both.executor.prepare(GraphQLRequest(query=asked.text))
    answer = orjson.loads((await both.executor.execute(operation, PUBLIC)).json())
    hidden = [row for row in answer["data"]["complaints"]["nodes"] if row["contentState"] in ("ERASED", "UNAVAILABLE")]
    assert len(hidden) > 20
    assert all(row["title"] is row["text"] is None for row in hidden)
    assert all(row["incidentLocation"] is None for row in hidden if row["contentState"] == "ERASED")
    assert not any(entry["content"] for row in hidden for entry in row["followUps"])
    await both.agree(asked)
