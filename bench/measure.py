"""The measuring itself: every server of a case in turn, round after round, and the medians."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench.cases import CASES, Case, Pool, Requests
from bench.load import BadAnswer, ask, drive
from bench.process import Server

#: Seconds of a window that is not counted.
WARM_UP = 0.5
#: Answers that are compared before anything is measured.
COMPARED = 5
#: Share of a core beyond which the load may have been the bottleneck.
BUSY = 0.95

_CURSORS = {"cursor", "endCursor"}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how hard.

    Attributes:
        seconds: of each window.
        crowd: connections of a second look at the hub, at how evenly it serves many.
    """

    rounds: int
    seconds: float
    connections: int
    crowd: int
    databases: Sequence[str]
    cases: Sequence[str]


class Figures(msgspec.Struct, frozen=True):
    """What one server did with one case: medians of the rounds."""

    case: str
    server: str
    rps: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    load_busy: float


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """All that was measured.

    Attributes:
        crowd: the hub again, with the plan's `crowd` of connections.
        answer_bytes: by case; constant answers were as long.
        remarks: what makes a figure doubtful.
    """

    figures: Sequence[Figures]
    crowd: Sequence[Figures]
    answer_bytes: Mapping[str, int]
    memory_mb: Mapping[str, tuple[float, float]]
    remarks: Sequence[str]


class Bench:
    """Servers and what they are asked.

    Args:
        servers: by name: `constant`, and `hub DATABASE` and `stock DATABASE` for each database.
        pools: for `hub` and for `stock`.
    """

    def __init__(self, plan: Plan, servers: Mapping[str, Server], pools: Mapping[str, Pool]) -> None:
        self._plan = plan
        self._servers = servers
        self._pools = pools
        self._requests: dict[tuple[str, str], Requests] = {}
        self._lengths: dict[str, int] = {}
        self._taken: dict[tuple[str, str], list[Figures]] = {}
        self._crowded: dict[tuple[str, str], list[Figures]] = {}

    def run(self) -> Outcome:
        """Compares answers, then measures.

        Raises:
            SystemExit: a server fails, or the hub and the stock server do not answer alike.
        """
        cases = [case for case in CASES if case.name in self._plan.cases]
        for case in cases:
            self._prepare(case)
        for number in range(self._plan.rounds + 1):
            print(f"round {number} of {self._plan.rounds}" if number else "warm-up round, not counted", flush=True)
            for case in cases:
                for name in self._servers:
                    self._measure(case, name, counted=number > 0)
        return self._outcome()

    def _prepare(self, case: Case) -> None:
        for name in self._servers:
            if name != "constant":
                self._requests[case.name, name] = Requests(case, self._pools[_kind(name)])
        lengths = [length for database in self._plan.databases for length in self._compared(case, database)]
        self._lengths[case.name] = round(statistics.median(lengths))
        path = f"/constant/{self._lengths[case.name]}"
        self._requests[case.name, "constant"] = Requests(case, self._pools["constant"], path)

    def _compared(self, case: Case, database: str) -> list[int]:
        lengths = []
        for _ in range(COMPARED):
            hub, stock = (self._answer(case, f"{kind} {database}") for kind in ("hub", "stock"))
            if _comparable(hub) != _comparable(stock):
                raise SystemExit(f"bench: {case.name}, {database}: answers differ\n{hub!r:.2000}\n{stock!r:.2000}")
            lengths.append(len(hub))
        return lengths

    def _answer(self, case: Case, name: str) -> bytes:
        answer = ask(self._servers[name].address, next(self._requests[case.name, name]))
        if "errors" in json.loads(answer):
            raise SystemExit(f"bench: {name} can't answer {case.name}: {answer!r:.2000}")
        return answer

    def _measure(self, case: Case, name: str, *, counted: bool) -> None:
        figures = self._window(case, name, self._plan.connections, counted=counted)
        if counted:
            self._taken.setdefault((case.name, name), []).append(figures)
        if counted and _kind(name) == "hub":
            figures = self._window(case, name, self._plan.crowd, counted=True)
            self._crowded.setdefault((case.name, name), []).append(figures)

    def _window(self, case: Case, name: str, connections: int, *, counted: bool) -> Figures:
        server, seconds = self._servers[name], self._plan.seconds if counted else min(self._plan.seconds, WARM_UP)
        before = server.cpu_seconds()
        try:
            load = drive(server.address, self._requests[case.name, name], connections, seconds)
        except BadAnswer as error:
            raise SystemExit(f"bench: {name}, {case.name}: {error}") from error
        spent = (server.cpu_seconds() - before) / load.requests * 1_000
        return Figures(case.name, name, load.rps, spent, load.p50_ms, load.p99_ms, load.busy)

    def _outcome(self) -> Outcome:
        figures = [_median(taken) for taken in self._taken.values()]
        hubs = {name: server for name, server in self._servers.items() if _kind(name) == "hub"}
        return Outcome(
            figures=figures,
            crowd=[_median(taken) for taken in self._crowded.values()],
            answer_bytes=self._lengths,
            memory_mb={name: server.memory_mb() for name, server in hubs.items()},
            remarks=[*self._repetitions(), *_overloads(figures)],
        )

    def _repetitions(self) -> list[str]:
        return [
            f"{case}, {name}: more requests than different ones: some came twice"
            for (case, name), requests in self._requests.items()
            if name != "constant" and requests.repeated
        ]


def _kind(name: str) -> str:
    return name.split()[0]


def _overloads(figures: Sequence[Figures]) -> list[str]:
    return [
        f"{each.case}, {each.server}: the load was busy for {each.load_busy:.0%} of the time: faster than measured"
        for each in figures
        if each.load_busy > BUSY
    ]


def _median(taken: Sequence[Figures]) -> Figures:
    numbers = [msgspec.structs.astuple(each)[2:] for each in taken]
    return Figures(taken[0].case, taken[0].server, *map(statistics.median, zip(*numbers, strict=True)))


def _comparable(answer: bytes) -> Any:
    """The answer without its cursors, which each server writes its own way."""
    return json.loads(answer, object_hook=lambda found: {k: v for k, v in found.items() if k not in _CURSORS})
