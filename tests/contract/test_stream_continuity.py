"""Where a stream goes on: on every transport, and on both databases, never a silent gap."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from gateway.execution.request import GraphQLRequest
from gateway.ledger.backup import backup, restore
from gateway.stream import feed as feeds
from schema.events import EventKind, Position
from schema.query import PUBLIC
from schema.status import ComplaintStatus
from tests.app.streams import CURSORS, CUT, FOLLOW, TRANSPORTS, Stream, Streams, follow, streaming
from tests.conftest import Ledger

AS_OF = "{ complaints(first: 100) { asOf nodes { trackingId status } } }"


class Case(NamedTuple):
    """A ledger, and a way to follow it."""

    transport: str
    url: str
    ledger_at: Callable[[str], AbstractAsyncContextManager[Ledger]]

    @asynccontextmanager
    async def hub(self, size: int = 0) -> AsyncIterator[Streams]:
        """A hub whose ledger has so many events more."""
        async with self.ledger_at(self.url) as ledger, streaming(ledger, served=self.transport != "executor") as hub:
            await submit(hub, size)
            yield hub

    @asynccontextmanager
    async def follow(self, hub: Streams, after: str | None = None, **variables: Any) -> AsyncIterator[Stream]:
        """A stream; over a transport, beside another one that asks for the same: then they are told together."""
        given = variables if after is None else {"after": after, **variables}
        async with AsyncExitStack() as stack:
            if self.transport != "executor":
                await stack.enter_async_context(company(hub, variables))
            yield await stack.enter_async_context(follow(TRANSPORTS[self.transport], hub, **given))


@pytest.fixture(
    params=[
        *(("sqlite", transport) for transport in TRANSPORTS),
        ("postgres", "executor"),
    ],
    ids="-".join,
)
def case(request: pytest.FixtureRequest, ledger_at: Any) -> Case:
    database, transport = request.param
    return Case(transport, request.getfixturevalue(f"{database}_url"), ledger_at)


#: What a transport has no part in.
without_transport = pytest.mark.parametrize(
    "case", [("sqlite", "executor"), ("postgres", "executor")], ids="-".join, indirect=True
)


async def submit(hub: Streams, count: int) -> int:
    """New complaints, one event each; returns the seq of the last."""
    head = await position(hub)
    if count:
        made = range(head.seq + 1, head.seq + count + 1)
        head = await hub.ledger.put(*(hub.ledger.complaint(n) for n in made))
    return head.seq


async def position(hub: Streams) -> Position:
    async with hub.reader.snapshot(PUBLIC) as snapshot:
        return await snapshot.head()


async def cursor(hub: Streams, seq: int) -> str:
    return CURSORS.seal_event(Position((await position(hub)).epoch, seq))


async def seqs(stream: Stream, count: int) -> list[int]:
    return [CURSORS.open_event(frame["cursor"]).seq for frame in await stream.events(count)]


async def begun(stream: Stream, after: str | None = None) -> dict[str, Any]:
    """The first frame of a stream that loses nothing."""
    first = await stream.frame()
    assert (first["__typename"], first["recovered"], first["gap"]) == ("StreamPosition", True, None)
    assert after is None or first["cursor"] == after
    return first


async def broken(stream: Stream, gap: str) -> dict[str, Any]:
    """The first frame of a stream that can't go on where it was asked to."""
    first = await stream.frame()
    assert (first["__typename"], first["recovered"], first["gap"]) == ("StreamPosition", False, gap)
    assert first["cursor"] == first["head"]
    return first


async def test_inside_the_window(case: Case) -> None:
    async with case.hub(12) as hub:
        after = await cursor(hub, 5)
        async with case.follow(hub, after) as stream:
            first = await begun(stream, after)
            assert first["head"] == await cursor(hub, 12)
            assert await seqs(stream, 7) == list(range(6, 13))
            await submit(hub, 1)
            assert await seqs(stream, 1) == [13]


@without_transport
async def test_longer_than_the_tail_and_every_page(case: Case) -> None:
    async with case.hub(1_200) as hub, case.follow(hub, await cursor(hub, 0)) as stream:
        await begun(stream)
        assert await seqs(stream, 1_200) == list(range(1, 1_201))


async def test_at_the_edge_of_what_is_kept(case: Case) -> None:
    async with case.hub(12) as hub:
        await expire(hub, before=6)
        for seq in (6, 5):
            # After 5, the oldest event that is kept is the next one.
            async with case.follow(hub, await cursor(hub, seq)) as stream:
                await begun(stream, await cursor(hub, seq))
                assert await seqs(stream, 12 - seq) == list(range(seq + 1, 13))
        async with case.follow(hub, await cursor(hub, 4)) as stream:
            assert (await broken(stream, "EXPIRED"))["cursor"] == await cursor(hub, 12)
            await submit(hub, 1)
            assert await seqs(stream, 1) == [13]


async def test_ahead_of_the_head(case: Case) -> None:
    async with case.hub(3) as hub:
        before, ahead = await position(hub), await cursor(hub, 9)
        async with case.follow(hub, ahead) as stream:
            await broken(stream, "UNKNOWN_CURSOR")
            # Only an older copy that was put back explains such a cursor: a new epoch has begun.
            assert (await position(hub)).epoch > before.epoch
            await submit(hub, 1)
            [event] = await stream.events(1)
            assert CURSORS.open_event(event["cursor"]) == Position((await position(hub)).epoch, 4)


async def test_after_a_restore(case: Case, copied_by_hand: Any) -> None:
    async with case.hub(10) as hub:
        pass
    put_back = await copied_by_hand(case.url)
    async with case.hub(5) as hub, case.follow(hub) as stream:
        seen = (await begun(stream))["cursor"]
        assert CURSORS.open_event(seen).seq == 15
    await put_back()
    # The number is there again, but it is another event's.
    async with case.hub(8) as hub, case.follow(hub, seen) as stream:
        assert (await broken(stream, "EPOCH_CHANGED"))["cursor"] == await cursor(hub, 18)
        await submit(hub, 1)
        assert await seqs(stream, 1) == [19]


async def test_a_history_that_is_rewritten_beneath_a_stream(case: Case) -> None:
    async with case.hub(3) as hub, case.follow(hub, await cursor(hub, 1)) as stream:
        await begun(stream)
        assert await seqs(stream, 2) == [2, 3]
        await hub.ledger.writer.renew_epoch("an older copy was put back")
        lagged = await stream.frame()
        assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "RESTART")
        assert await stream.end() == CUT
        async with case.follow(hub, lagged["cursor"]) as again:
            await broken(again, "EPOCH_CHANGED")


@without_transport
async def test_restored_beneath_a_hub_that_runs(case: Case, tmp_path: Path) -> None:
    """`simpul db restore`."""
    async with case.hub(10) as hub, case.follow(hub) as stream:
        await begun(stream)
        await backup(case.url, tmp_path / "backup")
        await submit(hub, 5)
        assert await seqs(stream, 5) == list(range(11, 16))
        await restore(case.url, tmp_path / "backup")
        await hub.watch.look()
        lagged = await stream.frame()
        assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "RESTART")
        assert await stream.end() == CUT
        async with case.follow(hub, lagged["cursor"]) as again:
            await broken(again, "EPOCH_CHANGED")
            await submit(hub, 1)
            assert await seqs(again, 1) == [11]


@without_transport
@pytest.mark.parametrize("grown", [0, 3, 20], ids="{} new".format)
async def test_put_back_by_hand_beneath_a_hub_that_runs(case: Case, dumped: Any, grown: int) -> None:
    """By the database's own tools, with the hub's connections open, whatever is written before anybody looks."""
    async with case.hub(10) as hub, case.follow(hub) as stream:
        await begun(stream)
        put_back = await dumped(case.url)
        await submit(hub, 5)
        assert await seqs(stream, 5) == list(range(11, 16))
        await put_back()
        before = await position(hub)
        assert before.seq == 10
        if grown:
            await submit(hub, grown)
        await hub.watch.look()
        lagged = await stream.frame()
        assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "RESTART")
        assert await stream.end() == CUT
        async with case.follow(hub, lagged["cursor"]) as again:
            await broken(again, "EPOCH_CHANGED")
            await submit(hub, 1)
            assert await seqs(again, 1) == [11 + grown]


async def test_forged(case: Case) -> None:
    async with case.hub(3) as hub:
        epoch = (await position(hub)).epoch
        for after in ("made up", "A" * 86, "x" * 4_000):
            async with case.follow(hub, after) as stream:
                assert (await broken(stream, "UNKNOWN_CURSOR"))["cursor"] == await cursor(hub, 3)
        assert (await position(hub)).epoch == epoch


async def test_empty(case: Case) -> None:
    async with case.hub(3) as hub, case.follow(hub, "") as stream:
        if case.transport == "event_source":
            # A browser that has seen no id yet sends none, or an empty one: it begins.
            await begun(stream)
        else:
            # Whoever says `after` had a cursor, and lost it.
            await broken(stream, "UNKNOWN_CURSOR")
        await submit(hub, 1)
        assert await seqs(stream, 1) == [4]


async def test_none(case: Case) -> None:
    async with case.hub(3) as hub, case.follow(hub) as stream:
        assert (await begun(stream))["cursor"] == await cursor(hub, 3)
        await submit(hub, 1)
        assert await seqs(stream, 1) == [4]


async def test_another_document_and_filter_go_on_with_the_same_cursor(case: Case) -> None:
    async with case.hub(3) as hub:
        corrected = replace(hub.ledger.complaint(1), title="Jembatan", version=1)
        await hub.ledger.put(corrected, kinds=(EventKind.CORRECTED,))
        async with case.follow(hub, await cursor(hub, 1)) as stream:
            await begun(stream)
            seen = (await stream.events(1))[0]["cursor"]
        async with case.follow(hub, seen, filter={"kinds": ["CORRECTED"]}) as stream:
            await begun(stream, seen)
            assert await seqs(stream, 1) == [4]


@without_transport
async def test_the_cursor_is_the_same_for_every_viewer_and_answer(case: Case) -> None:
    async with case.hub(3) as hub:
        async with case.follow(hub, await cursor(hub, 0)) as stream:
            await begun(stream)
            streamed = [frame["cursor"] for frame in await stream.events(3)]
        answer = await ask(hub, "{ events { nodes { cursor } } complaints { asOf } }")
        assert streamed == [node["cursor"] for node in answer["events"]["nodes"]]
        assert streamed[-1] == answer["complaints"]["asOf"]


async def test_without_a_match_the_cursor_moves_on(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "QUIET", 0.2)
    async with case.hub(3) as hub, case.follow(hub, filter={"kinds": ["CORRECTED"]}) as stream:
        await begun(stream)
        for _ in range(2):
            newest = await submit(hub, 2)
            checkpoint = await stream.frame()
            assert (checkpoint["__typename"], checkpoint["cursor"]) == ("Checkpoint", await cursor(hub, newest))
        async with case.follow(hub, checkpoint["cursor"]) as again:
            await begun(again, checkpoint["cursor"])


async def test_during_a_burst(case: Case) -> None:
    async with case.hub(5) as hub:
        after, told = await cursor(hub, 0), list[int]()
        burst = asyncio.create_task(_burst(hub, 40, 10))
        while len(told) < 405:
            async with case.follow(hub, after) as stream:
                await begun(stream, after)
                # Cut off again and again, in the middle of it.
                for frame in await stream.events(min(60, 405 - len(told))):
                    after = frame["cursor"]
                    told.append(CURSORS.open_event(after).seq)
        await burst
        assert told == list(range(1, 406))


async def test_across_a_drain(case: Case) -> None:
    async with case.hub(5) as hub:
        async with case.follow(hub, await cursor(hub, 2)) as stream:
            await begun(stream)
            assert await seqs(stream, 3) == [3, 4, 5]
            for seq in (6, 7):
                await submit(hub, 1)
                assert await seqs(stream, 1) == [seq]
            hub.go_down()
            lagged = await stream.frame()
            assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "RESTART")
            assert 1 <= lagged["retryAfterSeconds"] <= 5
            assert lagged["cursor"] == await cursor(hub, 7)
            assert await stream.end() == CUT
        await submit(hub, 2)
    async with case.hub(1) as hub, case.follow(hub, lagged["cursor"]) as stream:
        await begun(stream, lagged["cursor"])
        assert await seqs(stream, 3) == [8, 9, 10]


@without_transport
async def test_a_snapshot_and_the_stream_after_it_have_no_hole_and_no_repeat(case: Case) -> None:
    async with case.hub(5) as hub, AsyncExitStack() as stack:
        moving = asyncio.create_task(_moved(hub, 60))
        begun_at = []
        for _ in range(6):
            answer = (await ask(hub, AS_OF))["complaints"]
            stream = await stack.enter_async_context(case.follow(hub, answer["asOf"]))
            await begun(stream, answer["asOf"])
            begun_at.append((answer, stream))
        await moving
        now = (await ask(hub, AS_OF))["complaints"]
        newest = CURSORS.open_event(now["asOf"]).seq
        for answer, stream in begun_at:
            held = {node["trackingId"]: node["status"] for node in answer["nodes"]}
            start = CURSORS.open_event(answer["asOf"]).seq
            told = await stream.events(newest - start)
            assert [CURSORS.open_event(frame["cursor"]).seq for frame in told] == list(range(start + 1, newest + 1))
            held |= {frame["complaint"]["trackingId"]: frame["complaint"]["status"] for frame in told}
            assert held == {node["trackingId"]: node["status"] for node in now["nodes"]}


@without_transport
async def test_nothing_is_told_again_that_went_out_of_sight(case: Case) -> None:
    async with case.hub(3) as hub, case.follow(hub, await cursor(hub, 0)) as watching:
        await begun(watching)
        assert [frame["complaint"]["trackingId"] for frame in await watching.events(3)] == ["B-1", "B-2", "B-3"]
        hidden = hub.ledger.complaint(1, is_confidential=True, title="Rahasia", version=1)
        await hub.ledger.put(hidden, kinds=(EventKind.CORRECTED,))
        await hub.ledger.writer.empty([hub.ledger.complaint(2).id])
        withdrawn, erased = await watching.events(2)
        for frame in (withdrawn, erased):
            assert (frame["__typename"], frame["complaint"]) == ("ComplaintCorrected", None)
        async with case.follow(hub, await cursor(hub, 0)) as stream:
            await begun(stream)
            again = await stream.events(4)
        # The first event of what was withdrawn is gone with it; what was erased keeps its events.
        assert [CURSORS.open_event(frame["cursor"]).seq for frame in again] == [2, 3, 4, 5]
        assert [frame["complaint"] and frame["complaint"]["trackingId"] for frame in again] == [None, "B-3", None, None]


@asynccontextmanager
async def company(hub: Streams, variables: dict[str, Any]) -> AsyncIterator[None]:
    """Another subscriber, who takes whatever he is handed."""
    operation = hub.executor.prepare(GraphQLRequest(query=FOLLOW, variables=variables))
    begun = asyncio.Event()

    async def take() -> None:
        async with aclosing(hub.executor.subscribe(operation, PUBLIC, push=lambda frames: True)) as frames:
            async for _ in frames:
                begun.set()

    taking = asyncio.create_task(take())
    await begun.wait()
    try:
        yield
    finally:
        taking.cancel()
        await asyncio.wait([taking])


async def ask(hub: Streams, document: str) -> Any:
    answer = await hub.executor.execute(hub.executor.prepare(GraphQLRequest(query=document)), PUBLIC)
    assert not answer.errors
    return answer.body()["data"]


async def _burst(hub: Streams, times: int, size: int) -> None:
    for _ in range(times):
        await submit(hub, size)


async def _moved(hub: Streams, times: int) -> None:
    statuses = list(ComplaintStatus)
    for n in range(times):
        number = secrets.randbelow(5) + 1
        moved = hub.ledger.complaint(number, status=statuses[n % len(statuses)])
        await hub.ledger.put(moved, kinds=(EventKind.STATUS_CHANGED,))


async def expire(hub: Streams, before: int) -> None:
    """What a retention job would do."""

    async def body(tx: Any) -> None:
        await tx.execute("DELETE FROM events WHERE seq < $1", [before])

    connection = await hub.ledger.database.connect()
    try:
        await connection.transaction(body)
    finally:
        await connection.aclose()
