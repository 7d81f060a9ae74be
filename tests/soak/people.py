"""People of every role, who write and follow what is written."""

from __future__ import annotations

import asyncio
import random
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from gateway.access.credentials import reporter_token, token_hash
from gateway.access.viewers import Viewers
from gateway.hub import Ledger
from gateway.ledger.audit import open_audit
from gateway.ledger.keys import Keys
from schema.complaint import AgencyReference, Complaint, FollowUp, FollowUpKind, Reporter, complaint_id
from schema.events import Change, EventKind
from schema.query import PUBLIC, Role, Viewer
from tests.contract.policy_ledger import Allowed, Marked
from tests.soak.test_cache_truth import NATIVE_IDS, SLUGS, Author

KINDS = f"[{', '.join(EventKind.__members__)}]"


class Person(NamedTuple):
    """A viewer, and the credential by which a hub knows him; None: the public."""

    viewer: Viewer
    token: str | None


class Crowd:
    """People of every role, in the ledger that the hubs serve."""

    def __init__(self, ledger: Ledger, folder: Path, chance: random.Random) -> None:
        self._ledger = ledger
        self._folder = folder
        self._chance = chance

    async def gathered(self, count: int) -> list[Person]:
        """A tenth of them the public; a quarter reporters; the others officers and those who see everything."""
        tokens: list[str | None] = [None] * (count // 10)
        reporters = count // 4
        with open_audit(self._folder, self._ledger.keyring, _now) as audit:
            keys = Keys(self._ledger.database, self._ledger.keyring, audit, _now)
            for number in range(count - len(tokens) - reporters):
                role = (*_OFFICERS, *_OFFICERS, Role.NATIONAL_ADMIN, Role.OVERSIGHT)[number % 8]
                own = self._chance.sample(SLUGS, k=self._chance.randrange(1, 3)) if role in _OFFICERS else []
                tokens.append((await keys.create(f"{role} {number}", role, own))[1])
        tokens += await self._reporters(reporters)
        viewers = Viewers(self._ledger.database, self._ledger.keyring, _now)
        return [Person(await viewers.of(f"Bearer {token}") if token else PUBLIC, token) for token in tokens]

    async def _reporters(self, count: int) -> list[str]:
        tokens = [reporter_token(self._ledger.keyring, f"complaint_{number}") for number in range(count)]
        connection = await self._ledger.database.connect()

        async def body(tx: Any) -> None:
            for token in tokens:
                for native_id in self._chance.sample(NATIVE_IDS, k=3):
                    id, hash = complaint_id(self._chance.choice(SLUGS), str(native_id)), token_hash(token)
                    values = [f"{hash}/{id}", hash, id]
                    await tx.execute("INSERT INTO reporters (id, hash, complaint_id) VALUES ($1, $2, $3)", values)

        try:
            await connection.transaction(body)
        finally:
            await connection.aclose()
        return tokens


_OFFICERS = (Role.LIAISON_OFFICER, Role.AGENCY_COORDINATOR, Role.INTEGRATOR)


def _now() -> datetime:
    return datetime.now(UTC)


class Scribe(Author):
    """An author who also writes of whom it is: other agencies, confidential answers, who reported."""

    def __init__(self, ledger: Any, chance: random.Random) -> None:
        super().__init__(ledger, chance)
        self.written = Written()

    def _change(self, slug: str, number: str, before: Complaint | None) -> Change:
        change = self._changed(slug, number, before)
        self.written.note(change)
        return change

    def _changed(self, slug: str, number: str, before: Complaint | None) -> Change:
        change = super()._change(slug, number, before)
        dice = self._chance.random()
        if not change.events or dice < 0.4:
            return change
        if dice < 0.6:
            named = self._chance.sample(SLUGS, k=self._chance.randrange(3))
            references = tuple(AgencyReference(each, agency=each) for each in named)
            return _after(change, replace(change.after, assigned_agencies=references))
        if dice < 0.8:
            entry = FollowUp(
                kind=FollowUpKind.PROGRESS, occurred_at=change.after.updated_at, content="Rahasia", is_confidential=True
            )
            return _after(change, replace(change.after, follow_ups=(*change.after.follow_ups[-3:], entry)))
        told = Reporter(name=f"Pelapor {slug} {number} {self._chance.randrange(3)}", phone="0812")
        return _after(change, replace(change.after, is_anonymous=False), told)


def _after(change: Change, after: Complaint, reporter: Reporter | None = None) -> Change:
    return Change(before=change.before, after=after, events=change.events, reporter=reporter)


FOLLOW = """subscription { complaintEvents(filter: {kinds: KINDS}) {
  ... on ComplaintEvent { kind version complaintId }
  ... on ComplaintEvent { complaint { id title followUps { isConfidential } reporter { name } } }
  ... on FollowUpAdded { followUp { content isConfidential } }
} }""".replace("KINDS", KINDS)


class Follower:
    """Somebody who is told of everything that happens, as far as it is for him."""

    def __init__(self, address: str, person: Person) -> None:
        self._address = address
        self._person = person
        self.frames: list[dict[str, Any]] = []

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        reader, writer = await asyncio.open_connection(*self._address.removeprefix("http://").split(":"))
        body = msgspec.json.encode({"query": FOLLOW})
        credentials = f"authorization: Bearer {self._person.token}\r\n" if self._person.token else ""
        head = "POST /graphql HTTP/1.1\r\nhost: hub\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n"
        writer.write(f"{head}{credentials}content-length: {len(body)}\r\n\r\n".encode() + body)
        await reader.readuntil(b'"complaintEvents"')  # where the stream begins
        reading = asyncio.create_task(self._read(reader))
        try:
            yield
        finally:
            reading.cancel()
            writer.close()
            await asyncio.wait([reading])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            if line.startswith(b"data: "):
                frame = msgspec.json.decode(line.removeprefix(b"data: "))["data"]["complaintEvents"]
                self.frames += [frame] if "kind" in frame else []

    def beyond(self, written: Written) -> list[object]:
        """What he was told and is not his."""
        allowed = Allowed(self._person.viewer, Marked(cast("Any", None), (), {}))
        return [frame for frame in self.frames if not _may_be_told(allowed, written, frame)]


def _may_be_told(allowed: Allowed, written: Written, frame: dict[str, Any]) -> bool:
    before, after = written.around(frame["complaintId"], frame["version"])
    if not allowed.may_see(after):
        # That it went out of sight he is told, and nothing else.
        return frame["kind"] == "CORRECTED" and frame["complaint"] is None and allowed.may_see(before)
    shown = frame["complaint"] or {}
    parts = [*shown.get("followUps", ()), frame.get("followUp") or {}]
    if any(part.get("isConfidential") for part in parts) or frame["kind"] == "DELIVERY_CHANGED":
        return allowed.is_mine(after)
    return shown.get("reporter") is None or allowed.identifies(after)


class Written:
    """What was written of each complaint: how it stood from which version on."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[int, Complaint]]] = {}

    def note(self, change: Change) -> None:
        version = (change.before.version if change.before else 0) + len(change.events)
        self._of.setdefault(change.after.id, []).append((version, change.after))

    def around(self, id: str, version: int) -> tuple[Complaint, Complaint]:
        """The complaint right before an event, and right after it."""
        versions = self._of[id]
        at = max(bisect_right(versions, version, key=itemgetter(0)) - 1, 0)
        # Not the same version seen again, of which nothing is told.
        before = bisect_left(versions, versions[at][0], key=itemgetter(0)) - 1
        return versions[max(before, 0)][1], versions[at][1]
