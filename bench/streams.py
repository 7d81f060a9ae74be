"""Live streams: N subscribers times M distinct documents, beside the same server sending constant bytes."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import msgspec

from bench.process import Server, serving
from bench.subscribers import Crowd, crowd

_FRAME = (
    "__typename ...on StreamFrame{cursor} ...on ComplaintEvent{version occurredAt agency{id name} "
    "complaint{id trackingId title status category{code} submittedAt updatedAt incidentLocation{regionCode address}}}"
)


class StreamPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How many and how hard.

    Attributes:
        crowds: subscribers and distinct documents.
        burst: events of one transaction, as a page of an agency's records brings them, delivered as fast as can be.
        paced, every: events that come one by one, and the seconds between two.
    """

    crowds: Sequence[tuple[int, int]] = ((1_000, 1), (1_000, 10), (100, 100))
    rounds: int = 5
    burst: int = 100
    paced: int = 50
    every: float = 0.1


QUICK = StreamPlan(crowds=((20, 5),), rounds=1, burst=10, paced=5, every=0.02)


class Figures(msgspec.Struct, frozen=True):
    """One server and one crowd: medians of the rounds.

    Attributes:
        per_second, paced_per_second: deliveries per second from a commit to the last arrival, of a burst and of one
            event at a time.
        cpu_us, paced_cpu_us: the server's processor time for a delivery, in a burst and one event at a time.
        p50_ms, p99_ms: delay from an event's commit to its arrival, one event at a time.
    """

    per_second: float
    cpu_us: float
    paced_per_second: float
    paced_cpu_us: float
    p50_ms: float
    p99_ms: float


def measured_streams(plan: StreamPlan, core: int) -> list[dict[str, Any]]:
    """The entry `streams` of the results: for each crowd the hub's figures, constant bytes', and their ratios."""
    return [_compared(plan, core, *size) for size in plan.crowds]


def _compared(plan: StreamPlan, core: int, subscribers: int, documents: int) -> dict[str, Any]:
    print(f"{subscribers:,} subscribers of {documents} document{'s' * (documents > 1)}", flush=True)
    asked = [_document(number % documents) for number in range(subscribers)]
    taken: dict[str, list[Figures]] = {"hub": [], "constant": []}
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        hub = stack.enter_context(serving("streams", core, data, str(subscribers)))
        listening = {"hub": stack.enter_context(crowd(hub.address, asked))}
        window(hub, listening["hub"], 1, 0.0)
        length = listening["hub"].length
        constant = stack.enter_context(serving("constant_streams", core, str(length)))
        listening["constant"] = stack.enter_context(crowd(constant.address, asked))
        for number in range(plan.rounds + 1):
            for name, server in (("hub", hub), ("constant", constant)):
                figures = _round(plan, server, listening[name])
                if number:
                    taken[name].append(figures)
        memory, _ = hub.memory_mb()
    medians = {name: _median(each) for name, each in taken.items()}
    return {
        "subscribers": subscribers,
        "documents": documents,
        "frame_bytes": length,
        **{name: msgspec.to_builtins(figures) for name, figures in medians.items()},
        "ratio": _ratios(medians["hub"], medians["constant"]),
        "hub_memory_mb": round(memory, 1),
    }


def _round(plan: StreamPlan, server: Server, listening: Crowd) -> Figures:
    burst = window(server, listening, plan.burst, 0.0)
    paced = window(server, listening, plan.paced, plan.every)
    return Figures(
        plan.burst * listening.size / burst.until_last[-1],
        burst.cpu_us,
        listening.size / statistics.median(paced.until_last),
        paced.cpu_us,
        percentile(paced.delays_ms, 0.5),
        percentile(paced.delays_ms, 0.99),
    )


class Window(msgspec.Struct, frozen=True):
    """What came of some events.

    Attributes:
        until_last: of each event, seconds from its commit until all had it.
        cpu_us: microseconds of processor for a delivery.
        delays_ms: of all deliveries, the least first.
    """

    until_last: list[float]
    cpu_us: float
    delays_ms: list[float]


def window(server: Server, listening: Crowd, events: int, every: float) -> Window:
    """Publishes events, all at once or with so many seconds between two, and awaits them."""
    before = server.cpu_seconds()
    server.say(f"{events} {every}")
    arrived = listening.await_frames(events)
    published: list[float] = json.loads(server.hear())
    spent = server.cpu_seconds() - before
    delays = [[at - told for at in arrivals] for told, arrivals in zip(published, arrived, strict=True)]
    all_delays = sorted(delay * 1_000 for each in delays for delay in each)
    return Window([max(each) for each in delays], spent / len(all_delays) * 1e6, all_delays)


def percentile(taken: Sequence[float], share: float) -> float:
    """Of what is sorted."""
    return taken[min(len(taken) - 1, int(len(taken) * share))]


def _document(number: int) -> str:
    return f"subscription Follow{number}{{complaintEvents{{{_FRAME}}}}}"


def _median(taken: Sequence[Figures]) -> Figures:
    return Figures(*map(statistics.median, zip(*map(msgspec.structs.astuple, taken), strict=True)))


def _ratios(hub: Figures, constant: Figures) -> dict[str, float]:
    """More is better in all but the delay."""
    return {
        "per_second": round(hub.per_second / constant.per_second, 3),
        "by_cpu": round(constant.cpu_us / hub.cpu_us, 3),
        "paced_per_second": round(hub.paced_per_second / constant.paced_per_second, 3),
        "paced_by_cpu": round(constant.paced_cpu_us / hub.paced_cpu_us, 3),
        "p99_delay": round(hub.p99_ms / constant.p99_ms, 3),
    }
