"""What the outbox takes, on both databases: in order, one at a time, by one hub."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.audit import open_audit
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.ledger.witness import Witness
from gateway.ledger.writer import open_writer
from schema.complaint import Complaint
from schema.delivery import Delivery, DeliveryFilter, DeliveryKind, DeliveryState
from schema.query import PUBLIC, Role, Viewer
from schema.writes import Outcome, Written
from tests.contract.desks import NOW, complaint, deliver, delivery, intent, once, settle, submission

ADMIN = Viewer(role=Role.NATIONAL_ADMIN)
SUBMIT, FOLLOW_UP, RATING = DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP, DeliveryKind.RATING


async def claim(ledger: Any, owner: str = "hub", seconds: float = 0, limit: int = 10) -> Sequence[Delivery]:
    now = NOW + timedelta(seconds=seconds)
    return await ledger.writer.claim("prov-bali", owner, now, 60.0, limit)  # type: ignore[no-any-return]  # a sequence


async def put(ledger: Any, *kinds: DeliveryKind, number: int = 1, **fields: Any) -> tuple[Complaint, list[Delivery]]:
    """Stores a complaint with a delivery of each kind, in this order."""
    made = complaint(number)
    deliveries = [delivery(made, kind, **fields) for kind in kinds]
    await ledger.writer.write(intent(), once(submission(made, *deliveries)))
    return made, deliveries


async def end(ledger: Any, its: Delivery, state: DeliveryState, **fields: Any) -> None:
    await ledger.writer.write(deliver(its), settle(state, **fields))


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [each.id for each in deliveries]


async def test_of_one_complaint_one_goes_after_the_other(ledger: Any) -> None:
    made, (first, second, third) = await put(ledger, SUBMIT, FOLLOW_UP, RATING)
    _, [other] = await put(ledger, SUBMIT, number=2)
    taken = await claim(ledger)
    assert ids(taken) == [first.id, other.id]
    assert [(d.state, d.attempts, d.sent_at, d.owner) for d in taken] == [(DeliveryState.SENT, 1, NOW, "hub")] * 2
    assert await claim(ledger) == []
    await end(ledger, first, DeliveryState.ACKNOWLEDGED, native_id="n1")
    assert ids(await claim(ledger)) == [second.id]
    # What was refused is settled; what has an unknown outcome holds up the rest.
    await end(ledger, second, DeliveryState.UNKNOWN)
    assert await claim(ledger, seconds=10) == []
    await end(ledger, second, DeliveryState.REJECTED)
    assert ids(await claim(ledger)) == [third.id]
    async with LedgerReader(ledger.database).snapshot(ADMIN) as now:
        latest = await now.latest_deliveries([made.id])
        assert latest[made.id].id == third.id
        assert (await now.by_ids([made.id]))[made.id].version == 10


@pytest.mark.parametrize(
    ("kinds", "state", "next_one"),
    [
        ((SUBMIT, FOLLOW_UP), DeliveryState.DEAD, False),
        ((SUBMIT, FOLLOW_UP), DeliveryState.REJECTED, False),
        ((SUBMIT, FOLLOW_UP), DeliveryState.HAND_DELIVERY, False),
        ((SUBMIT, FOLLOW_UP), DeliveryState.ACKNOWLEDGED, True),
        ((FOLLOW_UP, RATING), DeliveryState.DEAD, False),
        ((FOLLOW_UP, RATING), DeliveryState.HAND_DELIVERY, True),
    ],
)
async def test_what_holds_up_what_is_behind_it(
    sqlite_url: str, ledger_at: Any, kinds: Sequence[DeliveryKind], state: DeliveryState, next_one: bool
) -> None:
    async with ledger_at(sqlite_url) as ledger:
        _, (first, second) = await put(ledger, *kinds)
        await end(ledger, first, state, native_id="n1")
        assert ids(await claim(ledger)) == ([second.id] if next_one else [])


async def test_a_lease_that_is_over_leaves_an_unknown_outcome(ledger: Any) -> None:
    _, [first] = await put(ledger, SUBMIT)
    await claim(ledger, "one")
    assert await claim(ledger, "two", seconds=59) == []
    for owner, seconds in (("two", 60), ("three", 121)):
        [taken] = await claim(ledger, owner, seconds)
        # To be looked up, not sent again; and if that hub dies too, by the next one.
        assert (taken.id, taken.state, taken.attempts, taken.owner) == (first.id, DeliveryState.UNKNOWN, 1, owner)
        assert await claim(ledger, "four", seconds + 1) == []
    kinds = [tuple(row) for row in await ledger.database.fetch("SELECT kind FROM events ORDER BY seq")]
    assert kinds == [("SUBMITTED",), *[("DELIVERY_CHANGED",)] * 3]


async def test_what_is_put_off_waits_and_what_waits_for_a_person_too(ledger: Any) -> None:
    _, [later] = await put(ledger, SUBMIT, next_attempt_at=NOW + timedelta(seconds=30))
    _, [never] = await put(ledger, SUBMIT, number=2)
    await end(ledger, never, DeliveryState.UNKNOWN)
    assert await claim(ledger, seconds=29.9) == []
    assert ids(await claim(ledger, seconds=30)) == [later.id]


async def test_two_hubs_never_take_the_same(ledger: Any, database_url: str, tmp_path: Path) -> None:
    put_in = [(await put(ledger, SUBMIT, number=n))[1][0] for n in range(20)]
    with open_audit(tmp_path / "two", Keyring(b"tests"), lambda: NOW) as audit:
        witness = Witness(tmp_path / "two" / "witness")
        async with (
            open_database(database_url, readers=1) as database,
            open_writer(database, witness, lambda: NOW, audit) as other,
        ):
            looks = [
                writer.claim("prov-bali", name, NOW, 60.0, 3)
                for _ in range(5)
                for name, writer in (("one", ledger.writer), ("two", other))
            ]
            taken = [each for some in await asyncio.gather(*looks) for each in some]
        witness.close()
    assert sorted(ids(taken)) == sorted(ids(put_in))
    assert [each.attempts for each in taken] == [1] * 20


async def test_what_waits_is_counted_by_agency(ledger: Any) -> None:
    for number in range(4):
        _, [its] = await put(ledger, SUBMIT, number=number, queued_at=NOW + timedelta(seconds=number))
        if number < 3:
            state = (DeliveryState.ACKNOWLEDGED, DeliveryState.DEAD, DeliveryState.UNKNOWN)[number]
            await end(ledger, its, state, native_id="n1" if number == 0 else None)
    async with LedgerReader(ledger.database).snapshot(PUBLIC) as now:
        queues = await now.queues()
        assert (await now.deliveries(DeliveryFilter(), 0, 10, count=True)).total == 0
    queue = queues["prov-bali"]
    assert (list(queues), queue.waiting, queue.dead) == (["prov-bali"], 2, 1)
    assert queue.oldest_queued_at == NOW + timedelta(seconds=2)
    async with LedgerReader(ledger.database).snapshot(ADMIN) as now:
        whole = await now.deliveries(DeliveryFilter(), 0, 10)
        page = await now.deliveries(DeliveryFilter(), whole.deliveries[1].seq, 1, count=True)
        assert (page.deliveries, page.has_next, page.total) == (whole.deliveries[2:3], True, 4)
        dead = await now.deliveries(DeliveryFilter(states=(DeliveryState.DEAD,), agencies=("prov-bali",)), 0, 10)
        assert [each.state for each in dead.deliveries] == [DeliveryState.DEAD]
        assert not (await now.deliveries(DeliveryFilter(kinds=()), 0, 10)).deliveries


async def test_an_attempt_that_is_put_off_is_no_event_and_is_seen(ledger: Any) -> None:
    made, [first] = await put(ledger, SUBMIT)
    later = NOW + timedelta(minutes=5)
    reader = LedgerReader(ledger.database)
    async with reader.snapshot(ADMIN) as now:
        before = await now.versions()
        await now.deliveries(DeliveryFilter(), 0, 10)
        assert now.dependencies.health
        assert now.dependencies.head

    def put_off(held: Any) -> Written:
        [known] = held.deliveries.values()
        return Written(outcome=Outcome(delivery=known.id), deliveries=(replace(known, next_attempt_at=later),))

    await ledger.writer.write(deliver(first), put_off)
    async with reader.snapshot(ADMIN) as now:
        after = await now.versions()
        assert (after.head, after.health) == (before.head, before.health + 1)
        assert (await now.latest_deliveries([made.id]))[made.id].next_attempt_at == later


async def test_a_cached_answer_with_a_delivery_falls_with_it(ledger: Any) -> None:
    made, [first] = await put(ledger, SUBMIT)
    reader = LedgerReader(ledger.database)
    seqs = []
    for _ in range(2):
        async with reader.snapshot(Viewer(role=Role.REPORTER, complaints=(made.id,))) as now:
            await now.latest_deliveries([made.id])
            seqs.append(now.dependencies.complaints[made.id])
        await end(ledger, first, DeliveryState.REJECTED)
    assert seqs[0] < seqs[1]
