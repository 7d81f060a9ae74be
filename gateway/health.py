"""`/health/live` and `/health/ready`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.stream.watch import Watch
from schema.agency import SourceReport
from schema.ports import Reader
from schema.query import PUBLIC

log = structlog.get_logger(__name__)

#: Seconds that the database may take to answer, and that an answer is good for: probes must not become a load.
DEADLINE, GOOD_FOR = 2.0, 1.0

#: Names of the migrations that the database has not seen.
Pending = Callable[[], Awaitable[Sequence[str]]]


class Health:
    """Ready means that database, migrations and watch are well. Agencies that are down don't make a hub unready."""

    def __init__(
        self, reader: Reader, watch: Watch, pending: Pending, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._reader = reader
        self._watch = watch
        self._pending = pending
        self._clock = clock
        self._checked_at = float("-inf")
        self._last: tuple[int, dict[str, Any]] = (503, {})
        self._checking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Where it is asked."""
        return [Route("/health/live", self.live), Route("/health/ready", self.ready)]

    async def live(self, request: Request) -> Response:
        """The process answers."""
        return _json(200, {"status": "live"})

    async def ready(self, request: Request) -> Response:
        """200 when queries can be answered, else 503; either way what was found."""
        async with self._checking:
            if self._clock() - self._checked_at > GOOD_FOR:
                self._last = await self._check()
                self._checked_at = self._clock()
        return _json(*self._last)

    async def _check(self) -> tuple[int, dict[str, Any]]:
        ledger, migrations = await asyncio.gather(_tried("database", self._ledger), _tried("migrations", self._pending))
        watch = "stalled" if self._watch.stalled() else "ok"
        ready = ledger is not None and migrations is not None and not migrations and watch == "ok"
        head, sources = ledger or (None, {})
        return 200 if ready else 503, {
            "status": "ready" if ready else "unready",
            "database": "failed" if ledger is None else "ok",
            "migrations": "unknown" if migrations is None else "pending" if migrations else "ok",
            "watch": watch,
            "ledger": {"head": head},
            "agencies": {slug: _agency(report) for slug, report in sorted(sources.items())},
        }

    async def _ledger(self) -> tuple[int, Mapping[str, SourceReport]]:
        async with self._reader.snapshot(PUBLIC) as snapshot:
            return (await snapshot.head()).seq, await snapshot.sources()


async def _tried(what: str, question: Callable[[], Awaitable[Any]]) -> Any:
    """The answer; None if there is none, or none in time."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await question()
    except Exception as error:
        # Every probe would tell it again with a traceback; the watch's supervisor tells it in full.
        log.warning("health.failed", what=what, error=type(error).__name__)
        return None


def _agency(report: SourceReport) -> dict[str, Any]:
    return {"state": report.state, "asOf": report.as_of, "lagSeconds": report.lag_seconds}


def _json(status: int, content: Mapping[str, Any]) -> Response:
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(orjson.dumps(content), status, headers)
