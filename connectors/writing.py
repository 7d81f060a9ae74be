"""Writes that an agency's file describes: what the declarative kinds share.

A kind says how a request is made of a table; what is sent, how it is found again, and what replies mean is the same
for all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from connectors.fields import Section
from connectors.manifest import Manifest
from connectors.outcomes import check_expression
from connectors.paths import Path
from connectors.toml import Misfit
from connectors.values import key
from connectors.wording import Wording
from schema.connector import Acknowledgement, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import BadPayload, HttpFailure, MappingFailure, RecordError, WriteRejected

#: Sends what the names fill; the reply's JSON, or None where the agency answered nothing.
Ask: TypeAlias = Callable[[Mapping[str, Any]], Awaitable[Any]]


class FindSettings(Section, frozen=True, kw_only=True):
    """How something that was written is found again by our reference.

    Attributes:
        records: JMESPath in the reply to a record, or to a list of them.
        reference: JMESPath in one of them to the reference that it was written with: what has another one is not it.
        native_id: JMESPath in it to the agency's key.
        tracking_id: JMESPath in it to the number for the citizen.
    """

    records: str
    reference: str
    native_id: str
    tracking_id: str | None = None


class WriteSettings(Section, frozen=True, kw_only=True):
    """What the tables of all writes have in common.

    Attributes:
        native_id: JMESPath in the reply to the agency's key. A reply without it is no acknowledgement.
        tracking_id: JMESPath in the reply to the number for the citizen.
    """

    native_id: str | None = None
    tracking_id: str | None = None


def each(writes: msgspec.Struct | None) -> dict[DeliveryKind, Any]:
    """The writes of such a table that its file describes; those without a `find` of their own with the table's."""
    found = {kind: getattr(writes, kind.lower()) for kind in DeliveryKind} if writes else {}
    shared = getattr(writes, "find", None)
    return {
        kind: msgspec.structs.replace(settings, find=settings.find or shared)
        for kind, settings in found.items()
        if settings is not None
    }


def find_table(writes: msgspec.Struct | None, kind: DeliveryKind, root: str) -> str:
    """The dotted key of the `find` of a write.

    Args:
        root: dotted key of the table of writes.
    """
    own = getattr(getattr(writes, kind.lower()), "find", None)
    return f"{root}.{kind.lower()}.find" if own is not None else f"{root}.find"


def check_writes_table(manifest: Manifest, writes: msgspec.Struct | None, key: str) -> None:
    """Checks that the kind's table of writes and `[writes]` stand together.

    Args:
        key: dotted key of the kind's table.

    Raises:
        Misfit: one of them is missing, or says nothing.
    """
    described = each(writes)
    names = tuple(kind.lower() for kind in DeliveryKind)
    if writes is not None and not described:
        raise Misfit("describes no write", key, names)
    if described and manifest.writes is None:
        raise Misfit("is missing: [writes] says that the agency takes writes", "writes")
    if manifest.writes is not None and not described:
        raise Misfit("is missing: it says how the agency is written to", key, names)


def check_write(kind: DeliveryKind, settings: WriteSettings, used: set[str], table: str) -> None:
    """Checks what is the same for all kinds.

    Args:
        used: names that the request uses.
        table: dotted key of the settings.

    Raises:
        Misfit: the agency could not know what is meant, or its answer could not be read.
    """
    for name in ("native_id", "tracking_id"):
        if expression := getattr(settings, name):
            check_expression(expression, f"{table}.{name}")
    if kind is DeliveryKind.SUBMIT and settings.native_id is None:
        raise Misfit("is missing: the record would not be known again", f"{table}.native_id")
    if kind is not DeliveryKind.SUBMIT and "native_id" not in used:
        raise Misfit("does not use native_id: the agency could not know which record is meant", table)


def check_find(find: FindSettings, written: set[str], asked: set[str], table: str) -> None:
    """Checks a `find`.

    Args:
        written: names that the write uses; `asked`: names that the search uses.

    Raises:
        Misfit: it could find nothing.
    """
    for name in ("records", "reference", "native_id", "tracking_id"):
        if expression := getattr(find, name):
            check_expression(expression, f"{table}.{name}")
    if "reference" not in written:
        raise Misfit("looks for a reference that the write does not send", table)
    if not asked & {"reference", "native_id"}:
        raise Misfit("uses neither reference nor native_id: it would ask for everything", table)


class Search:
    """A `find`, compiled.

    Args:
        table: dotted key, for messages.
        filters: the request names our reference, so that a reply with others only means that it was not understood.
    """

    def __init__(self, settings: FindSettings, ask: Ask, table: str, *, filters: bool) -> None:
        self._ask, self._table, self._filters = ask, table, filters
        self._records, self._reference = Path(settings.records), Path(settings.reference)
        self._native_id = Path(settings.native_id)
        self._tracking_id = Path(settings.tracking_id) if settings.tracking_id else None

    async def run(self, names: Mapping[str, Any]) -> Acknowledgement | None:
        """Looks once; None if the agency does not have it.

        Raises:
            SourceError: it could not be looked up.
        """
        try:
            body = await self._ask(names)
        except HttpFailure as failure:
            if failure.status in (404, 410):
                return None
            raise
        records = _look(self._records, body, self._table)
        if records is None and body is not None and not _stands(self._records.place, body):
            raise MappingFailure(f"{self._table}.records leads nowhere in the reply")
        listed = [record for record in (records if isinstance(records, list) else [records]) if record is not None]
        wanted = str(names["reference"]).casefold()
        for record in listed:
            reference = _key(self._reference, record, self._table)
            if reference is not None and reference.casefold() == wanted:
                return self._acknowledged(record)
        if listed and self._filters:
            raise MappingFailure(f"{self._table}: the agency answers others than the one that was asked for")
        return None

    def _acknowledged(self, record: object) -> Acknowledgement:
        tracking = _key(self._tracking_id, record, self._table) if self._tracking_id else None
        return Acknowledgement(native_id=_key(self._native_id, record, self._table), tracking_id=tracking)


class Telling:
    """One kind of write, compiled.

    Args:
        used: names that the request uses.
        search: None where it can't be found again.
        table: dotted key, for messages.
    """

    def __init__(self, settings: WriteSettings, ask: Ask, *, used: set[str], search: Search | None, table: str) -> None:
        self.used, self.search, self._ask, self._table = used, search, ask, table
        self._native_id = Path(settings.native_id) if settings.native_id else None
        self._tracking_id = Path(settings.tracking_id) if settings.tracking_id else None

    async def run(self, names: Mapping[str, Any]) -> Acknowledgement:
        """Says it once.

        Raises:
            SourceError: as `schema.connector.Sender.send` has it.
        """
        body = await self._ask(names)
        native_id = _key(self._native_id, body, self._table) if self._native_id else None
        if self._native_id and native_id is None:
            raise BadPayload(f"the agency answered without a key ({self._table}.native_id)")
        return Acknowledgement(
            native_id=native_id, tracking_id=_key(self._tracking_id, body, self._table) if self._tracking_id else None
        )


class DeclaredSender:
    """Implements `schema.connector.Sender` by tables.

    Args:
        tellings: what is written by machine, by kind.
        settles_after: see `Sender`.
    """

    def __init__(self, wording: Wording, tellings: Mapping[DeliveryKind, Telling], settles_after: float) -> None:
        self._wording, self._tellings = wording, tellings
        self.settles_after = settles_after
        self.writes = frozenset(tellings)
        self.finds = frozenset(kind for kind, one in tellings.items() if one.search is not None)

    async def send(self, write: Write) -> Acknowledgement:
        """Tells the agency, once."""
        telling = self._tellings[write.kind]
        names = self._wording.names(write, files="files" in telling.used)
        if "status" in telling.used and names["status"] is None:
            raise WriteRejected(f"the agency's file has no word for {names['canonical_status']}")
        try:
            return await telling.run(names)
        except WriteRejected:
            if telling.search and (held := await telling.search.run(names)):
                return held  # it says no because it has it
            raise

    async def find(self, write: Write) -> Acknowledgement | None:
        """Looks for it under its reference."""
        search = self._tellings[write.kind].search
        if search is None:
            raise MappingFailure(f"the agency's file has no way to find a {write.kind}")
        return await search.run(self._wording.names(write, files=False))


class _Nobody:
    writes: frozenset[DeliveryKind] = frozenset()
    finds: frozenset[DeliveryKind] = frozenset()
    settles_after = 0.0

    async def send(self, write: Write) -> Acknowledgement:
        raise AssertionError(f"a {write.kind} is delivered by hand")

    async def find(self, write: Write) -> Acknowledgement | None:
        raise AssertionError(f"a {write.kind} is delivered by hand")


#: For agencies that take nothing by machine.
NO_SENDER: Final[Sender] = _Nobody()


def _stands(place: Sequence[str], body: object) -> bool:
    """Whether a null that was found stands there. A path that leads nowhere must not be taken for an empty list."""
    if not all(name.isidentifier() for name in place):
        return True  # an expression finds nothing in many ways
    for name in place:
        if body is None:
            return True
        if not isinstance(body, dict) or name not in body:
            return False
        body = body[name]
    return True


def _look(path: Path, body: object, table: str) -> Any:
    try:
        return path.find(body)
    except RecordError:
        raise MappingFailure(f"{table} does not fit the reply") from None


def _key(path: Path, body: object, table: str) -> str | None:
    try:
        return key(path.find(body))
    except RecordError as error:
        raise BadPayload(f"{table} does not fit the reply: {error.reason}") from None
