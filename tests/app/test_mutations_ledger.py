"""Mutations over HTTP, to the true desk and ledger: a complaint on its way from the wrong door to the right one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest

from gateway.access.credentials import Unauthenticated
from gateway.access.viewers import Viewers
from gateway.app import build_app
from gateway.cache.answers import AnswerCache
from gateway.cache.memory import Memory
from gateway.cursor import SealedCursors
from gateway.execution.execute import Executor
from gateway.health import Health
from gateway.keyring import Keyring
from gateway.ledger.freshness import open_freshness
from gateway.ledger.reader import LedgerReader
from gateway.origins import Origins
from gateway.routing import Router, Rules
from gateway.stream.doorbell import Doorbell
from gateway.stream.watch import Watch
from gateway.telemetry import Metrics
from gateway.writes.desk import Desk
from schema.agency import AgencyLevel
from schema.complaint import Attachment
from schema.delivery import DeliveryFilter, DeliveryState
from schema.graph.context import Context
from schema.graph.schema import build
from schema.query import Role, Viewer
from schema.writes import InputIssue
from tests.conftest import Ledger
from tests.contract.desks import deliver, settle
from tests.unit.desk_case import rules

KEYRING = Keyring(b"desk" * 8)
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
OFFICES = {
    each.agency.id: each
    for each in (
        rules("kab-uji", AgencyLevel.DISTRICT),
        rules("prov-uji", AgencyLevel.PROVINCE),
        rules("nasional", AgencyLevel.NATIONAL),
    )
}
ADMIN = Viewer(role=Role.NATIONAL_ADMIN, credential="key:admin")
#: Operators by their keys, as they are known here.
OPERATORS = {
    "Bearer kab": Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-uji",), credential="key:kab"),
    "Bearer prov": Viewer(role=Role.LIAISON_OFFICER, agencies=("prov-uji",), credential="key:prov"),
    "Bearer admin": ADMIN,
}


class NoFiles:
    async def fetch(
        self, urls: Sequence[str], complaint_id: str
    ) -> tuple[tuple[Attachment, ...], tuple[InputIssue, ...]]:
        return (), ()


class Hub:
    """A hub over a ledger, with a cache."""

    def __init__(self, ledger: Ledger, cache: AnswerCache) -> None:
        self.ledger = ledger
        self.reader = LedgerReader(ledger.database)
        self._viewers = Viewers(ledger.database, KEYRING, lambda: NOW)
        self._keys = self._minutes = 0
        self._desk = Desk(
            reader=self.reader,
            writer=ledger.writer,
            keyring=KEYRING,
            clock=self._clock,
            rules=OFFICES.get,
            router=Router(Rules()),
            attachments=NoFiles(),
            keeps_identity=lambda slug: False,
        )
        metrics = Metrics()
        self.app = build_app(
            executor=Executor(build(), self.reader, self._context),
            health=Health(self.reader, Watch(self.reader, Doorbell(), metrics.ledger), self._pending),
            metrics=metrics,
            origins=Origins(()),
            closing=asyncio.Event(),
            background={},
            cache=cache,
            recognise=self._recognise,
        )

    def _clock(self) -> datetime:
        self._minutes += 1
        return NOW + timedelta(minutes=self._minutes)

    def _context(self, viewer: Viewer, snapshot: Any) -> Context:
        cursors = SealedCursors(bytes(range(64)))
        return Context(viewer=viewer, snapshot=snapshot, cursors=cursors, clock=lambda: NOW, desk=self._desk)

    async def _pending(self) -> list[str]:
        return []

    async def _recognise(self, authorization: str | None) -> Viewer:
        known = OPERATORS.get(authorization or "")
        if known is not None:
            return known
        viewer = await self._viewers.of(authorization)
        if viewer is None:
            raise Unauthenticated
        return viewer

    def key(self) -> str:
        self._keys += 1
        return f"kunci-acak-{self._keys:08}"

    async def ask(self, document: str, credential: str | None = None, **variables: Any) -> Any:
        transport = httpx2.ASGITransport(self.app)
        headers = {"content-type": "application/json"} | ({"authorization": credential} if credential else {})
        content = orjson.dumps({"query": document, "variables": variables})
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
            answer = await client.post("/graphql", content=content, headers=headers)
        body = answer.json()
        assert "errors" not in body, body
        return body["data"]

    async def settled(self, complaint: str, state: DeliveryState) -> None:
        """Ends the oldest delivery of a complaint."""
        async with self.reader.snapshot(ADMIN) as snapshot:
            page = await snapshot.deliveries(DeliveryFilter(), 0, 100)
        first = next(each for each in page.deliveries if each.complaint_id == complaint)
        await self.ledger.writer.write(deliver(first), settle(state, native_id=f"N-{first.seq}", settled_at=NOW))


@pytest.fixture
async def hub(ledger: Ledger) -> AsyncIterator[Hub]:
    await ledger.writer.register([office.agency for office in OFFICES.values()])
    with closing(open_freshness(ledger.database)) as freshness:
        yield Hub(ledger, AnswerCache(LedgerReader(ledger.database), freshness, Memory(1_000_000)))


SUBMIT = """
mutation ($input: SubmitComplaintInput!) {
  submitComplaint(input: $input) {
    __typename
    ... on SubmitComplaintSuccess {
      asOf reporterToken
      complaint {
        id trackingId version status nativeId title agency { id } routedBy { rule explanation agency { id } }
        delivery { id state kind agency { id } } viewerActions timeline { toStatus actor { role } }
      }
    }
    ... on Problem { code message }
  }
}
"""
TRANSFER = """
mutation ($input: TransferComplaintInput!) {
  transferComplaint(input: $input) {
    __typename
    ... on TransferComplaintSuccess {
      complaint { id version status links { kind complaint { id } } }
      forwardedTo { id agency { id } delivery { state } journey { hops bouncing } }
    }
    ... on Problem { code }
    ... on VersionConflict { current { id version } }
  }
}
"""
READ = """
query ($id: ID!) {
  complaint(id: $id) {
    delivery { state nativeId } links { kind complaint { agency { id } } } viewerActions nextStatuses
    journey {
      hops bouncing complaints { agency { id } }
      steps { kind agency { id } actor { role agency { id } } toAgency { agency { id } } toStatus }
    }
  }
  deliveries { totalCount nodes { kind state agency { id } complaint { id } } }
  agencies { id queue { waiting } }
}
"""


async def test_a_complaint_goes_from_the_wrong_door_to_the_right_one(hub: Hub) -> None:
    given = {"idempotencyKey": hub.key(), "title": "Jalan rusak", "text": "Lubang.", "agency": "kab-uji"}
    done = (await hub.ask(SUBMIT, input=given))["submitComplaint"]
    one, token = done["complaint"], f"Bearer {done['reporterToken']}"
    assert (one["agency"], one["nativeId"], one["version"] > 0) == ({"id": "kab-uji"}, None, True)
    assert one["delivery"]["state"] == "QUEUED"
    assert one["viewerActions"] == ["ADD_FOLLOW_UP", "WITHDRAW"]
    assert one["routedBy"]["agency"] == {"id": "kab-uji"}
    # Sent again, it is answered again; the key is nobody else's.
    assert (await hub.ask(SUBMIT, input=given))["submitComplaint"] == done
    conflict = (await hub.ask(SUBMIT, input={**given, "text": "Lain."}))["submitComplaint"]
    assert conflict["code"] == "IDEMPOTENCY_CONFLICT"

    public = (await hub.ask(READ, id=one["id"]))["complaint"]
    assert (public["delivery"], public["viewerActions"], public["nextStatuses"]) == (None, [], [])
    asked = {"idempotencyKey": hub.key(), "complaintId": one["id"], "toAgency": "prov-uji", "note": "Jalan provinsi."}
    assert (await hub.ask(TRANSFER, input=asked))["transferComplaint"]["code"] == "NOT_PERMITTED"
    assert (await hub.ask(TRANSFER, "Bearer prov", input=asked))["transferComplaint"]["code"] == "NOT_PERMITTED"
    late = {**asked, "expectedVersion": 99}
    late = (await hub.ask(TRANSFER, "Bearer kab", input=late))["transferComplaint"]
    assert (late["code"], late["current"]) == ("VERSION_CONFLICT", {"id": one["id"], "version": one["version"]})
    moved = (await hub.ask(TRANSFER, "Bearer kab", input={**asked, "isNotAuthority": True}))["transferComplaint"]
    other = moved["forwardedTo"]
    assert moved["complaint"]["links"] == [{"kind": "FORWARDED_TO", "complaint": {"id": other["id"]}}]
    assert (other["agency"], other["journey"]) == ({"id": "prov-uji"}, {"hops": 1, "bouncing": False})

    # Its reporter sees the whole way, with what is on its way; everybody sees where it is.
    seen = (await hub.ask(READ, token, id=one["id"]))["complaint"]
    assert seen["delivery"] is not None
    way = seen["journey"]
    assert [each["agency"]["id"] for each in way["complaints"]] == ["kab-uji", "prov-uji"]
    [hop] = [step for step in way["steps"] if step["kind"] == "TRANSFERRED"]
    assert (hop["agency"]["id"], hop["toAgency"]["agency"]["id"]) == ("kab-uji", "prov-uji")
    assert hop["actor"] == {"role": "AGENCY", "agency": {"id": "kab-uji"}}
    assert [step["kind"] for step in way["steps"]].count("SUBMITTED") == 2
    assert (await hub.ask(READ, id=other["id"]))["complaint"]["journey"]["hops"] == 1


async def test_answers_that_show_deliveries_are_made_anew_when_one_moves(hub: Hub) -> None:
    given = {"idempotencyKey": hub.key(), "title": "Jalan", "text": "Lubang.", "agency": "kab-uji"}
    done = (await hub.ask(SUBMIT, input=given))["submitComplaint"]
    id, token = done["complaint"]["id"], f"Bearer {done['reporterToken']}"
    asking = [None, token, "Bearer kab", "Bearer prov", "Bearer admin"]
    before = [await hub.ask(READ, who, id=id) for who in asking]
    assert before == [await hub.ask(READ, who, id=id) for who in asking]  # from the cache
    states = [each["complaint"]["delivery"] and each["complaint"]["delivery"]["state"] for each in before]
    assert states == [None, "QUEUED", "QUEUED", None, "QUEUED"]
    assert [each["deliveries"]["totalCount"] for each in before] == [0, 1, 1, 0, 1]
    await hub.settled(id, DeliveryState.ACKNOWLEDGED)
    after = [await hub.ask(READ, who, id=id) for who in asking]
    states = [each["complaint"]["delivery"] and each["complaint"]["delivery"]["state"] for each in after]
    assert states == [None, "ACKNOWLEDGED", "ACKNOWLEDGED", None, "ACKNOWLEDGED"]
    waiting = [
        {each["id"]: each["queue"]["waiting"] for each in answer["agencies"]} for answer in (before[0], after[0])
    ]
    assert [each["kab-uji"] for each in waiting] == [1, 0]
