"""What is written to SP4N-LAPOR!: complaints, answers, stars, and "bukan wewenang" with whom it belongs to.

The requests are those seen in a public client; numbers that it does not tell (`LaporWrites`) are in the agency's file.
It has no keys of its own against writing twice: a complaint carries ours among its tags, and the rest is recognised by
what it says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from connectors.fields import Section
from connectors.forms import URLENCODED, Pairs, multipart, urlencoded
from connectors.http import Http
from connectors.lapor.envelope import read_written
from connectors.native import NativeWords
from connectors.sending import answered, holds, native_id
from connectors.transport import unsent
from connectors.values import key
from connectors.words import Words, fold
from schema.categories import category
from schema.complaint import (
    Classification,
    Complaint,
    ComplaintRecord,
    Disposition,
    ExternalReference,
    FollowUp,
    FollowUpKind,
)
from schema.connector import OUR_SYSTEM, Acknowledgement, File, Write
from schema.delivery import DeliveryKind
from schema.errors import MappingFailure, SourceError, SourceFailure
from schema.status import ActorRole

KINDS: Final = frozenset({DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP, DeliveryKind.TRANSFER, DeliveryKind.RATING})

_DAY: Final = "%d-%m-%Y"
_TEMPLATES: Final = {
    FollowUpKind.INITIAL_RESPONSE: "TL_AWAL",
    FollowUpKind.PROGRESS: "TL_PROSES",
    FollowUpKind.FINAL_ANSWER: "TL_SELESAI",
    FollowUpKind.REPORTER_REPLY: "BALASAN",
    FollowUpKind.INFORMATION_REQUEST: "MINTA_INFO",
}
_CLASSES: Final = {name: number for number, name in enumerate(Classification, 1)}

#: Rows of the list, newest first, as far back as a moment; the names of institutions by id; one record.
Rows: TypeAlias = Callable[[Complaint, str], Awaitable[list[Mapping[str, Any]]]]
Names: TypeAlias = Callable[[], Awaitable[Mapping[str, str]]]
One: TypeAlias = Callable[[str], Awaitable[ComplaintRecord | None]]


class LaporWrites(Section, frozen=True, kw_only=True):
    """`[lapor.writes]`: how this hub is known there.

    Attributes:
        integrator: ends the path that complaints are sent to: `/complaints/complaint-<integrator>`.
        user_id: the account that complaints are filed under.
        channel: number or name of the channel.
        disposition_id: the institution that new complaints are given to.
        institution_id: the institution that answers from here come from.
        category_id: where no number of the category or of its topic is known.
        classifications: numbers of the classes, where they are not 1 to 4.
    """

    integrator: str
    user_id: int
    channel: str | int
    disposition_id: int | None = None
    institution_id: int | None = None
    category_id: int | None = None
    classifications: Mapping[Classification, int] = {}


class LaporSender:
    """Sends and finds.

    Args:
        words: the agency's.
        rows: the list, newest first, back to when a complaint was received here; filtered by a tag if the server can.
        names: of institutions by id.
        one: a record as the server has it now; None if it has none.
    """

    def __init__(self, writes: LaporWrites, http: Http, words: Words, *, rows: Rows, names: Names, one: One) -> None:
        self._writes, self._http = writes, http
        self._native = NativeWords(words)
        self._rows, self._names, self._one = rows, names, one

    async def send(self, write: Write) -> Acknowledgement:
        """Tells it, once."""
        match write.kind:
            case DeliveryKind.SUBMIT:
                return await self._submit(write)
            case DeliveryKind.FOLLOW_UP:
                return await self._follow_up(write)
            case DeliveryKind.TRANSFER:
                return await self._transfer(write)
            case DeliveryKind.RATING:
                return await self._rate(write)
        raise unsent(MappingFailure(f"a {write.kind} can't be written there"))

    async def find(self, write: Write) -> Acknowledgement | None:
        """A complaint by its tag; what was written to one by what it says."""
        if write.kind is DeliveryKind.SUBMIT:
            wanted = tag(write.reference)
            found = [row for row in await self._rows(write.complaint, wanted) if wanted.casefold() in tags(row)]
            return _acknowledged(found[-1]) if found else None
        record = await self._one(native_id(write))
        return Acknowledgement() if record is not None and holds(record, write) else None

    # ------------------------------------------------------------- sending

    async def _submit(self, write: Write) -> Acknowledgement:
        files = await self._upload("/complaints/complaint/file", "attachments[]", write.files)
        told = await self._post(
            f"/complaints/complaint-{quote(self._writes.integrator, safe='')}", self._told(write, files)
        )
        found = _acknowledged(told)
        if found.native_id is None:
            raise SourceFailure("the agency said that all is well, and not which complaint it is")
        return found

    def _told(self, write: Write, files: list[str]) -> Pairs:
        complaint, ours = write.complaint, self._writes
        place, day, class_ = complaint.incident_location, complaint.incident_date, complaint.classification
        region = place.region_code if place else None
        numbers = {**_CLASSES, **ours.classifications}
        return [
            ("title", complaint.title),
            ("content", complaint.text),
            ("channel", ours.channel),
            ("user_id", ours.user_id),
            ("classification_id", numbers[class_] if class_ else None),
            ("disposition_id", ours.disposition_id),
            ("category_id", self._category(complaint.category)),
            ("location_id", (self._native.region(region) or region).replace(".", "") if region else None),
            ("address", place.address if place else None),
            ("lat", place.latitude if place else None),
            ("long", place.longitude if place else None),
            ("date_of_incident", day.strftime(_DAY) if day else None),
            ("tags_raw", " ".join([*(f"#{word}" for word in complaint.tags), tag(write.reference)])),
            ("is_anonymous", int(complaint.is_anonymous)),
            ("is_secret", int(complaint.is_confidential)),
            ("is_priority", 0),
            *(("attachments[]", id) for id in files),
        ]

    def _category(self, code: str | None) -> str | int | None:
        """The agency's number, else the national one of the category or of its topic."""
        if code is not None:
            word = self._native.category(code)
            if word is not None and word.isdecimal():
                return word
            for known in (category(code), category(code.partition(".")[0])):
                if known is not None and known.lapor_ids:
                    return known.lapor_ids[0]
        return self._writes.category_id

    async def _follow_up(self, write: Write) -> Acknowledgement:
        answer = _need(write.follow_up)
        files = await self._upload("/complaints/complaint/file", "attachments[]", write.files)
        return await self._say(write, answer, [*(("attachment[]", id) for id in files)])

    async def _rate(self, write: Write) -> Acknowledgement:
        stars = _need(write.rating)
        answer = FollowUp(kind=FollowUpKind.REPORTER_REPLY, occurred_at=stars.occurred_at, content=stars.comment)
        return await self._say(write, answer, [("rating", stars.score)])

    async def _say(self, write: Write, answer: FollowUp, more: Pairs) -> Acknowledgement:
        by_reporter = answer.kind is FollowUpKind.REPORTER_REPLY or (
            answer.actor is not None and answer.actor.role is ActorRole.REPORTER
        )
        ours = self._writes.institution_id
        await self._post(
            "/complaints/followup/add",
            [
                ("complaint_id", native_id(write)),
                ("institution_from_id", None if by_reporter else ours),
                ("institution_to_id", ours if by_reporter else None),
                ("template_code", self._template(answer.kind)),
                ("is_secret", int(answer.is_confidential)),
                ("content", answer.content),
                *more,
            ],
        )
        return Acknowledgement()

    def _template(self, kind: FollowUpKind) -> str:
        word = self._native.follow_up_kind(kind)
        return word if word is not None and word != fold(word) else _TEMPLATES[kind]

    async def _transfer(self, write: Write) -> Acknowledgement:
        handed = _need(write.disposition)
        target = await self._institution(handed)
        await self._post(
            f"/complaints/process/{quote(native_id(write), safe='')}/reject",
            [("reason", target), ("reason_description", handed.note), ("not_authority", 1)],
        )
        return Acknowledgement()

    async def _institution(self, handed: Disposition) -> str:
        """The id of the institution that something is handed on to."""
        word = self._native.institution(handed.to_agency)
        names = await self._names()
        wanted = {fold(word), fold(handed.to_agency.name)}
        found = word if word in names else next((id for id, name in names.items() if fold(name) in wanted), None)
        if found is None:
            raise unsent(MappingFailure("the agency knows no institution of that name; see [agencies]"))
        return found

    async def _upload(self, path: str, field: str, files: tuple[File, ...]) -> list[str]:
        """The ids of files that were handed in. Without a complaint that names them they are nothing."""
        if not files:
            return []
        headers, body = multipart((), [(field, file) for file in files])
        try:
            reply = await self._http.write("POST", path, headers=headers, content=body)
            docs = read_written(reply.json()).get("docs")
        except SourceError as error:
            raise unsent(answered(error)) from None
        ids = [key(doc.get("id")) for doc in docs or () if isinstance(doc, dict)]
        if len(ids) != len(files) or None in ids:
            raise unsent(SourceFailure("the agency took files and did not say which they are"))
        return [id for id in ids if id is not None]

    async def _post(self, path: str, pairs: Pairs) -> Mapping[str, Any]:
        reply = await self._http.write("POST", path, headers=URLENCODED, content=urlencoded(pairs))
        try:
            return read_written(reply.json())
        except SourceError as error:
            raise answered(error) from None


def tag(reference: str) -> str:
    """How our reference stands among the tags of a complaint."""
    return f"{OUR_SYSTEM}:{reference}"


def our_reference(word: str) -> ExternalReference | None:
    """What a tag says, if it is one of this hub's."""
    system, _, reference = word.partition(":")
    return ExternalReference(OUR_SYSTEM, reference) if system.casefold() == OUR_SYSTEM and reference else None


def tags(row: Mapping[str, Any]) -> list[str]:
    """The tags of a row, in small letters."""
    raw = row.get("tags_raw")
    found = raw.replace(",", " ").replace("#", " ").split() if isinstance(raw, str) else row.get("tags")
    return [str(each).casefold() for each in found] if isinstance(found, list) else []


def _acknowledged(told: Mapping[str, Any]) -> Acknowledgement:
    found = next((told[name] for name in ("complaint_id", "id") if told.get(name) is not None), None)
    return Acknowledgement(native_id=key(found), tracking_id=key(told.get("tracking_id")))


def _need(value: msgspec.Struct | None) -> Any:
    if value is None:
        raise unsent(SourceFailure("nothing is there to be written"))
    return value
