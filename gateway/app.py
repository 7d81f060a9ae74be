"""The composition root: the one place where the parts of a hub are made and put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.access.credentials import Recognise, nobody
from gateway.access.session import Sessions
from gateway.access.standing import Standings
from gateway.cache.answers import AnswerCache
from gateway.door import Door
from gateway.execution.execute import Executor
from gateway.guard.client import Proxies
from gateway.guard.gate import OPEN, Gate
from gateway.health import Health
from gateway.http import GraphQLEndpoint
from gateway.hygiene import SAFE, Hygiene, failed, told
from gateway.origins import Origins
from gateway.pages.site import Site
from gateway.reply import Headers
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
        door, terms, proxies: the graph as `gateway.fastlane` reaches it, without ASGI.
    """

    def __init__(self, graph: GraphQLEndpoint, sockets: ASGIApp, rest: ASGIApp, proxies: Proxies) -> None:
        self.door = graph.door
        self.terms = graph.terms
        self.proxies = proxies
        self._graph = graph
        self._sockets = sockets
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.proxies and scope["type"] != "lifespan":
            self.proxies.see(scope)
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
    sessions: Sessions | None = None,
    standings: Standings | None = None,
    get_any: bool = True,
    safe: Headers = SAFE,
    gate: Gate = OPEN,
    proxies: Proxies | None = None,
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
        sessions: lets streams of the hub's own pages show credentials by a cookie; None: they can't.
        standings: looks whether they are still good while a stream lasts; None: streams end by themselves alone.
        get_any: whether GET may ask anything; else only documents of the operator's list, and streams.
        safe: headers of every answer.
        gate: how much clients may ask, and how much is taken on at once.
        proxies: whose word on clients' addresses is believed; None: nobody's.
    """

    watchdog, limits = Watchdog(patience.send), limits or StreamLimits()
    door = Door(executor, metrics, cache, gate, get_any=get_any)
    standings = standings or Standings(recognise, lambda viewer: None, lambda: datetime.now(UTC))
    sockets = SocketEndpoint(
        executor, door, origins, metrics, closing, watchdog, limits, patience, recognise=recognise, standings=standings
    )
    streams = StreamEndpoint(executor, metrics, closing, watchdog, limits, patience, standings)
    page = site.graphql if site else None
    graph = GraphQLEndpoint(door, TermsBook(origins, safe), streams, page, recognise, sessions)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running({**background, "watchdog": watchdog.run, "standings": standings.run}, metrics.died):
            yield

    metrics.gate(gate.state)
    if cache is not None:
        metrics.cache(lambda: CacheState(cache.looks, len(cache.memory), cache.memory.bytes))
    rest = Starlette(
        routes=[
            *health.routes(),
            Route("/metrics", MetricsEndpoint(metrics)),
            *intake,
            *(sessions.routes() if sessions else ()),
            *(site.routes() if site else ()),
        ],
        exception_handlers={HTTPException: told, Exception: failed, **({404: site.not_found} if site else {})},
        middleware=[origins.middleware()],
        lifespan=lifespan,
    )
    return Hub(graph, sockets, Hygiene(rest, safe), proxies or Proxies())


def _is_preflight(scope: Scope) -> bool:
    if scope["method"] != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names
