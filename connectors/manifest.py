"""An agency's file: one TOML text that says everything the hub has to know of an agency (`docs/connectors.md`).

Reading it opens no connection and resolves no secret; a fault is a ConfigError with file, line, key and allowed values.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from connectors.checks import (
    check_credentials,
    check_headers,
    check_paths,
    check_place,
    check_slug,
    check_url,
    read_clocks,
)
from connectors.outcomes import ErrorRule, check_expression, check_rule
from connectors.settings import LISTS, WORDS, AgencyFile, Common, HttpSettings
from connectors.toml import Misfit, convert, line_of, lines_of
from connectors.words import Words, read_words
from schema.agency import Agency, ConnectorTier, StoreMode
from schema.delivery import DeliveryKind
from schema.errors import ConfigError

#: Names of other files that may stand in the folder of agencies' files.
NOT_AGENCIES: Final = frozenset({"routing.toml"})

Settings = TypeVar("Settings", bound=msgspec.Struct)


class Manifest(Common, frozen=True, kw_only=True):
    """One agency's file, valid.

    Attributes:
        slug: the file's name without `.toml`; the agency's id.
        file: path, for errors.
        words: the maps from native words to canonical values.
        clocks: limits in working days by `KIND` or `KIND.CLASSIFICATION`, where they differ from the general ones.
        settings: the table named like the kind; read it with `settings_as`.
        lines: where in the file each key stands.
        tier: what its certificate grants; see `connectors.contract.certificate`.
        takes: kinds of writes that the agency takes; `connectors.registry.completed` knows them.
    """

    slug: str
    file: str
    store: StoreMode = StoreMode.FULL
    words: Words = Words()
    clocks: Mapping[str, int] = {}
    settings: Mapping[str, Any] = {}
    lines: Mapping[str, int] = {}
    tier: ConnectorTier | None = None
    takes: frozenset[DeliveryKind] = frozenset()

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
            tier=self.tier,
            writes=tuple(kind.value for kind in DeliveryKind if kind in self.takes),
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
            check_url(url)
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
    files = sorted(path for path in directory.glob("*.toml") if path.name not in NOT_AGENCIES)
    manifests = {path.stem: read_manifest(path) for path in files}
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
    check_slug(slug)
    kind = document.get("kind")
    settings = document.pop(kind, {}) if isinstance(kind, str) and kind not in _SECTIONS else {}
    _check_rules(document.get("errors"))
    raw = convert(document, AgencyFile)
    if not isinstance(settings, dict):
        raise Misfit("must be a table", raw.kind)
    check_place(raw.level, raw.region, raw.time_zone)
    _check_http(raw)
    check_paths({section: getattr(raw, section) for section in ("fields", *LISTS)})
    common = {name: getattr(raw, name) for name in Common.__struct_fields__}
    return Manifest(
        **common,
        slug=slug,
        file=file,
        store=StoreMode(raw.store.upper()),
        words=read_words(**{name: getattr(raw, name) for name in WORDS}),
        clocks=read_clocks(raw.clocks),
        settings=settings,
        lines=lines,
    )


def _check_rules(rules: object) -> None:
    """Each alone, so that an error can say which."""
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        key = f"errors[{number}]"
        check_rule(convert(rule, ErrorRule, prefix=key), key)


def _check_http(raw: AgencyFile) -> None:
    if raw.http is not None:
        check_url(raw.http.url)
        check_headers(raw.http.headers)
    if raw.auth is not None:
        check_credentials(raw.auth)
    for table in ("auth", "errors"):
        if raw.http is None and getattr(raw, table):
            raise Misfit("is of no use without [http]", table)


_SECTIONS = frozenset(AgencyFile.__struct_fields__)


def check_path(manifest: Manifest, expression: str, key: str) -> None:
    """Checks an expression in a kind's own table.

    Raises:
        ConfigError: it is no JMESPath.
    """
    try:
        check_expression(expression, key)
    except Misfit as misfit:
        raise manifest.error(str(misfit), key) from None
