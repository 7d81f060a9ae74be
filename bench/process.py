"""Measured servers as child processes: started, asked what they cost, ended by pid."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

#: Seconds that a server is given to end.
END = 10.0

_ROOT = Path(__file__).parent.parent


class Server:
    """A running server.

    Attributes:
        name: `hub`, `stock` or `constant`, with the database's name where it has one: `hub sqlite`.
    """

    def __init__(self, name: str, child: subprocess.Popen[bytes]) -> None:
        self.name = name
        self.pid = child.pid
        self._child = child

    @cached_property
    def address(self) -> str:
        """Where it answers; waits until it does."""
        line = self._child.stdout.readline() if self._child.stdout else b""
        if not line:
            raise SystemExit(f"bench: {self.name} did not start (code {self._child.wait(END)})")
        return line.decode().strip()

    def say(self, line: str) -> None:
        """Gives an order, to a server that takes some."""
        assert self._child.stdin is not None
        self._child.stdin.write(f"{line}\n".encode())
        self._child.stdin.flush()

    def hear(self) -> str:
        """What it answers to an order. Before any, its `address` must have been read."""
        assert self._child.stdout is not None
        return self._child.stdout.readline().decode()

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far, user's and system's."""
        # The scheduler counts nanoseconds; `stat` has hundredths of a second, which a short window may not reach.
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def memory_mb(self) -> tuple[float, float]:
        """What it holds in memory now, and how much of that are no file's pages."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        held = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
        return _megabytes(held["VmRSS"]), _megabytes(held["RssAnon"])


def _megabytes(kilobytes: str) -> float:
    return int(kilobytes.split()[0]) * 1_024 / 1e6


@contextmanager
def serving(name: str, core: int, *arguments: str) -> Iterator[Server]:
    """A server of `bench.serve`, pinned to a core. The first word of `name` is its kind."""
    command = [sys.executable, "-m", "bench.serve", str(core), name.split()[0], *arguments]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
    try:
        yield Server(name, child)
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.communicate(timeout=END)  # closes its standard input
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
