"""The folder into which an agency drops its files: each stands there whole, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import time
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from connectors.files.settings import ENDINGS, InboxSettings
from connectors.secrets import Secret
from schema.errors import SimpulError

#: Drops that wait to be read. More of them means that nobody reads, or that somebody fills the disk.
MAX_WAITING: Final = 200
_NAME = re.compile(r"[A-Za-z0-9_()\[\]][\w .,()\[\]+&@=-]{0,119}", re.ASCII)
_HELD = re.compile(r"(?P<at>\d{20})-(?P<hash>[0-9a-f]{64})-(?P<name>.+)", re.DOTALL)
_DRAFT: Final = ".part"
_DAY: Final = 86_400
_BLOCK: Final = 1 << 20


class Refused(SimpulError):
    """A drop is not taken; the message says why, for its sender."""


class BadName(Refused):
    """The name could not be a file's, or says nothing of what it holds."""


class TooLarge(Refused):
    """It has more bytes than the agency's file allows."""


class Full(Refused):
    """Too much waits to be read, or the disk is full; it may be sent again later."""


class Dropped(msgspec.Struct, frozen=True):
    """What became of a drop.

    Attributes:
        file: how it is called.
        again: the same content had come before.
    """

    file: str
    bytes: int
    sha256: str
    again: bool


class Inbox:
    """One agency's.

    Args:
        keys: the agency's; more than one while the key is changed.
        now: seconds since 1970.
    """

    def __init__(
        self, folder: Path, settings: InboxSettings, keys: Sequence[Secret], now: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self._settings, self._now = settings, now
        self._keys = [_hashed(key.reveal()) for key in keys]
        self._placing = asyncio.Lock()

    @property
    def max_bytes(self) -> int:
        return self._settings.max_bytes

    def admits(self, key: str) -> bool:
        """Whether a key is the agency's, in the same time for every wrong one."""
        told = _hashed(key)
        return bool(sum(hmac.compare_digest(told, own) for own in self._keys))

    async def drop(self, name: str | None, chunks: AsyncIterable[bytes]) -> Dropped:
        """Takes a file.

        Args:
            name: None where the sender gave none; the content then says what it is.

        Raises:
            BadName, TooLarge, Full: it is not taken; nothing is left of it.
        """
        if name is not None:
            check_name(name)
        draft = self.folder / f".{os.urandom(12).hex()}{_DRAFT}"
        try:
            await asyncio.to_thread(self._prepare)
            size, hash, start = await self._write(draft, chunks)
            async with self._placing:
                return await asyncio.to_thread(self._place, draft, name or f"kiriman{_ending(start)}", size, hash)
        except TimeoutError:
            raise  # an OSError too: the sender's, not the disk's
        except OSError as error:
            raise Full(f"the hub can't store it ({error.strerror or type(error).__name__})") from None
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)

    def tidy(self, done: Collection[str]) -> None:
        """Removes old drops, never one that is not in `done`: names of files that were read."""
        files = _files(self.folder)
        held = sorted((path for path in files if _HELD.fullmatch(path.name)), reverse=True)
        for place, path in enumerate(held):
            old = self._age(path) > self._settings.keep_days * _DAY
            if path.name in done and (old or place >= self._settings.keep_files):
                path.unlink(missing_ok=True)
        for path in files:
            if path.name.endswith(_DRAFT) and self._age(path) > _DAY:
                path.unlink(missing_ok=True)

    def _age(self, path: Path) -> float:
        """Seconds since it was written; none for what has got another name meanwhile."""
        try:
            return self._now() - path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(_held(self.folder)) >= self._settings.keep_files + MAX_WAITING:
            raise Full("too many files wait to be read; send it again later")

    async def _write(self, draft: Path, chunks: AsyncIterable[bytes]) -> tuple[int, str, bytes]:
        size, hash, start, block = 0, hashlib.sha256(), b"", bytearray()
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > self.max_bytes:
                    raise TooLarge(f"a file may have {self.max_bytes:,} bytes")
                hash.update(chunk)
                block += chunk
                if len(block) >= _BLOCK:
                    start = start or bytes(block[:64])
                    await asyncio.to_thread(file.write, bytes(block))
                    block.clear()
            start = start or bytes(block[:64])
            file.write(block)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return size, hash.hexdigest(), start

    def _place(self, draft: Path, name: str, size: int, hash: str) -> Dropped:
        """Gives it its name: when it came, what it holds, how it was called."""
        held = _held(self.folder)
        for each in held:
            if each["hash"] == hash:
                return Dropped(each["name"], size, hash, True)
        newest = max((int(each["at"]) for each in held), default=0)
        at = max(int(self._now() * 1e9), newest + 1_000)
        place = self.folder / f"{at:020d}-{hash}-{name}"
        os.utime(draft, ns=(at, at))
        draft.replace(place)
        _sync(self.folder)
        return Dropped(name, size, hash, False)


def check_name(name: str) -> None:
    """Raises BadName unless it is a file's name, without a path, and its ending is known."""
    if not _NAME.fullmatch(name):
        raise BadName("the name may have letters, digits, blanks and . , _ - + ( ) and at most 120 characters; no path")
    if Path(name).suffix.lower() not in ENDINGS:
        raise BadName(f"the name must end in one of {', '.join(ENDINGS)}")


def given_name(name: str) -> str:
    """How a file was called before it came into an inbox."""
    held = _HELD.fullmatch(name)
    return held["name"] if held else name


def _ending(start: bytes) -> str:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"PK"):
        return ".xlsx"
    return {b"[": ".json", b"{": ".ndjson"}.get(text[:1], ".csv")


def _held(folder: Path) -> list[re.Match[str]]:
    return [held for path in _files(folder) if (held := _HELD.fullmatch(path.name))]


def _files(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file()]
    except FileNotFoundError:
        return []


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _hashed(text: str) -> bytes:
    """Of one length, so that comparing tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
