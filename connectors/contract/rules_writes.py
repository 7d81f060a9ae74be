"""Rules about what is written to an agency."""

from __future__ import annotations

from secrets import token_hex
from typing import Final

import httpx2

from connectors.auth import OAuth2
from connectors.contract.bench import Bench
from connectors.contract.rule import Broken, NotApplicable, rule
from connectors.contract.wire import Answer, Asked, Upstream
from schema.agency import ConnectorTier
from schema.complaint import Complaint, ComplaintRecord, FollowUp, FollowUpKind, random_id
from schema.connector import Connector, Sender, Write
from schema.delivery import DeliveryKind
from schema.errors import SourceError, SourceFailure, WriteRejected
from schema.status import ComplaintStatus

#: Kinds that a sample is made of.
_SAMPLES: Final = (DeliveryKind.SUBMIT, DeliveryKind.FOLLOW_UP)


@rule("write-once", ConnectorTier.GOLD, "A report that is sent twice is two complaints at the agency.")
async def write_once(bench: Bench) -> str | None:
    """A complaint and an answer are written, and nothing of it gets past the wire. Refused connections and 401 are
    told as not arrived, a reply that doesn't come as perhaps arrived, 422 as a no; each time the write was sent at most
    once, but for one more with newer credentials. Where the agency may be written to, it takes a complaint and its
    reply is dropped: the complaint is found, with its key, and is there once.
    """
    if bench.manifest.writes is None:
        raise NotApplicable("the connector writes nothing")
    records = list((await bench.records()).values())
    tried = []
    for kind in _SAMPLES:
        if kind in await _taken(bench):
            for name, status, arrived, most in _TROUBLES:
                await _told(bench, _sample(bench, kind, records), name, status, arrived, most)
            tried.append(kind.lower())
    if not tried:
        raise NotApplicable("the connector writes no complaints and no answers")
    if bench.subject.held is None:
        return f"{', '.join(tried)}, on the wire alone"
    await _found(bench, _sample(bench, DeliveryKind.SUBMIT, records))
    return f"{', '.join(tried)}, and found again"


#: What comes in place of a reply; its status (0: no reply; None: no connection), whether the write may have arrived
#: (None: it is a no), and how often it may be sent.
_TROUBLES: Final[tuple[tuple[str, int | None, bool | None, int], ...]] = (
    ("a connection that is refused", None, False, 1),
    ("a reply that never comes", 0, True, 1),
    ("HTTP 500", 500, True, 1),
    ("HTTP 401", 401, False, 2),
    ("HTTP 422", 422, None, 1),
)


async def _taken(bench: Bench) -> frozenset[DeliveryKind]:
    async with bench.connector() as (connector, _):
        return connector.writes if isinstance(connector, Sender) else frozenset()


async def _told(bench: Bench, write: Write, name: str, status: int | None, arrived: bool | None, most: int) -> None:
    sent: list[Asked] = []

    async def trouble(asked: Asked) -> Answer:
        sent.append(asked)
        if status is None:
            raise httpx2.ConnectError("refused")
        if status == 0:
            raise httpx2.RemoteProtocolError("closed")
        return Answer(status=status, headers={"content-type": "text/plain"}, content=b"tidak")

    async with bench.connector(_instead(bench, trouble)) as (connector, _):
        error = await _failed(connector, write, name)
    if len(sent) > most:
        raise Broken(f"after {name}, a {write.kind} was sent {len(sent)} times")
    if arrived is None:
        if not isinstance(error, WriteRejected):
            raise Broken(f"{name} to a {write.kind} is told as {error.code}, not as a no")
    elif isinstance(error, WriteRejected):
        raise Broken(f"{name} to a {write.kind} is told as a no of the agency's")
    elif error.arrived is not arrived:
        told = "may have arrived" if error.arrived else "did not arrive"
        raise Broken(f"after {name}, a {write.kind} is said to be one that {told}")


async def _failed(connector: Connector, write: Write, name: str) -> SourceError:
    assert isinstance(connector, Sender)
    try:
        await connector.send(write)
    except SourceError as error:
        return error
    raise Broken(f"after {name}, a {write.kind} was acknowledged")


async def _found(bench: Bench, write: Write) -> None:
    assert bench.subject.held is not None

    async def dropped(asked: Asked) -> Answer:
        await bench.upstream(asked)
        raise httpx2.RemoteProtocolError("closed")

    async with bench.connector(_instead(bench, dropped)) as (connector, _):
        error = await _failed(connector, write, "a dropped reply")
        if not error.arrived:
            raise Broken("after a dropped reply, a complaint is said to be one that did not arrive")
    async with bench.connector() as (connector, _):
        assert isinstance(connector, Sender)
        await _there(connector, bench.subject.held(write.reference), write)
        if await connector.find(_sample(bench, write.kind, list((await bench.records()).values()))) is not None:
            raise Broken("a complaint was found that was never sent")


async def _there(connector: Connector, filed: int, write: Write) -> None:
    if filed != 1:
        raise Broken(f"one complaint was sent, and the agency filed {filed}")
    assert isinstance(connector, Sender)
    if write.kind not in connector.finds:
        raise Broken("a complaint whose reply was dropped can't be found again")
    found = await connector.find(write)
    if found is None or found.native_id is None:
        raise Broken("the agency has the complaint, and it was not found")
    page = await connector.fetch([found.native_id])
    if [record.native_id for record in page.records] != [found.native_id]:
        raise Broken("the key that was found is not the complaint's")
    references = {each.id for record in page.records for each in record.external_references}
    if write.reference not in references:
        raise Broken("the complaint comes back without our reference")


def _instead(bench: Bench, trouble: Upstream) -> Upstream:
    """What is read comes from the agency, tokens too; what is written meets trouble."""
    auth = bench.manifest.auth
    tokens = auth.token_url if isinstance(auth, OAuth2) else None

    async def upstream(asked: Asked) -> Answer:
        passes = _reads(asked) or (tokens is not None and asked.url.startswith(tokens))
        if not passes:
            return await trouble(asked)
        try:
            return await bench.upstream(asked)
        except SourceFailure:  # a recording can't be asked for what is written now: it isn't there
            return Answer(status=404, headers={}, content=b"")

    return upstream


def _reads(asked: Asked) -> bool:
    """A request that changes nothing: GraphQL's too, as far as it is no mutation."""
    if asked.method in ("GET", "HEAD"):
        return True
    document = dict(asked.values).get("/query", "")
    return bool(document) and "mutation" not in document


def _sample(bench: Bench, kind: DeliveryKind, records: list[ComplaintRecord]) -> Write:
    """Something to write, of the kind that the agency's own records are: its categories and places are known there."""
    like = next((r for r in records if r.category and r.incident_location and not r.is_confidential), records[0])
    now = bench.subject.at()
    reference = f"SMP-UJI-{token_hex(4).upper()}"
    answer = FollowUp(kind=FollowUpKind.PROGRESS, occurred_at=now, content=f"Uji coba {reference}")
    complaint = Complaint(
        id=random_id("complaint"),
        agency="",
        native_id=None if kind is DeliveryKind.SUBMIT else like.native_id,
        tracking_id=reference,
        status=ComplaintStatus.SUBMITTED,
        title="Uji coba, mohon diabaikan",
        original_text=f"Uji coba penyambungan sistem ({reference}). Mohon diabaikan.",
        submitted_at=now,
        updated_at=now,
        status_changed_at=now,
        follow_ups=() if kind is DeliveryKind.SUBMIT else (answer,),
        category=like.category,
        classification=like.classification,
        channel=like.channel,
        incident_date=like.incident_date,
        incident_location=like.incident_location,
    )
    return Write(
        kind=kind,
        reference=reference,
        complaint=complaint,
        native_id=complaint.native_id,
        follow_up=None if kind is DeliveryKind.SUBMIT else answer,
    )
