"""Mutations over HTTP: what the desk is asked, and how its answers are shown, to whom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx2
import msgspec
import orjson
import pytest
from structlog.testing import capture_logs

from gateway.access.credentials import Unauthenticated
from gateway.app import build_app
from gateway.cache.answers import AnswerCache
from gateway.cache.memory import Memory as AnswersMemory
from gateway.execution.execute import Executor
from gateway.health import Health
from gateway.origins import Origins
from gateway.stream.doorbell import Doorbell
from gateway.stream.watch import Watch
from gateway.telemetry import Metrics
from schema import writes
from schema.complaint import (
    Channel,
    Classification,
    Complaint,
    ExternalReference,
    FollowUp,
    FollowUpKind,
    Reporter,
)
from schema.delivery import Delivery, DeliveryKind, DeliveryState
from schema.errors import LedgerUnavailable
from schema.events import Position
from schema.graph.context import Context
from schema.graph.schema import build
from schema.links import Link, LinkKind
from schema.messages import fault_message, problem_message, transfer_message
from schema.ports import Snapshot
from schema.query import PUBLIC, Language, Role, Viewer
from schema.status import ComplaintStatus
from schema.writes import CODES, InputFault, InputIssue
from tests.unit.graph_ledger import CURSORS, NOW, Memory, complaint

KEY = "5f0c8e1a9b7d4c3e"
ONE, OTHER = complaint(1), complaint(2, "prov-bali")
OFFICER = Viewer(role=Role.LIAISON_OFFICER, agencies=("kab-tangerang",), credential="key:1", name="Ani")
REPORTER = Viewer(role=Role.REPORTER, complaints=(ONE.id,), credential="reporter:0123456789abcdef")
BY_CREDENTIAL = {None: PUBLIC, "Bearer officer": OFFICER, "Bearer reporter": REPORTER}
HERE = Position("now", 7)
SENT = Delivery(id="delivery_a", complaint_id=ONE.id, agency=ONE.agency, kind=DeliveryKind.SUBMIT, queued_at=NOW, seq=7)
REPLY = FollowUp(kind=FollowUpKind.REPORTER_REPLY, occurred_at=NOW, content="Masih rusak.")


class Ledger(Memory):
    """Notes who reads."""

    def __init__(self) -> None:
        super().__init__([ONE, OTHER])
        self.deliveries_kept.append(SENT)
        self.readers: list[Role] = []

    @asynccontextmanager
    async def snapshot(self, viewer: Viewer, *, lone: bool = False) -> AsyncIterator[Memory]:
        self.readers.append(viewer.role)
        async with super().snapshot(viewer, lone=lone) as snapshot:
            yield snapshot


class Notes:
    """A desk that notes what it is asked, and answers what it is told to."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.asked: list[tuple[str, Viewer, Any]] = []
        self.answers: dict[str, Any] = {
            "submit": writes.Submitted(complaint=ONE, reporter_token="smpr_x", viewer=REPORTER, position=HERE),
            "follow_up": writes.FollowedUp(complaint=ONE, follow_up=REPLY, position=HERE),
            "transfer": writes.Transferred(complaint=ONE, forwarded_to=OTHER, position=HERE),
            **dict.fromkeys(
                ("change_status", "rate", "withdraw", "link", "dismiss"), writes.Changed(complaint=ONE, position=HERE)
            ),
            **dict.fromkeys(("retry", "settle"), writes.DeliveryMoved(delivery=SENT, position=HERE)),
        }

    def __getattr__(self, name: str) -> Any:
        async def take(viewer: Viewer, asked: Any) -> Any:
            self.asked.append((name, viewer, asked))
            answer = self.answers[name]
            if isinstance(answer, Exception):
                raise answer
            if callable(answer):
                answer()
                return self.answers[name]
            return answer

        return take


class Hub:
    def __init__(self, *, desk: bool = True) -> None:
        self.ledger = Ledger()
        self.desk = Notes(self.ledger)
        metrics, taken = Metrics(), self.desk if desk else None
        self.app = build_app(
            executor=Executor(build(), self.ledger, lambda viewer, snapshot: self._context(viewer, snapshot, taken)),
            health=Health(self.ledger, Watch(self.ledger, Doorbell(), metrics.ledger), self._pending),
            metrics=metrics,
            origins=Origins(()),
            closing=asyncio.Event(),
            background={},
            cache=AnswerCache(self.ledger, _Fresh(), AnswersMemory(1_000_000)),
            recognise=_recognise,
        )

    def _context(self, viewer: Viewer, snapshot: Snapshot, desk: Any) -> Context:
        return Context(viewer=viewer, snapshot=snapshot, cursors=CURSORS, clock=lambda: NOW, desk=desk)

    async def _pending(self) -> list[str]:
        return []

    async def post(self, document: str, credential: str | None = None, **variables: Any) -> dict[str, Any]:
        transport = httpx2.ASGITransport(self.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as client:
            answer = await client.post(
                "/graphql",
                content=orjson.dumps({"query": document, "variables": variables}),
                headers={"content-type": "application/json"} | ({"authorization": credential} if credential else {}),
            )
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        body: dict[str, Any] = answer.json()
        return body


class _Fresh:
    def mark(self) -> int:
        return 1

    async def look(self) -> int:
        return 1

    def close(self) -> None:
        pass


async def _recognise(authorization: str | None) -> Viewer:
    if authorization not in BY_CREDENTIAL:
        raise Unauthenticated
    return BY_CREDENTIAL[authorization]


@pytest.fixture
def hub() -> Hub:
    return Hub()


#: Field, input type, the input beside its key, method of the desk, and what it is to be asked.
_C = {"complaintId": ONE.id}
_PLACE = {"regionCode": "36.03", "latitude": -6.2, "longitude": 106.5, "address": "Jalan Raya"}
_WHOLE = {
    "title": "Jalan rusak",
    "text": "Mohon diperbaiki.",
    "classification": "ASPIRASI",
    "category": "infrastruktur.jalan",
    "incidentDate": "2021-03-20",
    "incidentLocation": _PLACE,
    "agency": "kab-tangerang",
    "channel": "MOBILE_APP",
    "isConfidential": True,
    "reporter": {"name": "Budi", "email": None},
    "attachmentUrls": ["https://files.test/1"],
    "externalReference": {"system": "jaki", "id": "J-1", "url": "https://jaki.test/1"},
}
_MUTATIONS: list[tuple[str, dict[str, Any], str, Any]] = [
    ("submitComplaint", {"title": "Jalan", "text": "Rusak."}, "submit", {"title": "Jalan", "text": "Rusak."}),
    ("submitComplaint", {"title": "J", "text": "R", "category": None, "attachments": []}, "submit",
     {"title": "J", "text": "R"}),
    ("submitComplaint", _WHOLE, "submit",
     {"title": "Jalan rusak", "text": "Mohon diperbaiki.", "classification": Classification.ASPIRASI,
      "category": "infrastruktur.jalan", "incident_date": date(2021, 3, 20),
      "incident_location": writes.Place(region_code="36.03", latitude=-6.2, longitude=106.5, address="Jalan Raya"),
      "agency": "kab-tangerang", "channel": Channel.MOBILE_APP, "is_confidential": True,
      "reporter": Reporter(name="Budi"), "attachment_urls": ("https://files.test/1",),
      "external_reference": ExternalReference("jaki", "J-1", "https://jaki.test/1")}),
    ("addFollowUp", {**_C, "kind": "REPORTER_REPLY", "content": "Masih."}, "follow_up",
     {"complaint_id": ONE.id, "kind": FollowUpKind.REPORTER_REPLY, "content": "Masih."}),
    ("transferComplaint", {**_C, "expectedVersion": 3, "toAgency": "prov-bali", "note": "x", "isNotAuthority": True},
     "transfer", {"complaint_id": ONE.id, "expected_version": 3, "to_agency": "prov-bali", "note": "x",
                  "is_not_authority": True}),
    ("changeStatus", {**_C, "toStatus": "CLOSED", "evidence": ["attachment_a"]}, "change_status",
     {"complaint_id": ONE.id, "to_status": ComplaintStatus.CLOSED, "evidence": ("attachment_a",)}),
    ("rateResolution", {**_C, "score": 4, "comment": "Baik"}, "rate",
     {"complaint_id": ONE.id, "score": 4, "comment": "Baik"}),
    ("withdrawComplaint", {**_C, "reason": None}, "withdraw", {"complaint_id": ONE.id}),
    ("retryDelivery", {"deliveryId": "delivery_a"}, "retry", {"delivery_id": "delivery_a"}),
    ("settleDelivery", {"deliveryId": "delivery_a", "outcome": "REFUSED", "note": "Ditolak", "nativeId": "9"}, "settle",
     {"delivery_id": "delivery_a", "outcome": writes.DeliveryOutcome.REFUSED, "note": "Ditolak", "native_id": "9"}),
    ("linkComplaints", {**_C, "otherComplaintId": OTHER.id, "kind": "SAME_AS"}, "link",
     {"complaint_id": ONE.id, "other_complaint_id": OTHER.id, "kind": LinkKind.SAME_AS}),
    ("dismissLinkSuggestion", {**_C, "otherComplaintId": OTHER.id}, "dismiss",
     {"complaint_id": ONE.id, "other_complaint_id": OTHER.id}),
]  # fmt: skip
_ASKED: Mapping[str, type[writes.Asked]] = {
    "submit": writes.SubmitComplaint,
    "follow_up": writes.AddFollowUp,
    "transfer": writes.TransferComplaint,
    "change_status": writes.ChangeStatus,
    "rate": writes.RateResolution,
    "withdraw": writes.WithdrawComplaint,
    "retry": writes.RetryDelivery,
    "settle": writes.SettleDelivery,
    "link": writes.LinkComplaints,
    "dismiss": writes.DismissLinkSuggestion,
}


def mutation(name: str, chosen: str) -> str:
    type_ = name[0].upper() + name[1:]
    return f"mutation ($input: {type_}Input!) {{ {name}(input: $input) {{ __typename {chosen} }} }}"


@pytest.mark.parametrize(("name", "given", "method", "asked"), _MUTATIONS, ids=lambda each: str(each)[:20])
async def test_the_desk_is_asked_what_was_written(
    hub: Hub, name: str, given: dict[str, Any], method: str, asked: dict[str, Any]
) -> None:
    success = f"{name[0].upper()}{name[1:]}Success"
    answer = await hub.post(
        mutation(name, f"... on {success} {{ asOf }}"), "Bearer officer", input={"idempotencyKey": KEY, **given}
    )
    assert answer == {"data": {name: {"__typename": success, "asOf": CURSORS.seal_event(HERE)}}}
    assert hub.desk.asked == [(method, OFFICER, _ASKED[method](idempotency_key=KEY, **asked))]


_PROBLEMS: list[tuple[str, writes.Problem, str, dict[str, Any]]] = [
    ("submitComplaint", writes.IdempotencyConflict(), "", {}),
    ("submitComplaint", writes.NotPermitted(), "", {}),
    ("withdrawComplaint", writes.NotFound(), "", {}),
    ("changeStatus", writes.VersionConflict(ONE), "... on VersionConflict { current { id version } }",
     {"current": {"id": ONE.id, "version": 1}}),
    ("changeStatus", writes.IllegalStatusMove(ComplaintStatus.CLOSED, (ComplaintStatus.IN_FOLLOW_UP,)),
     "... on IllegalStatusMove { fromStatus allowed }", {"fromStatus": "CLOSED", "allowed": ["IN_FOLLOW_UP"]}),
    ("transferComplaint", writes.IllegalTransfer(writes.TransferRefusal.BOUNCE_LIMIT),
     "... on IllegalTransfer { cause }", {"cause": "BOUNCE_LIMIT"}),
    ("retryDelivery", writes.IllegalDeliveryMove(DeliveryState.QUEUED), "... on IllegalDeliveryMove { state }",
     {"state": "QUEUED"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "problem", "chosen", "more"), _PROBLEMS, ids=lambda each: type(each).__name__)
async def test_a_refusal_says_why(
    hub: Hub, name: str, problem: writes.Problem, chosen: str, more: dict[str, Any]
) -> None:
    given, method = next((given, method) for known, given, method, _ in _MUTATIONS if known == name)
    hub.desk.answers[method] = problem
    said = "... on Problem { code message english: message(language: EN) } " + chosen
    answer = await hub.post(mutation(name, said), "Bearer officer", input={"idempotencyKey": KEY, **given})
    code = CODES[type(problem)]
    told = [problem_message(code, language) for language in Language]
    if isinstance(problem, writes.IllegalTransfer):
        told = [transfer_message(problem.cause, language) for language in Language]
    expected = {"__typename": type(problem).__name__, "code": code, "message": told[0], "english": told[1], **more}
    assert answer == {"data": {name: expected}}


async def test_what_breaks_a_rule_is_named_with_its_place(hub: Hub) -> None:
    path = ("incidentLocation", "regionCode")
    hub.desk.answers["submit"] = writes.InvalidInput((InputIssue(path, InputFault.NOT_A_REGION),))
    chosen = "... on InvalidInput { code issues { path message english: message(language: EN) } }"
    given = {"idempotencyKey": KEY, "title": "J", "text": "R"}
    answer = await hub.post(mutation("submitComplaint", chosen), input=given)
    told = [fault_message(InputFault.NOT_A_REGION, language) for language in Language]
    issue = {"path": list(path), "message": told[0], "english": told[1]}
    assert answer["data"]["submitComplaint"]["issues"] == [issue]


async def test_ids_of_files_are_the_desks_to_judge(hub: Hub) -> None:
    given = {"idempotencyKey": KEY, "title": "J", "text": "R", "attachments": ["attachment_a", "attachment_b"]}
    await hub.post(mutation("submitComplaint", "__typename"), input=given)
    [(_, _, asked)] = hub.desk.asked
    assert asked.attachments == ("attachment_a", "attachment_b")


_SUBMIT = """
mutation ($input: SubmitComplaintInput!, $again: AddFollowUpInput!) {
  submitComplaint(input: $input) {
    ... on SubmitComplaintSuccess { reporterToken complaint { id viewerActions delivery { id state } } }
  }
  addFollowUp(input: $again) {
    ... on AddFollowUpSuccess { complaint { id viewerActions delivery { id } links { kind complaint { id } } } }
  }
}
"""


async def test_who_submits_is_shown_it_as_its_reporter_and_what_follows_as_who_he_is(hub: Hub) -> None:
    def linked_meanwhile() -> None:
        hub.ledger.links_kept.append(
            Link(complaint_id=ONE.id, other_id=OTHER.id, kind=LinkKind.SAME_AS, created_at=NOW)
        )
        hub.desk.answers["follow_up"] = writes.FollowedUp(complaint=ONE, follow_up=REPLY, position=HERE)

    hub.desk.answers["follow_up"] = linked_meanwhile
    answer = await hub.post(
        _SUBMIT,
        input={"idempotencyKey": KEY, "title": "J", "text": "R"},
        again={"idempotencyKey": KEY, "complaintId": ONE.id, "kind": "PROGRESS", "content": "x"},
    )
    submitted, followed = answer["data"].values()
    assert submitted["reporterToken"] == "smpr_x"
    assert submitted["complaint"]["delivery"] == {"id": "delivery_a", "state": "QUEUED"}
    assert submitted["complaint"]["viewerActions"] == ["ADD_FOLLOW_UP", "WITHDRAW"]
    # The public sees neither; but what was written in between is there to be read.
    assert (followed["complaint"]["delivery"], followed["complaint"]["viewerActions"]) == (None, [])
    assert followed["complaint"]["links"] == [{"kind": "SAME_AS", "complaint": {"id": OTHER.id}}]
    assert [viewer for _, viewer, _ in hub.desk.asked] == [PUBLIC, PUBLIC]
    assert hub.ledger.readers == [Role.REPORTER, Role.PUBLIC, Role.PUBLIC]


async def test_nothing_is_read_before_it_is_written(hub: Hub) -> None:
    hub.desk.answers["withdraw"] = lambda: hub.desk.answers.update(
        withdraw=writes.Changed(complaint=ONE, position=HERE), read=list(hub.ledger.readers)
    )
    given = {"idempotencyKey": KEY, "complaintId": ONE.id}
    chosen = "... on WithdrawComplaintSuccess { complaint { agency { name } } }"
    answer = await hub.post(mutation("withdrawComplaint", chosen), "Bearer reporter", input=given)
    assert answer["data"]["withdrawComplaint"]["complaint"] == {"agency": {"name": "Kabupaten Tangerang"}}
    assert hub.desk.answers["read"] == []


async def test_what_could_not_be_written_is_an_error_and_may_be_sent_again(hub: Hub) -> None:
    hub.desk.answers["submit"] = LedgerUnavailable("postgres://user:secret@db is gone")
    given = {"idempotencyKey": KEY, "title": "J", "text": "R"}
    with capture_logs():
        answer = await hub.post(mutation("submitComplaint", ""), input=given)
    [error] = answer["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("Internal error", "INTERNAL")
    assert answer["data"] is None


async def test_a_hub_without_a_desk_says_so() -> None:
    given = {"idempotencyKey": KEY, "title": "J", "text": "R"}
    answer = await Hub(desk=False).post(mutation("submitComplaint", ""), input=given)
    [error] = answer["errors"]
    assert (error["message"], error["extensions"]["code"]) == ("This hub takes no writes.", "BAD_USER_INPUT")


@pytest.mark.parametrize("hidden", [True, False])
async def test_confidential_follow_ups_are_shown_to_whom_they_are_for(hub: Hub, hidden: bool) -> None:
    secret = msgspec.structs.replace(REPLY, is_confidential=True)
    about: Complaint = msgspec.structs.replace(OTHER if hidden else ONE, follow_ups=(secret,))
    hub.desk.answers["change_status"] = writes.VersionConflict(about)
    given = {"idempotencyKey": KEY, "complaintId": about.id, "toStatus": "VERIFIED"}
    chosen = "... on VersionConflict { current { followUps { content } } }"
    answer = await hub.post(mutation("changeStatus", chosen), "Bearer officer", input=given)
    told = answer["data"]["changeStatus"]["current"]["followUps"]
    assert told == ([] if hidden else [{"content": "Masih rusak."}])
