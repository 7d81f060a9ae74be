"""Agencies (instansi) and the health of what the hub holds of them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class AgencyLevel(StrEnum):
    """Level of government. Declared in the order lists are shown."""

    NATIONAL = "NATIONAL"
    PROVINCE = "PROVINCE"
    DISTRICT = "DISTRICT"


class StoreMode(StrEnum):
    """What the hub may keep of an agency."""

    FULL = "FULL"
    STATUS = "STATUS"


class ConnectorTier(StrEnum):
    """Grade of a connector, computed from executed contract rules."""

    BRONZE = "BRONZE"
    SILVER = "SILVER"
    GOLD = "GOLD"


class SourceState(StrEnum):
    """How reading an agency goes."""

    OK = "OK"
    STALE = "STALE"
    DOWN = "DOWN"
    PAUSED = "PAUSED"
    NEVER_SYNCED = "NEVER_SYNCED"


class SourceErrorCode(StrEnum):
    """Why an agency can't be read or written."""

    UNREACHABLE = "UNREACHABLE"
    TIMEOUT = "TIMEOUT"
    TLS = "TLS"
    AUTHENTICATION = "AUTHENTICATION"
    RATE_LIMITED = "RATE_LIMITED"
    HTTP_ERROR = "HTTP_ERROR"
    BAD_PAYLOAD = "BAD_PAYLOAD"
    PAGING_LOOP = "PAGING_LOOP"
    INCOMPLETE = "INCOMPLETE"
    MAPPING = "MAPPING"
    REJECTED = "REJECTED"
    OTHER = "OTHER"


class SourceProblem(msgspec.Struct, frozen=True):
    """An outage, as the graph shows it: no address, no secret, no text of the agency's.

    Attributes:
        code: kind of failure.
        since: first failure of this outage.
        retry_at: next attempt, if one is planned.
    """

    code: SourceErrorCode
    since: datetime
    retry_at: datetime | None = None


class SourceReport(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub knew of one agency when it last tried to read it. All fields belong to that one moment.

    Attributes:
        agency: slug.
        as_of: everything the agency had up to here is in the mirror. None if never synced.
        lag_seconds: seconds from `as_of` to the last attempt.
        stale: the lag exceeds what the agency's file allows, or the last attempts failed.
        checked_at: last attempt, good or bad.
        quarantined: records set aside as unreadable.
        unmapped: complaints whose status word is mapped nowhere.
        error: set while attempts fail.
    """

    agency: str
    state: SourceState = SourceState.NEVER_SYNCED
    as_of: datetime | None = None
    lag_seconds: int | None = None
    stale: bool = False
    checked_at: datetime | None = None
    quarantined: int = 0
    unmapped: int = 0
    error: SourceProblem | None = None


class Agency(msgspec.Struct, frozen=True, kw_only=True):
    """A government body whose complaint system is plugged in.

    Attributes:
        id: slug, `^[a-z][a-z0-9]*(-[a-z0-9]+)*$`; never changes, never reused.
        region_code: Kemendagri code; None for national bodies.
        parent: slug of the parent agency, if it is plugged in.
        time_zone: IANA name, for instance `Asia/Makassar`.
        connector_kind: lapor, open311, rest, ... or a third party's.
    """

    id: str
    name: str
    level: AgencyLevel
    time_zone: str
    connector_kind: str
    region_code: str | None = None
    parent: str | None = None
    website: str | None = None
    store: StoreMode = StoreMode.FULL
    tier: ConnectorTier | None = None
    writes: tuple[str, ...] = ()
