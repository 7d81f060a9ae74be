"""`/graphql` over a WebSocket: the protocol graphql-transport-ws."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import msgspec
import structlog
from graphql import GraphQLError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.execution.document import Refused
from gateway.execution.execute import SUBSCRIPTION, Answer, Ended, Executor, Operation, refusal
from gateway.execution.masking import shown_exception
from gateway.origins import Origins
from gateway.stream import messages
from gateway.stream.messages import Complete, ConnectionInit, Message, Ping, Pong, Subscribe
from gateway.telemetry import Metrics
from schema.query import PUBLIC

log = structlog.get_logger(__name__)

#: Operations that one socket may run at once.
MOST_OPERATIONS = 100
#: A close frame has no room for more, in bytes.
_LONGEST_REASON = 123


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a socket waits, in seconds.

    Attributes:
        init: for connection_init.
        ping: between two pings; whoever was silent since the one before is closed.
        send: for a message to leave.
        close: for a close frame to leave.
    """

    init: float = 3.0
    ping: float = 15.0
    send: float = 5.0
    close: float = 1.0


PATIENCE = Patience()


class Close(Exception):
    """Ends a socket."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")


class SocketEndpoint:
    """The ASGI application at `/graphql` for WebSockets.

    Args:
        closing: set when the hub goes down; every socket then closes with 1012.
    """

    def __init__(
        self,
        executor: Executor,
        origins: Origins,
        metrics: Metrics,
        closing: asyncio.Event,
        patience: Patience = PATIENCE,
    ) -> None:
        self._executor = executor
        self._origins = origins
        self._metrics = metrics
        self._closing = closing
        self._patience = patience

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
        self._metrics.sockets(+1)
        try:
            await Connection(socket, self._executor, self._metrics, self._closing, self._patience).run()
        finally:
            self._metrics.sockets(-1)


class Connection:
    """One socket. Everything it does is a task of one group: the first that raises `Close` ends them all."""

    def __init__(
        self, socket: WebSocket, executor: Executor, metrics: Metrics, closing: asyncio.Event, patience: Patience
    ) -> None:
        self._socket = socket
        self._executor = executor
        self._metrics = metrics
        self._closing = closing
        self._patience = patience
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
        except* WebSocketDisconnect:
            log.debug("socket.left")
        except* Close as closes:
            await self._close(_first(closes))

    async def _close(self, close: Close) -> None:
        try:
            async with asyncio.timeout(self._patience.close):
                await self._socket.close(close.code, close.reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            log.debug("socket.gone", code=close.code)

    async def _expect_init(self) -> None:
        try:
            async with asyncio.timeout(self._patience.init):
                await self._initialised.wait()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None

    async def _expect_closing(self) -> None:
        await self._closing.wait()
        raise Close(1012, "restarting, resume with your cursor")

    async def _keep_alive(self) -> None:
        await self._initialised.wait()
        while True:
            await asyncio.sleep(self._patience.ping)
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
                await self._initialise()
            case Ping(payload=payload):
                await self._send(messages.pong(payload))
            case Pong():
                pass
            case Subscribe(id=id):
                await self._subscribe(message, id)
            case Complete(id=id):
                if task := self._operations.pop(id, None):
                    task.cancel()

    async def _initialise(self) -> None:
        if self._initialised.is_set():
            raise Close(4429, "Too many initialisation requests")
        self._initialised.set()
        await self._send(messages.ack())

    async def _subscribe(self, message: Subscribe, id: str) -> None:
        if not self._initialised.is_set():
            raise Close(4401, "Unauthorized")
        if id in self._operations:
            raise Close(4409, f"Subscriber for {id} already exists")
        if len(self._operations) >= MOST_OPERATIONS:
            problem = GraphQLError("Too many operations on one socket.", extensions={"code": "RATE_LIMITED"})
            await self._send(messages.error(id, refusal([problem]).errors))
            return
        self._operations[id] = self._group.create_task(self._operate(message, id))

    async def _operate(self, message: Subscribe, id: str) -> None:
        """Runs one operation. Whatever is wrong with it, its neighbours live on."""
        try:
            last = await self._run(self._executor.prepare(message.payload), id)
        except Refused as refused:
            self._metrics.answered("websocket", "unknown", "refused")
            last = refusal(refused.errors)
        except (Close, WebSocketDisconnect):
            raise
        except Exception as error:
            last = Answer(errors=[shown_exception(error)], refused=True)
        await self._finish(id, last)

    async def _run(self, operation: Operation, id: str) -> Answer:
        return await (self._stream if operation.kind is SUBSCRIPTION else self._answer)(operation, id)

    async def _answer(self, operation: Operation, id: str) -> Answer:
        started = time.perf_counter()
        answer = await self._executor.execute(operation, PUBLIC)
        self._metrics.answered("websocket", operation.kind.value, answer.outcome, time.perf_counter() - started)
        if not answer.refused:
            await self._send(messages.next_(id, answer.json()))
        return answer

    async def _stream(self, operation: Operation, id: str) -> Answer:
        """Sends frame after frame; the answer that is returned says how it ended."""
        last = Answer()
        self._metrics.streams("websocket", +1)
        try:
            async with aclosing(self._executor.subscribe(operation, PUBLIC)) as frames:
                async for frame in frames:
                    await self._send(messages.next_(id, frame.body))
        except Ended as ended:
            last = ended.answer
        finally:
            self._metrics.streams("websocket", -1)
        self._metrics.answered("websocket", "subscription", last.outcome)
        return last

    async def _finish(self, id: str, last: Answer) -> None:
        # The id is free before the client hears that it is, so that it can be used again at once.
        self._operations.pop(id, None)
        await self._send(messages.error(id, last.errors) if last.refused else messages.complete(id))

    async def _send(self, message: bytes) -> None:
        try:
            async with asyncio.timeout(self._patience.send):
                await self._socket.send_text(message.decode())
        except TimeoutError:
            raise Close(1013, "slow, resume with your cursor") from None


def _message(text: str | None) -> Message:
    if text is None:
        raise Close(4400, "Messages must be text")
    try:
        return messages.message_of(text)
    except ValueError as error:
        raise Close(4400, f"Invalid message: {error}") from error


def _first(closes: BaseExceptionGroup[Close]) -> Close:
    while not isinstance(first := closes.exceptions[0], Close):
        closes = first
    return first
