"""The agencies that are plugged in. They may change while the hub runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path

import msgspec
import structlog

from connectors.manifest import Manifest
from connectors.registry import connect
from connectors.secrets import Resolve, Secret
from gateway.supervisor import cancel, supervise
from gateway.sync.derived import Rules
from gateway.sync.poller import OnPage, OnReport, Pace, Poller
from schema.agency import Agency, SourceReport
from schema.clocks import ClockLimits, WorkingCalendar
from schema.errors import ConfigError
from schema.ports import Clock, Reader, Writer
from schema.query import PUBLIC

log = structlog.get_logger(__name__)

#: A failing agency is asked again at least this often, seconds.
LONGEST_WAIT = 300.0

#: The longest wait is this many times the usual one, where that is shorter.
PATIENCE = 5


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of agencies' files changed: slugs.

    Attributes:
        paused: asked until now, or new, and paused by their files.
        removed: their files are gone.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()


class Resolved:
    """A `Resolve` that remembers what it found."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._found: dict[str, Secret] = {}

    def __call__(self, reference: str) -> Secret:
        secret = self._found[reference] = self._resolve(reference)
        return secret

    def holds(self) -> bool:
        """Whether every reference still leads where it led."""
        try:
            return all(self._resolve(reference) == secret for reference, secret in self._found.items())
        except ConfigError:
            return False


class _Plugged:
    """An agency that is asked."""

    def __init__(self, poller: Poller, secrets: Resolved) -> None:
        self.poller = poller
        self.secrets = secrets
        self._task: asyncio.Task[None] | None = None

    def start(self, on_death: Callable[[str], None]) -> None:
        self.poller.takes_pushes = True
        name = f"poll {self.poller.slug}"
        self._task = asyncio.create_task(supervise(name, self.poller.run, on_death), name=name)

    async def stop(self) -> None:
        self.poller.takes_pushes = False
        task, self._task = self._task, None
        if task is not None:
            await cancel([task])

    async def close(self) -> None:
        await self.stop()
        try:
            await self.poller.connector.aclose()
        except Exception:  # perhaps a stranger's connector; the others are to be closed all the same
            log.exception("agency.close_failed", agency=self.poller.slug)


class Agencies:
    """The agencies that are plugged in, by slug.

    Args:
        secrets: resolves references, each time anew.
        folder: of the agencies' own folders.
        on_death: told the name of a poller that died and is started again.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        secrets: Resolve,
        folder: Path,
        holidays: frozenset[date],
        clock: Clock,
        on_page: OnPage = lambda slug, page, records: None,
        on_report: OnReport = lambda report: None,
        on_death: Callable[[str], None] = lambda name: None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._secrets = secrets
        self._folder = folder
        self._holidays = holidays
        self._clock = clock
        self._on_page = on_page
        self._on_report = on_report
        self._on_death = on_death
        self._manifests: Mapping[str, Manifest] = {}
        self._plugged: dict[str, _Plugged] = {}
        self._rules: Mapping[str, Rules] = {}
        #: Slugs by case-folded name, of all that are or were plugged in. All pollers see this one mapping.
        self._names: dict[str, str] = {}
        self._applying = asyncio.Lock()
        self._running = False

    def get(self, slug: str) -> Poller | None:
        """The agency's poller; None if it is not plugged in, or paused."""
        plugged = self._plugged.get(slug)
        return plugged.poller if plugged else None

    def manifest(self, slug: str) -> Manifest | None:
        """The agency's file, paused or not."""
        return self._manifests.get(slug)

    def rules(self, slug: str) -> Rules | None:
        """What complaints of an agency depend on, paused or not; None if it has no file here."""
        return self._rules.get(slug)

    def keeps_identity(self, slug: str) -> bool:
        """Whether an agency's file asks for reporters' identities."""
        manifest = self._manifests.get(slug)
        return manifest is not None and manifest.privacy.reporter_identity

    def manifests(self) -> Collection[Manifest]:
        """The files of all agencies, paused or not."""
        return self._manifests.values()

    def __iter__(self) -> Iterator[Poller]:
        return iter([plugged.poller for plugged in self._plugged.values()])

    async def apply(self, manifests: Mapping[str, Manifest]) -> Applied:
        """Makes these the agencies that are plugged in. All of it happens, or nothing.

        An agency that is paused or missing becomes PAUSED; its complaints stay. Agencies whose files and secrets are as
        they were go on undisturbed.

        Raises:
            ConfigError: a file or one of its secrets will not do.
            LedgerError: the ledger could not be written.
        """
        async with self._applying:
            applied = self._compared(manifests)
            async with self._reader.snapshot(PUBLIC) as snapshot:
                known, reports = await snapshot.agencies(), await snapshot.sources()
            coming = [manifests[slug] for slug in (*applied.added, *applied.changed)]
            built = self._built(coming, reports)
            leaving = {
                slug: self._plugged[slug]
                for slug in (*applied.changed, *applied.paused, *applied.removed)
                if slug in self._plugged
            }
            ending = [each for slug, each in leaving.items() if slug not in applied.changed]
            try:
                # First, lest what they tell of their last attempt comes after PAUSED.
                _set_pushes(ending, taken=False)
                await _all(each.stop() for each in leaving.values())
                await self._register(manifests)
            except BaseException:
                _set_pushes(ending, taken=True)
                self._start(leaving.values())
                await _all(each.close() for each in built.values())
                raise
            self._name(known, manifests)
            plugged = {**self._plugged, **built}
            self._plugged = {slug: plugged[slug] for slug, m in manifests.items() if not m.paused}
            self._manifests = dict(manifests)
            self._rules = {slug: self._rules_of(manifest) for slug, manifest in manifests.items()}
            self._start(built.values())
            await _all(each.close() for each in leaving.values())
            return applied

    async def run(self) -> None:
        """Keeps the mirror of every agency fresh, until cancelled."""
        self._running = True
        self._start(self._plugged.values())
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._running = False
            await _all(each.stop() for each in self._plugged.values())

    async def aclose(self) -> None:
        """Ends all connections."""
        await _all(each.close() for each in self._plugged.values())

    def _compared(self, manifests: Mapping[str, Manifest]) -> Applied:
        found: dict[str, list[str]] = {name: [] for name in Applied.__struct_fields__}
        for slug, manifest in manifests.items():
            found[self._difference(manifest, self._manifests.get(slug), self._plugged.get(slug))].append(slug)
        found["removed"] = [slug for slug in self._manifests if slug not in manifests]
        return Applied(**{name: tuple(slugs) for name, slugs in found.items()})

    def _difference(self, manifest: Manifest, before: Manifest | None, plugged: _Plugged | None) -> str:
        if manifest.paused:
            return "unchanged" if before is not None and before.paused else "paused"
        if before is None:
            return "added"
        same = plugged is not None and _said(before) == _said(manifest) and plugged.secrets.holds()
        return "unchanged" if same else "changed"

    def _built(self, manifests: Iterable[Manifest], reports: Mapping[str, SourceReport]) -> dict[str, _Plugged]:
        """Nothing is opened by it: connectors connect with their first request."""
        return {manifest.slug: self._connected(manifest, reports.get(manifest.slug)) for manifest in manifests}

    def _connected(self, manifest: Manifest, report: SourceReport | None) -> _Plugged:
        secrets = Resolved(self._secrets)
        poller = Poller(
            connector=connect(manifest, secrets, folder=self._folder / manifest.slug),
            writer=self._writer,
            rules=self._rules_of(manifest),
            pace=pace(manifest),
            clock=self._clock,
            report=report,
            on_page=self._on_page,
            on_report=self._on_report,
        )
        return _Plugged(poller, secrets)

    def _rules_of(self, manifest: Manifest) -> Rules:
        return Rules(
            agency=manifest.agency(),
            limits=ClockLimits(manifest.clocks),
            calendar=WorkingCalendar(manifest.time_zone, self._holidays),
            slugs=self._names,
        )

    async def _register(self, manifests: Mapping[str, Manifest]) -> None:
        paused = {slug for slug, manifest in manifests.items() if manifest.paused}
        await self._writer.register([manifest.agency() for manifest in manifests.values()], paused)

    def _name(self, known: Mapping[str, Agency], manifests: Mapping[str, Manifest]) -> None:
        """In place, and without a moment in which a name is missing: the ledger's writer reads it in its thread."""
        names = {agency.name.casefold(): slug for slug, agency in known.items() if slug not in manifests}
        names |= {manifest.name.casefold(): slug for slug, manifest in manifests.items()}
        self._names.update(names)
        for stale in self._names.keys() - names.keys():
            del self._names[stale]

    def _start(self, plugged: Collection[_Plugged]) -> None:
        if self._running:
            for each in plugged:
                each.start(self._on_death)


def pace(manifest: Manifest) -> Pace:
    """How often the agency's file wants it asked."""
    poll = manifest.poll
    return Pace(
        every=poll.every,
        stale_after=poll.stale_after,
        longest=max(poll.every, min(PATIENCE * poll.every, LONGEST_WAIT)),
    )


def _said(manifest: Manifest) -> Manifest:
    """What the file says, wherever in it that stands."""
    return msgspec.structs.replace(manifest, file="", lines={})


def _set_pushes(plugged: Iterable[_Plugged], *, taken: bool) -> None:
    for each in plugged:
        each.poller.takes_pushes = taken


async def _all(endings: Iterable[Awaitable[None]]) -> None:
    await asyncio.gather(*endings)
