"""The cache of answers over a small ledger: what is given, what is made anew, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from gateway.cache.answers import AnswerCache
from gateway.cache.entry import Entry
from gateway.cache.memory import Memory
from gateway.execution.answer import Answer
from schema.errors import LedgerUnavailable
from schema.ports import Dependencies, Versions
from schema.query import PUBLIC, Role, Viewer

KEY = b"k" * 32


class Ledger:
    """A ledger of three agencies and a few complaints, and the hub's only cache over it."""

    def __init__(self, **settings: Any) -> None:
        self.seqs = {"prov-bali": 1, "prov-diy": 2}
        self.complaints = {"c1": 1}
        self.health = 0
        self.commits = 0
        self.reads = 0
        self.made = 0
        self.time = 0.0
        self.fails = False
        self.good_for: float | None = None
        self.waits_for = asyncio.Event()
        self.waits_for.set()
        self.cache = AnswerCache(
            self, self, Memory(1_000_000), clock=lambda: self.time, wall=lambda: self.time, **settings
        )

    def event(self, agency: str, complaint: str | None = None) -> None:
        self.commits += 1
        self.seqs[agency] = self.commits + 10
        if complaint:
            self.complaints[complaint] = self.seqs[agency]

    def report(self) -> None:
        self.commits += 1
        self.health += 1

    def versions_now(self) -> Versions:
        return Versions(epoch="e", agencies=dict(self.seqs), health=self.health, facts=0, derived=0)

    # What the cache asks of it.
    def mark(self) -> Hashable | None:
        return None if self.fails else self.commits

    async def look(self) -> Hashable:
        return object() if self.fails else self.commits

    def close(self) -> None:
        pass

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        self.reads += 1
        if self.fails:
            raise LedgerUnavailable("gone")
        yield Reading(self)

    async def get(self, dependencies: Dependencies, viewer: Viewer = PUBLIC, key: bytes = KEY) -> Entry | Answer:
        return await self.cache.get(key, viewer, lambda: self.execute(dependencies))

    async def execute(self, dependencies: Dependencies) -> Answer:
        self.made += 1
        if self.fails:
            return Answer(errors=[{"message": "gone"}])
        body, versions = {"seqs": dict(self.seqs), "complaints": dict(self.complaints)}, self.versions_now()
        await self.waits_for.wait()
        return Answer(
            body, dependencies=msgspec.structs.replace(dependencies), versions=versions, good_for=self.good_for
        )


class Reading:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def versions(self) -> Versions:
        return self._ledger.versions_now()

    async def rows_by_ids(self, ids: Sequence[str], columns: tuple[str, ...]) -> Mapping[str, Sequence[Any]]:
        return {id: (self._ledger.complaints[id],) for id in ids if id in self._ledger.complaints}


BALI = Dependencies(agencies={"prov-bali"})


def said(answer: Entry | Answer) -> Any:
    assert isinstance(answer, Entry)
    return msgspec.json.decode(answer.body)["data"]


async def test_a_second_look_asks_nothing() -> None:
    ledger = Ledger()
    first = await ledger.get(BALI)
    assert ledger.cache.now(KEY, PUBLIC) is first
    assert await ledger.get(BALI) is first
    assert (ledger.made, ledger.reads) == (1, 0)
    assert ledger.cache.looks == {"made": 1, "hit": 2}


async def test_an_event_elsewhere_costs_one_read_for_all_answers() -> None:
    ledger = Ledger()
    keys = [bytes([n]) * 32 for n in range(5)]
    for key in keys:
        await ledger.get(BALI, key=key)
    ledger.event("prov-diy")
    assert ledger.cache.now(keys[0], PUBLIC) is None
    for key in keys:
        await ledger.get(BALI, key=key)
        assert ledger.cache.now(key, PUBLIC) is not None
    assert (ledger.made, ledger.reads) == (5, 1)


@pytest.mark.parametrize(
    ("dependencies", "outdated_by"),
    [
        (BALI, lambda ledger: ledger.event("prov-bali")),
        (Dependencies(agencies=None), lambda ledger: ledger.event("prov-new")),
        (Dependencies(health=True), lambda ledger: ledger.report()),
        (Dependencies(complaints={"c1": 1}), lambda ledger: ledger.event("prov-bali", "c1")),
        (Dependencies(complaints={"c1": 1}), lambda ledger: (ledger.complaints.clear(), ledger.event("prov-diy"))),
    ],
    ids=["its agency", "a new agency", "health", "its complaint", "its complaint out of sight"],
)
async def test_what_it_depends_on_makes_it_anew(dependencies: Dependencies, outdated_by: Any) -> None:
    ledger = Ledger()
    await ledger.get(dependencies)
    outdated_by(ledger)
    assert said(await ledger.get(dependencies)) == {"seqs": ledger.seqs, "complaints": ledger.complaints}
    assert ledger.made == 2


@pytest.mark.parametrize(
    ("dependencies", "change"),
    [
        (BALI, lambda ledger: ledger.report()),
        (Dependencies(health=True), lambda ledger: ledger.event("prov-bali")),
        (Dependencies(complaints={"c1": 1}), lambda ledger: ledger.event("prov-bali", "c2")),
        (Dependencies(), lambda ledger: ledger.event("prov-bali")),
    ],
)
async def test_what_it_does_not_depend_on_leaves_it_true(dependencies: Dependencies, change: Any) -> None:
    ledger = Ledger()
    await ledger.get(dependencies)
    change(ledger)
    await ledger.get(dependencies)
    assert ledger.made == 1
    assert ledger.cache.looks["confirmed"] == 1


async def test_a_thousand_identical_questions_after_an_event_are_one_execution() -> None:
    ledger = Ledger()
    await ledger.get(BALI)
    ledger.event("prov-bali")
    answers = await asyncio.gather(*(ledger.get(BALI) for _ in range(1_000)))
    assert ledger.made == 2
    assert len({id(answer) for answer in answers}) == 1


async def test_who_asks_after_an_event_never_gets_an_answer_from_before_it() -> None:
    ledger = Ledger()
    ledger.waits_for.clear()
    early = asyncio.create_task(ledger.get(BALI))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ledger.made == 1
    before = dict(ledger.seqs)
    ledger.event("prov-bali")
    late = [asyncio.create_task(ledger.get(BALI)) for _ in range(10)]
    await asyncio.sleep(0)
    ledger.waits_for.set()
    assert said(await early)["seqs"] == before
    assert [said(await each)["seqs"] for each in late] == [ledger.seqs] * 10
    assert ledger.made == 2


async def test_who_asks_after_an_event_elsewhere_waits_for_the_one_that_flies() -> None:
    ledger = Ledger()
    ledger.waits_for.clear()
    early = asyncio.create_task(ledger.get(BALI))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ledger.event("prov-diy")
    late = [asyncio.create_task(ledger.get(BALI)) for _ in range(10)]
    await asyncio.sleep(0)
    ledger.waits_for.set()
    assert len({id(answer) for answer in await asyncio.gather(early, *late)}) == 1
    assert ledger.made == 1


async def test_who_leaves_takes_nothing_from_those_who_stay() -> None:
    ledger = Ledger()
    ledger.waits_for.clear()
    first, second = (asyncio.create_task(ledger.get(BALI)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    ledger.waits_for.set()
    assert said(await second)["seqs"] == ledger.seqs
    assert ledger.made == 2  # who is left makes it again


async def test_an_error_is_not_kept() -> None:
    ledger = Ledger()
    ledger.fails = True
    assert isinstance(await ledger.get(BALI), Answer)
    ledger.fails = False
    assert said(await ledger.get(BALI))["seqs"] == ledger.seqs


async def test_a_lost_database_is_told_by_the_execution() -> None:
    ledger = Ledger()
    await ledger.get(BALI)
    ledger.fails = True
    assert ledger.cache.now(KEY, PUBLIC) is None
    answer = await ledger.get(BALI)
    assert isinstance(answer, Answer)
    assert answer.errors == [{"message": "gone"}]


async def test_each_viewer_has_versions_of_its_own() -> None:
    ledger = Ledger()
    officer = Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-bali",))
    for viewer, key in ((PUBLIC, KEY), (officer, b"o" * 32)):
        await ledger.get(BALI, viewer, key)
    ledger.event("prov-diy")
    for viewer, key in ((PUBLIC, KEY), (officer, b"o" * 32)):
        await ledger.get(BALI, viewer, key)
    assert ledger.reads == 2


async def test_stale_answers_are_given_only_as_long_as_the_operator_allows() -> None:
    ledger = Ledger(stale=5.0)
    first = await ledger.get(BALI)
    ledger.time = 100.0
    assert await ledger.get(BALI) is first  # known to be true now
    ledger.event("prov-bali")
    ledger.time = 105.0
    assert await ledger.get(BALI) is first
    for _ in range(10):  # what it began goes on beside it
        await asyncio.sleep(0)
    assert ledger.made == 2
    assert said(await ledger.get(BALI))["seqs"] == ledger.seqs
    ledger.event("prov-bali")
    ledger.time = 110.1
    assert said(await ledger.get(BALI))["seqs"] == ledger.seqs
    assert ledger.made == 3


async def test_by_default_nothing_stale_is_given() -> None:
    ledger = Ledger()
    await ledger.get(BALI)
    ledger.event("prov-bali")
    assert said(await ledger.get(BALI))["seqs"] == ledger.seqs
    assert "stale" not in ledger.cache.looks


@pytest.mark.parametrize("stale", [0.0, 60.0])
async def test_an_answer_expires(stale: float) -> None:
    ledger = Ledger(stale=stale)
    ledger.good_for = 50.0
    entry = await ledger.get(BALI)
    assert isinstance(entry, Entry)
    ledger.time = 49.0
    assert ledger.cache.now(KEY, PUBLIC) is entry
    ledger.time = 50.0
    assert ledger.cache.now(KEY, PUBLIC) is None
    assert await ledger.get(BALI) is not entry
