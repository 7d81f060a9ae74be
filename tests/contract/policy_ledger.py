"""A ledger in which every text tells whose it is, and who may read it by the words of the policy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from gateway.ledger.reader import LedgerReader
from schema.complaint import Complaint, Reporter
from schema.query import PUBLIC, Role, Viewer
from tests.contract.execution_differential_ledger import AGENCIES, TEXTS, diverse, diverse_ledger

SLUGS = tuple(agency.id for agency in AGENCIES)
OFFICERS = (Role.LIAISON_OFFICER, Role.AGENCY_COORDINATOR, Role.INTEGRATOR)

#: A mark in a text: of a complaint, of a confidential answer in it, of who reported it; of a record that can't be read.
MARK = re.compile(r"<(\w+) ([\w-]+)>")
_CONTENT, _PART, _WHO, _BROKEN = "CONTENT", "PART", "WHO", "BROKEN"


def marked(count: int) -> list[Complaint]:
    """Complaints, every second one confidential, every third one not anonymous."""
    return [_marked(complaint, number) for number, complaint in enumerate(diverse(count))]


def _marked(complaint: Complaint, number: int) -> Complaint:
    told = _with_marks(msgspec.to_builtins(complaint), f"<{_CONTENT} {number}>")
    for entry in told["follow_ups"]:
        if entry["is_confidential"]:
            entry["content"] = f"<{_PART} {number}>"
    fields = {"title": f"<{_CONTENT} {number}>", "tracking_id": f"T{number}"}
    flags = {"is_confidential": number % 2 == 0, "is_anonymous": number % 3 > 0}
    return msgspec.convert({**told, **fields, **flags}, Complaint)


def _with_marks(value: Any, mark: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_marks(each, mark) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_marks(each, mark) for each in value]
    return mark if isinstance(value, str) and value in TEXTS else value


class Marked(NamedTuple):
    """The ledger, and what is in it.

    Attributes:
        deliveries: by id, the complaint that each is about.
    """

    reader: LedgerReader
    complaints: Sequence[Complaint]
    deliveries: dict[str, str]

    def number(self, id: str) -> int:
        return next(number for number, complaint in enumerate(self.complaints) if complaint.id == id)


def _opened(id: str, content: bytes) -> Reporter:
    mark = content.decode()
    return Reporter(name=mark, phone=mark, email=mark)


@asynccontextmanager
async def marked_ledger(url: str, witness: Path, count: int) -> AsyncIterator[Marked]:
    """Beside the complaints: who reported each, a record of each agency's that can't be read, deliveries and links."""
    complaints = marked(count)
    async with diverse_ledger(url, witness, complaints) as reader:
        database = reader._database
        connection = await database.connect()
        now = "2021-01-01T00:00:00.000Z"

        async def body(tx: Any) -> None:
            for number, complaint in enumerate(complaints):
                await tx.execute(
                    "INSERT INTO identities (id, content, created_at) VALUES ($1, $2, $3)",
                    [complaint.id, f"<{_WHO} {number}>".encode(), now],
                )
            for slug in SLUGS:
                await tx.execute(
                    "INSERT INTO quarantine (id, agency, native_id, reason, shape, first_seen_at, last_seen_at)"
                    " VALUES ($1, $2, 'n1', $3, '{}', $4, $4)",
                    [f"{slug}/1", slug, f"<{_BROKEN} {slug}>", now],
                )

        try:
            await connection.transaction(body)
        finally:
            await connection.aclose()
        deliveries = dict(await database.fetch("SELECT id, complaint_id FROM deliveries"))
        yield Marked(LedgerReader(database, open=_opened), complaints, deliveries)


# ---------------------------------------------------------------- the policy, in its own words


def viewers(complaints: Iterable[Complaint]) -> list[Viewer]:
    """Every role, with agencies or complaints of its own, with others', and with none."""
    own = tuple(complaint.id for complaint in complaints)[:8]
    officers = [
        Viewer(role=role, agencies=agencies, credential=f"key:{role}-{len(agencies)}-{agencies[:1]}")
        for role in OFFICERS
        for agencies in (("prov-bali",), ("kab-x",), ("sp4n-lapor", "kab-badung"), ("kab-elsewhere",), ())
    ]
    return [
        PUBLIC,
        Viewer(role=Role.REPORTER, complaints=own, credential="reporter:1"),
        Viewer(role=Role.REPORTER, credential="reporter:2"),
        *officers,
        Viewer(role=Role.NATIONAL_ADMIN, credential="key:admin"),
        Viewer(role=Role.OVERSIGHT, credential="key:oversight", name="Ombudsman"),
    ]


class Allowed:
    """What a viewer may read, as docs/security.md says it. It asks nothing of the program."""

    def __init__(self, viewer: Viewer, ledger: Marked) -> None:
        self.viewer = viewer
        self.ledger = ledger
        self.exists = {complaint.id for complaint in ledger.complaints if self.may_see(complaint)}

    def may_see(self, complaint: Complaint) -> bool:
        return not complaint.is_confidential or self.is_mine(complaint)

    def is_reporter(self, complaint: Complaint) -> bool:
        return self.viewer.role is Role.REPORTER and complaint.id in self.viewer.complaints

    def handles(self, complaint: Complaint) -> bool:
        """Whose agency holds it, owns it, acts on it, was copied, or stands in a handing-over; admins and oversight."""
        if self.viewer.role in (Role.NATIONAL_ADMIN, Role.OVERSIGHT):
            return True
        told = msgspec.json.encode(
            [complaint.owner_agency, complaint.assigned_agencies, complaint.copied_agencies, complaint.dispositions]
        )
        named = {complaint.agency, *re.findall(r'"agency":"([\w-]+)"', told.decode())}
        return self.viewer.role in OFFICERS and bool(named & set(self.viewer.agencies))

    def is_mine(self, complaint: Complaint) -> bool:
        return self.is_reporter(complaint) or self.handles(complaint)

    def identifies(self, complaint: Complaint) -> bool:
        if complaint.is_anonymous:
            return False
        held = self.viewer.role in OFFICERS and complaint.agency in self.viewer.agencies
        return held or self.is_reporter(complaint)

    def operates(self, slug: str) -> bool:
        if self.viewer.role is Role.NATIONAL_ADMIN:
            return True
        return self.viewer.role is Role.INTEGRATOR and slug in self.viewer.agencies

    def marks(self) -> set[tuple[str, str]]:
        """Every mark that an answer to this viewer may hold."""
        allowed = {(_BROKEN, slug) for slug in SLUGS if self.operates(slug)}
        for number, complaint in enumerate(self.ledger.complaints):
            if complaint.id in self.exists:
                allowed.add((_CONTENT, str(number)))
                if self.is_mine(complaint):
                    allowed.add((_PART, str(number)))
                if self.identifies(complaint):
                    allowed.add((_WHO, str(number)))
        return allowed

    def ids(self) -> set[str]:
        """Every id of a complaint or delivery that an answer to this viewer may hold."""
        mine = {complaint.id for complaint in self.ledger.complaints if self.is_mine(complaint)}
        return self.exists | {id for id, about in self.ledger.deliveries.items() if about in mine}

    def beyond(self, answer: str) -> list[object]:
        """What stands in an answer and is not this viewer's to read."""
        marks = set(MARK.findall(answer)) - self.marks()
        ids = set(re.findall(r"(?:complaint|delivery)_[a-z0-9]{26}", answer)) - self.ids()
        return [*sorted(marks), *sorted(ids)]
