"""An agency's file: one TOML text that says everything the hub has to know of an agency (`docs/connectors.md`).

Reading it opens no connection and resolves no secret; a fault is a ConfigError with file, line, key and allowed values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import jmespath
import msgspec

from connectors.addresses import Network, implied_by
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
from connectors.secrets import has_reference
from connectors.toml import Misfit, convert, line_of, lines_of
from connectors.words import REGION, SLUG, Words, one_of, read_words
from schema.agency import Agency, AgencyLevel, StoreMode
from schema.clocks import ClockKind
from schema.complaint import Classification
from schema.errors import ConfigError

_SECRET_HEADER = re.compile(r"authorization|api-?key|token|secret|cookie|passw|credential", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

Settings = TypeVar("Settings", bound=msgspec.Struct)
Positive = Annotated[float, msgspec.Meta(gt=0)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class HttpSettings(Section, frozen=True, kw_only=True):
    """`[http]`: where and how politely the agency is asked.

    Attributes:
        url: base address, without a query, user or password.
        deadline: seconds in all for one request, retries and waiting included.
        concurrency: requests under way at the same time.
        rate: requests per second.
        max_bytes: of one reply, on the wire as well as unpacked.
        headers: sent with each request; values may hold secret references.
        network: which addresses may be connected to; by default what `url` itself says.
    """

    url: str
    deadline: Positive = 10.0
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    rate: Positive = 20.0
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


class PrivacySettings(Section, frozen=True, kw_only=True):
    """`[privacy]`. The reporter's identity is not even read unless asked for."""

    reporter_identity: bool = False


class DateSettings(Section, frozen=True, kw_only=True):
    """`[dates]`: `iso`, `epoch`, `epoch_ms` or strptime formats, tried in order; naive: in the agency's zone."""

    formats: tuple[str, ...] = ("iso",)


class _Common(Section, frozen=True, kw_only=True):
    """What stands in the file and in the Manifest alike."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    level: AgencyLevel
    kind: str
    time_zone: str
    http: HttpSettings | None = None
    paused: bool = False
    region: str | None = None
    parent: str | None = None
    website: str | None = None
    poll: PollSettings = PollSettings()
    privacy: PrivacySettings = PrivacySettings()
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


class _File(_Common, frozen=True, kw_only=True):
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


class Manifest(_Common, frozen=True, kw_only=True):
    """One agency's file, valid.

    Attributes:
        slug: the file's name without `.toml`; the agency's id.
        file: path, for errors.
        paused: it is not asked, and takes no pushes; its complaints stay.
        words: the maps from native words to canonical values.
        clocks: limits in working days by `KIND` or `KIND.CLASSIFICATION`, where they differ from the general ones.
        settings: the table named like the kind; read it with `settings_as`.
        lines: where in the file each key stands.
    """

    slug: str
    file: str
    store: StoreMode = StoreMode.FULL
    words: Words = Words()
    clocks: Mapping[str, int] = {}
    settings: Mapping[str, Any] = {}
    lines: Mapping[str, int] = {}

    def agency(self) -> Agency:
        """The agency as the ledger registers it."""
        return Agency(
            id=self.slug,
            name=self.name,
            level=self.level,
            time_zone=self.time_zone,
            connector_kind=self.kind,
            region_code=self.region,
            parent=self.parent,
            website=self.website,
            store=self.store,
        )

    def settings_as(self, into: type[Settings]) -> Settings:
        """The kind's own table as its struct.

        Raises:
            ConfigError: it doesn't fit.
        """
        try:
            return convert(self.settings, into, prefix=self.kind)
        except Misfit as misfit:
            raise self.error(str(misfit), misfit.key, misfit.allowed) from None

    def error(self, message: str, key: str, allowed: Iterable[str] = ()) -> ConfigError:
        """A ConfigError about a key of this file, for whoever finds a fault later."""
        return ConfigError(message, file=self.file, line=line_of(self.lines, key), key=key, allowed=tuple(allowed))

    def at(self, url: str) -> Manifest:
        """The same agency at another base address, for demos and tests.

        Raises:
            ConfigError: not a base address.
        """
        try:
            _check_url(url)
        except Misfit as misfit:
            raise ConfigError(str(misfit), key="url", allowed=misfit.allowed) from None
        http = msgspec.structs.replace(self.http, url=url, network=None) if self.http else HttpSettings(url=url)
        return msgspec.structs.replace(self, http=http)

    def with_values(self, values: Mapping[str, str]) -> Manifest:
        """The same agency with other values, for demos and tests.

        Args:
            values: by dotted key: `http.url`, or a key of the kind's own table, for instance `sql.url`.

        Raises:
            ConfigError: a value is not allowed there.
        """
        found = self
        for key, value in values.items():
            found = found.at(value) if key == "http.url" else found._with_setting(key, value)
        return found

    def _with_setting(self, key: str, value: str) -> Manifest:
        kind, *path, name = key.split(".")
        if kind != self.kind:
            raise ConfigError("is no key of this agency's kind", key=key, allowed=(f"{self.kind}.…",))
        settings = {**self.settings}
        table = settings
        for part in path:
            inner = {**table.get(part, {})}
            table[part] = inner
            table = inner
        table[name] = value
        return msgspec.structs.replace(self, settings=settings)


def read_manifest(path: Path) -> Manifest:
    """Reads one agency's file.

    Raises:
        ConfigError: it can't be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"can't be read ({type(error).__name__})", file=str(path)) from None
    return parse_manifest(text, slug=path.stem, file=str(path))


def load_manifests(directory: Path) -> dict[str, Manifest]:
    """All agencies' files of a directory, by slug, in order. One bad file fails all of them.

    The kind's own table is checked by `connectors.registry.load_agencies`, which knows the kinds.

    Raises:
        ConfigError: names the bad file.
    """
    if not directory.is_dir():
        raise ConfigError("is not a directory of agency files", file=str(directory))
    manifests = {path.stem: read_manifest(path) for path in sorted(directory.glob("*.toml"))}
    for manifest in manifests.values():
        if manifest.parent is not None and manifest.parent not in manifests:
            raise manifest.error("no such agency here", "parent", manifests)
    return manifests


def parse_manifest(text: str, *, slug: str, file: str) -> Manifest:
    """Reads the text of one agency's file.

    Args:
        slug: the agency's id, from the file's name.
        file: what to call the file in errors.

    Raises:
        ConfigError: something in it is wrong.
    """
    lines = lines_of(text)
    try:
        return _manifest(_document(text), slug, file, lines)
    except Misfit as misfit:
        raise ConfigError(
            str(misfit), file=file, line=line_of(lines, misfit.key), key=misfit.key or None, allowed=misfit.allowed
        ) from None
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"at line (\d+)", str(error))
        message = "is not TOML: " + re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError(message, file=file, line=int(line[1]) if line else None) from None


def _document(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff"))


def _manifest(document: dict[str, Any], slug: str, file: str, lines: Mapping[str, int]) -> Manifest:
    _check_slug(slug)
    kind = document.get("kind")
    settings = document.pop(kind, {}) if isinstance(kind, str) and kind not in _SECTIONS else {}
    raw = convert(document, _File)
    if not isinstance(settings, dict):
        raise Misfit("must be a table", raw.kind)
    _check_place(raw)
    if raw.http is not None:
        _check_url(raw.http.url)
        _check_headers(raw.http.headers)
    _check_paths(raw)
    common = {name: getattr(raw, name) for name in _Common.__struct_fields__}
    return Manifest(
        **common,
        slug=slug,
        file=file,
        store=StoreMode(raw.store.upper()),
        words=read_words(**{name: getattr(raw, name) for name in _WORDS}),
        clocks=_clocks(raw.clocks),
        settings=settings,
        lines=lines,
    )


_SECTIONS = frozenset(_File.__struct_fields__)
_WORDS = (
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


def _check_slug(slug: str) -> None:
    if not SLUG.fullmatch(slug) or len(slug) > 63:
        raise Misfit(f"the file's name {slug!r} is not a slug: lower-case letters, digits and single hyphens", "")


def _check_place(raw: _File) -> None:
    try:
        ZoneInfo(raw.time_zone)
    except (KeyError, ValueError, OSError):
        raise Misfit(
            "is not an IANA time zone", "time_zone", ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "...")
        ) from None
    groups = {AgencyLevel.NATIONAL: 0, AgencyLevel.PROVINCE: 1, AgencyLevel.DISTRICT: 2}[raw.level]
    example = ("no region", "36", "36.03")[groups]
    if raw.region is None and groups == 0:
        return
    if raw.region is None:
        raise Misfit(f"is missing for level {raw.level}", "region", (f"like {example}",))
    if not REGION.fullmatch(raw.region) or len(raw.region.split(".")) != groups:
        raise Misfit(f"is not a Kemendagri code for level {raw.level}", "region", (f"like {example}",))


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Misfit("is not a base address", "http.url", ("https://host/path", "http://host:port/path"))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Misfit("holds a user, password, query or fragment; credentials belong in http.headers", "http.url")


def _check_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        key = f"http.headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            raise Misfit("is not a header's name", key)
        if not value.isascii() or not value.isprintable():
            raise Misfit("is not a header's value", key)
        if _SECRET_HEADER.search(name) and not has_reference(value):
            raise Misfit("a secret may not stand in the file", key, ("env:NAME", "file:/path", "Bearer env:NAME"))


def _check_paths(raw: _File) -> None:
    for section in ("fields", *_LISTS):
        table = getattr(raw, section)
        for name, expression in (msgspec.structs.asdict(table) if table else {}).items():
            if expression is not None:
                _check_path(expression, f"{section}.{name}")


_LISTS = (
    "timeline",
    "follow_ups",
    "dispositions",
    "ratings",
    "attachments",
    "assigned_agencies",
    "copied_agencies",
    "external_references",
)


def _check_path(expression: str, key: str) -> None:
    try:
        jmespath.compile(expression)
    except (jmespath.exceptions.JMESPathError, ValueError) as error:
        raise Misfit(f"is not a JMESPath expression ({str(error).splitlines()[0]})", key) from None


def check_path(manifest: Manifest, expression: str, key: str) -> None:
    """Checks an expression in a kind's own table.

    Raises:
        ConfigError: it is no JMESPath.
    """
    try:
        _check_path(expression, key)
    except Misfit as misfit:
        raise manifest.error(str(misfit), key) from None


def _clocks(raw: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in _flat(raw):
        kind, _, classification = name.partition(".")
        key = f"clocks.{name}"
        one_of(ClockKind)(kind, key)
        if classification:
            one_of(Classification)(classification, key)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1000:
            raise Misfit("must be a whole number of working days from 1 to 1000", key)
        found[name] = value
    return found


def _flat(table: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """`FINISH.ASPIRASI = 14` without quotes is a table in a table; it means the same."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", days) for inner, days in value.items())
        else:
            yield name, value
