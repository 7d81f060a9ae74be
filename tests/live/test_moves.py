"""From a status that moves at an agency to a frame on a subscriber's socket."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.live.demo import POLLED, Demo, wait

FOLLOW = """
subscription Follow($after: String, $filter: EventFilter) {
  complaintEvents(after: $after, filter: $filter) {
    __typename
    ... on StreamFrame { cursor }
    ... on StreamPosition { recovered gap }
    ... on StatusChanged {
      complaintId version fromStatus toStatus occurredAt agency { id } complaint { trackingId status }
    }
  }
}
"""
EVENTS = """
query Events($after: String!, $filter: EventFilter) {
  events(after: $after, filter: $filter, first: 500) {
    nodes { __typename cursor ... on StatusChanged {
      complaintId version fromStatus toStatus occurredAt agency { id } complaint { trackingId status }
    } }
  }
}
"""
MOVES = {"kinds": ["STATUS_CHANGED"]}


class Listener:
    """A graphql-transport-ws client that follows status changes."""

    def __init__(self, frames: AsyncGenerator[dict[str, Any], None]) -> None:
        self._frames = frames

    async def frame(self) -> dict[str, Any]:
        """The next one that is not a checkpoint."""
        while (frame := (await anext(self._frames))["complaintEvents"])["__typename"] == "Checkpoint":
            pass
        return dict(frame)

    async def until(self, last: Counter[Any], quiet: float) -> list[dict[str, Any]]:
        """Frames until all these moves were told, and what else comes within `quiet` seconds."""
        frames: list[dict[str, Any]] = []
        async with asyncio.timeout(15):
            while last - Counter(map(move_of, frames)):
                frames.append(await self.frame())
        try:
            async with asyncio.timeout(quiet):
                while True:
                    frames.append(await self.frame())
        except TimeoutError:
            return frames


@asynccontextmanager
async def listening(demo: Demo, after: str | None = None) -> AsyncIterator[Listener]:
    async with demo.hub.subscribed(FOLLOW, after=after, filter=MOVES) as frames:
        yield Listener(frames)


def move_of(frame: dict[str, Any]) -> tuple[str, ...]:
    """What makes a move one of a kind. The agencies live on: they move others, and perhaps the same one again."""
    at = frame["occurredAt"].replace(".000Z", "Z")
    return frame["agency"]["id"], frame["complaint"]["trackingId"], frame["fromStatus"], frame["toStatus"], at


def moves_of(steps: list[dict[str, Any]]) -> Counter[Any]:
    return Counter((s["agency"], s["trackingId"], s["from"], s["to"], s["at"]) for s in steps)


async def move(demo: Demo, slug: str, count: int) -> list[dict[str, Any]]:
    done = await asyncio.to_thread(demo.simpul, "simulator", "move", slug, "--count", count, "--data", demo.data)
    assert done.returncode == 0, done.stderr
    steps: list[dict[str, Any]] = json.loads(done.stdout)
    assert len(steps) == count
    return steps


def test_a_move_is_in_the_graph_within_the_poll_interval(demo: Demo) -> None:
    query = """query($number: String!, $agency: ID!) {
      complaint(trackingId: $number, agency: $agency) { timeline { fromStatus toStatus occurredAt } }
    }"""
    for slug in ("sp4n-lapor", "prov-bali", "prov-sumbar"):
        done = demo.simpul("simulator", "move", slug, "--data", demo.data)
        [step] = json.loads(done.stdout)
        moved = {"fromStatus": step["from"], "toStatus": step["to"], "occurredAt": step["at"].replace("Z", ".000Z")}

        def shown(step: dict[str, str] = step, moved: dict[str, str] = moved) -> bool:
            found = demo.ask(query, number=step["trackingId"], agency=step["agency"])["complaint"]
            return moved in found["timeline"]

        wait(shown, POLLED)


async def test_each_move_is_one_event_for_who_listens_and_for_who_asks(demo: Demo) -> None:
    async with listening(demo) as listener:
        position = await listener.frame()
        assert (position["__typename"], position["recovered"]) == ("StreamPosition", True)
        steps = await move(demo, "kab-sleman", 4) + await move(demo, "prov-diy", 3) + await move(demo, "sp4n-lapor", 2)
        # Two more polls of each agency: what was read before is read again, and must not be told again.
        frames = await listener.until(moves_of(steps), quiet=2.5)
    told = Counter(map(move_of, frames))
    assert told >= moves_of(steps)
    assert max(told.values()) == 1
    assert len({(frame["complaintId"], frame["version"]) for frame in frames}) == len(frames)

    asked = demo.ask(EVENTS, after=position["cursor"], filter=MOVES)["events"]["nodes"]
    assert [row["cursor"] for row in asked[: len(frames)]] == [frame["cursor"] for frame in frames]
    assert Counter(map(move_of, asked[: len(frames)])) == told


async def test_who_comes_back_hears_what_was_missed_and_nothing_twice(demo: Demo) -> None:
    async with listening(demo) as listener:
        await listener.frame()
        heard = await listener.until(moves_of(await move(demo, "kab-tangerang", 2)), quiet=0)
    missed = await move(demo, "kab-tangerang", 3)
    after = heard[-1]["cursor"]
    async with listening(demo, after) as listener:
        position = await listener.frame()
        assert (position["cursor"], position["recovered"], position["gap"]) == (after, True, None)
        more = await listener.until(moves_of(missed), quiet=0)
    cursors = [frame["cursor"] for frame in heard + more]
    assert len(set(cursors)) == len(cursors)
    asked = demo.ask(EVENTS, after=after, filter=MOVES)["events"]["nodes"]
    assert [row["cursor"] for row in asked[: len(more)]] == [frame["cursor"] for frame in more]
