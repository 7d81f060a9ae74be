"""Agencies' files are read again at SIGHUP. How `simpul agency apply` finds the hub, and hears what came of it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import platform
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec
import structlog

from connectors.manifest import Manifest
from gateway.supervisor import running
from gateway.sync.agencies import Agencies, Applied
from schema.errors import ConfigError, SimpulError

log = structlog.get_logger(__name__)

#: In the data folder. The first is locked as long as its hub runs, so that no other process is taken for it.
PID, OUTCOME = "hub.pid", "agencies.applied.json"

#: Seconds between two looks for the outcome.
LOOK = 0.05


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of reading the files again.

    Attributes:
        read_at: when it began, by the machine's monotonic clock.
        applied: None if nothing was changed.
        error: why nothing was.
        misfit: a file, or a secret that it names, must be mended.
    """

    read_at: float
    applied: Applied | None = None
    error: str = ""
    misfit: bool = False


class Hub(msgspec.Struct, frozen=True):
    """A running hub.

    Attributes:
        place: where its pid means something: see `here`.
        agencies_dir: the folder of agencies' files that it reads.
    """

    pid: int
    place: str
    agencies_dir: str


class Reload:
    """Applies the agencies' files again whenever it is asked to.

    Args:
        read: all agencies' files, checked; called in a thread.
        folder: the data folder.
    """

    def __init__(self, agencies: Agencies, read: Callable[[], Mapping[str, Manifest]], folder: Path) -> None:
        self._agencies = agencies
        self._read = read
        self._file = folder / OUTCOME
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Asked while it is at it, it begins once more after that."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            _write(self._file, await self._apply(time.monotonic()))

    async def _apply(self, now: float) -> Outcome:
        try:
            applied = await self._agencies.apply(await asyncio.to_thread(self._read))
        except ConfigError as error:
            log.error("agencies.refused", file=error.file, line=error.line, key=error.key, reason=str(error))
            return Outcome(read_at=now, error=str(error), misfit=True)
        except Exception as error:
            log.exception("agencies.failed")
            return Outcome(read_at=now, error=str(error) if isinstance(error, SimpulError) else type(error).__name__)
        log.info("agencies.applied", **msgspec.structs.asdict(applied))
        return Outcome(read_at=now, applied=applied)


@asynccontextmanager
async def reloading(
    agencies: Agencies,
    read: Callable[[], Mapping[str, Manifest]],
    data_dir: Path,
    agencies_dir: Path,
    on_death: Callable[[str], None],
) -> AsyncIterator[None]:
    """Heeds SIGHUP for the length of the block."""
    reload = Reload(agencies, read, data_dir)
    had_terminal = _has_terminal()

    def hang_up() -> None:
        # The signal's older meaning: who started it in a terminal and closed that wants it to end.
        if had_terminal and not _has_terminal():
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload.ask()

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    try:
        with _known(data_dir, agencies_dir):
            async with running({"reload": reload.run}, on_death):
                yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)


def find_hub(data_dir: Path) -> Hub | None:
    """The hub that runs on a data folder of this machine."""
    try:
        with (data_dir / PID).open("rb") as file:
            if _locked(file.fileno(), fcntl.LOCK_SH):
                return None  # it was left behind
            return msgspec.json.decode(file.read(), type=Hub)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def reload_hub(hub: Hub, data_dir: Path, within: float) -> Outcome | None:
    """Has a hub read its files again. None if it said nothing within so many seconds.

    Raises:
        OSError: it is gone, or not ours to signal.
    """
    now = time.monotonic()
    os.kill(hub.pid, signal.SIGHUP)
    while time.monotonic() < now + within:
        # One of before, or of a reading that was under way, may be of older files.
        with suppress(FileNotFoundError):
            outcome = msgspec.json.decode((data_dir / OUTCOME).read_bytes(), type=Outcome)
            if outcome.read_at >= now:
                return outcome
        time.sleep(LOOK)
    return None


def here() -> str:
    """This machine, or this container on it: elsewhere the same pid is another process."""
    try:
        return f"{platform.node()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return platform.node()


@contextmanager
def _known(data_dir: Path, agencies_dir: Path) -> Iterator[None]:
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / PID
    with path.open("ab") as file:
        if not _locked(file.fileno(), fcntl.LOCK_EX):
            log.warning("hub.second", reason="another hub runs on this data folder; `simpul agency apply` is for it")
            yield
            return
        file.truncate(0)
        file.write(msgspec.json.encode(Hub(os.getpid(), here(), str(agencies_dir.resolve()))))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _locked(file: int, how: int) -> bool:
    """Whether the lock was got."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, outcome: Outcome) -> None:
    """Whoever reads it never finds half of it."""
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(outcome))
    draft.replace(path)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
