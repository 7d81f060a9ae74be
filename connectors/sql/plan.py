"""What an agency's file asks of its database, checked before anything is asked."""

from __future__ import annotations

import re
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.manifest import Manifest
from connectors.quarantine import digest
from connectors.secrets import Resolve, Secret
from connectors.sql.database import FORMS, BadAddress, Database, address, open_database
from connectors.sql.settings import SqlSettings
from connectors.sql.statement import ChildQuery, Dialect, NotOneSelect, Parts, Queries, names, parse
from schema.errors import ConfigError

_COLUMN: Final = re.compile(r"[A-Za-z_]\w*")


class Plan:
    """The `[sql]` table of a file.

    Attributes:
        key: column by which pages are cut.
        incremental: the database tells what changed.

    Raises:
        ConfigError: something in it is wrong, or a secret is missing.
    """

    def __init__(self, manifest: Manifest, resolve: Resolve) -> None:
        self._manifest = manifest
        self.settings = manifest.settings_as(SqlSettings)
        self.native_id = manifest.fields.native_id or ""
        if not _COLUMN.fullmatch(self.native_id):
            message = "must be a column of sql.query; what is made of several columns, make there"
            raise manifest.error(message, "fields.native_id")
        self.key = self.settings.key or self.native_id
        self.zone = self._zone()
        self.dialect, self.database = self._database(resolve)
        query = self._parsed(self.settings.query, "sql.query", "since", "after", "limit")
        self._check(query)
        self.incremental = self.settings.since is not None or "since" in names(query)
        self.queries = Queries(
            self.dialect, query, self._fetch(query), key=self.key, native_id=self.native_id, since=self._since
        )
        self.children = self._children()

    @property
    def _since(self) -> str | None:
        return self.settings.since.column if self.settings.since else None

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.settings.zone or self._manifest.time_zone)
        except (KeyError, ValueError, OSError):
            allowed = ("UTC", "Asia/Jakarta", "...")
            raise self._manifest.error("is not an IANA time zone", "sql.zone", allowed) from None

    def _database(self, resolve: Resolve) -> tuple[Dialect, Database]:
        try:
            place = address(self.settings.url, self._named(resolve))
            return place.dialect, open_database(place, self.zone, self.settings.deadline)
        except BadAddress as error:
            raise self._manifest.error(str(error), "sql.url", FORMS) from None

    def _named(self, resolve: Resolve) -> Resolve:
        def found(reference: str) -> Secret:
            try:
                return resolve(reference)
            except ConfigError as error:
                raise self._manifest.error(str(error), "sql.url") from None

        return found

    def _parsed(self, query: str, key: str, *known: str) -> Parts:
        try:
            return parse(query, self.dialect, known)
        except NotOneSelect as error:
            allowed = [f":{name}" for name in known] if ":" in str(error) else []
            raise self._manifest.error(str(error), key, allowed) from None

    def _check(self, query: Parts) -> None:
        asked, since, error = names(query), self.settings.since, self._manifest.error
        if ("limit" in asked) != ("after" in asked):
            raise error("a query that pages by itself needs both :after and :limit", "sql.query")
        if since and not self._since and "since" not in asked:
            raise error("is missing, or :since in sql.query", "sql.since.column")
        if self._since and "since" in asked:
            raise error("is not needed where sql.query has :since", "sql.since.column")
        if self._since and "limit" in asked:
            raise error("can't be added to a query that pages by itself: write :since into it", "sql.since.column")
        if (since or "since" in asked) and not self._manifest.fields.updated_at:
            raise error("is missing; it tells how far changes have been read", "fields.updated_at")

    def _fetch(self, query: Parts) -> Parts | None:
        if self.settings.fetch is None:
            if "limit" in names(query):
                message = "is missing: a query that pages by itself can't be asked for single complaints"
                raise self._manifest.error(message, "sql.fetch")
            return None
        fetch = self._parsed(self.settings.fetch, "sql.fetch", "ids")
        if "ids" not in names(fetch):
            raise self._manifest.error("has no :ids", "sql.fetch")
        return fetch

    def _children(self) -> list[ChildQuery]:
        return [
            ChildQuery(
                self.dialect,
                name,
                self._parsed(child.query, f"sql.lists.{name}.query", "ids"),
                parent=child.parent,
                order=child.order,
            )
            for name, child in self.settings.lists.items()
        ]

    def fingerprint(self) -> str:
        """Of everything that a row is read with: read in another way, the same row is another record."""
        left_out = ("lines", "file", "http", "poll", "paused", "tier", "settings")
        read = {name: getattr(self._manifest, name) for name in Manifest.__struct_fields__ if name not in left_out}
        own = msgspec.structs.asdict(self.settings)
        table = {name: value for name, value in own.items() if name not in ("url", "deadline", "page", "max_bytes")}
        return digest(msgspec.to_builtins({**read, "sql": table}))
