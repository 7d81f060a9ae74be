"""Where a connector is tried: how to get at its agency, connectors to it as often as wanted, and one clean harvest."""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from connectors.auth import OAuth2
from connectors.base import Kind, Means
from connectors.contract.harvest import Arrive, Harvest, read
from connectors.contract.lists import read_body
from connectors.contract.rule import NotApplicable, Untried
from connectors.contract.wire import Answer, Asked, Exchange, Upstream, Wire, nobody, through
from connectors.http import http_for
from connectors.manifest import Manifest
from connectors.registry import connect, kind_of
from connectors.secrets import Resolve, Secret
from connectors.settings import HttpSettings
from connectors.transport import CheckedTransport, Transport, network
from schema.complaint import ComplaintRecord
from schema.connector import Connector
from schema.errors import SourceError
from schema.ports import Clock

_SECRET_HEADER = re.compile(r"authorization|key|token|secret|cookie|passw|credential", re.IGNORECASE)


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
        pushes: bodies that an agency sent which only sends, and can't be asked.
        folder: what the connector may keep on disk, if it needs what is there already.
        kind: what plays the agency's kind, where that is not installed yet.
        most: records that are read at most; a longer list is to be cut short by `since`.
        held: how often the agency holds a reference. Set only where it may be written to, as in a test: a real agency
            would get a complaint that is none.
    """

    manifest: Manifest
    secrets: Resolve = planted
    transport: Transport | None = None
    upstream: Upstream | None = None
    since: datetime | None = None
    at: Clock = utc_now
    arrive: Arrive | None = None
    pushes: tuple[bytes, ...] = ()
    folder: Path | None = None
    kind: Kind | None = None
    most: int = 20_000
    held: Callable[[str], int] | None = None


class Place(NamedTuple):
    """An agency's file, and what its references lead to: together they say where the agency is."""

    manifest: Manifest
    secrets: Resolve


class Bench:
    """Tries one subject. Used as an async context manager.

    Args:
        keep: remember all that goes over the wire, in `exchanges`.
    """

    def __init__(self, subject: Subject, *, keep: bool = False) -> None:
        self.subject = subject
        self._keep = keep
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
            self._upstream = self._over_the_network(self.manifest.http)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def _over_the_network(self, http: HttpSettings) -> Upstream:
        """The agency itself, and where its tokens come from; each only in the network that the file permits."""
        base, auth = self.subject.transport or network(http.concurrency), self.manifest.auth
        self._stack.push_async_callback(base.aclose)
        if self.subject.transport is not None:
            return through(base, http.deadline)
        agency = through(CheckedTransport(base, http.reaches), http.deadline)
        if not isinstance(auth, OAuth2):
            return agency
        tokens, address = through(CheckedTransport(base, auth.reaches), http.deadline), auth.token_url

        async def upstream(asked: Asked) -> Answer:
            return await (tokens if asked.url.startswith(address) else agency)(asked)

        return upstream

    @property
    def kind(self) -> Kind:
        """How the agency is spoken to."""
        return self.subject.kind or kind_of(self.manifest)

    @property
    def upstream(self) -> Upstream:
        """The agency itself, over HTTP."""
        return self._upstream or nobody

    def secrets(self, reference: str) -> Secret:
        """The subject's secrets, remembered to be looked for where they must not be."""
        secret = self.subject.secrets(reference)
        self.revealed.add(value := secret.reveal())
        if "://" in value and (password := urlsplit(value).password):
            self.revealed.add(password)
        return secret

    @asynccontextmanager
    async def connector(
        self, upstream: Upstream | None = None, place: Place | None = None
    ) -> AsyncIterator[tuple[Connector, Wire]]:
        """A connector of its own, and the wire between it and the agency."""
        wire = Wire(upstream or self.upstream)
        made = self._connect(place or Place(self.manifest, self.secrets), wire)
        try:
            yield made, wire
        finally:
            await made.aclose()
            self.revealed.update(_credentials(wire.exchanges))
            if self._keep:
                self.exchanges += wire.exchanges

    def _connect(self, place: Place, wire: Wire) -> Connector:
        manifest, secrets = place
        if self.subject.kind is None:
            return connect(manifest, secrets, folder=self._folder, transport=wire)
        if manifest.writes is not None and self.subject.kind.takes is not None:
            manifest = msgspec.structs.replace(manifest, takes=self.subject.kind.takes(manifest))
        client = http_for(manifest, secrets, transport=wire) if manifest.http else None
        return self.subject.kind.connect(manifest, Means(secrets, client, self._folder))

    async def read(self, connector: Connector) -> Harvest:
        """One harvest with this connector, from where the subject's begins.

        Raises:
            SourceError: it could not be finished.
        """
        return await read(connector, self.subject.since, pushes=self.subject.pushes)

    async def harvest(self) -> Harvest:
        """All there is, read once and remembered.

        Raises:
            SourceError: it can't be read.
        """
        if self._clean is None:
            try:
                async with self.connector() as (connector, wire):
                    since, most, pushes = self.subject.since, self.subject.most, self.subject.pushes
                    self._clean = await read(connector, since, wire, most=most, pushes=pushes)
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
        harvest = await self.harvest()
        found = harvest.records
        if harvest.pushed and not self.subject.pushes:
            raise Untried("the agency only sends, and can't be asked; certify it with what it sent: --push FILE")
        if len(found) < least:
            raise Untried(f"only {len(found)} records came, {least} are needed")
        return found

    async def speaks_http(self) -> bool:
        """Whether anything of a clean harvest came over HTTP."""
        return bool((await self.harvest()).exchanges)

    async def over_http(self) -> Harvest:
        """The clean harvest of an agency that is spoken to over HTTP.

        Raises:
            NotApplicable: it is not.
        """
        if not await self.speaks_http():
            raise NotApplicable("nothing of it comes over HTTP")
        return await self.harvest()

    async def lists_over_http(self) -> Harvest:
        """The clean harvest of an agency whose records come in lists over HTTP.

        Raises:
            NotApplicable: they come otherwise, for instance as files or rows.
            Untried: none came.
        """
        found = await self.over_http()
        await self.records()
        if self.kind.address != "http.url" or not any(read_body(e.answer, found.records) for e in found.exchanges):
            raise NotApplicable("its records don't come in lists over HTTP")
        return found

    def with_deadline(self, seconds: float) -> Place:
        """The agency with another `http.deadline`."""
        assert self.manifest.http is not None
        http = msgspec.structs.replace(self.manifest.http, deadline=seconds)
        return Place(msgspec.structs.replace(self.manifest, http=http), self.secrets)


def _credentials(exchanges: list[Exchange]) -> Iterator[str]:
    for exchange in exchanges:
        for name, value in exchange.asked.headers.items():
            if _SECRET_HEADER.search(name):
                yield value.rpartition(" ")[2]
