"""The simulators as one process: free loopback ports, lives, faults, and an end that leaves nothing behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from simulators.agency import Agency, life
from simulators.asgi import midnight, serve
from simulators.dialects import DIALECTS
from simulators.journal import Journal
from simulators.listener import Listener
from simulators.panel import Panel
from simulators.population import POPULATIONS


class Refused(Exception):
    """The simulators can't start on this folder; the message says why."""


class Server:
    """All simulators over one data folder.

    Args:
        seed: None takes the folder's own, or 1 for a new one.
        slugs: which agencies to play.
        interval: seconds between two things that happen at one agency; None stops time.
        most: complaints that an agency begins with at most, but for one whose number is fixed (Kab. Tangerang); None
            takes the folder's own, or no limit for a new one.

    Raises:
        Refused: others run on this folder, or it was made with another seed or size.
    """

    def __init__(
        self,
        data: Path,
        *,
        seed: int | None,
        slugs: Iterable[str],
        interval: float | None,
        most: int | None = None,
    ) -> None:
        # Where its folders are is told to others, who may stand elsewhere.
        self._data = data.absolute()
        self._folder = self._data / "simulators"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(self._folder / "lock")
        base = _base(self._folder / "base.json", {"seed": seed, "most": most})
        self._seed: int = base["seed"]
        self._interval = interval
        self._agencies = {
            slug: Agency(
                DIALECTS[slug],
                seed=self._seed,
                anchor=base["anchor"],
                now=time.time,
                journal=Journal(self._folder / f"{slug}.ndjson"),
                count=_count(slug, base.get("most")),
            )
            for slug in slugs
        }
        self._outlets = {
            slug: dialect.outlet(agency, _own(self._folder / slug))
            for slug, agency in self._agencies.items()
            if (dialect := agency.dialect).outlet is not None
        }
        self._listeners = {slug: Listener(serve(agency)) for slug, agency in self._agencies.items()}
        self._timers: dict[str, asyncio.Task[None]] = {}
        self._token = secrets.token_urlsafe(24)
        self._panel = Listener(Panel(self._agencies, self, self._token, self._seed).app())

    async def run(self, stop: asyncio.Event) -> None:
        """Listens, tells where in `simulators.json`, and lives until `stop` is set."""
        for outlet in self._outlets.values():
            outlet.open()
        for listener in (*self._listeners.values(), self._panel):
            await listener.open()
        path = self._data / "simulators.json"
        _write(path, self._told())
        waiting: list[asyncio.Task[Any]] = [asyncio.create_task(stop.wait(), name="stop")]
        waiting += [
            asyncio.create_task(outlet.run(), name=f"outlet of {slug}") for slug, outlet in self._outlets.items()
        ]
        if self._interval is not None:
            waiting += [self._alive(place, agency) for place, agency in enumerate(self._agencies.values())]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            path.unlink(missing_ok=True)
            for task in (*waiting, *self._timers.values()):
                task.cancel()
            self._end()

    def _told(self) -> dict[str, Any]:
        environment = [DIALECTS[slug].environment for slug in self._agencies]
        return {
            "pid": os.getpid(),
            "control_url": self._panel.url,
            "token": self._token,
            "agencies": {slug: listener.url + DIALECTS[slug].base for slug, listener in self._listeners.items()},
            "values": {slug: dict(outlet.values) for slug, outlet in self._outlets.items()},
            "environment": {name: value for part in environment for name, value in part.items()},
        }

    def _alive(self, place: int, agency: Agency) -> asyncio.Task[Any]:
        assert self._interval is not None
        wait = self._interval * (place + 1) / len(self._agencies)
        return asyncio.create_task(self._live(agency, wait, self._interval), name=f"life of {agency.slug}")

    async def _live(self, agency: Agency, first: float, interval: float) -> None:
        chance = life(agency.slug, self._seed, time.time())
        await asyncio.sleep(first)
        while True:
            agency.live(chance)
            await asyncio.sleep(interval * (0.5 + chance.random()))

    async def fail(self, slug: str, kind: str, seconds: float | None) -> None:
        """Makes an agency fail; an earlier fault of it ends."""
        await self.heal(slug)
        self._agencies[slug].fail(kind)
        if kind == "down":
            self._listeners[slug].close()
        if seconds is not None:
            self._timers[slug] = asyncio.create_task(self._heal_after(slug, seconds))

    async def heal(self, slug: str) -> None:
        """Ends an agency's fault, if it has one."""
        timer = self._timers.pop(slug, None)
        if timer is not None and timer is not asyncio.current_task():
            timer.cancel()
        self._agencies[slug].heal()
        await self._listeners[slug].open()

    async def _heal_after(self, slug: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.heal(slug)

    def _end(self) -> None:
        for listener in (*self._listeners.values(), self._panel):
            listener.end()
        for outlet in self._outlets.values():
            outlet.close()
        for agency in self._agencies.values():
            agency.close()
        os.close(self._lock)


def _locked(path: Path) -> int:
    """Two processes on one folder would write one journal; the kernel lets go of the lock whatever happens."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise Refused(f"other simulators already run on {path.parent}") from None
    return lock


def _base(path: Path, asked: dict[str, int | None]) -> dict[str, int]:
    """Seed, size and anchor of a folder; written once, so that a restart has the same base on any later day."""
    given = {name: value for name, value in asked.items() if value is not None}
    if path.exists():
        base: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
        for name, value in given.items():
            if base.get(name) != value:
                made = f"{name} {base.get(name, 'unset')}"
                raise Refused(f"{path.parent} was made with {made}, not {value}; take another folder")
        return base
    base = {"seed": 1, **given, "anchor": midnight(time.time())}
    _write(path, base)
    return base


def _own(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _count(slug: str, most: int | None) -> int | None:
    population = POPULATIONS[slug]
    return None if most is None or population.period else min(most, population.count)


def _write(path: Path, value: dict[str, Any]) -> None:
    """All or nothing: a reader never sees half a file. Only the owner may read the token."""
    draft = path.with_suffix(".part")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    draft.replace(path)
