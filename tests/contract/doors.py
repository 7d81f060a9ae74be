"""Agencies that are written to: simulators behind real sockets, and somebody who delivers as the outbox does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

import simulators
from connectors.manifest import Manifest
from connectors.registry import connect, load_agencies
from connectors.secrets import Secrets
from schema.complaint import (
    AgencyReference,
    Channel,
    Classification,
    Complaint,
    Disposition,
    FollowUp,
    FollowUpKind,
    IncidentLocation,
    Rating,
    RatingSource,
    random_id,
)
from schema.connector import Acknowledgement, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import SourceError, WriteRejected
from schema.status import ComplaintStatus
from simulators.agency import Agency
from simulators.asgi import serve
from simulators.dialects import DIALECTS
from simulators.listener import Listener

AGENCIES = Path(__file__).parents[2] / "agencies"
#: What goes wrong, and does not for good.
FAULTS = ("drop-reply", "answer-twice", "answer-late", "commit-late", "lose", "swallow", "slow", "error", "down")

DEADLINE, LATENESS, SETTLES = 0.2, 0.3, 0.4


@cache
def _manifests() -> dict[str, Manifest]:
    return load_agencies(AGENCIES)


@asynccontextmanager
async def door(slug: str, **changes: Any) -> AsyncIterator[tuple[Agency, Any, Listener]]:
    """An agency with few complaints, its connector and its server; `changes` replace keys of the file.

    Time runs faster than in life: a deadline of 0.2 s, answers that come 0.1 s after it.
    """
    agency = Agency(DIALECTS[slug], seed=4, anchor=1_777_852_800, now=lambda: datetime.now(UTC).timestamp(), count=30)
    agency.lateness = LATENESS
    listener = Listener(serve(agency, 0.01))
    await listener.open()
    manifest = _manifests()[slug].with_values({"http.url": listener.url + DIALECTS[slug].base})
    assert manifest.http is not None
    assert manifest.writes is not None
    http = msgspec.structs.replace(manifest.http, deadline=DEADLINE, rate=10_000.0)
    writes = msgspec.structs.replace(manifest.writes, settles_after=SETTLES)
    manifest = msgspec.structs.replace(manifest, **{"http": http, "writes": writes, **changes})
    connector = connect(manifest, Secrets(simulators.ENVIRONMENT))
    try:
        yield agency, connector, listener
    finally:
        await connector.aclose()
        listener.end()


async def filed_once(slug: str, fault: str, write: Write) -> None:
    """Whatever goes wrong at first, what is written to this agency is there once in the end, and its key is known."""
    async with door(slug) as (agency, connector, listener):
        agency.fail(fault)
        if fault == "down":
            listener.close()
        acknowledged = await deliver(connector, write, agency, listener)
        await asyncio.sleep(0.15 if fault in ("commit-late", "slow") else 0)
        assert agency.writings.held() == {write.reference: [acknowledged.native_id]}, fault


def complaint(number: int = 1, native_id: str | None = None, **fields: Any) -> Complaint:
    """One that was written here."""
    told: dict[str, Any] = {
        "id": random_id("complaint"),
        "agency": "nowhere",
        "native_id": native_id,
        "tracking_id": f"SMP-TEST-0000-{number:04d}",
        "status": ComplaintStatus.SUBMITTED,
        "title": 'Jalan berlubang & licin, "parah"',
        "original_text": "Jalan di depan pasar berlubang.\nSudah <b>dua</b> bulan \U0001f64f 100% + rusak; mohon cek.",
        "classification": Classification.ASPIRASI,
        "category": "infrastruktur.jalan-berlubang",
        "channel": Channel.WEBSITE,
        "incident_date": date(2026, 5, 2),
        "incident_location": IncidentLocation(
            region_code="36.03.01", latitude=-6.201, longitude=106.45, address="Jl. Raya Serang No. 7"
        ),
    }
    now = datetime.now(UTC)
    moments = {"submitted_at": now, "updated_at": now, "status_changed_at": now}
    return Complaint(**{**told, **moments, **fields})


def submit(of: Complaint, **more: Any) -> Write:
    return Write(kind=DeliveryKind.SUBMIT, reference=of.tracking_id, complaint=of, **more)


def follow_up(native_id: str, content: str, *, before: tuple[FollowUp, ...] = (), number: int = 1) -> Write:
    """A citizen's reply; `before`: what was said already."""
    said = FollowUp(kind=FollowUpKind.REPORTER_REPLY, occurred_at=datetime.now(UTC), content=content)
    of = complaint(native_id=native_id, follow_ups=(*before, said))
    return Write(
        kind=DeliveryKind.FOLLOW_UP,
        reference=f"delivery_{number:026d}",
        complaint=of,
        native_id=native_id,
        follow_up=said,
    )


def transfer(native_id: str, name: str, note: str) -> Write:
    handed = Disposition(
        to_agency=AgencyReference(name), occurred_at=datetime.now(UTC), note=note, is_not_authority=True
    )
    of = complaint(native_id=native_id, dispositions=(handed,))
    return Write(
        kind=DeliveryKind.TRANSFER, reference="delivery_t", complaint=of, native_id=native_id, disposition=handed
    )


def rating(native_id: str, score: int) -> Write:
    stars = Rating(score=score, source=RatingSource.CITIZEN, occurred_at=datetime.now(UTC), comment="Cepat")
    of = complaint(native_id=native_id, ratings=(stars,))
    return Write(kind=DeliveryKind.RATING, reference="delivery_r", complaint=of, native_id=native_id, rating=stars)


async def deliver(
    sender: Sender, write: Write, agency: Agency | None = None, listener: Listener | None = None
) -> Acknowledgement:
    """Until it is there, as the outbox does: sends again only what did not arrive. The fault ends after the first time.

    Raises:
        WriteRejected: the agency said no.
    """
    async with asyncio.timeout(10):
        while True:
            sent = asyncio.get_running_loop().time()
            try:
                return await sender.send(write)
            except WriteRejected:
                raise
            except SourceError as error:
                await _heal(agency, listener)
                if not error.arrived:
                    await asyncio.sleep(min(error.retry_after or 0.05, 0.2))
                    continue
            while asyncio.get_running_loop().time() < sent + sender.settles_after + DEADLINE:
                if (found := await _found(sender, write)) is not None:
                    return found
                await asyncio.sleep(0.05)


async def _heal(agency: Agency | None, listener: Listener | None) -> None:
    if agency is not None and agency.fault is not None:
        agency.heal()
    if listener is not None:
        await listener.open()


async def _found(sender: Sender, write: Write) -> Acknowledgement | None:
    try:
        return await sender.find(write)
    except SourceError:
        return None
