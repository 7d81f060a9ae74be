"""Files by address: fetched, looked at, kept, and swept when nobody holds them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import structlog

from connectors.download import Downloader, TooLarge
from gateway.attachments.kinds import HEAD, kind_of, name_of
from gateway.attachments.shelf import Note, Shelf
from schema.complaint import Attachment, Complaint, random_id
from schema.delivery import SETTLED, DeliveryFilter, DeliveryState
from schema.errors import LedgerError, LedgerUnavailable, SourceError
from schema.ports import Clock, Reader
from schema.query import Role, Viewer
from schema.writes import InputFault, InputIssue

log = structlog.get_logger(__name__)

#: Where files are served, below the hub's address.
PATH: Final = "/attachments"
#: How long what nobody holds is kept, and seconds between two looks for it.
GRACE: Final = timedelta(days=1)
SWEEP: Final = 6 * 3_600.0
#: Files in flight in the whole hub.
_IN_FLIGHT: Final = 16
#: Bytes that stay free on the disk, which the ledger may need.
_RESERVE: Final = 512 * 2**20
_EVERYWHERE: Final = Viewer(role=Role.NATIONAL_ADMIN, credential="hub")
_PAGE: Final = 500


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is taken.

    Attributes:
        max_bytes: of one file.
        deadline: seconds for all files of one write.
        at_once: files of one write that are fetched at the same time.
    """

    max_bytes: int = 10 * 2**20
    deadline: float = 10.0
    at_once: int = 4


class _Unfit(Exception):
    def __init__(self, fault: InputFault) -> None:
        super().__init__(fault)
        self.fault = fault


class Attachments:
    """The files of what is written here.

    Args:
        folder: where they are kept; shared by all hubs of one ledger.
        reader: tells which of them are still held.
        base_url: the hub's own address, for `Attachment.url`; without it they have none.
    """

    def __init__(
        self,
        folder: Path,
        downloader: Downloader,
        reader: Reader,
        clock: Clock,
        *,
        base_url: str = "",
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self.shelf = Shelf(folder)
        self._folder = folder
        self._downloader = downloader
        self._reader = reader
        self._clock = clock
        self._base = base_url.rstrip("/")
        self._limits = limits
        self._slots = asyncio.Semaphore(_IN_FLIGHT)

    async def fetch(
        self, urls: Sequence[str], complaint_id: str
    ) -> tuple[tuple[Attachment, ...], tuple[InputIssue, ...]]:
        """Fetches and keeps files. They are on disk when this returns; those that no complaint comes to hold are swept.

        Args:
            complaint_id: the complaint that they belong to; whoever may see it may see them.

        Returns:
            The files in their order; and what is wrong with the others, by `("attachmentUrls", "<index>")`.

        Raises:
            LedgerUnavailable: they can't be kept.
        """
        at_once = asyncio.Semaphore(self._limits.at_once)
        until = asyncio.get_running_loop().time() + self._limits.deadline

        async def one(url: str) -> Attachment | InputFault:
            try:
                async with asyncio.timeout_at(until), at_once, self._slots:
                    return await self._fetch(url, complaint_id)
            except _Unfit as unfit:
                return unfit.fault
            except TooLarge:
                return InputFault.FILE_TOO_LARGE
            except (SourceError, TimeoutError) as error:
                log.info("attachment.unreachable", reason=str(error) or "no whole file in time")
                return InputFault.FILE_UNREACHABLE

        try:
            found = await asyncio.gather(*(one(url) for url in urls))
        except OSError as error:
            log.exception("attachment.not_kept")
            raise LedgerUnavailable(f"files can't be kept ({type(error).__name__})") from None
        issues = ((number, fault) for number, fault in enumerate(found) if isinstance(fault, InputFault))
        return (
            tuple(each for each in found if isinstance(each, Attachment)),
            tuple(InputIssue(("attachmentUrls", str(number)), fault) for number, fault in issues),
        )

    async def content(self, attachment: Attachment) -> bytes | None:
        """The bytes of a file that is kept here, as they came; None for others."""
        if attachment.sha256 is None:
            return None
        return await asyncio.to_thread(self.shelf.read, attachment.sha256)

    async def sweep(self) -> int:
        """Deletes files that no complaint holds and no delivery waits for, a day after they came. Returns how many."""
        before = self._clock() - GRACE
        notes = await asyncio.to_thread(self.shelf.notes, before)
        kept = await self._waiting() | await self._held(sorted({note.complaint for note in notes.values()}))
        for attachment, note in notes.items():
            if kept.isdisjoint((attachment, note.complaint)):
                await asyncio.to_thread(self.shelf.forget, attachment)
        return await asyncio.to_thread(self.shelf.clear, before)

    async def run(self) -> None:
        """Sweeps now and then, until cancelled: then connections are ended."""
        try:
            await self._sweep_on()
        except asyncio.CancelledError:
            await self.aclose()
            raise

    async def _sweep_on(self) -> None:
        while True:
            try:
                if swept := await self.sweep():
                    log.info("attachments.swept", files=swept)
            except (LedgerError, OSError) as error:
                log.warning("attachments.not_swept", reason=type(error).__name__)
            await asyncio.sleep(SWEEP)

    async def aclose(self) -> None:
        """Ends connections."""
        await self._downloader.aclose()

    async def _held(self, complaints: Sequence[str]) -> set[str]:
        """Ids of the files that complaints hold."""
        found = set[str]()
        for start in range(0, len(complaints), _PAGE):
            async with self._reader.snapshot(_EVERYWHERE) as snapshot:
                page = await snapshot.by_ids(complaints[start : start + _PAGE])
            found.update(file.id for complaint in page.values() for file in _files(complaint))
        return found

    async def _waiting(self) -> set[str]:
        """Ids of complaints of which an agency is still to be told: only the delivery may know of their files."""
        states, found, after = tuple(state for state in DeliveryState if state not in SETTLED), set[str](), 0
        async with self._reader.snapshot(_EVERYWHERE) as snapshot:
            while True:
                page = await snapshot.deliveries(DeliveryFilter(states=states), after, _PAGE)
                found.update(each.complaint_id for each in page.deliveries)
                if not page.has_next:
                    return found
                after = page.deliveries[-1].seq

    async def _fetch(self, url: str, complaint_id: str) -> Attachment:
        id = random_id("attachment")
        draft = await asyncio.to_thread(self._begin, id)
        try:
            size, sha256, head = await self._take(url, draft)
            kind = await asyncio.to_thread(kind_of, head)
            if kind is None:
                raise _Unfit(InputFault.FILE_TYPE)
            await asyncio.to_thread(self.shelf.keep, id, draft, Note(complaint_id, sha256))
        finally:
            draft.unlink(missing_ok=True)
        return Attachment(
            id=id,
            filename=name_of(url, kind),
            content_type=kind,
            byte_size=size,
            sha256=sha256,
            url=f"{self._base}{PATH}/{id}" if self._base else None,
        )

    def _begin(self, id: str) -> Path:
        draft = self.shelf.draft(id)
        if shutil.disk_usage(self._folder).free < _RESERVE:
            raise OSError("too little room on the disk")
        return draft

    async def _take(self, url: str, draft: Path) -> tuple[int, str, bytes]:
        """Size, checksum and beginning of a file, which is written to `draft`."""
        digest, head, size = hashlib.sha256(), b"", 0
        with draft.open("xb") as file:  # small pieces, which the system takes at once
            async with aclosing(self._downloader.read(url, self._limits.max_bytes)) as pieces:
                async for piece in pieces:
                    file.write(piece)
                    digest.update(piece)
                    head, size = (head + piece)[:HEAD] if len(head) < HEAD else head, size + len(piece)
        return size, digest.hexdigest(), head


def _files(complaint: Complaint) -> Iterator[Attachment]:
    yield from complaint.attachments
    for written in complaint.follow_ups:
        yield from written.attachments
