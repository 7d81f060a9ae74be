"""Those who have caught up are told together: nothing lost, nothing twice, in order, whoever comes or falls behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution import broadcast
from gateway.execution.groups import Group, Groups
from schema.events import Event, Position
from schema.query import PUBLIC, EventFilter
from tests.unit.test_gateway_feed import CORRECTED, Rig, seq_of, settled

ALL = EventFilter()


class Made(NamedTuple):
    body: bytes
    told: Event | int


class Hub:
    """A feed, and one group of those who follow it."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.made: list[int] = []
        self.fails, self.waits = False, True
        self.groups: Groups[Made] = Groups()
        self.members: list[Member] = []

    def joined(self) -> Any:
        return self.groups.joined("one", lambda: self.make, lambda: self.rig.feed.revision(PUBLIC))

    async def make(self, told: Event | int) -> Made:
        self.made.append(seq_of(told))
        if self.waits:
            await asyncio.sleep(0)
        if self.fails:
            raise ValueError("can't be made")
        return Made(b"x" * 500, told)

    def follow(self, after: int | None = None, filter: EventFilter = ALL) -> Member:
        member = Member(self, self.rig.ledger.seq if after is None else after, filter)
        self.members.append(member)
        return member

    async def end(self) -> None:
        self.rig.closing.set()
        async with asyncio.timeout(5):
            await asyncio.gather(*(member.task for member in self.members), return_exceptions=True)
        await settled()
        assert not len(self.groups)
        assert not self.rig.feed._shared


class Member:
    """Follows as `Executor.subscribe` does, and notes what came, and how."""

    def __init__(self, hub: Hub, after: int, filter: EventFilter) -> None:
        self.after = after
        self.filter = filter
        self.takes = True
        self.told: list[Event | int] = []
        self.portions: list[Sequence[Made]] = []
        self.went_at: int | None = None
        self._hub = hub
        self.task = asyncio.create_task(self._follow())

    @property
    def seqs(self) -> list[int]:
        return [told.seq for told in self.told if isinstance(told, Event)]

    @property
    def pushed(self) -> int:
        return sum(map(len, self.portions))

    def leave(self) -> None:
        self.task.cancel()

    async def _follow(self) -> None:
        rig = self._hub.rig
        with self._hub.joined() as group:
            async with aclosing(rig.feed.follow(PUBLIC, self.filter, Position(rig.ledger.epoch, self.after))) as frames:
                async for frame in frames:
                    if isinstance(frame, Event | int):
                        made = await group.shown(frame, (frame,))
                        self.told.append(made.told)
                    else:
                        await group.told_together(frame, self._push)
                        self.went_at = frame.seq

    def _push(self, batch: Sequence[Made]) -> bool:
        if self.takes:
            self.told += [made.told for made in batch]
            self.portions.append(batch)
        return self.takes


async def test_who_has_caught_up_is_handed_what_comes_and_it_is_made_once() -> None:
    hub = Hub()
    hub.rig.append(5)
    members = [hub.follow(n % 5) for n in range(300)]
    await settled()
    # Until then the first one was alone, and waited for himself.
    hub.rig.append()
    await settled()
    before = [member.pushed for member in members]
    for _ in range(4):
        hub.rig.append(3)
        await settled()
    assert [member.pushed - pushed for member, pushed in zip(members, before, strict=True)] == [12] * 300
    assert [member.seqs for member in members] == [list(range(member.after + 1, 19)) for member in members]
    assert sorted(hub.made) == list(range(1, 19))
    await hub.end()
    assert {member.went_at for member in members} == {18}


async def test_who_is_ahead_of_the_tail_waits_until_it_has_come_there() -> None:
    hub = Hub()
    hub.follow(0)
    await settled()
    # Nobody rang.
    hub.rig.ledger.append(20)
    members = [hub.follow(seq) for seq in (20, 18, 19, 15)]
    await settled()
    hub.rig.append(2)
    await settled()
    assert [member.seqs for member in members] == [list(range(member.after + 1, 23)) for member in members]
    await hub.end()


async def test_who_can_not_take_it_goes_on_by_himself_and_comes_back() -> None:
    hub = Hub()
    quick, slow = hub.follow(), hub.follow()
    await settled()
    hub.rig.append(2)
    await settled()
    slow.takes = False
    hub.rig.append(3)
    await settled()
    assert slow.seqs == quick.seqs == [1, 2, 3, 4, 5]
    slow.takes, before = True, slow.pushed
    hub.rig.append(3)
    await settled()
    hub.rig.append(3)
    await settled()
    assert slow.seqs == quick.seqs == list(range(1, 12))
    assert slow.pushed > before
    await hub.end()


async def test_each_has_the_checkpoints_of_his_filter() -> None:
    hub = Hub()
    everything, corrected = ([hub.follow(filter=filter) for _ in range(3)] for filter in (ALL, CORRECTED))
    await settled()
    hub.rig.append(200)
    await settled()
    hub.rig.append(350)
    await settled()
    hub.rig.append(corrected=True)
    await settled()
    assert [member.seqs for member in everything] == [list(range(1, 552))] * 3
    assert [[seq_of(told) for told in member.told] for member in corrected] == [[550, 551]] * 3
    assert {member.pushed for member in corrected[1:]} == {2}
    await hub.end()


async def test_a_history_that_is_rewritten_is_told_to_nobody() -> None:
    hub = Hub()
    hub.rig.append(5)
    members = [hub.follow() for _ in range(5)]
    await settled()
    hub.rig.append()
    await settled()
    # An older copy was put back, and somebody wrote on.
    hub.rig.ledger.epoch, hub.rig.ledger.seq = "2", 7
    hub.rig.doorbell.ring(Position("2", 7))
    await asyncio.wait_for(asyncio.gather(*(member.task for member in members)), 5)
    assert [member.seqs for member in members] == [[6]] * 5
    await hub.end()


async def test_what_can_not_be_made_is_everybodys_own_failure() -> None:
    hub = Hub()
    members = [hub.follow() for _ in range(5)]
    await settled()
    hub.rig.append()
    await settled()
    hub.fails = True
    hub.rig.append()
    ends = await asyncio.wait_for(asyncio.gather(*(member.task for member in members), return_exceptions=True), 5)
    assert [type(end) for end in ends] == [ValueError] * 5
    await hub.end()


async def test_much_at_once_is_handed_out_in_portions() -> None:
    hub = Hub()
    hub.waits = False
    members = [hub.follow() for _ in range(2)]
    await settled()
    hub.rig.append()
    await settled()
    hub.rig.append(100)
    await settled()
    assert members[0].seqs == list(range(1, 102))
    assert members[0].pushed >= 100
    most = max(map(len, members[0].portions)) * 500
    assert 500 < most < broadcast._AT_ONCE + 500
    await hub.end()


def test_nobody_who_waits_keeps_what_ended() -> None:
    async def run() -> None:
        hub = Hub()
        with hub.joined() as group:
            members = [hub.follow() for _ in range(3)]
            await settled()
            hub.rig.append()
            await settled()
            assert len(_broadcasts(group)) == 1
            for member in members:
                member.leave()
            await settled()
            assert not _broadcasts(group)
        await hub.end()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def _broadcasts(group: Group[Made]) -> Any:
    return group._broadcasts


ACTIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 130), st.sampled_from(["plain", "unheard", "hidden", "corrected"])),
    st.tuples(st.just("follow"), st.integers(0, 400), st.sampled_from([ALL, CORRECTED])),
    st.tuples(st.just("arrive"), st.integers(1, 4), st.sampled_from([ALL, CORRECTED])),
    st.tuples(st.just("leave"), st.integers(0, 9), st.none()),
    st.tuples(st.just("refuse"), st.integers(0, 9), st.none()),
    st.tuples(st.just("take"), st.integers(0, 9), st.none()),
    st.tuples(st.just("turns"), st.integers(1, 12), st.none()),
    st.tuples(st.just("time"), st.integers(1, 20), st.none()),
)


@given(st.lists(ACTIONS, max_size=30))
@settings(deadline=None, max_examples=150)
def test_whatever_happens_each_is_told_all_of_his_in_order(actions: list[tuple[str, int, Any]]) -> None:
    async def run() -> None:
        hub = Hub()
        rig, left = hub.rig, set[Member]()
        hub.follow()
        hub.follow(filter=CORRECTED)
        for action, number, how in actions:
            member = hub.members[number % len(hub.members)]
            if action == "append":
                append = rig.ledger.append if how == "unheard" else rig.append
                append(number, hidden=how == "hidden", corrected=how == "corrected")
            elif action == "follow":
                hub.follow(min(number, rig.ledger.seq), how)
            elif action == "arrive":
                # At the end, where the tail has not come yet.
                rig.ledger.append(number)
                for n in range(number + 1):
                    hub.follow(rig.ledger.seq - n, how)
            elif action == "leave":
                member.leave()
                left.add(member)
            elif action == "turns":
                for _ in range(number):
                    await asyncio.sleep(0)
            elif action == "time":
                rig.now += number
            else:
                member.takes = action == "take"
        rig.append()
        async with asyncio.timeout(5):
            while any(_due(rig, member) != member.seqs for member in hub.members if member not in left):
                await settled()
        await hub.end()
        for member in hub.members:
            due = _due(rig, member)
            assert member.seqs == (due[: len(member.seqs)] if member in left else due)
            places = [seq_of(told) for told in member.told]
            assert places == sorted(set(places))

    asyncio.run(run())


def _due(rig: Rig, member: Member) -> list[int]:
    return [
        seq
        for seq in range(member.after + 1, rig.ledger.seq + 1)
        if seq not in rig.ledger.hidden and (member.filter is ALL or seq in rig.ledger.corrected)
    ]
