"""What somebody writes, on both databases: once, whole, and audited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.backup import backup, restore
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema.complaint import Complaint
from schema.delivery import DeliveryState
from schema.errors import LedgerError
from schema.events import Change, EventKind
from schema.query import PUBLIC, Role, Viewer
from schema.writes import (
    Action,
    Held,
    IdempotencyConflict,
    NotFound,
    Outcome,
    Problem,
    Recorded,
    VersionConflict,
    Written,
)
from tests.contract.desks import complaint, deliver, delivery, event, intent, once, settle, submission

KEY, OTHER = "1" * 64, "2" * 64


async def rows(ledger: Any, sql: str) -> list[Any]:
    return [tuple(row) for row in await ledger.database.fetch(sql)]


async def test_a_write_is_kept_whole_and_answered_again_as_it_was(ledger: Any) -> None:
    first = complaint(1)
    queued = delivery(first)
    written = submission(first, queued, tokens=(("f" * 64, first.id),), sealed={queued.id: b"\x00secret"})
    done = await ledger.writer.write(intent(KEY), lambda _: written)
    assert (done.outcome, done.position.seq, done.again) == (written.outcome, 2, False)
    await ledger.put(ledger.complaint(1))

    def never(held: Held) -> Written:
        raise AssertionError

    assert await ledger.writer.write(intent(KEY), never) == replace(done, again=True)
    assert await ledger.writer.write(intent(KEY, body="c" * 64), never) == IdempotencyConflict()
    assert await ledger.writer.sealed(queued.id) == b"\x00secret"
    assert await rows(ledger, "SELECT hash, complaint_id FROM reporters") == [("f" * 64, first.id)]
    audited = "SELECT action, outcome, complaint_id, delivery_id, ledger_seq, body FROM audit ORDER BY seq"
    assert await rows(ledger, audited) == [
        ("SUBMIT_COMPLAINT", "DONE", first.id, queued.id, 2, "b" * 64),
        ("SUBMIT_COMPLAINT", "IDEMPOTENCY_CONFLICT", None, None, 3, "c" * 64),
    ]
    async with LedgerReader(ledger.database).snapshot(Viewer(role=Role.REPORTER, complaints=(first.id,))) as now:
        assert await now.by_ids([first.id]) == {first.id: replace(first, version=2)}
        assert await now.latest_deliveries([first.id]) == {first.id: replace(queued, seq=2)}


async def test_a_key_is_remembered_for_a_day(database_url: str, tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    with open_audit(tmp_path, Keyring(b"tests"), lambda: at) as audit:
        async with (
            open_database(database_url) as database,
            open_writer(database, Witness(tmp_path / "witness"), lambda: at, audit) as writer,
        ):
            answers = []
            for hours, key in ((0, KEY), (0, OTHER), (23.9, KEY), (0.2, KEY), (0, OTHER)):
                at += timedelta(hours=hours)
                answers.append(await writer.write(intent(key, f"{hours}" * 3), lambda _: Written(outcome=Outcome())))
            kept = await database.fetch("SELECT count(*) FROM idempotency WHERE created_at > '2026-03-03'")
    assert [type(answer) for answer in answers] == [Recorded, Recorded, IdempotencyConflict, Recorded, Recorded]
    assert not any(answer.again for answer in answers if isinstance(answer, Recorded))
    assert kept[0][0] == 2


async def test_one_key_sent_by_eight_hubs_at_once_is_one_write(ledger: Any, database_url: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        writers = []
        for n in range(8):
            audit = stack.enter_context(open_audit(tmp_path / f"{n}", Keyring(b"tests"), lambda: datetime.now(UTC)))
            database = await stack.enter_async_context(open_database(database_url, readers=1))
            witness = Witness(tmp_path / f"{n}" / "witness")
            stack.callback(witness.close)
            opened = open_writer(database, witness, lambda: datetime.now(UTC), audit)
            writers.append(await stack.enter_async_context(opened))
        made = [once(submission(each, delivery(each))) for each in map(complaint, range(8))]
        answers = await asyncio.gather(
            *(writer.write(intent(KEY), decide) for writer, decide in zip(writers, made, strict=True))
        )
    assert len({answer.outcome.complaint for answer in answers}) == 1  # type: ignore[union-attr]  # all were recorded
    assert sorted(answer.again for answer in answers) == [False, *[True] * 7]  # type: ignore[union-attr]  # likewise
    assert await rows(ledger, "SELECT (SELECT count(*) FROM complaints), (SELECT count(*) FROM audit)") == [(1, 1)]


async def test_of_two_officers_at_once_one_is_told_of_the_other(ledger: Any) -> None:
    await ledger.put(ledger.complaint(1))
    id = ledger.complaint(1).id

    def decide(held: Held) -> Written | Problem:
        before = held.complaints[id]
        if before.version != 1:
            return VersionConflict(before)
        change = Change(before=before, after=before, events=(event(EventKind.STATUS_CHANGED, before),))
        return Written(outcome=Outcome(complaint=id), changes=(change,))

    asked = intent(action=Action.CHANGE_STATUS, complaints=(id,))
    answers = await asyncio.gather(*(ledger.writer.write(asked, decide) for _ in range(2)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Recorded", "VersionConflict"]
    [conflict] = [answer for answer in answers if isinstance(answer, VersionConflict)]
    assert conflict.current.version == 2
    outcomes = await rows(ledger, "SELECT outcome FROM audit ORDER BY seq")
    assert outcomes == [("DONE",), ("VERSION_CONFLICT",)]


async def test_no_audit_no_write(ledger: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = complaint(1)
    await ledger.writer.write(intent(), lambda _: Written(outcome=Outcome()))
    writer = await ledger.database.connect()
    await writer.transaction(lambda tx: tx.execute("ALTER TABLE audit RENAME TO audit_away"))
    for answer in (
        ledger.writer.write(intent(KEY), lambda _: submission(first, delivery(first))),
        ledger.writer.refuse(intent(), NotFound()),
    ):
        with pytest.raises(LedgerError):
            await answer
    await writer.transaction(lambda tx: tx.execute("ALTER TABLE audit_away RENAME TO audit"))
    await writer.aclose()
    counted = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM idempotency), (SELECT seq FROM head)"
    assert await rows(ledger, counted) == [(0, 0, 0)]
    assert (await ledger.writer.write(intent(KEY), lambda _: submission(first, delivery(first)))).position.seq == 2
    assert await ledger.writer.refuse(intent(), NotFound()) == NotFound()
    assert await rows(ledger, "SELECT outcome FROM audit ORDER BY seq") == [("DONE",), ("DONE",), ("NOT_FOUND",)]


async def test_what_is_no_id_is_not_found_and_not_kept(ledger: Any) -> None:
    asked = intent(complaints=("complaint_" + "x" * 100, "complaint_\0"), deliveries=("delivery_\ud800",), linked=True)
    shown: list[Held] = []
    assert await ledger.writer.write(asked, lambda held: shown.append(held) or NotFound()) == NotFound()
    assert shown == [Held(complaints={}, deliveries={})]
    assert await rows(ledger, "SELECT complaint_id, other_id, delivery_id FROM audit") == [(None, None, None)]


async def test_a_delivery_without_its_event_is_no_write(ledger: Any) -> None:
    first = complaint(1)
    written = submission(first, delivery(first))
    with pytest.raises(LedgerError, match="without an event"):
        await ledger.writer.write(intent(), lambda _: replace(written, changes=()))
    assert await rows(ledger, "SELECT id FROM complaints") == []


async def test_a_reporter_who_saw_the_first_sees_what_it_was_forwarded_to(ledger: Any) -> None:
    first, second = complaint(1), complaint(2)
    tokens = (("e" * 64, first.id),)
    await ledger.writer.write(intent(), lambda _: submission(first, tokens=tokens))
    await ledger.writer.write(intent(), lambda _: submission(second, inherits=((first.id, second.id),)))
    found = await rows(ledger, "SELECT complaint_id FROM reporters WHERE hash LIKE 'e%' ORDER BY complaint_id")
    assert found == sorted([(first.id,), (second.id,)])


async def test_what_was_sealed_goes_when_the_delivery_is_settled_or_the_complaint_erased(ledger: Any) -> None:
    made = [complaint(n) for n in range(4)]
    sent = [delivery(each) for each in made]
    for each, its in zip(made, sent, strict=True):
        written = submission(each, its, sealed={its.id: b"secret"})
        await ledger.writer.write(intent(), lambda _, written=written: written)
    for its, state in zip(
        sent, (DeliveryState.ACKNOWLEDGED, DeliveryState.REJECTED, DeliveryState.UNKNOWN), strict=False
    ):
        native = "n1" if state is DeliveryState.ACKNOWLEDGED else None
        await ledger.writer.write(deliver(its), settle(state, native_id=native))
    assert [await ledger.writer.sealed(its.id) for its in sent] == [None, None, b"secret", b"secret"]
    await ledger.writer.empty([each.id for each in made[2:]])
    assert [await ledger.writer.sealed(its.id) for its in sent] == [None] * 4
    # What is on its way is looked up; what was not sent has nothing left to say.
    assert await rows(ledger, "SELECT state FROM deliveries ORDER BY seq") == [
        ("ACKNOWLEDGED",),
        ("REJECTED",),
        ("UNKNOWN",),
        ("DEAD",),
    ]
    assert await rows(ledger, "SELECT count(*) FROM complaints WHERE title IS NOT NULL") == [(2,)]
    assert await rows(ledger, "SELECT (SELECT seq FROM head), count(*) FROM events") == [(14, 14)]


async def test_a_backup_has_what_was_written(ledger: Any, database_url: str, tmp_path: Path) -> None:
    first = complaint(1)
    queued = delivery(first)
    written = submission(first, queued, tokens=(("f" * 64, first.id),), sealed={queued.id: b"secret"})
    done = await ledger.writer.write(intent(KEY), lambda _: written)
    await backup(database_url, tmp_path / "backup")
    await ledger.writer.write(deliver(queued), settle(DeliveryState.ACKNOWLEDGED, native_id="n1"))
    await restore(database_url, tmp_path / "backup")
    again = await ledger.writer.write(intent(KEY), lambda _: written)
    assert (again.outcome, again.position.seq, again.again) == (done.outcome, 2, True)
    assert await ledger.writer.sealed(queued.id) == b"secret"
    assert await rows(ledger, "SELECT state FROM deliveries") == [("QUEUED",)]
    assert await rows(ledger, "SELECT routing IS NULL, sent FROM complaints") == [(False, "[]")]


def adopting(ledger: Any, *native_ids: str) -> Any:
    """What a harvest makes of records: complaints of their own where the ledger shows none."""

    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        return [
            Change(
                before=None,
                after=(new := ledger.complaint(int(id[1:]))),
                events=(ledger.event(EventKind.SUBMITTED, new),),
            )
            for id in native_ids
            if id not in before
        ]

    return decide


async def test_a_record_that_names_our_number_is_our_complaint(ledger: Any) -> None:
    first = complaint(1)
    queued = delivery(first)
    await ledger.writer.write(intent(), lambda _: submission(first, queued, sealed={queued.id: b"secret"}))
    shown: dict[str, Complaint] = {}

    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        shown.update(before)
        return adopting(ledger, "n1", "n2")(before)  # type: ignore[no-any-return]  # as decide does

    for _ in range(2):
        await ledger.writer.change("prov-bali", ["n1", "n2"], decide, references={"n1": first.tracking_id})
    assert (shown["n1"].id, shown["n1"].native_id) == (first.id, "n1")
    assert await rows(ledger, "SELECT id, native_id, version FROM complaints WHERE native_id = 'n1'") == [
        (first.id, "n1", 3)
    ]
    assert await rows(ledger, "SELECT state, native_id FROM deliveries") == [("ACKNOWLEDGED", "n1")]
    assert await ledger.writer.sealed(queued.id) is None
    assert await rows(ledger, "SELECT kind FROM events ORDER BY seq") == [
        ("SUBMITTED",),
        ("DELIVERY_CHANGED",),
        ("DELIVERY_CHANGED",),
        ("SUBMITTED",),
    ]


@pytest.mark.parametrize("told", [True, False], ids=["by reference", "by the answer"])
async def test_a_record_that_was_read_before_its_answer_came(ledger: Any, told: bool) -> None:
    await ledger.writer.change("prov-bali", ["n1"], adopting(ledger, "n1"))
    twin = ledger.complaint(1)
    first = complaint(1)
    queued = delivery(first)
    await ledger.writer.write(intent(), lambda _: submission(first, queued))
    if told:
        references = {"n1": first.tracking_id}
        await ledger.writer.change("prov-bali", ["n1"], adopting(ledger, "n1"), references=references)
    else:
        await ledger.writer.write(deliver(queued), settle(DeliveryState.ACKNOWLEDGED, native_id="n1"))
    held = await rows(ledger, "SELECT id, generation FROM complaints WHERE native_id = 'n1' ORDER BY generation")
    assert held == [(twin.id, 0), (first.id, 1)]
    seen: list[str] = []
    await ledger.writer.change("prov-bali", ["n1"], lambda before: seen.extend(c.id for c in before.values()) or [])
    assert seen == [first.id]
    assert await rows(ledger, "SELECT state FROM deliveries") == [("ACKNOWLEDGED",)]
    async with LedgerReader(ledger.database).snapshot(PUBLIC) as now:
        links = await now.links([first.id, twin.id])
        assert {id: [link.other_id for link in some] for id, some in links.items()} == {
            first.id: [twin.id],
            twin.id: [first.id],
        }
    linked = await rows(ledger, "SELECT complaint_id FROM events WHERE kind = 'LINKED' ORDER BY complaint_id")
    assert linked == sorted([(first.id,), (twin.id,)])
