"""Submits by the thousand, from clients that send again until they are answered, to a hub that is killed meanwhile."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from gateway.ledger.database import open_database
from gateway.ledger.migrate import migrate
from tests.live.hub import Forked, command
from tests.live.naive import Naive

SUBMIT = """mutation($input: SubmitComplaintInput!) {
  submitComplaint(input: $input) {
    __typename
    ... on SubmitComplaintSuccess { asOf reporterToken complaint { id trackingId } }
    ... on Problem { code message }
  }
}"""
#: Steps of a submit, and those of a delivery.
STEPS = (
    "write.locked",
    "write.read",
    "write.decided",
    "write.appended",
    "write.delivered",
    "write.remembered",
    "write.audited",
    "write.committed",
    "claim.marked",
    "claim.committed",
    "delivery.claimed",
    "delivery.built",
    "delivery.sending",
    "delivery.answered",
    "delivery.settling",
    "delivery.settled",
    "delivery.looking",
    "delivery.found",
)
#: Those that only come where nobody knows whether a write arrived.
LOOKS = ("delivery.looking", "delivery.found")

QUEUES = "{ agencies { id queue { waiting } } }"
#: Seconds until all is delivered, once all is filed.
DELIVERED = 300.0
#: Of what was answered, this share is asked once more.
ASKED_AGAIN = 0.05

STATES = "SELECT state, count(*) FROM deliveries GROUP BY state"
GAPS = "SELECT count(*), coalesce(max(seq), 0), coalesce(min(seq), 1) FROM events"
NUMBERS = (
    "SELECT c.tracking_id, c.id, c.native_id, d.native_id, d.attempts FROM complaints c"
    " JOIN deliveries d ON d.complaint_id = c.id WHERE d.kind = 'SUBMIT'"
)
OTHERS = "SELECT count(*) FROM complaints c WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.complaint_id = c.id)"


class Found(NamedTuple):
    """What came of it.

    Attributes:
        answered: submits that a client was told of as accepted.
        requests: how often they were sent.
        missing: answered, and not in the ledger, or not at its agency under the key that the ledger has.
        twice: filed more than once at an agency, or by two agencies.
        strangers: records that came back as another complaint than the one that was filed.
        unsettled: deliveries in another state than ACKNOWLEDGED.
        gaps: numbers that no event has.
        audit: exit code of `simpul audit verify`.
    """

    answered: int
    requests: int
    kills: int
    dropped: int
    missing: int
    twice: int
    strangers: int
    unsettled: int
    gaps: int
    audit: int
    seconds: float

    def well(self) -> bool:
        """Nothing was lost and nothing was done twice."""
        return not any((self.missing, self.twice, self.strangers, self.unsettled, self.gaps, self.audit))


class Answer(NamedTuple):
    """What a client was told."""

    id: str
    tracking_id: str
    token: str


class Writes:
    """One ledger, two naive agencies, and a hub that comes and goes.

    Args:
        database: an empty ledger's address.
        clients: how many send at the same time.
        drops: of each agency.
        pause: of each client between two submits; seconds.
    """

    def __init__(
        self,
        folder: Path,
        database: str,
        seed: int,
        *,
        clients: int = 8,
        drops: int = 0,
        settles_after: float = 3.0,
        pause: float = 0.0,
    ) -> None:
        self.chance = random.Random(seed)
        self.agencies = (
            Naive("kab-tangerang", "DISTRICT", "36.03", drops=drops),
            Naive("sp4n-lapor", "NATIONAL", drops=drops),
        )
        self.answers: dict[int, Answer] = {}
        self.kills = 0
        self._folder = folder
        self._database = database
        self._clients = clients
        self._settles_after = settles_after
        self._requests = 0
        self._logs = 0
        self._pause = pause
        self._left: Iterator[int] = iter(())
        #: No more are to be filed.
        self.enough = False
        self._grown = asyncio.Condition()
        self._stack = AsyncExitStack()
        self.hub: Forked | None = None

    async def __aenter__(self) -> Writes:
        files = self._folder / "agencies"
        files.mkdir(parents=True)
        for agency in self.agencies:
            await self._stack.enter_async_context(agency.open())
            text = agency.file(every=2.0, settles_after=self._settles_after)
            (files / f"{agency.slug}.toml").write_text(text)
        self.settings = {
            "SIMPUL_DATA_DIR": str(self._folder / "hub"),
            "SIMPUL_DATABASE_URL": self._database,
            "SIMPUL_AGENCIES_DIR": str(files),
            "SIMPUL_SECRET": "s" * 32,
            "SIMPUL_PORT": str(_free_port()),
            "SIMPUL_PAGES": "false",
        }
        await migrate(self._database)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.hub is not None:
            await asyncio.to_thread(self.hub.kill)
        await self._stack.aclose()

    async def start(self, failpoint: tuple[str, int] | None = None) -> None:
        """Another hub, at the same address; it may be gone again when this returns."""
        self._logs += 1
        log = self._folder / f"hub-{self._logs}.log"
        self.hub = await asyncio.to_thread(Forked, log, self.settings, failpoint)
        await asyncio.to_thread(self.hub.address)

    async def ended(self) -> None:
        """Waits until the hub has ended by itself."""
        assert self.hub is not None
        await asyncio.to_thread(self.hub.process.join)

    async def answered(self, count: float) -> None:
        """Waits until so many submits are answered."""
        async with self._grown:
            await self._grown.wait_for(lambda: len(self.answers) >= count)

    async def kill(self) -> None:
        """Ends the hub, if it has not ended, without a word."""
        assert self.hub is not None
        await asyncio.to_thread(self.hub.kill)
        self.kills += 1
        said = self.hub.log.read_text()
        assert "Traceback" not in said, said

    async def submit(self, numbers: Iterable[int], disturb: Callable[[], Awaitable[None]] | None = None) -> None:
        """Files so many complaints; meanwhile `disturb`, which may end before or after."""
        self._left = iter(numbers)
        async with asyncio.TaskGroup() as group:
            if disturb is not None:
                group.create_task(disturb())
            for _ in range(self._clients):
                group.create_task(self._client())

    async def delivered(self, within: float = DELIVERED) -> None:
        """Waits until nothing waits for any agency."""
        async with asyncio.timeout(within), self._asking() as client:
            while True:
                try:
                    told = (await client.post("/graphql", json={"query": QUEUES})).json()
                    if not sum(each["queue"]["waiting"] for each in told["data"]["agencies"]):
                        return
                except httpx2.TransportError:
                    pass
                await asyncio.sleep(0.1)

    async def found(self, began: float) -> Found:
        """Ends the hub and counts."""
        assert self.hub is not None
        assert await asyncio.to_thread(self.hub.stop) == 0, self.hub.log.read_text()
        log = self._folder / "audit.log"
        verified = await asyncio.to_thread(command, log, self.settings, "audit", "verify")
        async with open_database(self._database, readers=1) as database:
            states = {row[0]: row[1] for row in await database.fetch(STATES)}
            [(events, last, first)] = await database.fetch(GAPS)
            kept = {row[0]: row[1:] for row in await database.fetch(NUMBERS)}
            [(strangers,)] = await database.fetch(OTHERS)
        there = sum((agency.references() for agency in self.agencies), Counter[str]())
        titles = sum((agency.titles() for agency in self.agencies), Counter[str]())
        keys = {row["referensi"]: str(row["no"]) for agency in self.agencies for row in agency.rows}
        missing = 0
        for answer in self.answers.values():
            id, native_id, acknowledged, _ = kept.get(answer.tracking_id, (None, None, None, None))
            well = id == answer.id and native_id == acknowledged == keys.get(answer.tracking_id, "")
            missing += not well
        twice = sum(count > 1 for count in there.values()) + sum(count > 1 for count in titles.values())
        if verified:
            print(log.read_text())
        return Found(
            answered=len(self.answers),
            requests=self._requests,
            kills=self.kills,
            dropped=sum(agency.dropped for agency in self.agencies),
            missing=missing,
            twice=twice,
            strangers=strangers,
            unsettled=sum(states.values()) - states.get("ACKNOWLEDGED", 0),
            gaps=last - events + first - 1,
            audit=verified,
            seconds=round(time.monotonic() - began, 1),
        )

    async def _client(self) -> None:
        async with self._asking() as client:
            for number in self._left:
                body = self._body(number)
                answer = await self._until_answered(client, body)
                async with self._grown:
                    self.answers[number] = answer
                    self._grown.notify_all()
                if self.chance.random() < ASKED_AGAIN:
                    assert await self._until_answered(client, body) == answer, "another answer for the same key"
                if self.enough:
                    return
                await asyncio.sleep(self._pause)

    async def _until_answered(self, client: httpx2.AsyncClient, body: dict[str, Any]) -> Answer:
        while True:
            self._requests += 1
            try:
                reply = await client.post("/graphql", json=body)
                told = reply.json()
            except (httpx2.TransportError, ValueError):
                await asyncio.sleep(0.02)
                continue
            if reply.status_code != 200 or "errors" in told:
                assert reply.status_code in (200, 429, 503), reply.text
                await asyncio.sleep(0.02)
                continue
            made = told["data"]["submitComplaint"]
            assert made["__typename"] == "SubmitComplaintSuccess", made
            complaint = made["complaint"]
            return Answer(complaint["id"], complaint["trackingId"], made["reporterToken"])

    def _asking(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.settings['SIMPUL_PORT']}", timeout=30)

    def _body(self, number: int) -> dict[str, Any]:
        """The same whenever it is sent again."""
        key = f"{random.Random(number).getrandbits(128):032x}"
        place = {"regionCode": "36.03"} if number % 2 else None
        asked = {"idempotencyKey": key, "title": f"Laporan {number}", "text": f"Lampu nomor {number} padam."}
        return {"query": SUBMIT, "variables": {"input": {**asked, "incidentLocation": place}}}


async def killed(folder: Path, database: str, seed: int, submits: int, kills: int) -> Found:
    """The kill test: so many submits, a hub that is killed so often at random moments."""
    began = time.monotonic()
    async with Writes(folder, database, seed) as writes:

        async def kill() -> None:
            for number in range(kills):
                due = submits * (number + writes.chance.random()) / kills
                await writes.answered(due)
                await asyncio.sleep(writes.chance.random() * 0.2)
                await writes.kill()
                await writes.start()

        await writes.start()
        await writes.submit(range(submits), kill)
        await writes.delivered()
        return await writes.found(began)


async def dropped(folder: Path, database: str, drops: int) -> Found:
    """Each of two agencies files so many records without a reply that arrives, and as many with one."""
    began = time.monotonic()
    async with Writes(folder, database, 1, drops=drops, settles_after=30.0) as writes:
        await writes.start()
        await writes.submit(range(4 * drops + 2))
        await writes.delivered()
        return await writes.found(began)


async def stopped_at(folder: Path, database: str, seed: int, points: Sequence[str], times: int = 1) -> Found:
    """A hub that dies at each of these steps, so often, while complaints are filed."""
    began = time.monotonic()
    async with Writes(folder, database, seed, clients=4, pause=0.02) as writes:

        async def die() -> None:
            for point in [point for point in points for _ in range(times)]:
                for agency in writes.agencies:
                    agency.drops = 1_000_000 if point in LOOKS else 0
                await writes.start((point, writes.chance.randint(1, 4)))
                async with asyncio.timeout(DELIVERED):
                    await writes.ended()
                await writes.kill()
            writes.enough = True
            for agency in writes.agencies:
                agency.drops = 0
            await writes.start()

        await writes.submit(range(1_000_000), die)
        await writes.delivered()
        return await writes.found(began)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
