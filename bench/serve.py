"""One measured server, in a process of its own on a core of its own: `python -m bench.serve CORE KIND ARGUMENT ...`.

    constant                   constant bytes
    stock URL                  Strawberry's stock view over Tortoise's objects
    hub URL DATA_DIR SECRET    the hub as `simpul serve` runs it, without agencies to poll
    streams DATA_DIR SOCKETS   a hub whose ledger grows on order (`bench.feed`)
    constant_streams LENGTH    constant bytes to every socket, on order

It prints its address, and ends when whoever started it closes its standard input or ends. All are served by the hub's
own server with the hub's own settings.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from starlette.types import ASGIApp

from gateway.logs import configure_logs
from gateway.server import Server, listen, run
from gateway.settings import LogFormat, LogLevel

Work: TypeAlias = Coroutine[Any, Any, None]


def main(core: str, kind: str, *arguments: str) -> None:
    """Serves until standard input ends."""
    configure_logs(LogFormat.TEXT, LogLevel.WARNING)
    threading.Thread(target=_read_orders, daemon=True).start()
    work = _KINDS[kind](*arguments)
    os.sched_setaffinity(0, {int(core)})
    run(work)


def constant() -> Work:
    from bench.constant import constant_app

    return _serve(constant_app())


def stock(url: str) -> Work:
    from bench.stock import stock_app

    return _serve(stock_app(url))


def hub(url: str, data: str, secret: str) -> Work:
    from connectors.secrets import Secrets
    from gateway.hub import serve
    from gateway.settings import load

    settings = load(database_url=url, data_dir=Path(data), secret=secret, host="127.0.0.1", port=0)
    return serve(settings, {}, Secrets({}), on_started=_tell)


def streams(data: str, sockets: str) -> Work:
    from bench.feed import serve_hub

    return serve_hub(_orders, _tell, Path(data), int(sockets))


def constant_streams(length: str) -> Work:
    from bench.feed import serve_constant

    return serve_constant(_orders, _tell, int(length))


_KINDS: dict[str, Callable[..., Work]] = {
    "constant": constant,
    "stock": stock,
    "hub": hub,
    "streams": streams,
    "constant_streams": constant_streams,
}
_orders: SimpleQueue[bytes | None] = SimpleQueue()


async def _serve(app: ASGIApp) -> None:
    await Server(app, listen("127.0.0.1", 0), asyncio.Event(), _tell).run_until_stopped()


def _tell(address: str) -> None:
    print(address, flush=True)


def _read_orders() -> None:
    for line in sys.stdin.buffer:
        _orders.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
