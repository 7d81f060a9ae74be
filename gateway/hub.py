"""A hub, from its settings: the ledger opened, the agencies' pollers made, the graph served."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version

import msgspec

from connectors.download import Downloader
from connectors.manifest import Manifest
from connectors.secrets import Resolve
from gateway.access.provider import Provider
from gateway.access.session import Sessions
from gateway.access.standing import Standings
from gateway.access.tokens import Claims, Tokens
from gateway.access.viewers import Viewers
from gateway.app import Hub, build_app
from gateway.attachments import AttachmentEndpoint, Attachments, Limits
from gateway.cache.answers import AnswerCache
from gateway.cache.freshness import Freshness
from gateway.cache.memory import Memory
from gateway.cache.shared import SharedAnswers
from gateway.connection import Connection
from gateway.cursor import SealedCursors, key_from_file, key_from_secret
from gateway.duplicates import suggest
from gateway.execution.execute import Executor
from gateway.execution.named import NamedDocuments, read_trusted
from gateway.fastlane import Lane
from gateway.guard.client import Proxies
from gateway.guard.gate import Gate
from gateway.guard.limits import QueryLimits
from gateway.guard.load import Load
from gateway.guard.rates import Rates
from gateway.guard.shared import SharedRates
from gateway.health import Health
from gateway.holidays import indonesian_holidays
from gateway.hygiene import safe_headers
from gateway.intake.files import Drops
from gateway.intake.webhooks import Webhooks
from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import READERS, Database, Dialect, open_database
from gateway.ledger.freshness import open_freshness
from gateway.ledger.identities import Identities
from gateway.ledger.migrate import pending
from gateway.ledger.reader import LedgerReader
from gateway.ledger.subjects import FILE as SUBJECTS_FILE
from gateway.ledger.subjects import Subjects
from gateway.ledger.upkeep import Upkeep
from gateway.ledger.witness import Witness
from gateway.ledger.writer import LedgerWriter, open_writer
from gateway.live import LiveReader, SharedContents
from gateway.origins import Origins
from gateway.outbox.outbox import Outbox
from gateway.pages.site import Site
from gateway.reload import reloading
from gateway.retention import Retention
from gateway.routing import Router, Rules
from gateway.server import Server, listen
from gateway.settings import Profile, Settings
from gateway.sightings import Sightings
from gateway.stream.doorbell import Doorbell
from gateway.stream.feed import LedgerFeed
from gateway.stream.limits import StreamLimits
from gateway.stream.relay import Relay
from gateway.stream.watch import Watch
from gateway.supervisor import Work
from gateway.sync.agencies import Agencies
from gateway.sync.poller import OnPage, OnReport
from gateway.telemetry import Metrics
from gateway.valkey import Valkey
from gateway.writes.desk import Desk
from gateway.writes.sealing import open_reporter, seal_reporter
from schema.agency import SourceReport
from schema.connector import Page
from schema.errors import MigrationsPending
from schema.events import Position
from schema.graph.context import Context
from schema.graph.schema import build, sdl
from schema.ports import Clock, Snapshot
from schema.query import Viewer

#: Seconds between two looks for clocks that fell due.
TICK = 1.0


class Ledger(msgspec.Struct, frozen=True):
    """An open ledger, and the keys of what is written to it."""

    database: Database
    keyring: Keyring
    reader: LedgerReader
    writer: LedgerWriter
    witness: Witness
    freshness: Freshness
    upkeep: Upkeep
    sightings: Sightings
    subjects: Subjects


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_ledger(settings: Settings, clock: Clock = utc_now) -> AsyncIterator[Ledger]:
    """The ledger of these settings.

    Raises:
        MigrationsPending: the message says what to run.
        LedgerUnavailable: it can't be reached.
    """
    if await pending(settings.database):
        raise MigrationsPending("the database is older than this program; run: simpul db migrate")
    keyring = Keyring(_key(settings))
    witness = Witness(settings.data_dir / "witness.json")
    subjects = Subjects(keyring, settings.data_dir / SUBJECTS_FILE)
    identities = Identities(partial(seal_reporter, keyring), partial(open_reporter, keyring))
    try:
        with open_audit(settings.data_dir, keyring, clock) as audit:
            async with (
                open_database(settings.database) as database,
                open_writer(database, witness, clock, audit, identities, subjects) as writer,
            ):
                # Before anybody can ask: a backup may have been put back while no hub ran.
                await writer.heed_again()
                with closing(open_freshness(database)) as freshness:
                    sightings, upkeep = Sightings(writer.saw), Upkeep(database)
                    reader = LedgerReader(database, sightings.saw, identities.open)
                    yield Ledger(database, keyring, reader, writer, witness, freshness, upkeep, sightings, subjects)
    finally:
        witness.close()


@asynccontextmanager
async def open_agencies(
    settings: Settings,
    ledger: Ledger,
    secrets: Resolve,
    *,
    clock: Clock = utc_now,
    on_page: OnPage = lambda slug, page, records: None,
    on_report: OnReport = lambda report: None,
    on_death: Callable[[str], None] = lambda name: None,
) -> AsyncIterator[Agencies]:
    """The agencies of a hub, none at first; their connections end with the block."""
    agencies = Agencies(
        reader=ledger.reader,
        writer=ledger.writer,
        secrets=secrets,
        folder=settings.data_dir / "agencies",
        holidays=indonesian_holidays(range(2010, clock().year + 3)),
        clock=clock,
        on_page=on_page,
        on_report=on_report,
        on_death=on_death,
    )
    try:
        yield agencies
    finally:
        await agencies.aclose()


async def serve(
    settings: Settings,
    manifests: Mapping[str, Manifest],
    secrets: Resolve,
    *,
    read_again: Callable[[], Mapping[str, Manifest]] | None = None,
    rules: Callable[[Mapping[str, Manifest]], Rules] = lambda manifests: Rules(),
    on_started: Callable[[str], None] = lambda address: None,
    on_page: OnPage = lambda slug, page, records: None,
    on_report: OnReport = lambda report: None,
) -> None:
    """Runs a hub until it is told to stop.

    Args:
        read_again: the agencies' files as they are by then, at each SIGHUP; without it that signal ends the process.
        rules: for where complaints go, given the agencies' files; read again with them.
        on_started: told the hub's address once it answers.
    """
    metrics = Metrics()
    router = Router(rules(manifests))

    def files() -> Mapping[str, Manifest]:
        found = read_again() if read_again else manifests
        router.use(rules(found))
        return found

    def count(slug: str, page: Page, records: int) -> None:
        metrics.synced(slug, read=len(page.records), rejected=len(page.rejected))
        on_page(slug, page, records)

    with listen(settings.host, settings.port) as listener:
        async with (
            open_ledger(settings) as ledger,
            open_valkey(settings, metrics) as valkey,
            open_agencies(
                settings, ledger, secrets, on_page=count, on_report=on_report, on_death=metrics.died
            ) as agencies,
            AsyncExitStack() as stack,
        ):
            await agencies.apply(manifests)
            if read_again is not None:
                folders = settings.data_dir, settings.agencies_dir
                await stack.enter_async_context(reloading(agencies, files, *folders, metrics.died))
            going_down = asyncio.Event()
            hub = await build_hub(settings, ledger, agencies, metrics, going_down, valkey, router)
            # The graph and the libraries stay: looking through them for garbage would hold everybody up, 100 ms a time.
            gc.collect()
            gc.freeze()
            protocol = Lane(hub).protocol() if settings.fast_lane else Connection
            await Server(hub, listener, going_down, on_started, protocol=protocol).run_until_stopped()


@asynccontextmanager
async def open_valkey(settings: Settings, metrics: Metrics) -> AsyncIterator[Valkey | None]:
    """The server that hubs share, if one is set; whether it is there is found out later."""
    if settings.redis_url is None:
        yield None
        return
    valkey = Valkey(settings.redis_url, metrics.valkey)
    metrics.valkey(True)
    try:
        yield valkey
    finally:
        await valkey.aclose()


async def build_hub(
    settings: Settings,
    ledger: Ledger,
    agencies: Agencies,
    metrics: Metrics,
    closing: asyncio.Event,
    valkey: Valkey | None,
    router: Router | None = None,
) -> Hub:
    """Puts a hub together.

    Args:
        router: None routes without rules of an operator's.
    """

    def looked(head: Position, sources: Mapping[str, SourceReport]) -> None:
        ledger.witness.saw(head)
        metrics.ledger(head, sources)

    async def begin_anew(position: Position) -> None:
        await ledger.writer.renew_epoch("what was told lies beyond its end", position)

    doorbell = Doorbell()
    watch = Watch(ledger.reader, doorbell, looked, begin_anew)
    feed = LedgerFeed(ledger.reader, doorbell, watch, closing)
    key = _key(settings)
    cursors = SealedCursors(key)

    live = LiveReader(agencies, ledger.reader, _shared_contents(key, valkey))
    attachments = Attachments(
        settings.data_dir / "attachments",
        Downloader(),
        ledger.reader,
        utc_now,
        base_url=settings.public_url or "",
        limits=Limits(max_bytes=settings.attachment_mb * 2**20),
    )
    viewers = Viewers(ledger.database, ledger.keyring, utc_now, tokens=_tokens(settings, ledger.keyring))
    desk = Desk(
        reader=ledger.reader,
        writer=ledger.writer,
        keyring=ledger.keyring,
        clock=utc_now,
        rules=agencies.rules,
        router=router or Router(Rules()),
        attachments=attachments,
        keeps_identity=agencies.keeps_identity,
        live=live,
    )
    outbox = Outbox(
        agencies=agencies,
        reader=ledger.reader,
        writer=ledger.writer,
        keyring=ledger.keyring,
        clock=utc_now,
        metrics=metrics,
        files=attachments,
        alone=ledger.database.dialect is Dialect.SQLITE,
    )

    def context(viewer: Viewer, snapshot: Snapshot) -> Context:
        return Context(
            viewer=viewer,
            snapshot=snapshot,
            cursors=cursors,
            clock=utc_now,
            feed=feed,
            on_ahead=begin_anew,
            desk=desk,
            suggest=suggest,
        )

    ledger.writer.on_commit(doorbell.ring)
    ledger.writer.on_commit(outbox.ring)
    works = background(ledger, watch, agencies) | {
        "live": live.run,
        "outbox": outbox.run,
        "attachments": attachments.run,
    }
    rates, load = Rates(), Load(lambda: ledger.database.in_use() >= READERS)
    if valkey is not None:
        works |= {"rates": SharedRates(rates, valkey, key).run}
        relay = Relay(valkey, watch.look)
        ledger.writer.on_commit(lambda head: relay.tell())
        works |= {"valkey": valkey.run, "relay": relay.run}
    await watch.look()
    is_open = settings.profile is Profile.OPEN
    trusted = read_trusted(settings.trusted_documents) if settings.trusted_documents else {}
    return build_app(
        executor=Executor(
            build(),
            ledger.reader,
            context,
            lambda hit: metrics.document(hit=hit),
            metrics.executed,
            on_frame=metrics.frame,
            versioned=settings.cache_mb > 0,
            live=live,
            limits=QueryLimits(cost=settings.max_cost),
            seconds=settings.query_seconds,
            introspection=is_open,
            suggestions=is_open,
            named=NamedDocuments(trusted, only=settings.trusted_only),
        ),
        health=Health(ledger.reader, watch, lambda: pending(settings.database)),
        metrics=metrics,
        origins=Origins(settings.cors_origins),
        closing=closing,
        background=works,
        limits=StreamLimits(settings.streams_per_socket, settings.streams_per_client, settings.streams),
        cache=_cache(settings, ledger, key, valkey),
        site=Site(explorer=is_open) if settings.pages else None,
        intake=[
            *Webhooks(agencies, ledger.writer, metrics, utc_now).routes(),
            *Drops(agencies).routes(),
            *AttachmentEndpoint(attachments.shelf, ledger.reader, viewers.of).routes(),
        ],
        recognise=viewers.of,
        sessions=Sessions(ledger.keyring, viewers.of, utc_now),
        standings=Standings(viewers.of, feed.end, utc_now),
        get_any=is_open,
        safe=safe_headers(settings.public_url),
        gate=Gate(rates, settings.rate_per_minute, settings.rate_writes_per_hour, load),
        proxies=Proxies(settings.trusted_proxies),
    )


def _cache(settings: Settings, ledger: Ledger, key: bytes, valkey: Valkey | None) -> AnswerCache | None:
    if not settings.cache_mb:
        return None
    memory = Memory(settings.cache_mb * 1_000_000)
    shared = SharedAnswers(valkey, key, f"{version('simpul')} {sdl()}") if valkey is not None else None
    saw, stale = ledger.sightings.saw, settings.stale_seconds
    return AnswerCache(ledger.reader, ledger.freshness, memory, shared, saw=saw, stale=stale)


def _shared_contents(key: bytes, valkey: Valkey | None) -> SharedContents | None:
    return SharedContents(SharedAnswers(valkey, key, f"{version('simpul')} contents")) if valkey is not None else None


def background(ledger: Ledger, watch: Watch, agencies: Agencies) -> dict[str, Work]:
    """What runs beside the server, by name."""

    async def clocks() -> None:
        while True:
            await ledger.writer.tick(utc_now())
            await asyncio.sleep(TICK)

    return {
        "watch": watch.run,
        "clocks": clocks,
        "upkeep": ledger.upkeep.run,
        "sightings": ledger.sightings.run,
        "agencies": agencies.run,
        "retention": Retention(
            agencies, ledger.writer, ledger.database, utc_now, lambda: ledger.witness.highest.epoch
        ).run,
    }


def _tokens(settings: Settings, keyring: Keyring) -> Tokens | None:
    if settings.oidc_issuer is None:
        return None
    claims = Claims(
        issuer=settings.oidc_issuer,
        audiences=settings.oidc_audience,
        algorithms=settings.oidc_algorithms,
        roles=settings.oidc_roles_claim,
        role_of=settings.oidc_roles,
        agencies=settings.oidc_agencies_claim,
        name=settings.oidc_name_claim,
        skew=settings.oidc_skew_seconds,
    )
    return Tokens(Provider(settings.oidc_issuer, settings.oidc_network, time.monotonic), claims, keyring, utc_now)


def _key(settings: Settings) -> bytes:
    if settings.secret is not None:
        return key_from_secret(settings.secret.get_secret_value())
    return key_from_file(settings.key_file)
