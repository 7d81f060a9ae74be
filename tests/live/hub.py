"""`simpul serve` in a process that is forked from one where everything is loaded: it stands within a moment."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

START = 60.0

_context: ForkServerContext = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["gateway.commands.serve", "gateway.commands.audit", "connectors.rest.connector"])


class Forked:
    """A hub that a test may kill, or that dies at a failpoint.

    Args:
        log: where its standard error goes.
        failpoint: name of one, and at which time.
    """

    def __init__(self, log: Path, settings: Mapping[str, str], failpoint: tuple[str, int] | None = None) -> None:
        self.log = log
        self.process = _context.Process(target=_serve, args=(str(log), dict(settings), failpoint), daemon=True)
        self.process.start()

    def address(self) -> str | None:
        """Once it answers; None if it has ended before."""
        end = time.monotonic() + START
        while time.monotonic() < end:
            if found := re.search(r"(http://[\d.:]+)/graphql", self.log.read_text() if self.log.exists() else ""):
                return found[1]
            if self.ended():
                return None
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def ended(self) -> bool:
        return self.process.exitcode is not None

    def kill(self) -> int:
        """As a power cut would, if it did not end before; its exit code."""
        if not self.ended():
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(START)
        assert self.process.exitcode is not None
        return self.process.exitcode

    def stop(self) -> int:
        """As an operator would; its exit code."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.join(START)
        assert self.process.exitcode is not None
        return self.process.exitcode


def command(log: Path, settings: Mapping[str, str], *arguments: str) -> int:
    """Runs a command that ends by itself, likewise; its exit code. What it says is in the log."""
    process = _context.Process(target=_run, args=(str(log), dict(settings), arguments), daemon=True)
    process.start()
    process.join(START)
    assert process.exitcode is not None
    return process.exitcode


def _serve(log: str, settings: Mapping[str, str], failpoint: tuple[str, int] | None) -> None:
    from gateway import failpoints

    if failpoint is not None:
        failpoints._name, failpoints._left = failpoint
    _run(log, settings, ("serve",))


def _run(log: str, settings: Mapping[str, str], arguments: Sequence[str]) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 2)
    os.dup2(file, 1)
    for name in [name for name in os.environ if name.startswith("SIMPUL_")]:
        del os.environ[name]
    os.environ.update(settings)
    from gateway.cli import main

    main(list(arguments))
