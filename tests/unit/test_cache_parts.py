"""Keys, footings, the bound of the memory, and looks that are shared."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.cache.entry import OVERHEAD, Entry, Stored
from gateway.cache.footing import footing
from gateway.cache.key import key_of
from gateway.cache.memory import Memory
from gateway.execution.request import GraphQLRequest
from gateway.ledger.freshness import SharedLooks
from schema.ports import Dependencies, Versions
from schema.query import PUBLIC, Role, Viewer

ASKED = GraphQLRequest(query="query Q($a: Int) { complaints(first: $a) { totalCount } }", variables={"a": 1, "b": [2]})


def test_the_order_of_variables_does_not_matter() -> None:
    assert key_of(ASKED, PUBLIC) == key_of(replace(ASKED, variables={"b": [2], "a": 1}), PUBLIC)
    assert key_of(replace(ASKED, variables=None), PUBLIC) == key_of(replace(ASKED, variables={}), PUBLIC)


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, query=ASKED.query + " "),
        replace(ASKED, variables={"a": 1, "b": [3]}),
        replace(ASKED, variables={"a": "1", "b": [2]}),
        replace(ASKED, variables={"a": True, "b": [2]}),
        replace(ASKED, operation_name="Q"),
        replace(ASKED, extensions={"any": 1}),
    ],
)
def test_what_is_asked_makes_the_key(other: GraphQLRequest) -> None:
    assert key_of(other, PUBLIC) != key_of(ASKED, PUBLIC)


@pytest.mark.parametrize(
    "viewer",
    [Viewer(role=Role.OVERSIGHT), Viewer(agencies=("prov-bali",)), Viewer(name="x")],
)
def test_who_asks_makes_the_key(viewer: Viewer) -> None:
    assert key_of(ASKED, viewer) != key_of(ASKED, PUBLIC)


def test_what_is_measured_by_the_clock_has_no_key() -> None:
    asked = GraphQLRequest(query='{ complaint(id: "x", maxAgeSeconds: 5) { id } }')
    assert key_of(asked, PUBLIC) is None


def test_what_has_no_canonical_form_has_no_key() -> None:
    assert key_of(replace(ASKED, variables={"a": "\ud800"}), PUBLIC) is None
    assert key_of(replace(ASKED, variables={"a": 10**40}), PUBLIC) is not None


SLUGS = st.sampled_from(["prov-bali", "prov-diy", "kab-sleman"])
SEQS = st.dictionaries(SLUGS, st.integers(1, 3))
VERSIONS = st.builds(
    Versions,
    epoch=st.sampled_from(["e", "f"]),
    agencies=SEQS,
    health=st.integers(0, 2),
    facts=st.integers(0, 2),
    derived=st.integers(0, 1),
    head=st.integers(0, 2),
)
DEPENDENCIES = st.builds(
    Dependencies, agencies=st.none() | st.sets(SLUGS), health=st.booleans(), facts=st.booleans(), head=st.booleans()
)


@settings(deadline=None, max_examples=300)
@given(DEPENDENCIES, VERSIONS, VERSIONS)
def test_a_footing_holds_while_all_that_it_names_is_the_same(
    dependencies: Dependencies, then: Versions, now: Versions
) -> None:
    slugs = then.agencies.keys() | now.agencies.keys() if dependencies.agencies is None else dependencies.agencies
    same = all(
        getattr(then, name) == getattr(now, name) for name in ("health", "facts", "head") if getattr(dependencies, name)
    )
    same &= (then.epoch, then.derived) == (now.epoch, now.derived)
    same &= all(then.agencies.get(slug) == now.agencies.get(slug) for slug in slugs)
    assert footing(dependencies, then).holds(now) is same


def test_a_footing_does_not_change_with_what_it_was_made_of() -> None:
    dependencies = Dependencies(agencies={"prov-bali"}, complaints={"c": 1})
    versions = Versions(epoch="e", agencies={"prov-bali": 1}, health=0, facts=0, derived=0)
    made = footing(dependencies, versions)
    dependencies.complaints["d"] = 2
    assert made.complaints == {"c": 1}


def entry(number: int, size: int = 1_000) -> Entry:
    versions = Versions(epoch="e", agencies={}, health=0, facts=0, derived=0)
    stored = Stored(number.to_bytes(32), b"x" * (size - OVERHEAD), footing(Dependencies(), versions))
    return Entry(stored, 0, 0.0)


def test_memory_is_bounded_in_bytes_and_the_least_recently_used_go() -> None:
    memory = Memory(40_000)
    entries = [entry(number, 4_000) for number in range(10)]
    for each in entries:
        memory.put(each)
    assert (len(memory), memory.bytes) == (10, 40_000)
    memory.get(entries[0].key)
    memory.put(entry(10, 4_000))
    assert memory.get(entries[0].key) is entries[0]
    assert memory.get(entries[1].key) is None
    memory.grow(entries[0], 3_000)
    assert (len(memory), memory.bytes) == (9, 39_000)
    memory.grow(entries[1], 3_000)  # it is not here any more
    assert memory.bytes == 39_000
    memory.put(entry(11, 5_001))  # too much for one
    assert memory.get(entry(11).key) is None


def test_an_answer_takes_the_place_of_the_one_before() -> None:
    memory = Memory(40_000)
    for _ in range(20):
        memory.put(entry(1, 4_000))
    assert (len(memory), memory.bytes) == (1, 4_000)
    memory.drop(entry(1).key)
    assert (len(memory), memory.bytes) == (0, 0)


async def test_looks_are_shared_but_never_older_than_the_asking() -> None:
    state, reads, gate = 0, 0, asyncio.Event()

    async def read() -> Hashable:
        nonlocal reads
        reads += 1
        seen = state
        await gate.wait()
        return seen

    looks = SharedLooks(read)
    early = [asyncio.ensure_future(_looked(looks)) for _ in range(50)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    state = 1
    late = [asyncio.ensure_future(_looked(looks)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*early) == [0] * 50
    assert await asyncio.gather(*late) == [1] * 50
    assert reads == 2


async def _looked(looks: SharedLooks) -> Any:
    return await looks.look()
