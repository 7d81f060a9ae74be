"""Where a connector is tried: how to get at its agency, connectors to it as often as wanted, and one clean harvest."""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.contract.rule import NotApplicable, Untried
from connectors.contract.wire import Asked, Exchange, Upstream, Wire, through
from connectors.transport import Transport, network
from connectors.manifest import Manifest
from connectors.registry import connect
from connectors.secrets import Resolve, Secret
from schema.complaint import ComplaintRecord, Rejected
from schema.errors import SourceError
from schema.ports import Clock, Connector

_SECRET_HEADER = re.compile(r"authorization|key|token|secret|cookie|passw|credential", re.IGNORECASE)
#: How many records are asked for one by one.
SAMPLE: Final = 5

#: Makes rows arrive at the agency, and tells their native ids.
Arrive = Callable[[], Awaitable[set[str]]]


def utc_now() -> datetime:
    return datetime.now(UTC)


def planted(reference: str) -> Secret:
    """A made-up value for any secret, for agencies that don't look at it."""
    return Secret("rahasia-" + re.sub(r"\W", "", reference)[::-1])


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """An agency to try a connector on.

    Attributes:
        manifest: its file.
        secrets: resolves what the file refers to; by default made-up values.
        transport: replaces the network, for instance `httpx2.ASGITransport(app)`.
        upstream: answers in the agency's place, for instance a recording. Nothing is sent then.
        since: the harvest begins there; None: with all there is.
        at: when what is read was current; moments beyond it are suspicious.
        arrive: makes rows arrive at the agency, where that can be done; else arrivals are played on the wire.
        folder: what the connector may keep on disk, if it needs what is there already.
    """

    manifest: Manifest
    secrets: Resolve = planted
    transport: Transport | None = None
    upstream: Upstream | None = None
    since: datetime | None = None
    at: Clock = utc_now
    arrive: Arrive | None = None
    folder: Path | None = None


class Harvest(msgspec.Struct, kw_only=True):
    """What came of reading an agency once.

    Attributes:
        records: by native id, the last one that came.
        sightings: native ids as they came, once for each time.
    """

    records: dict[str, ComplaintRecord] = msgspec.field(default_factory=dict)
    sightings: list[str] = msgspec.field(default_factory=list)
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    pages: int = 0
    exchanges: list[Exchange] = msgspec.field(default_factory=list)

    def resume(self) -> datetime | None:
        """Where the hub would begin to read the next time."""
        return max((r.updated_at for r in self.records.values() if r.updated_at is not None), default=None)


class Line(msgspec.Struct, frozen=True):
    """A line of a log."""

    level: int
    logger: str
    text: str


class Bench:
    """Tries one subject. Used as an async context manager."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.manifest = subject.manifest
        if subject.upstream is not None and self.manifest.http is not None:
            quick = msgspec.structs.replace(self.manifest.http, rate=10_000.0)
            self.manifest = msgspec.structs.replace(self.manifest, http=quick)
        self.revealed: set[str] = set()
        self._clean: Harvest | SourceError | None = None
        self._since: dict[datetime, Harvest] = {}
        self._stack = AsyncExitStack()
        self._upstream = subject.upstream
        self.exchanges: list[Exchange] = []

    async def __aenter__(self) -> Bench:
        folder = tempfile.TemporaryDirectory(prefix="simpul-contract-")
        self._folder = self.subject.folder or Path(self._stack.enter_context(folder))
        if self._upstream is None and self.manifest.http is not None:
            transport = self.subject.transport or network(self.manifest.http)
            self._stack.push_async_callback(transport.aclose)
            self._upstream = through(transport, self.manifest.http.deadline)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def upstream(self) -> Upstream:
        """The agency itself, over HTTP."""
        return self._upstream or _nobody

    def secrets(self, reference: str) -> Secret:
        """The subject's secrets, remembered to be looked for where they must not be."""
        secret = self.subject.secrets(reference)
        self.revealed.add(secret.reveal())
        return secret

    @asynccontextmanager
    async def connector(
        self, upstream: Upstream | None = None, manifest: Manifest | None = None
    ) -> AsyncIterator[tuple[Connector, Wire]]:
        """A connector of its own, and the wire between it and the agency."""
        wire = Wire(upstream or self.upstream)
        made = connect(manifest or self.manifest, self.secrets, folder=self._folder, transport=wire)
        try:
            yield made, wire
        finally:
            await made.aclose()
            self.revealed.update(_credentials(wire.exchanges))
            self.exchanges += wire.exchanges

    async def harvest(self) -> Harvest:
        """All there is, read once and remembered.

        Raises:
            SourceError: it can't be read.
        """
        if self._clean is None:
            try:
                async with self.connector() as (connector, wire):
                    self._clean = await read(connector, self.subject.since, wire)
            except SourceError as error:
                self._clean = error
        if isinstance(self._clean, SourceError):
            raise self._clean
        return self._clean

    async def changes(self, since: datetime) -> Harvest:
        """What changed since then, read once and remembered."""
        if since not in self._since:
            async with self.connector() as (connector, wire):
                self._since[since] = await read(connector, since, wire)
        return self._since[since]

    async def records(self, least: int = 1) -> dict[str, ComplaintRecord]:
        """The records of the clean harvest.

        Raises:
            Untried: there are fewer than `least`.
        """
        found = (await self.harvest()).records
        if len(found) < least:
            raise Untried(f"only {len(found)} records came, {least} are needed")
        return found

    async def over_http(self) -> Harvest:
        """The clean harvest of an agency that is spoken to over HTTP.

        Raises:
            NotApplicable: it is not.
        """
        if self.manifest.http is None:
            raise NotApplicable("it is not spoken to over HTTP")
        found = await self.harvest()
        if not found.exchanges:
            raise NotApplicable("nothing of it came over HTTP")
        return found

    def with_deadline(self, seconds: float) -> Manifest:
        """The agency's file with another `http.deadline`."""
        assert self.manifest.http is not None
        http = msgspec.structs.replace(self.manifest.http, deadline=seconds)
        return msgspec.structs.replace(self.manifest, http=http)


async def read(
    connector: Connector, since: datetime | None, wire: Wire | None = None, after_page: Arrive | None = None
) -> Harvest:
    """One harvest.

    Args:
        after_page: called once, after the first page that holds something.

    Raises:
        SourceError: it could not be finished.
    """
    found, start = Harvest(), len(wire.exchanges) if wire else 0
    async with aclosing(_generator(connector.changes(since))) as pages:
        async for page in pages:
            found.pages += 1
            found.rejected += page.rejected
            for record in page.records:
                found.records[record.native_id] = record
                found.sightings.append(record.native_id)
            if after_page is not None and page.records:
                await after_page()
                after_page = None
    if wire is not None:
        found.exchanges = wire.exchanges[start:]
    return found


def _generator(pages: Any) -> Any:
    """The protocol asks for an iterator; only a generator has an end that can be brought about."""
    return pages if hasattr(pages, "aclose") else _through(pages)


async def _through(pages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for page in pages:
        yield page


async def _nobody(asked: Asked) -> Any:
    raise SourceError("there is no agency behind this wire")


def _credentials(exchanges: list[Exchange]) -> Iterator[str]:
    for exchange in exchanges:
        for name, value in exchange.asked.headers.items():
            if _SECRET_HEADER.search(name):
                yield value.rpartition(" ")[2]


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self.lines.append(Line(record.levelno, record.name, text))


@contextmanager
def listening() -> Iterator[list[Line]]:
    """All that is logged meanwhile, down to DEBUG."""
    root, listener = logging.getLogger(), _Listener()
    level, handlers = root.level, root.handlers[:]
    root.handlers = [listener]
    root.setLevel(logging.DEBUG)
    try:
        yield listener.lines
    finally:
        root.handlers, root.level = handlers, level
        root.setLevel(level)


def middle(records: Mapping[str, ComplaintRecord]) -> datetime | None:
    """The moment by which half of the records had changed last."""
    moments = sorted(record.updated_at for record in records.values() if record.updated_at is not None)
    return moments[len(moments) // 2] if moments else None


SECOND: Final = timedelta(seconds=1)
