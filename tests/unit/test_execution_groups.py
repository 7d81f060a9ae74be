"""What is made for one member of a group serves all; and who shares what."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any, NamedTuple

import anyio
import pytest
from graphql import parse

from gateway.execution.compile import Graph
from gateway.execution.groups import Group, Groups
from gateway.execution.plan import FramePlan
from gateway.execution.planned import Planned
from schema.graph.schema import build

GRAPH = Graph(build())


class Made(NamedTuple):
    body: bytes


class Record:
    pass


class Maker:
    """Counts what it makes; with `hold` it waits until it is let go on."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.fails = False

    async def __call__(self, frame: Any) -> Made:
        self.made.append(frame)
        await self.go_on.wait()
        if self.fails:
            raise ValueError
        return Made(b"x" * 500)


def a_group(maker: Maker, room: int = 10_000) -> Group[Made]:
    return Group(maker, lambda: room)


async def test_the_same_record_is_made_once_and_another_anew() -> None:
    maker = Maker()
    group, one, other = a_group(maker), Record(), Record()
    first = await group.shown(one, (one,))
    assert await group.shown(one, (one,)) is first
    assert await group.shown(other, (other,)) is not first
    assert await group.shown(one, (one, other)) is not first
    assert maker.made == [one, other, one]


async def test_what_is_being_made_is_waited_for() -> None:
    maker = Maker()
    group, one = a_group(maker), Record()
    maker.go_on.clear()
    asking = [asyncio.create_task(group.shown(one, (one,))) for _ in range(20)]
    await anyio.wait_all_tasks_blocked()
    maker.go_on.set()
    assert len({id(made) for made in await asyncio.gather(*asking)}) == 1
    assert len(maker.made) == 1


async def test_who_leaves_while_making_leaves_it_to_the_next() -> None:
    maker = Maker()
    group, one = a_group(maker), Record()
    maker.go_on.clear()
    first, second, third = (asyncio.create_task(group.shown(one, (one,))) for _ in range(3))
    await anyio.wait_all_tasks_blocked()
    first.cancel()
    await anyio.wait_all_tasks_blocked()
    maker.go_on.set()
    assert await second is await third
    assert len(maker.made) == 2


async def test_a_failure_is_the_makers_and_the_next_tries_again() -> None:
    maker = Maker()
    group, one = a_group(maker), Record()
    maker.fails = True
    with pytest.raises(ValueError):  # noqa: PT011 - it is ours
        await group.shown(one, (one,))
    maker.fails = False
    await group.shown(one, (one,))
    assert len(maker.made) == 2


async def test_the_oldest_go_where_there_is_no_room() -> None:
    maker = Maker()
    group, records = a_group(maker, room=3_500), [Record() for _ in range(5)]
    for record in records:
        await group.shown(record, (record,))
    await group.shown(records[4], (records[4],))
    await group.shown(records[2], (records[2],))
    assert len(maker.made) == 5
    await group.shown(records[0], (records[0],))
    assert len(maker.made) == 6
    tight = a_group(maker, room=0)
    await tight.shown(records[0], (records[0],))
    await tight.shown(records[0], (records[0],))
    assert len(maker.made) == 7


async def test_what_may_not_be_kept_goes_with_the_next_that_is_made() -> None:
    maker, revisions = Maker(), [0]
    group, one, other = Group(maker, lambda: 10_000, lambda: revisions[-1]), Record(), Record()
    await group.shown(one, (one,))
    revisions.append(1)
    await group.shown(other, (other,))
    await group.shown(one, (one,))
    assert len(maker.made) == 3


async def test_a_group_lasts_as_long_as_its_members_and_all_share_the_room() -> None:
    groups: Groups[Made] = Groups(room=12_000)
    maker = Maker()
    with ExitStack() as stack:
        first = stack.enter_context(groups.joined("a", lambda: maker))
        with groups.joined("a", lambda: maker) as same:
            assert same is first
        for n in range(11):
            stack.enter_context(groups.joined(n, lambda: maker))
        assert len(groups) == 12
        records = [Record() for _ in range(3)]
        for record in records:
            await first.shown(record, (record,))
        await first.shown(records[0], (records[0],))
        assert len(maker.made) == 4
    assert len(groups) == 0


@pytest.mark.parametrize(
    ("document", "beneath"),
    [
        ("subscription ($after: String, $f: EventFilter) { complaintEvents(after: $after, filter: $f) { x } }", ""),
        ("subscription ($after: String, $l: L) { complaintEvents(after: $after) { x { label(language: $l) } } }", "l"),
        ("subscription ($a: String, $b: B) { complaintEvents(after: $a) { x @include(if: $b) { y } } }", "b"),
        ("subscription ($a: String, $b: B) { complaintEvents(after: $a) @skip(if: $b) { x } }", "b"),
        ("subscription ($a: String) { ... on Subscription { complaintEvents(after: $a) { x } } }", ""),
        ("subscription ($a: String) { ...S } fragment S on Subscription { complaintEvents(after: $a) { x } }", ""),
        (
            "subscription ($a: S) { complaintEvents(after: $a) { ...E } } fragment E on E { x(a: {b: [$a]}) }",
            "a",
        ),
    ],
)
def test_only_variables_beneath_the_root_tell_groups_apart(document: str, beneath: str) -> None:
    node: Any = parse(document)
    operation, *fragments = node.definitions
    planned = Planned(FramePlan, GRAPH, operation, {each.name.value: each for each in fragments})
    values = dict.fromkeys(("after", "f", "l", "a", "b"), 1)
    assert planned.given_beneath(values) == (b'{"%b":1}' % beneath.encode() if beneath else b"{}")
    assert planned.given_beneath(None) == b"{}"
    assert planned.given_beneath({**values, "z": 2}) == planned.given_beneath(values)
