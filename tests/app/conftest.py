"""A hub's front door over a small graph and a small ledger, so that its own behaviour is what is tested."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import strawberry

from gateway.access.credentials import Recognise, nobody
from gateway.access.session import Sessions
from gateway.app import build_app
from gateway.cache.answers import AnswerCache
from gateway.cache.memory import Memory
from gateway.connection import Connection
from gateway.execution.execute import Executor
from gateway.fastlane import Lane
from gateway.guard.client import Proxies
from gateway.guard.gate import OPEN, Gate
from gateway.health import Health
from gateway.hygiene import SAFE
from gateway.origins import Origins
from gateway.pages.site import Site
from gateway.reply import Headers
from gateway.server import Server, listen
from gateway.stream.doorbell import Doorbell
from gateway.stream.limits import StreamLimits
from gateway.stream.patience import Patience
from gateway.stream.watch import Watch
from gateway.telemetry import Metrics
from schema.agency import Agency, SourceReport, SourceState
from schema.errors import AmbiguousTrackingId, BadCursor
from schema.events import Position
from schema.graph.stream import Checkpoint, Lagged, LagReason
from schema.ports import Dependencies, Versions
from schema.query import Viewer


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str = "world") -> str:
        return f"hello {name}"

    @strawberry.field
    def who(self, info: strawberry.Info[Any, None]) -> str:
        viewer: Viewer = info.context.viewer
        return viewer.credential

    @strawberry.field
    def boom(self) -> str | None:
        raise ValueError("postgres://user:secret@db")

    @strawberry.field
    def broken(self) -> int:
        raise ValueError("postgres://user:secret@db")

    @strawberry.field
    def page(self, after: str) -> str | None:
        raise BadCursor("Not a cursor.")

    @strawberry.field
    def numbered(self) -> str | None:
        raise AmbiguousTrackingId("Two agencies use this number.", agencies=["prov-bali", "prov-diy"])

    @strawberry.field
    async def slow(self, info: strawberry.Info[Any, None], number: int) -> int:
        await info.context.left.wait()
        return number

    @strawberry.field
    async def snapshot(self, info: strawberry.Info[Any, None]) -> str:
        return str(id(info.context.snapshot))


@strawberry.type
class Mutation:
    @strawberry.mutation
    def touch(self) -> bool:
        return True


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int = 3) -> AsyncGenerator[int, None]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def whose(self, info: strawberry.Info[Any, None]) -> AsyncGenerator[str, None]:
        yield info.context.viewer.credential

    @strawberry.subscription
    async def forever(self, info: strawberry.Info[Any, None]) -> AsyncGenerator[int, None]:
        left: asyncio.Event = info.context.left
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            left.set()

    @strawberry.subscription
    async def until_closing(self, info: strawberry.Info[Any, None]) -> AsyncGenerator[str, None]:
        yield "first"
        await info.context.closing.wait()
        yield "last"

    @strawberry.subscription
    async def flood(self, info: strawberry.Info[Any, None]) -> AsyncGenerator[str, None]:
        left: asyncio.Event = info.context.left
        try:
            while True:
                yield "x" * 200_000
        finally:
            left.set()

    @strawberry.subscription
    async def numbers(
        self, info: strawberry.Info[Any, None], after: str | None = None, most: int = 3
    ) -> AsyncGenerator[Checkpoint, None]:
        start = int(info.context.after or after or 0)
        for number in range(start, most):
            yield Checkpoint(cursor=str(number + 1))

    @strawberry.subscription
    async def lags(self) -> AsyncGenerator[Lagged, None]:
        yield Lagged(cursor="7", reason=LagReason.RESTART, retry_after_seconds=1)

    @strawberry.subscription
    async def breaks(self) -> AsyncGenerator[int, None]:
        yield 1
        raise ValueError("postgres://user:secret@db")

    @strawberry.subscription
    async def refuses(self) -> AsyncGenerator[int, None]:
        raise BadCursor("Not a cursor.")
        yield 1


class SmallSnapshot:
    def __init__(self, ledger: SmallLedger, viewer: Viewer) -> None:
        self.viewer = viewer
        self.dependencies = Dependencies()
        self._ledger = ledger

    async def versions(self) -> Versions:
        return Versions(epoch="e", agencies={}, health=self._ledger.seq, facts=0, derived=0)

    async def head(self) -> Position:
        if self._ledger.fails:
            raise OSError("the disk is gone")
        return Position("e", self._ledger.seq)

    async def agencies(self) -> Mapping[str, Agency]:
        return {}

    async def sources(self) -> Mapping[str, SourceReport]:
        return self._ledger.reports


class SmallLedger:
    """What the front door itself reads of a ledger."""

    def __init__(self) -> None:
        self.seq = 7
        self.fails = False
        self.opened = 0
        self.pending: list[str] = []
        self.reports = {
            "prov-bali": SourceReport(agency="prov-bali", state=SourceState.DOWN, lag_seconds=90, quarantined=2),
            "prov-diy": SourceReport(agency="prov-diy", state=SourceState.OK, lag_seconds=1),
        }

    def mark(self) -> int:
        return self.seq

    async def look(self) -> int:
        return self.seq

    def close(self) -> None:
        pass

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Any]:
        self.opened += 1
        yield SmallSnapshot(self, viewer)


class Front:
    """The parts of a front door, within a test's reach."""

    def __init__(
        self,
        origins: tuple[str, ...] = (),
        patience: Patience = Patience(),  # noqa: B008 - frozen
        *,
        limits: StreamLimits | None = None,
        cached: bool = False,
        site: Site | None = None,
        recognise: Recognise = nobody,
        gate: Gate = OPEN,
        proxies: Proxies | None = None,
        graph: strawberry.Schema | None = None,
        sessions: Sessions | None = None,
        get_any: bool = True,
        safe: Headers = SAFE,
        **options: Any,
    ) -> None:
        self.ledger = SmallLedger()
        self.metrics = Metrics()
        self.closing = asyncio.Event()
        self.left = asyncio.Event()
        self.watch = Watch(self.ledger, Doorbell(), self.metrics.ledger)
        self.executor = Executor(
            graph or strawberry.Schema(Query, Mutation, Subscription),
            self.ledger,
            lambda viewer, snapshot: SimpleNamespace(
                viewer=viewer, snapshot=snapshot, left=self.left, closing=self.closing
            ),
            lambda hit: self.metrics.document(hit=hit),
            **options,
        )
        self.cache = AnswerCache(self.ledger, self.ledger, Memory(1_000_000)) if cached else None
        self.app = build_app(
            executor=self.executor,
            health=Health(self.ledger, self.watch, self._pending, clock=iter(range(0, 10_000, 2)).__next__),
            metrics=self.metrics,
            origins=Origins(origins),
            closing=self.closing,
            background={"watch": self.watch.run},
            patience=patience,
            limits=limits,
            cache=self.cache,
            site=site,
            recognise=recognise,
            gate=gate,
            proxies=proxies,
            sessions=sessions,
            get_any=get_any,
            safe=safe,
        )

    async def _pending(self) -> list[str]:
        return self.ledger.pending

    def client(self) -> httpx2.AsyncClient:
        """A client that reaches the application without a network."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://hub")

    @asynccontextmanager
    async def served(self, *, fast: bool = False) -> AsyncIterator[Server]:
        """The application on a port of its own; `server.address` says where."""
        started = asyncio.Event()
        server = Server(
            self.app,
            listen("127.0.0.1", 0),
            self.closing,
            lambda _: started.set(),
            protocol=Lane(self.app).protocol() if fast else Connection,
            handle_signals=False,
        )
        serving = asyncio.create_task(server.run_until_stopped())
        try:
            await started.wait()
            yield server
        finally:
            server.stop()
            await serving


@pytest.fixture
def front() -> type[Front]:
    """Makes front doors."""
    return Front
