"""What becomes of writes on their way to an agency, over a real ledger and a clock that is moved by hand."""

from __future__ import annotations

import asyncio

import pytest

from gateway.outbox.letter import HUB
from gateway.outbox.pace import Knobs
from schema.agency import SourceErrorCode
from schema.complaint import complaint_id
from schema.delivery import DeliveryKind, DeliveryState
from schema.links import LinkKind
from schema.status import ComplaintStatus
from tests.conftest import Ledger
from tests.contract.window import REPORTER, Post, Window

pytestmark = pytest.mark.anyio

S = DeliveryState
HOUR, DAY = 3_600, 86_400


@pytest.fixture
def window() -> Window:
    return Window()


@pytest.fixture
def post(ledger: Ledger, window: Window) -> Post:
    return Post(ledger, window)


async def test_a_complaint_is_delivered_and_known_by_the_agencys_key(post: Post) -> None:
    delivery = await post.submit(1, REPORTER)
    await post.step()
    found, complaint = await post.of(delivery), await post.complaint(delivery)
    assert (found.state, found.attempts, found.native_id, found.error) == (S.ACKNOWLEDGED, 1, "K-1", None)
    assert (found.owner, found.leased_until, found.next_attempt_at) == (None, None, None)
    assert complaint.native_id == "K-1"
    assert [(each.system, each.id) for each in complaint.external_references] == [("prov-bali", "No. K-1")]
    [told] = post.window.told
    assert (told.reference, told.native_id, told.reporter) == ("SMP-0000-0000-0001", None, REPORTER)
    assert await post.ledger.writer.sealed(delivery.id) is None
    assert await post.told(delivery) == [S.QUEUED, S.SENT, S.ACKNOWLEDGED]
    assert post.metric("simpul_deliveries_total", agency="prov-bali", kind="SUBMIT", state="ACKNOWLEDGED") == 1
    await post.step()
    assert post.window.sent == 1


async def test_what_follows_waits_for_what_it_follows(post: Post) -> None:
    post.window.planned = ["lose"]
    first = await post.submit(1)
    reply = await post.answer(first)
    await post.step()
    assert await post.states([first, reply]) == [S.UNKNOWN, S.QUEUED]
    for _ in range(8):
        await post.step(30)
    assert await post.states([first, reply]) == [S.ACKNOWLEDGED, S.ACKNOWLEDGED]
    told = post.window.told
    assert [each.kind for each in told] == [DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP]
    assert (told[1].native_id, told[1].reference) == ("K-1", reply.id)
    assert told[1].follow_up is not None
    assert told[1].follow_up.content == "Sudah dua minggu."


async def test_a_dropped_reply_is_looked_up_and_not_sent_again(post: Post) -> None:
    post.window.planned = ["drop"]
    delivery = await post.submit(1)
    await post.step()
    found = await post.of(delivery)
    assert found.state is S.UNKNOWN
    assert found.error is not None
    assert found.error.code is SourceErrorCode.TIMEOUT
    await post.step(1)
    assert post.window.looked == 0, "too soon"
    await post.step(1)
    assert (await post.of(delivery)).native_id == "K-1"
    assert (post.window.sent, post.window.looked, len(post.window.records)) == (1, 1, 1)
    assert await post.told(delivery) == [S.QUEUED, S.SENT, S.UNKNOWN, S.ACKNOWLEDGED]


async def test_what_was_lost_is_sent_again_once_it_would_have_settled(post: Post) -> None:
    post.window.planned = ["lose"]
    delivery = await post.submit(1)
    await post.step()
    for _ in range(59):
        await post.step(1)
    assert ((await post.of(delivery)).state, post.window.sent) == (S.UNKNOWN, 1)
    assert 3 <= post.window.looked <= 7, "more and more rarely"
    for _ in range(5):
        await post.step(1)
    found = await post.of(delivery)
    assert (found.state, found.attempts, post.window.sent) == (S.ACKNOWLEDGED, 2, 2)
    assert {each.reference for each in post.window.told} == {"SMP-0000-0000-0001"}


async def test_a_record_that_a_harvest_brought_first_is_linked(post: Post) -> None:
    there = post.ledger.complaint(9, native_id="K-1", id=complaint_id("prov-bali", "K-1"))
    await post.ledger.put(there)
    first = await post.submit(1)
    reply = await post.answer(first)
    await post.step()
    assert await post.states([first, reply]) == [S.ACKNOWLEDGED, S.ACKNOWLEDGED]
    assert (await post.complaint(first)).native_id == "K-1"
    assert post.window.told[1].native_id == "K-1"
    async with post.reader.snapshot(HUB) as snapshot:
        links = await snapshot.links([first.complaint_id, there.id])
    assert [(each.kind, each.other_id) for each in links[first.complaint_id]] == [(LinkKind.SAME_AS, there.id)]
    assert [(each.kind, each.other_id) for each in links[there.id]] == [(LinkKind.SAME_AS, first.complaint_id)]


async def test_what_may_not_be_kept_is_told_and_forgotten(post: Post) -> None:
    delivery = await post.submit(1, REPORTER, kept=False)
    assert (await post.complaint(delivery)).title is None
    await post.step()
    [told] = post.window.told
    assert (told.complaint.title, told.reporter) == ("Judul 1", REPORTER)
    assert (await post.complaint(delivery)).title is None
    assert await post.ledger.writer.sealed(delivery.id) is None


async def test_a_refusal_undoes_a_move(post: Post) -> None:
    first = await post.submit(1)
    await post.step()
    post.window.planned = ["refuse"]
    moved = await post.change(first, ComplaintStatus.VERIFIED)
    await post.step()
    found, complaint = await post.of(moved), await post.complaint(moved)
    assert found.state is S.REJECTED
    assert found.error is not None
    assert found.error.code is SourceErrorCode.REJECTED
    assert found.settled_at == post.now
    assert complaint.status is ComplaintStatus.SUBMITTED
    assert [each.to_status for each in complaint.timeline][-2:] == [ComplaintStatus.VERIFIED, ComplaintStatus.SUBMITTED]
    await post.step(DAY)
    assert post.window.sent == 2


async def test_what_it_takes_by_no_machine_is_for_a_person(post: Post) -> None:
    first = await post.submit(1)
    rating = await post.rate(first)
    reply = await post.answer(first)
    for _ in range(3):
        await post.step()
    assert await post.states([first, rating, reply]) == [S.ACKNOWLEDGED, S.HAND_DELIVERY, S.ACKNOWLEDGED]
    assert (await post.of(rating)).attempts == 0


async def test_a_connector_that_only_reads(post: Post) -> None:
    post.office.connector = object()  # type: ignore[assignment]
    first = await post.submit(1)
    reply = await post.answer(first)
    await post.step()
    await post.step()
    assert await post.states([first, reply]) == [S.HAND_DELIVERY, S.QUEUED], "nobody knows its key there"


async def test_an_hour_without_the_agency(post: Post) -> None:
    post.window.down = True
    filed = [await post.submit(number) for number in range(1, 31)]
    for second in range(0, HOUR, 20):
        if second == HOUR // 2:
            filed += [await post.submit(number) for number in range(31, 41)]  # they are answered at once all the same
        await post.step(20)
    waiting = await post.states(filed)
    assert set(waiting) == {S.QUEUED}
    assert post.metric("simpul_delivery_queue", agency="prov-bali") == 40
    assert post.metric("simpul_delivery_queue_age_seconds", agency="prov-bali") == HOUR
    assert post.window.sent < 40, "attempts are few"
    attempts = [(await post.of(each)).attempts for each in filed]
    assert max(attempts[8:]) <= 2, "only those in front spend any"
    post.window.down = False
    for _ in range(30):
        await post.step(20)
    assert set(await post.states(filed)) == {S.ACKNOWLEDGED}
    places = [int(each.reference[-4:]) for each in post.window.told]
    assert sorted(places) == list(range(1, 41))
    early = max(place - sent for sent, place in enumerate(places, 1))
    assert early < post.knobs.at_once, "in their order, but for those that are under way together"
    assert post.metric("simpul_delivery_queue", agency="prov-bali") == 0
    assert post.metric("simpul_delivery_queue_age_seconds", agency="prov-bali") == 0


async def test_it_is_believed_when_it_says_when_to_come_back(post: Post) -> None:
    post.window.planned = ["busy"]
    first, second = await post.submit(1), await post.submit(2)
    post.knobs = Knobs(at_once=1)
    post.outbox = post.hub()
    await post.step()
    found = await post.of(first)
    assert found.state is S.QUEUED
    assert found.next_attempt_at is not None
    assert (found.next_attempt_at - post.now).total_seconds() == 90
    await post.step(80)
    assert post.window.sent == 1
    await post.step(11)
    assert await post.states([first, second]) == [S.ACKNOWLEDGED, S.ACKNOWLEDGED]


async def test_a_delivery_that_alone_fails_does_not_hold_up_the_rest(post: Post) -> None:
    post.knobs = Knobs(at_once=1, longest=10.0)
    post.outbox = post.hub()
    bad, *rest = [await post.submit(number) for number in range(1, 5)]
    send = post.window.send

    async def picky(write):  # type: ignore[no-untyped-def]
        if write.reference.endswith("0001"):
            post.window.down = True
        try:
            return await send(write)
        finally:
            post.window.down = False

    post.window.send = picky  # type: ignore[method-assign]
    for _ in range(40):
        await post.step(10)
    assert await post.states([bad, *rest]) == [S.QUEUED, S.ACKNOWLEDGED, S.ACKNOWLEDGED, S.ACKNOWLEDGED]


async def test_what_can_not_be_delivered_for_three_days_is_given_up(post: Post) -> None:
    post.window.down = True
    delivery = await post.submit(1, REPORTER)
    for _ in range(3 * 24 * 4):
        await post.step(HOUR / 4)
    await post.step(HOUR)
    found = await post.of(delivery)
    assert found.state is S.DEAD
    assert found.next_attempt_at is None
    assert found.error is not None
    assert found.error.code is SourceErrorCode.UNREACHABLE
    await post.step()
    assert post.metric("simpul_dead_deliveries", agency="prov-bali") == 1
    assert await post.ledger.writer.sealed(delivery.id) is not None, "a person may have it sent again"


async def test_what_can_not_be_looked_up_waits_a_day_for_the_harvest(post: Post) -> None:
    post.window.finds = frozenset()
    post.window.planned = ["lose"]
    delivery = await post.submit(1)
    await post.step()
    for _ in range(23):
        await post.step(HOUR)
    assert ((await post.of(delivery)).state, post.window.sent, post.window.looked) == (S.UNKNOWN, 1, 0)
    await post.step(HOUR + 1)
    assert (await post.of(delivery)).state is S.DEAD
    assert post.window.sent == 1


async def test_a_paused_agency_is_waited_for(post: Post) -> None:
    post.office.paused = True
    delivery = await post.submit(1)
    for _ in range(5):
        await post.step(DAY)
    assert (await post.of(delivery)).state is S.QUEUED
    post.office.paused = False
    await post.step()
    assert (await post.of(delivery)).state is S.ACKNOWLEDGED


async def test_a_hub_that_died_while_it_sent(post: Post) -> None:
    dead, living = post.outbox, post.hub(alone=True)
    delivery = await post.submit(1)
    await post.ledger.writer.claim("prov-bali", "dead", post.now, 180, 8)
    post.outbox = living
    await post.step(1)
    assert (await post.of(delivery)).state is S.SENT, "another hub may be at it"
    await living.take_over()
    assert (await post.of(delivery)).state is S.UNKNOWN
    await post.step()
    await post.step(61)
    await post.step(5)
    assert (await post.of(delivery)).state is S.ACKNOWLEDGED
    assert post.window.sent == 1
    assert dead is not living


async def test_a_lease_that_ends(post: Post) -> None:
    delivery = await post.submit(1)
    await post.ledger.writer.claim("prov-bali", "dead", post.now, 180, 8)
    await post.step(179)
    assert (await post.of(delivery)).state is S.SENT
    for _ in range(3):
        await post.step(2)
    assert (await post.of(delivery)).state is S.ACKNOWLEDGED
    assert (post.window.sent, post.window.looked) == (1, 1)


async def test_a_hub_that_ends_says_what_it_does_not_know(post: Post) -> None:
    post.window.planned = ["hang"]
    post.knobs = Knobs(ending=0.01)
    post.outbox = post.hub(alone=True)
    post.ledger.writer.on_commit(post.outbox.ring)
    running = asyncio.create_task(post.outbox.run())
    delivery = await post.submit(1)
    await post.window.hanging.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await post.of(delivery)).state is S.UNKNOWN


async def test_two_hubs_share_the_work(post: Post) -> None:
    filed = [await post.submit(number) for number in range(1, 21)]
    hubs = [post.hub(), post.hub()]
    for _ in range(3):
        await asyncio.gather(*(hub.look() for hub in hubs))
        await asyncio.gather(*(hub.idle() for hub in hubs))
    assert set(await post.states(filed)) == {S.ACKNOWLEDGED}
    assert (post.window.sent, len(post.window.records)) == (20, 20)


async def test_an_outcome_that_comes_too_late_changes_nothing(post: Post) -> None:
    post.window.planned = ["late"]
    post.knobs = Knobs(lease=1.0, deadline=0.9)
    slow, other = post.hub(), post.hub()
    delivery = await post.submit(1)
    await slow.look()
    await post.window.hanging.wait()
    post.outbox = other
    await post.step(5)
    before = await post.of(delivery)
    assert before.state is S.UNKNOWN
    post.window.answering.set()
    await slow.idle()
    assert await post.of(delivery) == before
    await post.step(30)
    assert (await post.of(delivery)).state is S.ACKNOWLEDGED
    assert (post.window.sent, len(post.window.records)) == (1, 1)
