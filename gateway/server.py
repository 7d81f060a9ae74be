"""The HTTP server: uvicorn, told to let go of its connections when it is told to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import uvicorn
import uvloop
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS

from gateway.connection import Connection
from gateway.stream.protocol import SocketProtocol
from schema.errors import ConfigError

T = TypeVar("T")

#: Seconds that open connections are given to end.
GRACE = 3
#: Connections that are accepted in one turn of the loop.
ACCEPTED = 16
#: Bytes that the kernel keeps for a client that doesn't read. By itself it would keep megabytes.
SEND_BUFFER = 65_536
#: The longest WebSocket message, in bytes: as an HTTP body.
MAX_MESSAGE = 262_144


class Server(uvicorn.Server):
    """Serves one application on one socket.

    Args:
        closing: set at the first signal, before connections are waited for: whatever streams must end by it.
        on_started: told the address once requests are answered.
        protocol: makes an HTTP connection; uvicorn's own unless given.
        handle_signals: SIGINT and SIGTERM stop it; False where somebody else sets `should_exit`.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        closing: asyncio.Event,
        on_started: Callable[[str], None] = lambda address: None,
        *,
        protocol: Any = Connection,
        handle_signals: bool = True,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,
                ws=SocketProtocol,
                ws_max_size=MAX_MESSAGE,
                # The protocol has pings of its own, and compressing small frames once per subscriber is dear.
                ws_ping_interval=None,
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=GRACE,
                # It would write down addresses, and with them what people typed into a GET.
                access_log=False,
                log_config=None,
                # It would believe whoever connects from this machine. `gateway.guard.client` does that.
                proxy_headers=False,
                server_header=False,
                lifespan="on",
            )
        )
        self._listener = listener
        self._closing = closing
        self._on_started = on_started
        self._handle_signals = handle_signals

    @property
    def address(self) -> str:
        """`http://HOST:PORT`."""
        return _address(self._listener)

    async def run_until_stopped(self) -> None:
        """Serves until a signal, or `stop`."""
        # The loop accepts one connection a turn from each: a crowd that comes while every turn is long would wait for
        # as many turns as it has members.
        await self.serve(sockets=[self._listener, *(self._listener.dup() for _ in range(ACCEPTED - 1))])

    def stop(self) -> None:
        """Ends streams, then the server. Also from a signal."""
        self._closing.set()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started(self.address)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Asked twice, it waits for nobody.
        self.force_exit = self.should_exit
        self.stop()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's own, does not raise the signal again at the end: having stopped as told is no failure."""
        if not self._handle_signals:
            yield
            return
        loop = asyncio.get_running_loop()
        for sig in HANDLED_SIGNALS:
            loop.add_signal_handler(sig, self.handle_exit, sig, None)
        try:
            yield
        finally:
            for sig in HANDLED_SIGNALS:
                loop.remove_signal_handler(sig)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ConfigError: the address can't be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=2_048)
    except OSError as error:
        raise ConfigError(f"can't listen on {host}:{port}: {error.strerror}", key="SIMPUL_HOST, SIMPUL_PORT") from error
    # Connections get it from the socket that accepts them.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    # Head and body leave separately: the second would wait for a client that is in no hurry to acknowledge the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(work: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on the faster loop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
