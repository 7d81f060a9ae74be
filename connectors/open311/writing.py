"""What is written to a GeoReport v2 server: requests, and updates where it has FixMyStreet's extension.

The specification has no key against writing twice. Ours goes into an attribute, and the request is found again by it;
an update carries ours as its `update_id`, by which FixMyStreet's servers know it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from connectors.fields import Section
from connectors.forms import URLENCODED, urlencoded
from connectors.http import Http
from connectors.manifest import Manifest
from connectors.open311.payload import read_requests, read_updates
from connectors.open311.spans import charset
from connectors.reply import Reply
from connectors.sending import answered, holds, native_id
from connectors.template import Template, check_flat, check_table
from connectors.toml import Misfit
from connectors.transport import unsent
from connectors.values import key
from connectors.wording import NAMES, Wording
from schema.complaint import Complaint, ComplaintRecord
from schema.connector import OUR_SYSTEM, Acknowledgement, Write
from schema.delivery import DeliveryKind
from schema.errors import MappingFailure, RecordError, SourceError, SourceFailure, WriteRejected

#: What an update can say.
UPDATES: Final = frozenset({DeliveryKind.FOLLOW_UP, DeliveryKind.STATUS_CHANGE, DeliveryKind.WITHDRAWAL})
#: How often a token is asked for its request, and seconds between.
_ASKED, _BETWEEN = 3, 0.2

#: The request's records that were received since a complaint was, filtered by our reference if the server can.
Records: TypeAlias = Callable[[Complaint, str], Awaitable[list[ComplaintRecord]]]
One: TypeAlias = Callable[[str], Awaitable[ComplaintRecord | None]]


class Open311Writes(Section, frozen=True, kw_only=True):
    """`[open311.writes]`.

    Attributes:
        reference: name of the attribute that carries our reference; `[external_references]` must read it back as one
            of the system `simpul`.
        find: parameter of `GET requests` that filters by it, where the server has one.
        service_code: for categories that `[category]` has no code for.
        attributes: further attributes, by name, as expressions: `{ title = "title", anonymous = "is_anonymous" }`.
        fields: further fields of the request, by name, as expressions: `{ address_id = "region" }`.
        updates: whether the server takes `POST servicerequestupdates`; answers and moves are then written too.
    """

    reference: str
    find: str | None = None
    service_code: str | None = None
    attributes: Mapping[str, Any] = {}
    fields: Mapping[str, Any] = {}
    updates: bool = False


def check_writes(manifest: Manifest, writes: Open311Writes) -> None:
    """Checks what the types can't say.

    Raises:
        ConfigError: names the dotted key.
    """
    try:
        for name, table in (("attributes", writes.attributes), ("fields", writes.fields)):
            check_table(table, NAMES[DeliveryKind.SUBMIT], f"open311.writes.{name}")
            check_flat(table, f"open311.writes.{name}")
    except Misfit as misfit:
        raise manifest.error(str(misfit), misfit.key, misfit.allowed) from None
    if manifest.external_references is None:
        raise manifest.error("is missing: what was written would not be known again", "external_references")


class Open311Sender:
    """Sends and finds.

    Args:
        params: of each request; `jurisdiction_id` among them goes into what is written too.
        path: of a resource, for instance `requests`.
        records, one: what the server has.
    """

    def __init__(
        self,
        manifest: Manifest,
        writes: Open311Writes,
        http: Http,
        *,
        params: Mapping[str, Any],
        path: Callable[[str], str],
        records: Records,
        one: One,
    ) -> None:
        self._writes, self._http = writes, http
        self._wording = Wording(manifest)
        self._attributes, self._fields = Template(writes.attributes), Template(writes.fields)
        self._params = params
        self._path, self._records, self._one = path, records, one

    async def send(self, write: Write) -> Acknowledgement:
        """Tells it, once."""
        names = self._wording.names(write, files=False)
        if write.kind is DeliveryKind.SUBMIT:
            return await self._submit(write, names)
        return await self._update(write, names)

    async def find(self, write: Write) -> Acknowledgement | None:
        """A request by our reference; an update by what the request tells."""
        if write.kind is not DeliveryKind.SUBMIT:
            record = await self._one(native_id(write))
            return Acknowledgement() if record is not None and holds(record, write) else None
        found = [record for record in await self._records(write.complaint, write.reference) if _ours(record, write)]
        if not found:
            return None
        first = min(found, key=lambda record: (record.submitted_at is None, record.submitted_at, record.native_id))
        return Acknowledgement(native_id=first.native_id, tracking_id=first.tracking_id)

    async def _submit(self, write: Write, names: Mapping[str, Any]) -> Acknowledgement:
        code = names["category"] or self._writes.service_code
        if code is None:
            raise unsent(MappingFailure("no service code for the category; see open311.writes.service_code"))
        reporter = write.reporter
        first, _, last = (reporter.name if reporter and reporter.name else "").partition(" ")
        attributes = {self._writes.reference: write.reference, **self._attributes.fill(names)}
        told: dict[str, Any] = {
            "jurisdiction_id": self._params.get("jurisdiction_id"),
            "service_code": code,
            "lat": names["latitude"],
            "long": names["longitude"],
            "address_string": names["address"],
            "description": names["text"],
            "first_name": first or None,
            "last_name": last or None,
            "phone": reporter.phone if reporter else None,
            "email": reporter.email if reporter else None,
            **self._fields.fill(names),
            **{f"attribute[{name}]": value for name, value in attributes.items()},
        }
        media = [("media_url", file.attachment.url) for file in write.files]
        reply = await self._post("requests", [*told.items(), *media])
        return await self._acknowledged(_first(read_requests, reply))

    async def _acknowledged(self, told: Mapping[str, Any]) -> Acknowledgement:
        """The key of the new request; a server that gives out a token is asked for what became of it."""
        token = _key(told, "token")
        for attempt in range(_ASKED if token else 0):
            if _key(told, "service_request_id"):
                break
            await asyncio.sleep(_BETWEEN * attempt)
            reply = await self._http.get(self._path(f"tokens/{quote(str(token), safe='')}"), self._params)
            told = _first(read_requests, reply)
        found = _key(told, "service_request_id")
        if found is None:
            raise SourceFailure("the agency took a request and did not say which it is")
        return Acknowledgement(native_id=found)

    async def _update(self, write: Write, names: Mapping[str, Any]) -> Acknowledgement:
        status = names.get("status")
        if write.status is not None and status is None:
            raise WriteRejected(f"the agency's file has no word for {write.status.to_status}")
        update = [
            ("jurisdiction_id", self._params.get("jurisdiction_id")),
            ("service_request_id", native_id(write)),
            ("update_id", write.reference),
            ("updated_datetime", names["at"]),
            ("status", status),
            ("description", names.get("content") or names.get("note")),
            ("attribute[type]", names.get("kind")),
            ("attribute[actor]", names.get("actor")),
            *(("media_url", file.attachment.url) for file in write.files),
        ]
        reply = await self._post("servicerequestupdates", update)
        return Acknowledgement(native_id=_key(_first(read_updates, reply), "update_id"))

    async def _post(self, resource: str, pairs: list[tuple[str, Any]]) -> Reply:
        words = [(name, str(value).lower() if isinstance(value, bool) else value) for name, value in pairs]
        headers = {**URLENCODED, "Accept": "application/json, text/xml, application/xml"}
        return await self._http.write("POST", self._path(resource), headers=headers, content=urlencoded(words))


def _first(read: Callable[[bytes, str | None], list[object]], reply: Reply) -> Mapping[str, Any]:
    """The only record of a reply.

    Raises:
        SourceError: it says no, or can't be read.
    """
    try:
        records = read(reply.content, charset(reply))
    except SourceError as error:
        raise answered(error) from None
    return records[0] if records and isinstance(records[0], dict) else {}


def _key(told: Mapping[str, Any], name: str) -> str | None:
    try:
        return key(told.get(name))
    except RecordError:
        return None


def _ours(record: ComplaintRecord, write: Write) -> bool:
    wanted = write.reference.casefold()
    return any(each.system == OUR_SYSTEM and each.id.casefold() == wanted for each in record.external_references)
