"""Agencies that send: records by signed pushes, and what was missed by asking, where the agency can be asked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import orjson

from connectors.base import Kind, Means
from connectors.fields import Section
from connectors.listing import ListConnector
from connectors.manifest import Manifest, check_path
from connectors.mapping import Mapper
from connectors.paths import Path
from connectors.quarantine import reject
from connectors.reply import deeper_than
from connectors.rest import connector as rest
from connectors.rest.connector import RestSettings
from connectors.secrets import Resolve
from connectors.signature import Key, key_of, verify
from connectors.values import key
from connectors.writing import NO_SENDER
from schema.agency import StoreMode
from schema.complaint import ComplaintRecord, Rejected
from schema.connector import Acknowledgement, Page, Probe, Push, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import BadPush, ConfigError, RecordError

#: Records of one push.
MAX_RECORDS: Final = 500

_MAX_DEPTH: Final = 64


class WebhookSettings(Section, frozen=True, kw_only=True):
    """`[webhook]`.

    Attributes:
        secrets: references. Each of them is valid; a new one is added before the old one goes.
        records: JMESPath in a push to its record, or its list of records.
        cursor: JMESPath in a push to where the sender is in its own records.
        backfill: how the agency is asked for what pushes missed, and written to: the keys of `[rest]`.
    """

    secrets: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=4)]
    records: str = "@"
    cursor: str | None = None
    backfill: RestSettings | None = None


class WebhookConnector:
    """Implements `schema.connector.Connector` and `Receiver`, and `schema.connector.Sender` by the backfill.

    Args:
        manifest: the agency's file, with a `[webhook]` table.
        means: the HTTP client is closed by `aclose`.

    Raises:
        ConfigError: the file lacks something, or a secret will not do.
    """

    def __init__(self, manifest: Manifest, means: Means) -> None:
        self.agency = manifest.agency()
        settings = manifest.settings_as(WebhookSettings)
        _check(manifest)
        self._keys = _keys(manifest, settings, means.secrets)
        self._mapper = Mapper(manifest)
        self._updated_at = Path(manifest.fields.updated_at or "").place
        self._records = Path(settings.records)
        self._cursor = Path(settings.cursor) if settings.cursor else None
        self._backfill = _backfill(manifest, settings, means)
        self._client = means.client
        self.polled = self._backfill is not None
        self._sender: Sender = self._backfill or NO_SENDER
        self.writes, self.finds = self._sender.writes, self._sender.finds
        self.settles_after = self._sender.settles_after

    async def send(self, write: Write) -> Acknowledgement:
        """Tells the agency, once."""
        return await self._sender.send(write)

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for what was sent."""
        return await self._sender.find(write)

    def verify(self, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
        """The id of an authentic push or question."""
        return verify(self._keys, headers, body, now).id

    def receive(self, id: str, body: bytes) -> Push:
        """What an authentic push holds: at most 500 records, or none, which says that there is nothing new."""
        content = _json(body)
        found = _find(self._records, content, "webhook.records")
        raws = found if isinstance(found, list) else [found]
        if found is None:
            raise BadPush("webhook.records of the agency's file leads to nothing in this push")
        if len(raws) > MAX_RECORDS:
            raise BadPush(f"it holds {len(raws):,} records, {MAX_RECORDS} at most are taken at once")
        return Push(id=id, items=tuple(self._item(raw) for raw in raws), cursor=self._cursor_in(content))

    async def changes(self, since: datetime | None) -> AsyncGenerator[Page, None]:
        """What the backfill brings; nothing without one."""
        if self._backfill is not None:
            async for page in self._backfill.changes(since):
                yield page

    async def fetch(self, native_ids: Sequence[str]) -> Page:
        """These records, by the backfill; none without one."""
        return await self._backfill.fetch(native_ids) if self._backfill else Page(records=())

    async def check(self) -> Probe:
        """Asks the backfill; without one there is nobody to ask."""
        if self._backfill is not None:
            return await self._backfill.check()
        reply = "The agency sends, and can't be asked: nothing to check before it does."
        return Probe(request=f"POST /agencies/{self.agency.id}/webhook", reply=reply, page=Page(records=()), seconds=0)

    async def aclose(self) -> None:
        """Ends the connections."""
        if self._backfill is not None:
            await self._backfill.aclose()
        elif self._client is not None:
            await self._client.aclose()

    def _item(self, raw: object) -> ComplaintRecord | Rejected:
        try:
            record = self._mapper.record(raw)
            if record.updated_at is None:
                raise RecordError("is missing: it decides which of two pushes is the newer", path=self._updated_at)
        except RecordError as error:
            return reject(raw, error, self._mapper.native_id(raw))
        return record

    def _cursor_in(self, content: object) -> str | None:
        if self._cursor is None:
            return None
        try:
            return key(_find(self._cursor, content, "webhook.cursor"))
        except RecordError as error:
            raise BadPush(f"webhook.cursor: {error.reason}") from None


def _check(manifest: Manifest) -> None:
    settings = manifest.settings_as(WebhookSettings)
    check_path(manifest, settings.records, "webhook.records")
    if settings.cursor:
        check_path(manifest, settings.cursor, "webhook.cursor")
    if manifest.fields.updated_at is None:
        raise manifest.error("is missing: it decides which of two pushes is the newer", "fields.updated_at")
    if settings.backfill is None and manifest.store is StoreMode.STATUS:
        raise manifest.error("can't be status where the agency can't be asked: add [webhook.backfill]", "store")
    if settings.backfill is not None and manifest.http is None:
        raise manifest.error("is missing: [webhook.backfill] asks the agency", "http")
    if settings.backfill is None and manifest.writes is not None:
        raise manifest.error("needs [webhook.backfill], which says how the agency is written to", "writes")
    if settings.backfill is not None:
        rest.check(_as_rest(manifest))


def _takes(manifest: Manifest) -> frozenset[DeliveryKind]:
    settings = manifest.settings_as(WebhookSettings)
    return rest.takes(_as_rest(manifest)) if settings.backfill else frozenset()


def _keys(manifest: Manifest, settings: WebhookSettings, resolve: Resolve) -> tuple[Key, ...]:
    try:
        return tuple(key_of(resolve(reference)) for reference in settings.secrets)
    except ConfigError as error:
        raise manifest.error(str(error), "webhook.secrets", error.allowed) from None


def _backfill(manifest: Manifest, settings: WebhookSettings, means: Means) -> ListConnector | None:
    return rest.connect(_as_rest(manifest), means) if settings.backfill else None


def _as_rest(manifest: Manifest) -> Manifest:
    """The backfill as an agency's file of its own."""
    # Where its keys stand in the file, for errors.
    lines = {name.replace("webhook.backfill", "rest", 1): line for name, line in manifest.lines.items()}
    return msgspec.structs.replace(manifest, kind="rest", settings=manifest.settings["backfill"], lines=lines)


def _json(body: bytes) -> Any:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadPush(f"it is not JSON in UTF-8 ({error.msg})" if body else "it has no body") from None
    if deeper_than(content, _MAX_DEPTH):
        raise BadPush(f"it is nested deeper than {_MAX_DEPTH}")
    return content


def _find(path: Path, content: object, name: str) -> Any:
    try:
        return path.find(content)
    except RecordError:
        raise BadPush(f"{name} of the agency's file does not fit this push") from None


KIND: Final = Kind(settings=WebhookSettings, connect=WebhookConnector, http=False, check=_check, takes=_takes)
