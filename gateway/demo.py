"""A hub over the simulated agencies: what `simpul demo` runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

import simulators
from connectors.manifest import Manifest
from connectors.registry import load_agencies
from connectors.settings import HttpSettings, PollSettings
from schema.errors import ConfigError, SimpulError

DEFAULT_DATA = Path(".demo")

#: Seconds that the simulated agencies are given to start and to end.
START, END = 30.0, 5.0

_POLL = PollSettings(every=1.0, lookback=5.0, stale_after=10.0)
#: Who sends by itself is asked less often: its changes are to come as pushes.
_BACKFILL = PollSettings(every=2.0, lookback=5.0, stale_after=10.0)


class Simulated(msgspec.Struct, frozen=True):
    """Where the simulated agencies answer, and the keys to them. Read from `simulators.json`."""

    pid: int
    agencies: Mapping[str, str]
    values: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]


@contextmanager
def simulated_agencies(data: Path, seed: int | None, most: int | None = None) -> Iterator[Simulated]:
    """The seven, in a process of their own that ends with this one, however this one ends.

    Args:
        most: complaints that an agency begins with at most; Kab. Tangerang has its 3,171 all the same.

    Raises:
        SimpulError: they did not start.
    """
    data.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "simulators", "--data", str(data), "--follow-parent"]
    command += [] if seed is None else ["--seed", str(seed)]
    command += [] if most is None else ["--most", str(most)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own module, our own arguments
    try:
        yield _ready(child, data / "simulators.json")
    finally:
        _end(child)


def _ready(child: subprocess.Popen[bytes], file: Path) -> Simulated:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise SimpulError(f"the simulated agencies ended with code {child.returncode}")
        if file.exists():
            found = msgspec.json.decode(file.read_bytes(), type=Simulated)
            if found.pid == child.pid:  # else it is of a demo that was killed
                return found
        time.sleep(0.05)
    raise SimpulError(f"the simulated agencies did not start within {START:.0f} s")


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(END)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def demo_agencies(simulated: Simulated) -> dict[str, Manifest]:
    """The pilots' files, pointed at their simulators and polled every second."""
    manifests = load_agencies(agency_files())
    return {
        slug: _here(manifests[slug], {"http.url": url, **simulated.values.get(slug, {})})
        for slug, url in simulated.agencies.items()
    }


def _here(manifest: Manifest, values: Mapping[str, str]) -> Manifest:
    here = manifest.with_values(values)
    poll = _BACKFILL if manifest.kind == "webhook" else _POLL
    return msgspec.structs.replace(here, poll=poll, http=_impatient(here.http) if here.http else None)


def _impatient(http: HttpSettings) -> HttpSettings:
    # A hanging agency must show within seconds, and a first harvest on one machine need not be gentle.
    return msgspec.structs.replace(http, deadline=4.0, rate=200.0, concurrency=4)


def agency_files() -> Path:
    """The pilots' agency files: in the wheel beside the simulators, in a checkout at its top.

    Raises:
        ConfigError: they are in neither place.
    """
    packaged = Path(simulators.__file__).parent / "agencies"
    checkout = Path(simulators.__file__).parent.parent / "agencies"
    for place in (packaged, checkout):
        if place.is_dir():
            return place
    raise ConfigError("the pilots' agency files are missing", file=str(packaged))
