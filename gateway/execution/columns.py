"""Where the ledger's table has what the graph shows of a complaint.

Most of it follows from the records: an attribute is the column of the same name, a moment is text in the form of an
answer, a list of records is their JSON. What does not follow stands in `_SPECIAL`, and what resolvers read in `_READS`.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import orjson

from schema.complaint import (
    Complaint,
    ComplaintRecord,
    ContentState,
    Disposition,
    FollowUp,
    IncidentLocation,
    NativeStatus,
    StatusEvent,
)
from schema.content import filled
from schema.status import ComplaintStatus


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """An attribute of a record, out of columns.

    Attributes:
        columns: what it is made of.
        answer: expression of JSON's value over the columns, `{0}`, `{1}`; None where the record's value is needed.
        value: the record's value, from the columns' values.
        parts: attributes of a record that has no column of its own: it is there when any of `columns` is.
    """

    columns: tuple[str, ...]
    answer: str | None = None
    value: Callable[..., Any] = lambda column: column
    parts: Mapping[str, Stored] | None = None


class Read(msgspec.Struct, frozen=True):
    """What a resolver reads of its record.

    Attributes:
        attributes: their names.
        shared: equal columns give equal values all through an answer, so it is called once for each.
        fixed: attributes that it reads, and that make no difference here.
        entries: what the resolver itself reads of the records in the list that it takes its answer from; None where
            it does not answer with such a list.
    """

    attributes: tuple[str, ...] = ()
    shared: bool = False
    fixed: Mapping[str, Any] = {}
    entries: tuple[str, ...] | None = None


class Table(msgspec.Struct, frozen=True):
    """A type of the graph whose records lie in the table: its attributes, and its resolvers by their field's name."""

    stored: Mapping[str, Stored]
    reads: Mapping[str, Read]


@cache
def part(attributes: tuple[str, ...]) -> type[msgspec.Struct]:
    """Records of which only some attributes were read. Asking for another is an AttributeError."""
    return msgspec.defstruct("Part", attributes, kw_only=True, gc=False)


def spliced(text: str) -> Any:
    """Stored JSON as it is."""
    return [] if text == "[]" else orjson.Fragment(text)


def _same_name(record: type[msgspec.Struct]) -> dict[str, Stored]:
    hints = get_type_hints(record)
    return {name: _of_type(name, hints[name]) for name in record.__struct_fields__}


def _of_type(column: str, hint: Any) -> Stored:
    base = without_none(hint)
    if base in (str, int):
        return Stored(columns=(column,), answer="{0}")
    if base is float:
        return Stored(columns=(column,))
    if base is bool:
        return Stored(columns=(column,), answer="({0} != 0)", value=bool)
    if base is datetime or base is date:
        return Stored(columns=(column,), answer="{0}", value=_unless_none(base.fromisoformat))
    if isinstance(base, type) and issubclass(base, StrEnum):
        return Stored(columns=(column,), answer="{0}", value=_unless_none(base))
    if base == tuple[str, ...]:
        return Stored(columns=(column,), answer="spliced({0})", value=_decoder(base))
    return Stored(columns=(column,), value=_unless_none(_decoder(base)))


def without_none(hint: Any) -> Any:
    """What a hint allows beside None."""
    if get_origin(hint) in (Union, types.UnionType):
        [base] = [each for each in get_args(hint) if each is not type(None)]
        return base
    return hint


def _unless_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda column: None if column is None else read(column)


def _decoder(kind: Any) -> Callable[[str], Any]:
    decode = msgspec.json.Decoder(kind).decode
    return lambda text: () if text == "[]" else decode(text)


def _property(name: str, attribute: str, stored: Stored) -> Stored:
    """A property of Complaint that reads one attribute."""
    read: Callable[[Any], Any] = getattr(Complaint, name).fget
    record = part((attribute,))
    return Stored(columns=stored.columns, value=lambda column: read(record(**{attribute: stored.value(column)})))


_PLAIN = _same_name(Complaint)
_PLACE = _same_name(IncidentLocation)

#: What is not the column of its own name.
_SPECIAL = {
    "is_confidential": Stored(columns=("public",), answer="({0} == 0)", value=lambda public: not public),
    "text": Stored(columns=("edited_text", "original_text"), answer="({0} if {0} is not None else {1})"),
    "overdue": Stored(columns=("breached",), answer="({0} != 0)", value=bool),
    "due_at": Stored(columns=("due_at",), answer="{0}", value=_unless_none(datetime.fromisoformat)),
    "rating": _property("rating", "ratings", _PLAIN["ratings"]),
    "native_status": Stored(
        columns=("native_status_label",),
        parts={
            name: Stored(columns=(f"native_status_{name}",), answer="{0}") for name in NativeStatus.__struct_fields__
        },
    ),
    "incident_location": Stored(
        columns=tuple(column for stored in _PLACE.values() for column in stored.columns),
        parts=_PLACE,
    ),
}

#: What resolvers read. One that is not named here needs the whole record.
_READS = {
    "agency": Read(("agency",), shared=True),
    "status_label": Read(("status",), shared=True),
    "classification_label": Read(("classification",), shared=True),
    "category": Read(("category",), shared=True),
    # Its `id` is looked for among the mirrors that `complaint(maxAgeSeconds:)` found too old: see `QueryPlan.answer`.
    "stale": Read(("agency",), shared=True, fixed={"id": ""}),
    "timeline": Read(("timeline",), entries=("occurred_at",)),
    "follow_ups": Read(("follow_ups",), entries=("occurred_at", "is_confidential")),
    "dispositions": Read(("dispositions",), entries=("occurred_at",)),
    "links": Read(("id",)),
    "routed_by": Read(("routing",)),
}
#: By these it is told who handles a complaint: see `schema.access`.
_CONCERNED = ("id", "agency", "owner_agency", "assigned_agencies", "copied_agencies", "dispositions")
#: What resolvers read for others than the public, whom they answer the same whatever the record.
_READS_OF_OTHERS = _READS | {
    "follow_ups": Read(("follow_ups", *_CONCERNED)),
    "next_statuses": Read(("agency", "status", "content_state")),
    "viewer_actions": Read(("status", "content_state", *_CONCERNED)),
    "reporter": Read(("id", "agency")),
    "delivery": Read(_CONCERNED),
}


def _tables(reads: Mapping[str, Read]) -> Mapping[str, Table]:
    return {
        "Complaint": Table(_PLAIN | _SPECIAL, reads),
        "NativeStatus": Table(_SPECIAL["native_status"].parts or {}, {}),
        "IncidentLocation": Table(_PLACE, {"region": Read(("region_code",), shared=True)}),
    }


#: The types that lie in the table, by their name in the graph: as the public reads them, and as others do.
TABLES, TABLES_OF_OTHERS = _tables(_READS), _tables(_READS_OF_OTHERS)

#: The records in the lists that lie in a column, by the column's name.
ENTRIES = {"timeline": StatusEvent, "follow_ups": FollowUp, "dispositions": Disposition}

#: What is taken away when the content may not be shown, and what stands there instead: see `schema.content`.
HIDING = frozenset({ContentState.ERASED.value, ContentState.UNAVAILABLE.value})
_follow_ups = msgspec.json.Decoder(tuple[FollowUp, ...])


def _emptied(text: str) -> str:
    entries = _follow_ups.decode(text)
    return msgspec.json.encode(
        [msgspec.structs.replace(each, content=None, attachments=()) for each in entries]
    ).decode()


HIDDEN: Mapping[str, Callable[[Any], Any]] = {
    **{name: lambda column: None for name in ("title", "original_text", "edited_text", *_PLACE)},
    "attachments": lambda column: "[]",
    "follow_ups": _emptied,
}


def _told(name: str) -> Callable[[Any, ComplaintRecord], Any]:
    return lambda column, record: getattr(record, name)


def _told_list(name: str) -> Callable[[Any, ComplaintRecord], Any]:
    return lambda column, record: msgspec.json.encode(getattr(record, name)).decode()


def _told_entries(name: str) -> Callable[[Any, ComplaintRecord], Any]:
    decode = _decoder(get_type_hints(Complaint)[name])
    return lambda column, record: msgspec.json.encode(filled(name, decode(column), getattr(record, name))).decode()


def _told_place(name: str) -> Callable[[Any, ComplaintRecord], Any]:
    return lambda column, record: getattr(record.incident_location, name, None)


#: What a column holds when an agency that allows no copies has told its content: from what was kept, and the record.
TOLD: Mapping[str, Callable[[Any, ComplaintRecord], Any]] = {
    **{name: _told(name) for name in ("url", "title", "original_text", "edited_text", "status_reason")},
    **{name: _told_list(name) for name in ("tags", "attachments", "external_references")},
    **{name: _told_entries(name) for name in ("timeline", "dispositions", "follow_ups", "ratings")},
    **{name: _told_place(name) for name in ("latitude", "longitude", "address")},
    "incident_date": lambda column, record: record.incident_date and record.incident_date.isoformat(),
}

#: Stands for what is not told.
NOTHING = ComplaintRecord(native_id="", tracking_id="", status=ComplaintStatus.UNMAPPED)
