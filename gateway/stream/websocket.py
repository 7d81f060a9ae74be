"""`/graphql` over a WebSocket: the protocol graphql-transport-ws."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeAlias

import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.access.credentials import Recognise, Unauthenticated
from gateway.access.standing import Standing, Standings
from gateway.cache.entry import Entry
from gateway.connection import SEND_NOW
from gateway.door import Door
from gateway.execution.answer import Answer, Ended, Frame, refusal
from gateway.execution.document import Refused
from gateway.execution.execute import Executor
from gateway.execution.masking import shown_exception
from gateway.execution.operation import SUBSCRIPTION, Operation
from gateway.origins import Origins
from gateway.stream import messages
from gateway.stream.limits import StreamLimits, TooManyStreams
from gateway.stream.messages import Complete, ConnectionInit, Message, Ping, Pong, Subscribe
from gateway.stream.patience import PATIENCE, Patience, TooSlow, Watchdog
from gateway.telemetry import Metrics
from schema.errors import RateExceeded, SimpulError
from schema.query import PUBLIC, Viewer

log = structlog.get_logger(__name__)

#: Sends messages if they need not wait; else False.
SendNow: TypeAlias = Callable[[Iterable[bytes]], bool]
_NEVER: Mapping[str, SendNow] = {"send_now": lambda messages: False}

#: A close frame has no room for more, in bytes.
_LONGEST_REASON = 123


class Close(Exception):
    """Ends a socket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")


class SocketEndpoint:
    """The ASGI application at `/graphql` for WebSockets.

    Args:
        door: answers what is no stream.
        closing: set when the hub goes down; every socket then closes with 1012.
        watchdog: ends sends to clients that don't read.
        recognise: says who shows credentials.
        standings: looks whether they are still good while a stream lasts.
    """

    def __init__(
        self,
        executor: Executor,
        door: Door,
        origins: Origins,
        metrics: Metrics,
        closing: asyncio.Event,
        watchdog: Watchdog,
        limits: StreamLimits,
        patience: Patience = PATIENCE,
        *,
        recognise: Recognise,
        standings: Standings,
    ) -> None:
        self.recognise = recognise
        self.standings = standings
        self.executor = executor
        self.door = door
        self.metrics = metrics
        self.closing = closing
        self.watchdog = watchdog
        self.limits = limits
        self.patience = patience
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        origin = socket.headers.get("origin")
        if origin is not None and not self._origins.allows(origin, socket.headers.get("host", "")):
            # Before the handshake ends: answered with 403, and no page learns more than that.
            return await socket.close()
        if messages.PROTOCOL not in scope["subprotocols"]:
            await socket.accept()
            return await socket.close(4406, f"Subprotocol not acceptable: speak {messages.PROTOCOL}")
        await socket.accept(subprotocol=messages.PROTOCOL)
        try:
            with self.limits.take_socket(PUBLIC, _client(scope)):
                await self._serve(socket, send)
        except TooManyStreams as too_many:
            await socket.close(1013, too_many.message)

    async def _serve(self, socket: WebSocket, send: Send) -> None:
        self.metrics.sockets(+1)
        try:
            await Connection(self, socket, send).run()
        finally:
            self.metrics.sockets(-1)


class Connection:
    """One socket. Everything it does is a task of one group: the first that raises `Close` ends them all.

    Args:
        send: the server's own. Starlette's, around it, would be a noticeable part of what a delivery costs.
    """

    def __init__(self, hub: SocketEndpoint, socket: WebSocket, send: Send) -> None:
        self._hub = hub
        self._socket = socket
        self._asgi_send = send
        self._send_now: SendNow = socket.scope.get("extensions", {}).get(SEND_NOW, _NEVER)["send_now"]
        self._client = _client(socket.scope)
        self._authorization = socket.headers.get("authorization")
        self._initialised = asyncio.Event()
        self._heard = True
        self._operations: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        """Serves the socket until it is closed, by either side."""
        try:
            async with self._group as group:
                for work in (self._read, self._expect_init, self._keep_alive, self._expect_closing):
                    group.create_task(work())
        except* (WebSocketDisconnect, OSError):
            log.debug("socket.left")
        except* Close as closes:
            await self._close(_first(closes))

    async def _close(self, close: Close) -> None:
        try:
            async with asyncio.timeout(self._hub.patience.close):
                await self._socket.close(close.code, close.reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("socket.gone", code=close.code)

    async def _expect_init(self) -> None:
        try:
            async with asyncio.timeout(self._hub.patience.init):
                await self._initialised.wait()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None

    async def _expect_closing(self) -> None:
        await self._hub.closing.wait()
        if self._operations:
            # Streams end by themselves, with a last frame that says where to go on.
            await asyncio.wait(self._operations.values(), timeout=self._hub.patience.drain)
        raise Close(1012, "restarting, resume with your cursor")

    async def _keep_alive(self) -> None:
        await self._initialised.wait()
        while True:
            await asyncio.sleep(self._hub.patience.ping)
            if not self._heard:
                raise Close(1013, "silent, resume with your cursor")
            self._heard = False
            await self._send(messages.ping())

    async def _read(self) -> None:
        while True:
            frame = await self._socket.receive()
            if frame["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(frame.get("code", 1005))
            self._heard = True
            await self._receive(_message(frame.get("text")))

    async def _receive(self, message: Message) -> None:
        match message:
            case ConnectionInit():
                await self._initialise(message)
            case Ping(payload=payload):
                await self._send(messages.pong(payload))
            case Pong():
                pass
            case Subscribe(id=id):
                await self._subscribe(message, id)
            case Complete(id=id):
                if task := self._operations.pop(id, None):
                    task.cancel()

    async def _initialise(self, message: ConnectionInit) -> None:
        if self._initialised.is_set():
            raise Close(4429, "Too many initialisation requests")
        if message.authorization is not None:
            self._authorization = message.authorization
        await self._viewer()
        self._initialised.set()
        await self._send(messages.ack())

    async def _viewer(self) -> Viewer:
        """Whoever is at the other end: asked anew for each operation, as the credentials may have been revoked."""
        if self._authorization is None:
            return PUBLIC
        try:
            return await self._hub.recognise(self._authorization)
        except Unauthenticated:
            # To serve the public's view to somebody who believes to be known would be worse than to say so.
            raise Close(4403, "Forbidden") from None
        except SimpulError as error:
            log.warning("access.unknown", error=type(error).__name__)
            raise Close(1013, "who is asking can't be found out just now, try again") from error

    async def _subscribe(self, message: Subscribe, id: str) -> None:
        if not self._initialised.is_set():
            raise Close(4401, "Unauthorized")
        if id in self._operations:
            raise Close(4409, f"Subscriber for {id} already exists")
        most = self._hub.limits.per_socket
        if len(self._operations) >= most:
            refused = _rate_limited(f"Too many operations on one socket: at most {most}.")
            await self._send(messages.error(id, refused.errors))
            return
        viewer = await self._viewer()
        try:
            operation = self._hub.executor.prepare(message.payload, viewer)
        except Refused as refused:
            self._hub.metrics.answered("websocket", "unknown", "refused")
            self._hub.door.gate.refused(viewer, self._client)
            await self._send(messages.error(id, refusal(refused.errors).errors))
            return
        if operation.kind is SUBSCRIPTION:
            try:
                await self._hub.door.gate.admit(viewer, self._client, operation.cost)
            except RateExceeded as error:
                await self._send(messages.error(id, [shown_exception(error)]))
                return
        work = self._stream if operation.kind is SUBSCRIPTION else self._answer
        self._operations[id] = self._group.create_task(work(operation, id, viewer))

    async def _answer(self, operation: Operation, id: str, viewer: Viewer) -> None:
        """Runs one operation. Whatever is wrong with it, its neighbours live on."""
        started = time.perf_counter()
        answer = await self._hub.door.answer(operation, viewer, self._client)
        body, last = (answer.body, Answer()) if isinstance(answer, Entry) else (answer.json(), answer)
        self._hub.metrics.answered("websocket", operation.kind.value, last.outcome, time.perf_counter() - started)
        if not last.refused:
            await self._send(messages.next_head(id) + body + messages.NEXT_END)
        await self._finish(id, last)

    async def _stream(self, operation: Operation, id: str, viewer: Viewer) -> None:
        """Sends frame after frame, then how it ended."""
        head, last, lagged, send_now = messages.next_head(id), Answer(), False, self._send_now
        standing = Standing()

        def push(frames: Sequence[Frame]) -> bool:
            return send_now([head + frame.body + messages.NEXT_END for frame in frames])

        try:
            with self._counted(viewer), self._hub.standings.held(self._authorization, viewer) as standing:
                async with aclosing(self._hub.executor.subscribe(operation, viewer, push=push)) as frames:
                    async for frame in frames:
                        lagged = frame.lagged
                        if not push((frame,)):
                            await self._send(head + frame.body + messages.NEXT_END)
        except Ended as ended:
            last = ended.answer
        except TooManyStreams as too_many:
            last = _rate_limited(too_many.message)
        self._hub.metrics.answered("websocket", "subscription", last.outcome)
        if self._hub.closing.is_set():
            # A client that were told `complete` would not come back.
            return
        if standing.ended:
            # Void, they close the socket. Good for more or for less now, they may come again.
            await self._viewer()
        if lagged or standing.ended:
            raise Close(1012, "resume with your cursor")
        await self._finish(id, last)

    @contextmanager
    def _counted(self, viewer: Viewer) -> Iterator[None]:
        with self._hub.limits.take(viewer, self._client):
            self._hub.metrics.streams("websocket", +1)
            try:
                yield
            finally:
                self._hub.metrics.streams("websocket", -1)

    async def _finish(self, id: str, last: Answer) -> None:
        # The id is free before the client hears that it is, so that it can be used again at once.
        self._operations.pop(id, None)
        await self._send(messages.error(id, last.errors) if last.refused else messages.complete(id))

    async def _send(self, message: bytes) -> None:
        try:
            await self._hub.watchdog.send(self._asgi_send, {"type": "websocket.send", "text": message.decode()})
        except TooSlow:
            raise Close(1013, "slow, resume with your cursor") from None


def _client(scope: Scope) -> str:
    address = scope.get("client")
    return address[0] if address else ""


def _message(text: str | None) -> Message:
    if text is None:
        raise Close(4400, "Messages must be text")
    try:
        return messages.message_of(text)
    except ValueError as error:
        raise Close(4400, f"Invalid message: {error}") from error


def _rate_limited(message: str) -> Answer:
    return refusal([GraphQLError(message, extensions={"code": "RATE_LIMITED"})])


def _first(closes: BaseExceptionGroup[Close]) -> Close:
    while not isinstance(first := closes.exceptions[0], Close):
        closes = first
    return first
