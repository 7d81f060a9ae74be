"""What the dashboard holds on to while events pass through it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playwright.async_api import Browser, CDPSession, Page, expect

from schema.complaint import Complaint
from schema.events import Change, EventDetail, EventDraft, EventKind, EventOrigin
from schema.status import ComplaintStatus
from tests.live.browser import live, panel, visiting
from tests.live.demo import running

pytestmark = pytest.mark.browser

#: Complaints that the events are about, and events of one transaction.
COMPLAINTS, BATCH = 400, 100
TURNS = (ComplaintStatus.IN_FOLLOW_UP, ComplaintStatus.ANSWERED)

LedgerAt = Callable[..., AbstractAsyncContextManager[Any]]


async def test_many_events_leave_it_as_large_as_a_few(browser: Browser, ledger_at: LedgerAt, tmp_path: Path) -> None:
    await grows(browser, ledger_at, tmp_path, few=400, many=1_200)


@pytest.mark.soak
async def test_twenty_thousand_events_leave_it_as_large_as_two_thousand(
    browser: Browser, ledger_at: LedgerAt, tmp_path: Path
) -> None:
    await grows(browser, ledger_at, tmp_path, few=2_000, many=20_000)


async def grows(browser: Browser, ledger_at: LedgerAt, folder: Path, *, few: int, many: int) -> None:
    """Lets a page see so many events, and compares its heap after each number."""
    (folder / "agencies").mkdir()
    settings = {
        "SIMPUL_DATA_DIR": str(folder / "data"),
        "SIMPUL_AGENCIES_DIR": str(folder / "agencies"),
        "SIMPUL_PORT": "0",
    }
    with running("serve", "--migrate", log=folder / "hub.log", settings=settings) as hub:
        async with (
            ledger_at(f"sqlite://{folder / 'data' / 'simpul.db'}") as ledger,
            visiting(browser, hub.address) as visit,
        ):
            kept = [ledger.complaint(number, title=f"Jalan rusak {number}") for number in range(COMPLAINTS)]
            await ledger.put(*kept)
            kept = [msgspec.structs.replace(each, version=1) for each in kept]
            page = await live(await visit.open())
            wire = await visit.context.new_cdp_session(page)
            sizes = []
            passed = 0
            for goal in (few, many):
                while passed < goal:
                    kept = await turn(ledger, kept, passed)
                    passed += BATCH
                await arrived(page, kept[(passed - 1) % COMPLAINTS])
                sizes.append(await heap(wire))
            print(f"\nheap after {few} events {sizes[0]:,} bytes, after {many} {sizes[1]:,}")
            assert sizes[1] < sizes[0] * 1.2
            visit.check()


async def turn(ledger: Any, kept: Sequence[Complaint], passed: int) -> list[Complaint]:
    """One transaction: some of the complaints change their status."""
    now = datetime.now(UTC)
    start = passed % COMPLAINTS
    status = TURNS[passed // COMPLAINTS % len(TURNS)]
    pairs = [(each, _turned(each, status, now)) for each in kept[start : start + BATCH]]

    def decide(before: Mapping[str, Complaint]) -> Sequence[Change]:
        return [Change(before=before[str(old.native_id)], after=new, events=(_told(old, new),)) for old, new in pairs]

    await ledger.writer.change("prov-bali", [str(old.native_id) for old, _ in pairs], decide)
    return [*kept[:start], *(new for _, new in pairs), *kept[start + BATCH :]]


def _turned(complaint: Complaint, status: ComplaintStatus, now: datetime) -> Complaint:
    return msgspec.structs.replace(
        complaint, status=status, status_changed_at=now, updated_at=now, version=complaint.version + 1
    )


def _told(old: Complaint, new: Complaint) -> EventDraft:
    return EventDraft(
        kind=EventKind.STATUS_CHANGED,
        status=new.status,
        occurred_at=new.updated_at,
        origin=EventOrigin.SYNC,
        detail=EventDetail(from_status=old.status, to_status=new.status),
    )


async def arrived(page: Page, last: Complaint) -> None:
    """Waits until the feed shows the last event."""
    row = panel(page, "feed", f"li[data-complaint='{last.id}'][data-version='{last.version}']")
    await expect(row).to_be_attached(timeout=120_000)


async def heap(wire: CDPSession) -> int:
    """Bytes in use, after what is not needed has been let go."""
    for _ in range(3):
        await wire.send("HeapProfiler.collectGarbage")
        await asyncio.sleep(0.1)
    used = await wire.send("Runtime.getHeapUsage")
    return int(used["usedSize"] + used["embedderHeapUsedSize"])  # scripts' objects, and the page's elements
