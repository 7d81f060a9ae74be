"""What must hold in an agency's file beyond the types of its values. Each check raises Misfit with the dotted key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from connectors.auth import ApiKey, Auth, Headers, OAuth2, check_auth
from connectors.fields import Section
from connectors.outcomes import check_expression
from connectors.secrets import has_reference
from connectors.toml import Misfit
from connectors.words import REGION, SLUG, one_of
from schema.agency import AgencyLevel
from schema.clocks import ClockKind
from schema.complaint import Classification

_SECRET_HEADER = re.compile(r"authorization|api-?key|token|secret|cookie|passw|credential", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def check_slug(slug: str) -> None:
    """The file's name is the agency's id."""
    if slug == "routing":
        raise Misfit("the file routing.toml says where complaints go, and is no agency's", "")
    if not SLUG.fullmatch(slug) or len(slug) > 63:
        raise Misfit(f"the file's name {slug!r} is not a slug: lower-case letters, digits and single hyphens", "")


def check_place(level: AgencyLevel, region: str | None, time_zone: str) -> None:
    """There is such a zone, and the region is one of the level."""
    try:
        ZoneInfo(time_zone)
    except (KeyError, ValueError, OSError):
        raise Misfit(
            "is not an IANA time zone", "time_zone", ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura", "...")
        ) from None
    groups = {AgencyLevel.NATIONAL: 0, AgencyLevel.PROVINCE: 1, AgencyLevel.DISTRICT: 2}[level]
    example = ("no region", "36", "36.03")[groups]
    if region is None and groups == 0:
        return
    if region is None:
        raise Misfit(f"is missing for level {level}", "region", (f"like {example}",))
    if not REGION.fullmatch(region) or len(region.split(".")) != groups:
        raise Misfit(f"is not a Kemendagri code for level {level}", "region", (f"like {example}",))


def check_url(url: str, key: str = "http.url") -> None:
    """It is an address to build others on, without anything secret in it."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise Misfit("is not a base address", key, ("https://host/path", "http://host:port/path"))
    if parts.username or parts.password or parts.query or parts.fragment:
        raise Misfit("holds a user, password, query or fragment; credentials belong in [auth]", key)


def check_headers(headers: Mapping[str, str], table: str = "http.headers") -> None:
    """They can be sent, and none of them is a secret."""
    for name, value in headers.items():
        key = f"{table}.{name}"
        check_header_name(name, key)
        if not value.isascii() or not value.isprintable():
            raise Misfit("is not a header's value", key)
        if _SECRET_HEADER.search(name) and not has_reference(value):
            raise Misfit("a secret may not stand in the file", key, ("env:NAME", "file:/path", "Bearer env:NAME"))


def check_credentials(auth: Auth) -> None:
    """`[auth]`: no secret stands in it, and what it names can be sent."""
    check_auth(auth)
    match auth:
        case ApiKey(header=str(name)):
            check_header_name(name, "auth.header")
        case Headers():
            check_headers(auth.headers, "auth.headers")
        case OAuth2():
            check_url(auth.token_url, "auth.token_url")


def check_header_name(name: str, key: str) -> None:
    """It can be sent."""
    if not _HEADER_NAME.fullmatch(name):
        raise Misfit("is not a header's name", key)


def check_paths(tables: Mapping[str, Section | None]) -> None:
    """Every value of these tables is a JMESPath."""
    for section, table in tables.items():
        for name, expression in (msgspec.structs.asdict(table) if table else {}).items():
            if expression is not None:
                check_expression(expression, f"{section}.{name}")


def read_clocks(raw: Mapping[str, Any]) -> dict[str, int]:
    """`[clocks]`, by `KIND` or `KIND.CLASSIFICATION`."""
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
