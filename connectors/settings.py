"""The tables of an agency's file that every kind has, and the whole file (`docs/connectors.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

import msgspec

from connectors.addresses import Network, implied_by
from connectors.auth import Auth
from connectors.fields import (
    AttachmentFields,
    DispositionFields,
    Fields,
    FollowUpFields,
    InstitutionFields,
    RatingFields,
    ReferenceFields,
    Section,
    TimelineFields,
)
from connectors.outcomes import ErrorRule
from schema.agency import AgencyLevel

Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Budget(Section, frozen=True, kw_only=True):
    """`http.budget`: so many requests in any stretch of a minute, an hour or a day."""

    requests: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    per: Literal["minute", "hour", "day"]

    @property
    def seconds(self) -> float:
        """How long the stretch is."""
        return {"minute": 60.0, "hour": 3600.0, "day": 86400.0}[self.per]


class HttpSettings(Section, frozen=True, kw_only=True):
    """`[http]`: where and how politely the agency is asked.

    Attributes:
        url: base address, without a query, user or password.
        deadline: seconds in all for one request, retries and waiting included.
        concurrency: requests under way at the same time.
        rate: requests per second.
        budget: most requests in a minute, an hour or a day.
        max_bytes: of one reply, on the wire as well as unpacked.
        headers: sent with each request; values may hold secret references.
        network: which addresses may be connected to; by default what `url` itself says.
    """

    url: str
    deadline: Positive = 10.0
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    rate: Positive = 20.0
    budget: Budget | None = None
    max_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 20_000_000
    headers: Mapping[str, str] = {}
    network: Network | None = None

    @property
    def reaches(self) -> Network:
        """The network that may be connected to."""
        return self.network or implied_by(urlsplit(self.url).hostname or "")


class PollSettings(Section, frozen=True, kw_only=True):
    """`[poll]`, in seconds: how often, how far back, and when the mirror counts as stale."""

    every: Positive = 60.0
    lookback: NotNegative = 600.0
    stale_after: Positive = 300.0


class LiveSettings(Section, frozen=True, kw_only=True):
    """`[live]`, in seconds: what is asked of the agency while somebody waits.

    Attributes:
        max_age: with `store = "status"`, how long fetched content is shown before it is fetched again.
        deadline: how long anybody waits for the agency.
        stale_if_error: how old content may be shown while the agency does not answer; 0: none.
    """

    max_age: Positive = 60.0
    deadline: Positive = 5.0
    stale_if_error: NotNegative = 3600.0


class PrivacySettings(Section, frozen=True, kw_only=True):
    """`[privacy]`: what the agency's personal data are kept for, and how long.

    Attributes:
        reporter_identity: whether who reported is kept; else it is not even read.
        purpose: what complaints are kept for, for `simpul privacy report`.
        legal_basis: what allows it, for `simpul privacy report`.
        retention_days: days after a complaint was closed until its content is erased; without it, it stays.
        identity_days: days after a complaint was closed until it is forgotten who reported it.
    """

    reporter_identity: bool = False
    purpose: str | None = None
    legal_basis: str | None = None
    retention_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] | None = None
    identity_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 30


class WritesSettings(Section, frozen=True, kw_only=True):
    """`[writes]`: the agency takes what people write here. Without it everything for it is delivered by hand.

    Attributes:
        settles_after: seconds after which what was sent, and is not found at the agency, did not arrive.
        confirm: whether what the agency acknowledged is read back; if it isn't there, its outcome is unknown.
    """

    settles_after: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 60.0
    confirm: bool = False


class DateSettings(Section, frozen=True, kw_only=True):
    """`[dates]`: `iso`, `epoch`, `epoch_ms` or strptime formats, tried in order; naive: in the agency's zone."""

    formats: tuple[str, ...] = ("iso",)


class Common(Section, frozen=True, kw_only=True):
    """What stands in the file and in the Manifest alike.

    Attributes:
        name: of the agency, as people call it.
        level: DISTRICT, PROVINCE or NATIONAL.
        kind: how the agency is spoken to; its own table is named like it.
        time_zone: of moments that name none: Asia/Jakarta is WIB, Asia/Makassar WITA, Asia/Jayapura WIT.
        http: where the agency is, and how politely it is asked.
        auth: how the hub shows itself.
        errors: replies that mean something else than HTTP says; the first rule that fits decides.
        paused: it is not asked, and takes no pushes; its complaints stay.
        region: Kemendagri code: 36 for a province, 36.03 for a district; none for a national agency.
        parent: id of the agency above, if it has a file here too.
        website: for people.
        poll: how often, and how far back.
        live: what is asked of the agency while somebody waits.
        privacy: whether reporters' identities are read at all.
        writes: that and how the agency takes writes; what the kind needs for it stands in the kind's own table.
        dates: how the agency writes moments.
        fields: where in a raw record each field stands.
        timeline: the status log of a record.
        follow_ups: answers and questions of a record.
        dispositions: to whom a record was handed on.
        ratings: what citizens gave.
        attachments: files of a record.
        assigned_agencies: institutions that handle a record.
        copied_agencies: institutions that are told of a record.
        external_references: keys of the same matter in other systems.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    level: AgencyLevel
    kind: str
    time_zone: str
    http: HttpSettings | None = None
    auth: Auth | None = None
    errors: tuple[ErrorRule, ...] = ()
    paused: bool = False
    region: str | None = None
    parent: str | None = None
    website: str | None = None
    poll: PollSettings = PollSettings()
    live: LiveSettings = LiveSettings()
    privacy: PrivacySettings = PrivacySettings()
    writes: WritesSettings | None = None
    dates: DateSettings = DateSettings()
    fields: Fields = Fields()
    timeline: TimelineFields | None = None
    follow_ups: FollowUpFields | None = None
    dispositions: DispositionFields | None = None
    ratings: RatingFields | None = None
    attachments: AttachmentFields | None = None
    assigned_agencies: InstitutionFields | None = None
    copied_agencies: InstitutionFields | None = None
    external_references: ReferenceFields | None = None


class AgencyFile(Common, frozen=True, kw_only=True):
    """What stands in the file alone.

    Attributes:
        store: full mirrors records; status says that no content may be kept.
        status: native words and what they mean, for instance "CLOSED by SYSTEM"; a key that ends in * is a beginning.
        status_actor: native words for who changed a status.
        classification: native words for classes.
        category: native words for categories, and the codes of their topics.
        channel: native words for channels.
        regions: native codes or names of regions, and Kemendagri codes.
        follow_up_kind: native words for kinds of follow-ups.
        rating_source: native words for who gave a rating.
        agencies: institutions' native ids or names, and ids of agencies that are plugged in here.
        clocks: limits in working days that differ from the general ones.
    """

    store: Literal["full", "status"] = "full"
    status: Mapping[str, Any] = {}
    status_actor: Mapping[str, Any] = {}
    classification: Mapping[str, Any] = {}
    category: Mapping[str, Any] = {}
    channel: Mapping[str, Any] = {}
    regions: Mapping[str, Any] = {}
    follow_up_kind: Mapping[str, Any] = {}
    rating_source: Mapping[str, Any] = {}
    agencies: Mapping[str, Any] = {}
    clocks: Mapping[str, Any] = {}


#: The tables of native words.
WORDS: Final = (
    "status",
    "status_actor",
    "classification",
    "category",
    "channel",
    "regions",
    "follow_up_kind",
    "rating_source",
    "agencies",
)


#: The tables about lists inside a record.
LISTS: Final = (
    "timeline",
    "follow_ups",
    "dispositions",
    "ratings",
    "attachments",
    "assigned_agencies",
    "copied_agencies",
    "external_references",
)
