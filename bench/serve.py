"""One measured server, in a process of its own on a core of its own: `python -m bench.serve CORE KIND ARGUMENT ...`.

    constant                 constant bytes
    stock URL                Strawberry's stock view over Tortoise's objects
    hub URL DATA_DIR SECRET  the hub as `simpul serve` runs it, without agencies to poll

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
from typing import Any, TypeAlias

from starlette.types import ASGIApp

from gateway.server import Server, listen, run
from gateway.settings import LogFormat, LogLevel
from gateway.telemetry import configure_logs

Work: TypeAlias = Coroutine[Any, Any, None]


def main(core: str, kind: str, *arguments: str) -> None:
    """Serves until standard input ends."""
    configure_logs(LogFormat.TEXT, LogLevel.WARNING)
    threading.Thread(target=_end_with_parent, daemon=True).start()
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


_KINDS: dict[str, Callable[..., Work]] = {"constant": constant, "stock": stock, "hub": hub}


async def _serve(app: ASGIApp) -> None:
    await Server(app, listen("127.0.0.1", 0), asyncio.Event(), _tell).run_until_stopped()


def _tell(address: str) -> None:
    print(address, flush=True)


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main(*sys.argv[1:])
