"""Nobody reads what the policy keeps from him: each role, each field of each type, each agency, and each way to it."""

from __future__ import annotations

import gc
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import orjson
import pytest
from graphql import (
    ExecutionResult,
    execute,
    parse,
    validate,
)
from msgspec.structs import replace
from strawberry.execution import optimized_is_awaitable
from structlog.testing import capture_logs

from gateway.cursor import SealedCursors
from gateway.execution.execute import Executor
from gateway.execution.masking import shown
from gateway.execution.request import GraphQLRequest
from gateway.ledger.reader import LedgerReader
from schema.complaint import Complaint
from schema.graph.context import Context
from schema.graph.policy import declared
from schema.links import LinkKind, Suggestion
from schema.ports import Snapshot
from schema.query import ComplaintFilter, ComplaintOrder, Viewer, Window
from tests.contract.execution_differential_documents import FAR, Words, query
from tests.contract.execution_differential_ledger import START
from tests.contract.policy_documents import GRAPH, TYPES, askable, documents
from tests.contract.policy_ledger import SLUGS, Allowed, Marked, marked_ledger, viewers

CURSORS = SealedCursors(bytes(range(64)))
#: A document asks for everything there is.
LIMITS: Final = replace(FAR, bytes=10**7, tokens=10**6, selections=10**7, roots=10**4, pairs=10**7)

#: What was decided, beside the code: of whom each is that is not for everyone.
DECIDED: Final[Mapping[str, str]] = {
    "Agency.quarantine": "OPERATOR",
    "Complaint.delivery": "REPORTER",
    "Complaint.linkSuggestions": "HANDLER",
    "Complaint.reporter": "IDENTITY",
    "Delivery": "REPORTER",
    "DeliveryChanged": "REPORTER",
    "DismissLinkSuggestionSuccess": "HANDLER",
    "LinkComplaintsSuccess": "HANDLER",
    "LinkSuggestion": "HANDLER",
    "QuarantinedRecord": "OPERATOR",
    "Reporter": "IDENTITY",
    "RetryDeliverySuccess": "OPERATOR",
    "SettleDeliverySuccess": "HANDLER",
}
#: Whether a record's field is for this viewer.
OF_COMPLAINTS: Final[Mapping[str, Callable[[Allowed, Complaint], bool]]] = {
    "delivery": Allowed.is_mine,
    "linkSuggestions": Allowed.handles,
    "reporter": Allowed.identifies,
}


def test_what_is_declared_is_what_was_decided() -> None:
    told: dict[str, str] = {}
    for name, policy in declared(GRAPH._schema).items():
        told |= {name: policy.to.value}
        told |= {f"{name}.{field}": to.value for field, to in policy.fields.items() if to is not policy.to}
    assert {name: to for name, to in told.items() if to != "PUBLIC"} == DECIDED


# ---------------------------------------------------------------- asked


class Asking:
    """Puts documents, both ways of executing them, and looks at each answer."""

    def __init__(self, ledger: Marked, viewer: Viewer, executor: Executor) -> None:
        self.allowed = Allowed(viewer, ledger)
        self.viewer = viewer
        self.ledger = ledger
        self.executor = executor
        self.by_id = {complaint.id: complaint for complaint in ledger.complaints}
        #: How often each field of each type told something.
        self.told: Counter[str] = Counter()
        self.faults: list[object] = []

    async def compiled(self, text: str) -> bytes:
        return self._looked_at((await self.executor.execute(self._operation(text), self.viewer)).json(), text)

    async def stock(self, text: str) -> bytes:
        async with self.ledger.reader.snapshot(self.viewer) as snapshot:
            pending = execute(
                GRAPH._schema,
                _parsed(text),
                context_value=_context(self.viewer, snapshot),
                executor_class=GRAPH.execution_context_class,
                is_awaitable=cast("Any", optimized_is_awaitable),
            )
            result = pending if isinstance(pending, ExecutionResult) else await pending
        return self._looked_at(orjson.dumps({"data": result.data, "errors": shown(result.errors or [])}), text)

    def _operation(self, text: str) -> Any:
        return self.executor.prepare(GraphQLRequest(query=text))

    def _looked_at(self, body: bytes, text: str) -> bytes:
        self.faults += [(self.viewer, each, text[:200]) for each in self.allowed.beyond(body.decode())]
        self._walk(orjson.loads(body).get("data"))
        return body

    def _walk(self, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._walk(each)
        elif isinstance(value, dict):
            name = value.get("__typename")
            if isinstance(name, str):
                fields = [field.removesuffix(f"_{name}") for field, told in value.items() if told not in (None, [])]
                self.told.update(f"{name}.{field}" for field in fields)
                self._look(name, value)
            for each in value.values():
                self._walk(each)

    def _look(self, name: str, value: dict[str, Any]) -> None:
        """Whether a record of this type tells more than it may."""
        if name == "Complaint" and "id" in value:
            complaint = self.by_id[value["id"]]
            for field, may in OF_COMPLAINTS.items():
                if value.get(field) and not may(self.allowed, complaint):
                    self.faults.append((self.viewer, f"Complaint.{field}", complaint.id))
            entries = [entry for entry in value.get("followUps", ()) if entry.get("isConfidential")]
            if entries and not self.allowed.is_mine(complaint):
                self.faults.append((self.viewer, "a confidential part", complaint.id))
        if name == "Agency" and value.get("quarantine") and not self.allowed.operates(value["id"]):
            self.faults.append((self.viewer, "Agency.quarantine", value["id"]))


_parsed = lru_cache(parse)


def _context(viewer: Viewer, snapshot: Snapshot) -> Context:
    async def suggest(snapshot: Snapshot, complaint: Complaint, /) -> Sequence[Suggestion]:
        page = await snapshot.complaints(ComplaintFilter(), ComplaintOrder(), Window(limit=3))
        return [Suggestion(complaint=each, kind=LinkKind.DUPLICATE_OF, score=0.5) for each in page.rows]

    return Context(
        viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: START + timedelta(days=20), suggest=suggest
    )


# ---------------------------------------------------------------- each role, field and agency


@pytest.fixture(scope="module")
async def ledger(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Marked]:
    """Few complaints. Only to be read."""
    folder = tmp_path_factory.mktemp("policy")
    shutil.copy(migrated_file, folder / "hub.db")
    async with marked_ledger(f"sqlite://{folder / 'hub.db'}", folder / "witness", 8) as made:
        yield made


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    with capture_logs():
        yield


async def test_each_role_reads_what_is_its_own_of_every_type(ledger: Marked) -> None:
    await _each_role(ledger, 2)


@pytest.mark.soak
# graphql-core forgets what is under way beside an error; it is found by the collector.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_each_role_reads_what_is_its_own_of_every_type_in_full(
    empty_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    witness = tmp_path_factory.mktemp("witness") / "witness"
    async with empty_database() as url, marked_ledger(url, witness, 24) as ledger:
        print(f"\n{url.partition(':')[0]}:", await _each_role(ledger, 3, in_full=True))
        drawn = await _drawn(ledger, 300)
    print(f"documents drawn: {dict(drawn)}")
    gc.collect()


async def _each_role(ledger: Marked, depth: int, *, in_full: bool = False) -> dict[str, int]:
    executor = Executor(GRAPH, ledger.reader, _context, limits=LIMITS)
    everybody = [Asking(ledger, viewer, executor) for viewer in viewers(ledger.complaints)]
    texts, slowly = list(documents(ledger, depth)), list(documents(ledger, depth if in_full else 1))
    for asking in everybody:
        for text in texts:
            await asking.compiled(text)
        for text in slowly:
            await asking.stock(text)
        assert asking.faults[:3] == []
        _counted(asking, (await asking.compiled(_COUNTS)))
        # And it is not that nobody is told anything.
        for field, may in OF_COMPLAINTS.items():
            expected = any(may(asking.allowed, each) for each in ledger.complaints if asking.allowed.is_mine(each))
            assert bool(asking.told[f"Complaint.{field}"]) == expected, (asking.viewer, field)
        operated = any(asking.allowed.operates(slug) for slug in SLUGS)
        assert bool(asking.told["Agency.quarantine"]) == operated, asking.viewer
    told: Counter[str] = sum((asking.told for asking in everybody), Counter())
    untold = askable() - told.keys()
    assert not in_full or untold <= _NEVER_HERE, sorted(untold - _NEVER_HERE)
    return {"viewers": len(everybody), "fields": len(askable()), "values": told.total()}


_COUNTS = """{
  complaints { totalCount } found: complaints(filter: {text: "CONTENT"}) { totalCount } deliveries { totalCount }
  all: statistics(groupBy: []) { count } by: statistics(groupBy: [AGENCY]) { count agency { id } }
}"""


def _counted(asking: Asking, body: bytes) -> None:
    """Counts are of what there is for the viewer, and of nothing else."""
    told, allowed = orjson.loads(body)["data"], asking.allowed
    exist = [asking.by_id[id] for id in allowed.exists]
    assert told["complaints"]["totalCount"] == len(exist)
    assert sum(bucket["count"] for bucket in told["all"]) == len(exist)
    by = {bucket["agency"]["id"]: bucket["count"] for bucket in told["by"]}
    assert by == Counter(complaint.agency for complaint in exist)
    assert told["found"]["totalCount"] <= len(exist)
    mine = [id for id, about in asking.ledger.deliveries.items() if allowed.is_mine(asking.by_id[about])]
    assert told["deliveries"]["totalCount"] == len(mine)


#: What nothing in this ledger has, or stands under another name.
_NEVER_HERE: Final = frozenset(
    {
        "Agency.tier",
        "Query.complaint",
        "Query.node",
        "Query.statistics",
        "ResolutionRated.rating",
        "SourceError.retryAt",
        "Viewer.expiresAt",
        *(f"{name}.actor" for name in TYPES if name.endswith(("Added", "Breached", "Corrected", "Linked", "Rated"))),
        *(f"{name}.actor" for name in ("ComplaintSubmitted", "ComplaintTransferred", "DeliveryChanged")),
    }
)


# ---------------------------------------------------------------- other ways to ask


async def test_what_is_hidden_is_answered_as_what_is_not_there(ledger: Marked) -> None:
    for viewer in viewers(ledger.complaints):
        allowed = Allowed(viewer, ledger)
        hidden = [each for each in ledger.complaints if each.id not in allowed.exists][:2]
        for complaint in hidden:
            here = await _of_one(ledger, viewer, complaint.id, complaint.tracking_id)
            nowhere = await _of_one(ledger, viewer, "complaint_" + "0" * 26, "T-nowhere")
            assert here == nowhere, viewer


async def _of_one(ledger: Marked, viewer: Viewer, id: str, number: str) -> list[object]:
    """Every answer, and what the ledger was asked for it: what takes the same steps takes the same time."""
    steps: list[str] = []
    asking = Asking(ledger, viewer, Executor(GRAPH, cast("LedgerReader", _Steps(ledger.reader, steps)), _context))
    found: list[object] = []
    for text in (
        '{ complaint(id: "%s") { ...A b: title } } fragment A on Complaint { t: title reporter { name } }',
        '{ node(id: "%s") { __typename ... on Complaint { title links { kind } } } }',
        '{ nodes(ids: ["%s"]) { __typename ... on Complaint { title delivery { state } } } }',
        '{ _entities(representations: [{__typename: "Complaint", id: "%s"}]) { ... on Complaint { title } } }',
        '{ complaints(filter: {trackingIds: ["%s"]}) { totalCount nodes { title } } }',
        '{ complaint(trackingId: "%s") { title } }',
    ):
        body = await asking.compiled(text % (number if "tracking" in text else id))
        found += [orjson.loads(body), *steps]
        steps.clear()
    return found


class _Steps:
    """A reader that writes down what its snapshots are asked."""

    def __init__(self, reader: LedgerReader, steps: list[str]) -> None:
        self._reader = reader
        self._steps = steps

    def snapshot(self, viewer: Viewer, *, lone: bool = False) -> Any:
        snapshot = self._reader.snapshot(viewer, lone=lone)
        for name in ("_ask", "_ask_all"):
            setattr(snapshot, name, self._noted(getattr(snapshot, name)))
        return snapshot

    def _noted(self, put: Any) -> Any:
        async def ask(*statements: Any) -> Any:
            self._steps.extend(statement.sql for statement in statements if statement is not None)
            return await put(*statements)

        return ask


async def test_documents_drawn_at_random_tell_no_more(ledger: Marked) -> None:
    assert (await _drawn(ledger, 2))["fits"] > 20


async def _drawn(ledger: Marked, each: int) -> Counter[str]:
    """Aliases, fragments of every kind, directives and arguments, as the differential tests draw them."""
    ids = [complaint.id for complaint in ledger.complaints]
    numbers = [complaint.tracking_id for complaint in ledger.complaints]
    good: dict[str, list[Any]] = {
        **{name: [CURSORS.seal_delivery(2), "junk"] for name in ("after", "before", "changedAfter")},
        **{name: ["agama", "prov-bali", "36"] for name in ("category", "assignedAgencies", "parentCode")},
        "id": [*ids, *SLUGS, *ledger.deliveries],
        "ids": [*ids, *SLUGS, *ledger.deliveries],
        "agency": list(SLUGS),
        "agencies": list(SLUGS),
        "trackingId": numbers,
        "trackingIds": numbers,
        "regionCode": ["36", "51"],
        "code": ["36", "agama"],
        "text": ["content"],
        "representations": [{"__typename": "Complaint", "id": id} for id in ids],
    }
    count: Counter[str] = Counter()
    executor = Executor(GRAPH, ledger.reader, _context, limits=LIMITS)
    for number, viewer in enumerate(viewers(ledger.complaints)):
        asking, dice = Asking(ledger, viewer, executor), Random(number)
        for _ in range(each):
            asked = query(GRAPH._schema, Words(good, {}), dice.randrange(2**32))
            count["drawn"] += 1
            if validate(GRAPH._schema, parse(asked.text)):
                continue
            operation = asking.executor.prepare(GraphQLRequest(query=asked.text, variables=asked.variables))
            body = (await asking.executor.execute(operation, viewer)).json().decode()
            assert asking.allowed.beyond(body) == [], (viewer, asked)
            count["fits"] += 1
            count["bytes"] += len(body)
    return count
