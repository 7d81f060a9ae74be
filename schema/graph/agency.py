"""Agencies (instansi) and the health of their sources."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Protocol

import strawberry

from schema import agency as records
from schema import delivery as deliveries
from schema import labels
from schema.agency import AgencyLevel, ConnectorTier, SourceErrorCode, SourceState, StoreMode
from schema.delivery import DeliveryKind
from schema.graph.conditions import region_condition
from schema.graph.context import Context, Info
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.label import InLanguage
from schema.graph.node import Node
from schema.graph.queue import DeliveryQueue
from schema.graph.region import Region, region_of
from schema.graph.scalars import URL
from schema.ports import Quarantined
from schema.query import Language
from schema.regions import covers

_LEVELS = list(AgencyLevel)
_MOST_QUARANTINED = 100


class HeldBy(Protocol):
    """A record that names an agency by its slug."""

    @property
    def agency(self) -> str | None: ...


def held_by(root: HeldBy, info: Info) -> records.Agency | Awaitable[records.Agency | None] | None:
    """The agency whose slug the record's `agency` is."""
    return info.context.agency(root.agency) if root.agency is not None else None


def _parent(root: records.Agency, info: Info) -> records.Agency | Awaitable[records.Agency | None] | None:
    return info.context.agency(root.parent) if root.parent is not None else None


async def report_of(context: Context, slug: str) -> records.SourceReport:
    """The health of an agency's source; NEVER_SYNCED before the first attempt to read it."""
    return (await context.sources()).get(slug) or records.SourceReport(agency=slug)


async def _source(root: records.Agency, info: Info) -> records.SourceReport:
    return await report_of(info.context, root.id)


async def _quarantine(root: records.Agency, info: Info) -> Sequence[Quarantined]:
    return await info.context.snapshot.quarantine(root.id, _MOST_QUARANTINED)


async def _queue(root: records.Agency, info: Info) -> deliveries.DeliveryQueue:
    return (await info.context.queues()).get(root.id) or deliveries.DeliveryQueue()


def _message(root: records.SourceProblem, language: InLanguage = Language.ID) -> str:
    return labels.source_message(root.code, language)


@object_type("Why an agency can't be read or written.", to=Audience.PUBLIC)
class SourceError:
    code: SourceErrorCode = field("Kind of failure.")
    message: str = field("One sentence. No address, no secret, no text of the agency's.", _message)
    since: datetime = field("First failure of this outage.")
    retry_at: datetime | None = field("Next attempt.")


@object_type(
    "What the hub knew of one agency when it last tried to read it. "
    "Written at the end of every attempt, so all fields belong to one moment.",
    to=Audience.PUBLIC,
)
class SourceReport:
    agency: Agency = field("Whose source it is.", held_by)
    state: SourceState = field("How reading it goes.")
    as_of: datetime | None = field("Everything the agency had up to here is in the answer. Null if never synced.")
    lag_seconds: int | None = field("Seconds from `asOf` to the last attempt, whether it succeeded or not.")
    stale: bool = field("`lagSeconds` exceeds what the agency's file allows, or the last attempts failed.")
    checked_at: datetime | None = field("Last attempt, good or bad.")
    quarantined: int = field("Records set aside as unreadable. They are in no row and no count.")
    unmapped: int = field("Complaints whose status word is mapped nowhere.")
    error: SourceError | None = field("Set while attempts fail.")


@object_type("A record that could not be read.", to=Audience.OPERATOR)
class QuarantinedRecord:
    native_id: str | None = field("Its key, if that much could be read.")
    reason: str = field("What was wrong and where, without the value.")
    first_seen_at: datetime = field("When it first came.")


@object_type(
    "A government body whose complaint system is plugged in (instansi).",
    to=Audience.PUBLIC,
    of=records.Agency,
    key="id",
)
class Agency(Node):
    id: strawberry.ID = field("The slug, as filters and routes take it: `kab-tangerang`. Never changes, never reused.")
    name: str = field("Its official name.")
    level: AgencyLevel = field("Level of government.")
    region_code: str | None = field("Null for national bodies.")
    region: Region | None = field("The region it governs; null for national bodies.", region_of)
    parent: Agency | None = field("The agency above it, where that is plugged in.", _parent)
    time_zone: str = field("IANA name, for instance Asia/Makassar.")
    website: URL | None = field("Its public site.")
    source: SourceReport = field("Freshness and health of what the hub holds of it.", _source)
    connector_kind: str = field(
        "How it is spoken to: lapor, open311, rest, graphql, sql, files, webhook, or a third party's."
    )
    tier: ConnectorTier | None = field("Earned by executed contract rules; null until certified.")
    store: StoreMode = field("What the hub may keep of it.")
    writes: list[DeliveryKind] = field("Writes it accepts by machine; the others are delivered by hand.")
    queue: DeliveryQueue | None = field("Writes waiting for it.", _queue, asking=True)
    quarantine: list[QuarantinedRecord] | None = field(
        "Records that could not be read, newest first, at most 100. Raw bytes stay in the hub.",
        _quarantine,
        to=Audience.OPERATOR,
        size=sized(100),
        asking=True,
    )


def in_order(agencies: Iterable[records.Agency]) -> list[records.Agency]:
    """By level, then name."""
    return sorted(agencies, key=lambda agency: (_LEVELS.index(agency.level), agency.name, agency.id))


def covered(
    agencies: Mapping[str, records.Agency],
    slugs: Collection[str] | None,
    levels: Collection[AgencyLevel] | None,
) -> list[records.Agency]:
    """The agencies whose records a filter's `agencies` and `levels` let through, in order."""
    return in_order(
        agency
        for agency in agencies.values()
        if (slugs is None or agency.id in slugs) and (levels is None or agency.level in levels)
    )


async def find_agency(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The agency's slug.")]
) -> records.Agency | None:
    return (await info.context.agencies()).get(id)


async def find_agencies(
    info: Info,
    level: Annotated[AgencyLevel | None, strawberry.argument(description="Only of this level.")] = strawberry.UNSET,
    region_code: Annotated[
        str | None, strawberry.argument(description="Only those that govern this region or a part of it.")
    ] = strawberry.UNSET,
) -> list[records.Agency]:
    agencies = covered(await info.context.agencies(), None, (level,) if level else None)
    if region_code is None or region_code is strawberry.UNSET:
        return agencies
    whole = region_condition(region_code)
    return [agency for agency in agencies if agency.region_code and covers(whole, agency.region_code)]
