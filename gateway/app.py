"""The composition root: the one place where the parts of a hub are made and put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.credentials import Recognise, nobody
from gateway.cache.answers import AnswerCache
from gateway.door import Door
from gateway.execution.execute import Executor
from gateway.health import Health
from gateway.http import GraphQLEndpoint
from gateway.origins import Origins
from gateway.pages.site import Site
from gateway.stream.limits import StreamLimits
from gateway.stream.patience import PATIENCE, Patience, Watchdog
from gateway.stream.response import StreamEndpoint
from gateway.stream.websocket import SocketEndpoint
from gateway.supervisor import Work, running
from gateway.telemetry import CacheState, Metrics, MetricsEndpoint
from gateway.terms import TermsBook


class Hub:
    """The ASGI application: the graph over HTTP, and beside it Starlette with all the rest.

    The graph is asked before Starlette, whose middleware and routing would take longer than most answers.

    Attributes:
        door, terms: the graph as `gateway.fastlane` reaches it, without ASGI.
    """

    def __init__(self, graph: GraphQLEndpoint, sockets: ASGIApp, rest: ASGIApp) -> None:
        self.door = graph.door
        self.terms = graph.terms
        self._graph = graph
        self._sockets = sockets
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/graphql" and not _is_preflight(scope):
            await self._graph(scope, receive, send)
        elif scope["type"] == "websocket" and scope["path"] == "/graphql":
            await self._sockets(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def build_app(
    *,
    executor: Executor,
    health: Health,
    metrics: Metrics,
    origins: Origins,
    closing: asyncio.Event,
    background: Mapping[str, Work],
    patience: Patience = PATIENCE,
    limits: StreamLimits | None = None,
    cache: AnswerCache | None = None,
    site: Site | None = None,
    intake: Sequence[Route] = (),
    recognise: Recognise = nobody,
) -> Hub:
    """The ASGI application.

    Args:
        closing: set when the hub goes down; streams end by it.
        background: what runs as long as the application does, by name.
        limits: how many streams there may be; None sets the defaults.
        cache: where answers are kept; None makes each of them anew.
        site: the pages for browsers; None serves programs alone.
        intake: where agencies send by themselves.
        recognise: says who shows credentials: `gateway.access.viewers.Viewers.of`.
    """

    watchdog, limits = Watchdog(patience.send), limits or StreamLimits()
    door = Door(executor, metrics, cache)
    sockets = SocketEndpoint(executor, door, origins, metrics, closing, watchdog, limits, patience, recognise)
    streams = StreamEndpoint(executor, metrics, closing, watchdog, limits, patience)
    graph = GraphQLEndpoint(door, TermsBook(origins), streams, site.graphql if site else None, recognise)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running({**background, "watchdog": watchdog.run}, metrics.died):
            yield

    if cache is not None:
        metrics.cache(lambda: CacheState(cache.looks, len(cache.memory), cache.memory.bytes))
    rest = Starlette(
        routes=[
            *health.routes(),
            Route("/metrics", MetricsEndpoint(metrics)),
            *intake,
            *(site.routes() if site else ()),
        ],
        exception_handlers={404: site.not_found} if site else None,
        middleware=[origins.middleware()],
        lifespan=lifespan,
    )
    return Hub(graph, sockets, rest)


def _is_preflight(scope: Scope) -> bool:
    if scope["method"] != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names
