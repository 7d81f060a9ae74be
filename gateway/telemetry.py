"""Metrics. No personal data: labels are the hub's own words and agencies' slugs."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.guard.gate import GateState
from gateway.guard.rank import Rank
from schema.agency import SourceReport, SourceState
from schema.delivery import DeliveryKind, DeliveryQueue, DeliveryState
from schema.events import Position
from schema.ports import Clock

F = TypeVar("F", CounterMetricFamily, GaugeMetricFamily)

#: Seconds; the hub answers most queries within the first three.
LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Everything that is counted. One registry per hub, so that two in one process don't mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._tally("requests", "Operations, by kind and outcome.", "transport", "kind", "outcome")
        self._seconds = _Latencies(
            "simpul_request_seconds",
            "Time to answer an operation; not for subscriptions, nor for answers that were at hand.",
            ("transport", "kind"),
        )
        self.registry.register(self._seconds)
        self._documents = self._tally("documents", "Looks into the cache of parsed documents.", "result")
        self._ways = self._tally("operations_executed", "Operations and frames executed, by how.", "way")
        self._streams = self._gauge("live_streams", "Subscriptions that run now.", "transport")
        self._frames = self._counter("stream_frames_rendered", "Frames of subscriptions executed and written; shared.")
        self._sockets = self._gauge("sockets", "WebSocket connections that are open now.")
        self._head = self._gauge("ledger_head", "Seq of the newest event.")
        self._state = self._gauge("source_state", "1 for the state that an agency's source is in.", "agency", "state")
        self._lag = self._gauge("source_lag_seconds", "Lag of an agency's mirror at the last attempt.", "agency")
        self._quarantined = self._gauge("quarantined", "Records set aside as unreadable.", "agency")
        self._unmapped = self._gauge("unmapped", "Complaints whose status word is mapped nowhere.", "agency")
        self._records = self._counter("sync_records", "Records read from an agency.", "agency", "outcome")
        self._pushes = self._counter(
            "pushes", "Pushes of agencies; no agency: of a sender that none knows.", "agency", "outcome"
        )
        self._deaths = self._counter("task_deaths", "Background tasks that died and were started again.", "task")
        self._valkey = self._gauge("valkey_up", "1 while the shared server answers.")
        self._deliveries = self._counter(
            "deliveries", "Moves of writes to agencies, by the state that they came to.", "agency", "kind", "state"
        )
        self._queues = _Queues()
        self.registry.register(self._queues)
        for result in ("hit", "miss"):
            self._documents[result,] = 0

    def _tally(self, name: str, text: str, *labels: str) -> dict[tuple[str, ...], int]:
        tally = _Tally(f"simpul_{name}", text, labels)
        self.registry.register(tally)
        return tally.counts

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"simpul_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"simpul_{name}", text, labels, registry=self.registry)

    def answered(self, transport: str, kind: str, outcome: str, seconds: float | None = None) -> None:
        """An operation ended. `kind` is query, mutation, subscription or unknown; `outcome` ok, partial or refused."""
        self._requests[transport, kind, outcome] += 1
        if seconds is not None:
            self._seconds.observe(seconds, transport, kind)

    def hit(self) -> None:
        """A query was answered from what was at hand."""
        self._requests["http", "query", "ok"] += 1

    def cache(self, look: Callable[[], CacheState]) -> None:
        """`look` tells the state of the cache of answers, whenever the page is read."""
        self.registry.register(_CacheCollector(look))

    def gate(self, look: Callable[[], GateState]) -> None:
        """`look` tells what the gate is like, whenever the page is read."""
        self.registry.register(_GateCollector(look))

    def valkey(self, up: bool) -> None:
        """The shared server was lost, or is back."""
        self._valkey.set(up)

    def document(self, *, hit: bool) -> None:
        """A document was asked of the cache."""
        self._documents["hit" if hit else "miss",] += 1

    def executed(self, way: str) -> None:
        """An operation, or a frame of a subscription, was executed. `way` is compiled, repeated or interpreted."""
        self._ways[way,] += 1

    def streams(self, transport: str, change: int) -> None:
        """Subscriptions began (+1) or ended (-1)."""
        self._streams.labels(transport).inc(change)

    def frame(self) -> None:
        """A frame of a subscription was executed and written, however many are sent it."""
        self._frames.inc()

    def sockets(self, change: int) -> None:
        """A WebSocket opened (+1) or closed (-1)."""
        self._sockets.inc(change)

    def synced(self, agency: str, *, read: int, rejected: int = 0) -> None:
        """A page of an agency's records came in."""
        self._records.labels(agency, "read").inc(read)
        self._records.labels(agency, "rejected").inc(rejected)

    def pushed(self, agency: str, outcome: str) -> None:
        """An agency sent something: accepted, repeated (it had come before) or refused."""
        self._pushes.labels(agency, outcome).inc()

    def died(self, task: str) -> None:
        """A background task died."""
        self._deaths.labels(task).inc()

    def delivery(self, agency: str, kind: DeliveryKind, state: DeliveryState) -> None:
        """A write to an agency came to a state, by this hub's work."""
        self._deliveries.labels(agency, kind.value, state.value).inc()

    def queues(self, queues: Mapping[str, DeliveryQueue], clock: Clock) -> None:
        """What waits for each agency that anything waits for; ages are taken by `clock` when the page is read."""
        self._queues.saw(queues, clock)

    def ledger(self, head: Position, sources: Mapping[str, SourceReport]) -> None:
        """How far the ledger is and how the agencies are."""
        self._head.set(head.seq)
        for slug, report in sources.items():
            for state in SourceState:
                self._state.labels(slug, state.value).set(report.state is state)
            if report.lag_seconds is not None:
                self._lag.labels(slug).set(report.lag_seconds)
            self._quarantined.labels(slug).set(report.quarantined)
            self._unmapped.labels(slug).set(report.unmapped)

    def page(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)


class CacheState(NamedTuple):
    """The cache of answers: how they were come by, how many are kept, and their bytes."""

    looks: Mapping[str, int]
    entries: int
    bytes: int


class _Tally(Collector):
    """A counter of what happens with each request: without locks, as one thread counts."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self.counts: dict[tuple[str, ...], int] = defaultdict(int)
        self._about = name, text, labels

    def collect(self) -> Iterator[Metric]:
        name, text, labels = self._about
        family = CounterMetricFamily(name, text, labels=labels)
        for values, count in self.counts.items():
            family.add_metric(values, count)
        yield family


class _Latencies(Collector):
    """A histogram, likewise."""

    def __init__(self, name: str, text: str, labels: Sequence[str]) -> None:
        self._counts: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * (len(LATENCIES) + 1))
        self._sums: dict[tuple[str, ...], float] = defaultdict(float)
        self._about = name, text, labels

    def observe(self, seconds: float, *values: str) -> None:
        self._counts[values][bisect_left(LATENCIES, seconds)] += 1
        self._sums[values] += seconds

    def collect(self) -> Iterator[Metric]:
        name, text, labels = self._about
        family = HistogramMetricFamily(name, text, labels=labels)
        bounds = [*map(floatToGoString, LATENCIES), "+Inf"]
        for values, counts in self._counts.items():
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            family.add_metric(values, buckets, self._sums[values])
        yield family


class _CacheCollector(Collector):
    """Counts where the cache counts."""

    def __init__(self, look: Callable[[], CacheState]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        state = self._look()
        answers = CounterMetricFamily("simpul_cache_answers", "Answers, by how they were come by.", labels=["result"])
        for result, count in state.looks.items():
            answers.add_metric([result], count)
        yield answers
        yield GaugeMetricFamily("simpul_cache_entries", "Answers in memory.", value=state.entries)
        yield GaugeMetricFamily("simpul_cache_bytes", "Bytes that they take.", value=state.bytes)


class _GateCollector(Collector):
    """Counts where the gate counts."""

    def __init__(self, look: Callable[[], GateState]) -> None:
        self._look = look

    def collect(self) -> Iterator[Metric]:
        state = self._look()
        limited = CounterMetricFamily("simpul_rate_limited", "Refused: the client's share is spent.", labels=["rank"])
        yield _by_rank(limited, state.limited)
        if (load := state.load) is None:
            return
        yield _by_rank(CounterMetricFamily("simpul_shed", "Refused: too much to do.", labels=["rank"]), load.shed)
        yield _by_rank(GaugeMetricFamily("simpul_executing", "Executed now.", labels=["rank"]), load.executing)
        yield _by_rank(GaugeMetricFamily("simpul_waiting", "Waiting for a place.", labels=["rank"]), load.waiting)
        yield GaugeMetricFamily("simpul_read_limit", "Queries that are executed at once, at most.", value=load.limit)


def _by_rank(family: F, values: Iterable[int]) -> F:
    for rank, value in zip(Rank, values, strict=True):
        family.add_metric([rank.name.lower()], value)
    return family


class _Queues(Collector):
    """What waited for each agency when it was last looked at; how old that is, now."""

    def __init__(self) -> None:
        self._seen: dict[str, DeliveryQueue] = {}
        self._clock: Clock | None = None

    def saw(self, queues: Mapping[str, DeliveryQueue], clock: Clock) -> None:
        # An agency whose queue is empty stays, with nothing: a series that ends looks like one that stands still.
        self._seen = {**dict.fromkeys(self._seen, DeliveryQueue()), **queues}
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("simpul_delivery_queue", "Writes that wait for an agency.", labels=["agency"])
        age = GaugeMetricFamily("simpul_delivery_queue_age_seconds", "Age of the oldest.", labels=["agency"])
        dead = GaugeMetricFamily("simpul_dead_deliveries", "Writes that were given up.", labels=["agency"])
        for agency, queue in self._seen.items():
            waiting.add_metric([agency], queue.waiting)
            age.add_metric([agency], self._age(queue))
            dead.add_metric([agency], queue.dead)
        yield from (waiting, age, dead)

    def _age(self, queue: DeliveryQueue) -> float:
        if self._clock is None or queue.oldest_queued_at is None:
            return 0.0
        return max((self._clock() - queue.oldest_queued_at).total_seconds(), 0.0)


class MetricsEndpoint:
    """`/metrics`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if Request(scope).method not in ("GET", "HEAD"):
            response = Response(status_code=405, headers={"allow": "GET, HEAD"})
        else:
            response = Response(self._metrics.page(), headers={"content-type": CONTENT_TYPE_LATEST})
        await response(scope, receive, send)
