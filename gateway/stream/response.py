"""Subscriptions over HTTP: a response whose body is a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

import structlog
from starlette.types import Receive, Scope, Send

from gateway.access.standing import Standing, Standings
from gateway.connection import ABORT, SEND_NOW
from gateway.execution.answer import Ended, Frame
from gateway.execution.execute import Executor
from gateway.execution.operation import Operation
from gateway.stream.framing import Framing
from gateway.stream.limits import StreamLimits, TooManyStreams
from gateway.stream.patience import Patience, TooSlow, Watchdog
from gateway.telemetry import Metrics
from gateway.terms import Terms
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: A proxy that gathers what it passes on would hold the events back. nginx heeds the second.
_HEADERS = ((b"cache-control", b"no-store"), (b"x-accel-buffering", b"no"))
_NEVER: Mapping[str, Callable[[bytes], bool]] = {"send_now": lambda part: False}


class ClientLeft(Exception):
    """Before all was said."""


class GoingDown(Exception):
    """The hub does, and the stream did not end by itself."""


class StreamEndpoint:
    """Answers a subscription over HTTP.

    Args:
        closing: set when the hub goes down; every stream then ends, and its client comes again.
        watchdog: ends sends to clients that don't read.
        standings: looks whether credentials are still good while a stream lasts.
    """

    def __init__(
        self,
        executor: Executor,
        metrics: Metrics,
        closing: asyncio.Event,
        watchdog: Watchdog,
        limits: StreamLimits,
        patience: Patience,
        standings: Standings,
    ) -> None:
        self.executor = executor
        self.metrics = metrics
        self.closing = closing
        self.watchdog = watchdog
        self.limits = limits
        self.patience = patience
        self.standings = standings

    async def __call__(
        self, operation: Operation, framing: Framing, terms: Terms, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Sends the response.

        Args:
            operation: a subscription.
            framing: how its body is written.
            terms: who asks, and what headers go beside the stream's own.
        """
        viewer, all_headers = terms.viewer, [(b"content-type", framing.type), *_HEADERS, *terms.headers]
        await send({"type": "http.response.start", "status": 200, "headers": all_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        address = (scope.get("client") or ("",))[0]
        try:
            with self.limits.take(viewer, address), self.standings.held(terms.authorization, viewer) as standing:
                await self._stream(StreamBody(self, framing, standing, scope, receive, send), operation, viewer)
        except TooManyStreams as full:
            self.metrics.answered(framing.name, "subscription", "refused")
            await send({"type": "http.response.body", "body": framing.opening + framing.busy(full.message)})

    async def _stream(self, body: StreamBody, operation: Operation, viewer: Viewer) -> None:
        self.metrics.streams(body.framing.name, +1)
        try:
            await body.run(operation, viewer)
        finally:
            self.metrics.streams(body.framing.name, -1)


class StreamBody:
    """One stream. Whatever ends it ends the others of its tasks."""

    def __init__(
        self, hub: StreamEndpoint, framing: Framing, standing: Standing, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.framing = framing
        self._hub = hub
        self._standing = standing
        self._scope = scope
        self._receive = receive
        self._send = send
        self._send_now: Callable[[bytes], bool] = scope.get("extensions", {}).get(SEND_NOW, _NEVER)["send_now"]
        self._ended = False

    async def run(self, operation: Operation, viewer: Viewer) -> None:
        """Sends frames until nothing follows, the client leaves, is too slow, or the hub goes down."""
        try:
            async with asyncio.TaskGroup() as group:
                aside = [group.create_task(work()) for work in (self._expect_leaving, self._keep_alive)]
                await self._say(self.framing.opening)
                await self._follow(operation, viewer)
                for task in aside:
                    task.cancel()
        except* ClientLeft:
            log.debug("stream.left", transport=self.framing.name)
        except* TooSlow:
            log.debug("stream.slow", transport=self.framing.name)
            await self._cut_off()
        except* GoingDown:
            await self._end()

    async def _follow(self, operation: Operation, viewer: Viewer) -> None:
        """Sends frame after frame, and the end."""
        goes_on, outcome = False, "ok"
        try:
            after = last_event_id(self._scope)
            async with aclosing(self._hub.executor.subscribe(operation, viewer, after, self._push)) as frames:
                async for frame in frames:
                    goes_on = frame.lagged
                    await self._say(self.framing.next(frame))
        except Ended as ended:
            outcome = ended.answer.outcome
            await self._say(self.framing.next(Frame(ended.answer.json())))
        self._hub.metrics.answered(self.framing.name, "subscription", outcome)
        # Whose credentials are void is told so when he comes again.
        goes_on = goes_on or self._standing.ended or self._hub.closing.is_set()
        await self._say(b"" if goes_on else self.framing.complete, more=False)

    def _push(self, frames: Sequence[Frame]) -> bool:
        return self._send_now(b"".join(map(self.framing.next, frames)))

    async def _say(self, chunk: bytes, *, more: bool = True) -> None:
        await self._hub.watchdog.send(self._send, {"type": "http.response.body", "body": chunk, "more_body": more})
        self._ended = not more

    async def _expect_leaving(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        raise ClientLeft

    async def _keep_alive(self) -> None:
        while not self._hub.closing.is_set():
            try:
                async with asyncio.timeout(self._hub.patience.ping):
                    await self._hub.closing.wait()
            except TimeoutError:
                await self._say(self.framing.heartbeat)
        # Streams end by themselves, with a last frame that says where to go on.
        await asyncio.sleep(self._hub.patience.drain)
        raise GoingDown

    async def _end(self) -> None:
        if self._ended:
            return
        try:
            async with asyncio.timeout(self._hub.patience.close):
                await self._send({"type": "http.response.body"})
        except TimeoutError:
            await self._cut_off()

    async def _cut_off(self) -> None:
        extension = self._scope.get("extensions", {}).get(ABORT)
        if extension is not None:
            extension["abort"]()
            while (await self._receive())["type"] != "http.disconnect":
                pass


def last_event_id(scope: Scope) -> str | None:
    """What an EventSource sends when it comes again: the id of the last event that it saw."""
    for name, value in scope["headers"]:
        if name == b"last-event-id" and value:
            text: str = value.decode("latin-1")
            return text
    return None
