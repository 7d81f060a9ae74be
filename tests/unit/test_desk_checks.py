"""What of the input breaks a rule, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.writes import checks
from gateway.writes.intents import canonical, intent, tidy
from schema.complaint import ExternalReference, FollowUpKind, Reporter
from schema.links import LinkKind
from schema.query import PUBLIC, Viewer
from schema.status import ComplaintStatus
from schema.writes import (
    Action,
    AddFollowUp,
    ChangeStatus,
    DeliveryOutcome,
    InputFault,
    InputIssue,
    LinkComplaints,
    Place,
    RateResolution,
    SettleDelivery,
    SubmitComplaint,
    TransferComplaint,
    WithdrawComplaint,
)
from tests.unit.desk_case import KEY, KEYRING, NOW, OFFICER

F, S = InputFault, ComplaintStatus
ASKED = SubmitComplaint(idempotency_key=KEY, title="Jalan rusak", text="Lubang di depan sekolah.")
ID = "complaint_" + "a" * 26
Told = Callable[[Viewer, Any], Iterator[InputIssue]]


def told(issues: Iterator[InputIssue]) -> list[tuple[str, InputFault]]:
    return [(".".join(issue.path), issue.fault) for issue in issues]


def submission(viewer: Viewer = PUBLIC, **fields: Any) -> list[tuple[str, InputFault]]:
    return told(checks.submission(viewer, replace(ASKED, **fields), {"kab-uji"}, NOW))


def test_a_plain_complaint_breaks_no_rule() -> None:
    assert submission() == []


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"title": " \n"}, [("title", F.EMPTY)]),
        ({"title": "x" * 201}, [("title", F.TOO_LONG)]),
        ({"title": "é" * 200, "text": "é" * 10_000}, []),
        ({"text": "x" * 10_001}, [("text", F.TOO_LONG)]),
        ({"category": "jalan-jalan"}, [("category", F.NOT_A_CATEGORY)]),
        ({"attachments": ("attachment_a",)}, [("attachments.0", F.NOT_AN_ATTACHMENT)]),
        ({"category": "infrastruktur.jalan-berlubang"}, []),
        ({"incident_date": date(2026, 11, 23)}, []),
        ({"incident_date": date(2026, 11, 24)}, [("incidentDate", F.NOT_A_DATE)]),
        ({"agency": "kab-mana"}, [("agency", F.NOT_AN_AGENCY)]),
        ({"agency": "kab-uji"}, []),
        ({"is_anonymous": True, "reporter": Reporter(name="Ani")}, [("reporter", F.ANONYMOUS_WITH_REPORTER)]),
        ({"is_anonymous": True, "reporter": Reporter()}, []),
        ({"reporter": Reporter(phone="0" * 201)}, [("reporter.phone", F.TOO_LONG)]),
        ({"attachment_urls": ("https://contoh.id/1.jpg",) * 11}, [("attachmentUrls", F.TOO_MANY)]),
        ({"incident_location": Place(region_code="3603")}, [("incidentLocation.regionCode", F.NOT_A_REGION)]),
        ({"incident_location": Place(region_code="36.03.01.2001")}, []),
        ({"incident_location": Place(latitude=0, longitude=0)}, []),
        ({"incident_location": Place(latitude=-6.2)}, [("incidentLocation.longitude", F.OUT_OF_RANGE)]),
        (
            {"incident_location": Place(latitude=float("nan"), longitude=180.1)},
            [("incidentLocation.latitude", F.OUT_OF_RANGE), ("incidentLocation.longitude", F.OUT_OF_RANGE)],
        ),
        ({"external_reference": ExternalReference("", "7")}, [("externalReference.system", F.EMPTY)]),
        ({"idempotency_key": "short"}, [("idempotencyKey", F.KEY_LENGTH)]),
        ({"idempotency_key": "x7" * 65}, [("idempotencyKey", F.KEY_LENGTH)]),
        ({"idempotency_key": "abcdefgh\nabcdefgh"}, [("idempotencyKey", F.KEY_LENGTH)]),
        ({"idempotency_key": "0000000000000001"}, [("idempotencyKey", F.KEY_NOT_RANDOM)]),
    ],
)
def test_what_breaks_a_rule_is_named(fields: dict[str, Any], found: list[tuple[str, InputFault]]) -> None:
    assert submission(**fields) == found


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = submission(title="", text="", category="?", agency="?", incident_date=date(2999, 1, 1), idempotency_key="")
    assert [path for path, _ in found] == ["idempotencyKey", "title", "text", "category", "incidentDate", "agency"]


def test_only_the_public_needs_keys_that_look_random() -> None:
    assert submission(OFFICER, idempotency_key="0000000000000001") == []


@pytest.mark.parametrize(
    ("rules", "asked", "found"),
    [
        (
            checks.follow_up,
            AddFollowUp(idempotency_key=KEY, complaint_id=ID, kind=FollowUpKind.PROGRESS, content=" "),
            [("content", F.EMPTY)],
        ),
        (
            checks.transfer,
            TransferComplaint(idempotency_key=KEY, complaint_id=ID, to_agency="x", note="n" * 10_001),
            [("note", F.TOO_LONG)],
        ),
        (
            checks.change_status,
            ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.REJECTED, reason=" "),
            [("reason", F.REASON_REQUIRED)],
        ),
        (
            checks.change_status,
            ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.CLOSED),
            [("reason", F.REASON_REQUIRED)],
        ),
        (
            checks.change_status,
            ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.CLOSED, evidence=("attachment_x",)),
            [],
        ),
        (checks.change_status, ChangeStatus(idempotency_key=KEY, complaint_id=ID, to_status=S.VERIFIED), []),
        (checks.rating, RateResolution(idempotency_key=KEY, complaint_id=ID, score=6), [("score", F.OUT_OF_RANGE)]),
        (checks.withdrawal, WithdrawComplaint(idempotency_key=KEY, complaint_id=ID), []),
        (
            checks.settlement,
            SettleDelivery(
                idempotency_key=KEY, delivery_id="d", outcome=DeliveryOutcome.DELIVERED, note="", native_id="x" * 401
            ),
            [("note", F.EMPTY), ("nativeId", F.TOO_LONG)],
        ),
        (
            checks.pair,
            LinkComplaints(idempotency_key=KEY, complaint_id=ID, other_complaint_id=ID, kind=LinkKind.FORWARDED_TO),
            [("otherComplaintId", F.SAME_COMPLAINT), ("kind", F.WRONG_KIND)],
        ),
    ],
)
def test_the_other_writes_have_their_rules(rules: Told, asked: Any, found: list[tuple[str, InputFault]]) -> None:
    assert told(rules(OFFICER, asked)) == found


def test_an_intent_knows_a_write_again_and_betrays_nothing_of_it() -> None:
    def meant(viewer: Viewer = PUBLIC, **fields: Any) -> Any:
        return intent(KEYRING, viewer, Action.SUBMIT_COMPLAINT, replace(ASKED, **fields), complaints=["\0", ID, ID])

    first = meant()
    assert first == meant()
    assert first.complaints == (ID,)
    assert (meant(text="Lain.").key, meant(text="Lain.").body == first.body) == (first.key, False)
    assert meant(idempotency_key=KEY[::-1]).key != first.key
    assert meant(idempotency_key=KEY[::-1]).body == first.body
    assert meant(OFFICER).key != first.key
    assert KEY not in str(first)
    assert canonical(replace(ASKED, text="\ud800")) != canonical(ASKED), "no text is too odd to be hashed"


def test_texts_are_kept_without_what_no_database_holds() -> None:
    assert [tidy(text) for text in (None, " \0 ", " a\0b ")] == [None, None, "ab"]
