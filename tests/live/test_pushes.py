"""The agency that sends: what moves there is in the graph at once, and is told as a push."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from simulators import control
from tests.live.demo import Demo

FOLLOW = """subscription { complaintEvents(filter: {agencies: ["kab-sleman"], kinds: [STATUS_CHANGED]}) {
  __typename ... on StatusChanged { origin toStatus complaint { trackingId } }
} }"""


async def test_what_an_agency_sends_is_heard_in_well_under_a_second(demo: Demo) -> None:
    seconds, origins = [], []
    async with demo.hub.subscribed(FOLLOW) as frames:
        assert (await anext(frames))["complaintEvents"]["__typename"] == "StreamPosition"
        for _ in range(9):
            [step] = await asyncio.to_thread(control.move, demo.data, "kab-sleman")
            moved = time.monotonic()
            async with asyncio.timeout(15):
                async for frame in frames:
                    told = frame["complaintEvents"]
                    if told["__typename"] == "StatusChanged" and told["complaint"]["trackingId"] == step["trackingId"]:
                        break
            seconds.append(time.monotonic() - moved)
            origins.append(told["origin"])
    assert median(seconds) < 0.5, seconds
    # What is asked for every two seconds may be faster now and then.
    assert origins.count("WEBHOOK") > 4
    assert 'simpul_pushes_total{agency="kab-sleman",outcome="accepted"}' in demo.hub.client.get("/metrics").text
