"""The composition root: the one place where the parts of a hub are made and put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from gateway.execution.execute import Executor
from gateway.health import Health
from gateway.http import GraphQLEndpoint
from gateway.origins import Origins
from gateway.stream.websocket import PATIENCE, Patience, SocketEndpoint
from gateway.supervisor import Work, running
from gateway.telemetry import Metrics, MetricsEndpoint


def build_app(
    *,
    executor: Executor,
    health: Health,
    metrics: Metrics,
    origins: Origins,
    closing: asyncio.Event,
    background: Mapping[str, Work],
    patience: Patience = PATIENCE,
) -> Starlette:
    """The ASGI application.

    Args:
        closing: set when the hub goes down; streams end by it.
        background: what runs as long as the application does, by name.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with running(background, metrics.died):
            yield

    return Starlette(
        routes=[
            Route("/graphql", GraphQLEndpoint(executor, metrics)),
            WebSocketRoute("/graphql", SocketEndpoint(executor, origins, metrics, closing, patience)),
            *health.routes(),
            Route("/metrics", MetricsEndpoint(metrics)),
        ],
        middleware=[origins.middleware()],
        lifespan=lifespan,
    )
