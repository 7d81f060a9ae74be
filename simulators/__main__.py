"""`python -m simulators`: plays the seven agencies until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import uvloop

from simulators.dialects import DIALECTS
from simulators.server import Refused, Server


def main(arguments: list[str] | None = None) -> int:
    """Runs until SIGTERM, SIGINT or, with --follow-parent, the end of standard input. 2: can't start on this folder."""
    asked = _parser().parse_args(arguments)
    try:
        server = Server(
            asked.data,
            seed=asked.seed,
            slugs=asked.only or list(DIALECTS),
            interval=None if asked.no_life else asked.interval,
            most=asked.most,
        )
    except Refused as error:
        sys.stderr.write(f"simulators: {error}\n")
        return 2
    uvloop.run(_run(server, asked.follow_parent))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulators", description="Plays the seven agencies on loopback.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="where moves are kept")
    parser.add_argument("--seed", type=int, help="which base (default: the folder's own, or 1)")
    parser.add_argument("--only", action="append", choices=list(DIALECTS), metavar="SLUG", help="play just this one")
    parser.add_argument("--no-life", action="store_true", help="nothing moves by itself")
    parser.add_argument("--interval", type=float, default=4.0, help="seconds between moves at one agency")
    parser.add_argument("--most", type=int, metavar="N", help="complaints of an agency, but kab-tangerang's")
    parser.add_argument("--follow-parent", action="store_true", help="end when standard input closes")
    return parser


async def _run(server: Server, follow_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if follow_parent:
        # Ctrl-C reaches the whole group; the parent decides when we go.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_watch, args=(loop, stop), daemon=True).start()
    else:
        loop.add_signal_handler(signal.SIGINT, stop.set)
    await server.run(stop)


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input is a pipe whose other end only the parent holds: however it dies, this read ends."""
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


if __name__ == "__main__":
    sys.exit(main())
