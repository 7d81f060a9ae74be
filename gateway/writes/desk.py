"""Where people's writes are taken: `schema.writes.Desk` over the ledger.

Each method checks the input, fetches and routes what needs it, has the ledger decide under its lock, and reads back
what the viewer may see of it. Whatever is refused is in the audit. What can turn out otherwise when the same input is
sent again (files that are gone by now, a complaint that moved on) is decided by the ledger, once it looked for the key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

from msgspec.structs import replace

from gateway.access.credentials import reporter_token, token_hash
from gateway.keyring import Keyring
from gateway.ledger.rows import to_milliseconds
from gateway.sync.derived import Rules
from gateway.writes import checks, deliveries, follow_up, links, status, submit, transfer
from gateway.writes.basis import Basis
from gateway.writes.intents import intent, is_id, tidy
from gateway.writes.submit import Filing
from schema.access import holds, may_see
from schema.agency import Agency
from schema.complaint import Attachment, Complaint, ContentState, Reporter, Routed, random_id
from schema.content import with_content
from schema.delivery import Delivery
from schema.errors import SourceUnavailable
from schema.ports import Clock, Live, Reader, Writer
from schema.query import PUBLIC, Role, Viewer
from schema.writes import (
    Action,
    AddFollowUp,
    Asked,
    Changed,
    ChangeStatus,
    Decide,
    DeliveryMoved,
    DismissLinkSuggestion,
    FollowedUp,
    InputIssue,
    Intent,
    InvalidInput,
    LinkComplaints,
    NotFound,
    NotPermitted,
    Problem,
    RateResolution,
    Recorded,
    RetryDelivery,
    SettleDelivery,
    SubmitComplaint,
    Submitted,
    TransferComplaint,
    Transferred,
    WithdrawComplaint,
)

#: The hub itself: what it reads so is shown to nobody whom a decision did not allow it.
_HUB: Final = Viewer(role=Role.NATIONAL_ADMIN, credential="hub")


Files: TypeAlias = tuple[tuple[Attachment, ...], tuple[InputIssue, ...]]


class Routes(Protocol):
    """Finds agencies (`gateway.routing.Router`)."""

    def route(self, asked: SubmitComplaint, agencies: Mapping[str, Agency]) -> Routed:
        """The agency that a complaint goes to."""

    def national(self, agencies: Mapping[str, Agency]) -> Agency | None:
        """The last door."""


class Fetches(Protocol):
    """Fetches files that are given by address (`gateway.attachments`)."""

    async def fetch(self, urls: Sequence[str], complaint_id: str) -> Files:
        """The files of a complaint, and what is wrong with those that can't be taken."""


class Desk:
    """Takes what people write.

    Args:
        rules: of an agency, by slug; None for one that is not plugged in.
        keeps_identity: whether an agency's file asks for the reporter's identity, by slug.
        live: asks agencies that allow no copies for the texts of what is transferred; None: those can't be.
    """

    def __init__(
        self,
        *,
        reader: Reader,
        writer: Writer,
        keyring: Keyring,
        clock: Clock,
        rules: Callable[[str], Rules | None],
        router: Routes,
        attachments: Fetches,
        keeps_identity: Callable[[str], bool],
        live: Live | None = None,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._keyring = keyring
        self._clock = clock
        self._rules = rules
        self._router = router
        self._attachments = attachments
        self._keeps_identity = keeps_identity
        self._live = live

    async def submit(self, viewer: Viewer, asked: SubmitComplaint) -> Submitted | Problem:
        """Files a complaint with the agency that is responsible."""
        basis = self._basis()
        meant = self._intent(viewer, Action.SUBMIT_COMPLAINT, asked)
        by_system = viewer.role is Role.INTEGRATOR
        if viewer.role is Role.OVERSIGHT or (asked.external_reference is not None and not by_system):
            return await self._writer.refuse(meant, NotPermitted())
        agencies = await self._agencies()
        if issues := tuple(checks.submission(viewer, asked, agencies, basis.now)):
            return await self._writer.refuse(meant, InvalidInput(issues))
        filing = await self._filing(asked, agencies)
        recorded = await self._writer.write(meant, submit.decide(asked, filing, basis))
        if not isinstance(recorded, Recorded):
            return recorded
        id = recorded.outcome.complaint or ""
        token = reporter_token(self._keyring, id)
        reporter = _reporter(id, token_hash(token))
        complaint = (await self._complaints(reporter, [id])).get(id)
        if complaint is None:
            return NotFound()
        return Submitted(complaint=complaint, reporter_token=token, viewer=reporter, position=recorded.position)

    async def follow_up(self, viewer: Viewer, asked: AddFollowUp) -> FollowedUp | Problem:
        """Adds a reply, or an answer."""
        meant = self._intent(viewer, Action.ADD_FOLLOW_UP, asked, complaints=[asked.complaint_id])
        if issues := tuple(checks.follow_up(viewer, asked)):
            return await self._writer.refuse(meant, InvalidInput(issues))
        attachments, unread = await self._files(asked.attachment_urls, asked.complaint_id)
        decide = follow_up.decide(viewer, asked, attachments, unread, self._basis())
        recorded = await self._writer.write(meant, decide)
        if not isinstance(recorded, Recorded):
            return recorded
        complaint = (await self._complaints(viewer, [asked.complaint_id])).get(asked.complaint_id)
        entry = recorded.outcome.entry
        if complaint is None or entry is None or entry >= len(complaint.follow_ups):
            return NotFound()  # it is no longer the viewer's to see
        return FollowedUp(complaint=complaint, follow_up=complaint.follow_ups[entry], position=recorded.position)

    async def transfer(self, viewer: Viewer, asked: TransferComplaint) -> Transferred | Problem:
        """Hands a complaint on to another agency."""
        meant = self._intent(viewer, Action.TRANSFER_COMPLAINT, asked, complaints=[asked.complaint_id], linked=True)
        if issues := tuple(checks.transfer(viewer, asked)):
            return await self._writer.refuse(meant, InvalidInput(issues))
        national = self._router.national(self._plugged_in(await self._agencies()))
        content = await self._content(viewer, asked.complaint_id)
        decide = transfer.decide(viewer, asked, national.id if national else None, content, self._basis())
        recorded = await self._writer.write(meant, decide)
        if not isinstance(recorded, Recorded):
            return recorded
        id, other = asked.complaint_id, recorded.outcome.other or ""
        found = await self._complaints(viewer, [id, other])
        # A confidential one is another agency's from now on; who sent it there is shown what was sent.
        sent = found.get(other) or await self._as_sent(other)
        if id not in found or sent is None:
            return NotFound()
        return Transferred(complaint=found[id], forwarded_to=sent, position=recorded.position)

    async def change_status(self, viewer: Viewer, asked: ChangeStatus) -> Changed | Problem:
        """Moves the status."""
        issues, decide = checks.change_status(viewer, asked), status.change(viewer, asked, self._basis())
        return await self._changed(viewer, Action.CHANGE_STATUS, asked, [asked.complaint_id], issues, decide)

    async def rate(self, viewer: Viewer, asked: RateResolution) -> Changed | Problem:
        """Adds the reporter's rating."""
        issues, decide = checks.rating(viewer, asked), status.rate(viewer, asked, self._basis())
        return await self._changed(viewer, Action.RATE_RESOLUTION, asked, [asked.complaint_id], issues, decide)

    async def withdraw(self, viewer: Viewer, asked: WithdrawComplaint) -> Changed | Problem:
        """Takes the reporter's complaint back."""
        issues, decide = checks.withdrawal(viewer, asked), status.withdraw(viewer, asked, self._basis())
        return await self._changed(viewer, Action.WITHDRAW_COMPLAINT, asked, [asked.complaint_id], issues, decide)

    async def link(self, viewer: Viewer, asked: LinkComplaints) -> Changed | Problem:
        """Joins two records."""
        issues, decide = checks.pair(viewer, asked), links.link(viewer, asked, self._basis())
        ids = [asked.complaint_id, asked.other_complaint_id]
        return await self._changed(viewer, Action.LINK_COMPLAINTS, asked, ids, issues, decide)

    async def dismiss(self, viewer: Viewer, asked: DismissLinkSuggestion) -> Changed | Problem:
        """Remembers that two records are no duplicates."""
        issues, decide = checks.pair(viewer, asked), links.dismiss(viewer, asked)
        ids = [asked.complaint_id, asked.other_complaint_id]
        return await self._changed(viewer, Action.DISMISS_LINK_SUGGESTION, asked, ids, issues, decide)

    async def retry(self, viewer: Viewer, asked: RetryDelivery) -> DeliveryMoved | Problem:
        """Sends a delivery again, or has it looked up."""
        delivery = await self._delivery(asked.delivery_id)
        complaint = delivery.complaint_id if delivery else ""
        decide = deliveries.retry(viewer, asked, complaint, self._basis())
        meant = self._intent(
            viewer, Action.RETRY_DELIVERY, asked, complaints=[complaint], deliveries=[asked.delivery_id]
        )
        return await self._moved(viewer, meant, asked.delivery_id, checks.key(viewer, asked), decide)

    async def settle(self, viewer: Viewer, asked: SettleDelivery) -> DeliveryMoved | Problem:
        """Ends a delivery by what an officer tells of it."""
        delivery = await self._delivery(asked.delivery_id)
        complaint = delivery.complaint_id if delivery else ""
        decide = deliveries.settle(viewer, asked, complaint, self._basis())
        meant = self._intent(
            viewer,
            Action.SETTLE_DELIVERY,
            asked,
            complaints=[complaint],
            deliveries=[asked.delivery_id],
        )
        return await self._moved(viewer, meant, asked.delivery_id, checks.settlement(viewer, asked), decide)

    def _basis(self) -> Basis:
        return Basis(now=to_milliseconds(self._clock()), rules=self._rules, keyring=self._keyring)

    def _intent(self, viewer: Viewer, action: Action, asked: Asked, **read: Any) -> Intent:
        return intent(self._keyring, viewer, action, asked, **read)

    async def _changed(
        self,
        viewer: Viewer,
        action: Action,
        asked: Asked,
        complaints: Sequence[str],
        issues: Iterable[InputIssue],
        decide: Decide,
    ) -> Changed | Problem:
        """Writes to the first of the complaints."""
        recorded = await self._written(self._intent(viewer, action, asked, complaints=complaints), issues, decide)
        if not isinstance(recorded, Recorded):
            return recorded
        complaint = (await self._complaints(viewer, complaints[:1])).get(complaints[0])
        return Changed(complaint=complaint, position=recorded.position) if complaint is not None else NotFound()

    async def _moved(
        self, viewer: Viewer, meant: Intent, id: str, issues: Iterable[InputIssue], decide: Decide
    ) -> DeliveryMoved | Problem:
        recorded = await self._written(meant, issues, decide)
        if not isinstance(recorded, Recorded):
            return recorded
        async with self._reader.snapshot(viewer) as snapshot:
            delivery = (await snapshot.deliveries_by_ids([id])).get(id)
        return DeliveryMoved(delivery=delivery, position=recorded.position) if delivery is not None else NotFound()

    async def _written(self, meant: Intent, issues: Iterable[InputIssue], decide: Decide) -> Recorded | Problem:
        if found := tuple(issues):
            return await self._writer.refuse(meant, InvalidInput(found))
        return await self._writer.write(meant, decide)

    async def _filing(self, asked: SubmitComplaint, agencies: Mapping[str, Agency]) -> Filing:
        """Where it goes, with whose name and which files."""
        id = random_id("complaint")
        routed = self._router.route(asked, self._plugged_in(agencies))
        attachments, unread = await self._files(asked.attachment_urls, id)
        return Filing(
            id=id,
            token=token_hash(reporter_token(self._keyring, id)),
            routed=routed,
            reporter=self._identity(asked, routed.agency),
            attachments=attachments,
            unread=unread,
        )

    def _identity(self, asked: SubmitComplaint, agency: str) -> Reporter | None:
        """Who reports, if the agency's file asks for it. Of an anonymous complaint nobody is ever told."""
        if asked.reporter is None or asked.is_anonymous or not self._keeps_identity(agency):
            return None
        told = asked.reporter
        reporter = Reporter(name=tidy(told.name), phone=tidy(told.phone), email=tidy(told.email))
        return reporter if reporter != Reporter() else None

    async def _files(self, urls: Sequence[str], complaint: str) -> Files:
        return await self._attachments.fetch(urls, complaint) if urls and is_id(complaint) else ((), ())

    async def _agencies(self) -> Mapping[str, Agency]:
        async with self._reader.snapshot(PUBLIC) as snapshot:
            return await snapshot.agencies()

    def _plugged_in(self, agencies: Mapping[str, Agency]) -> Mapping[str, Agency]:
        return {slug: agency for slug, agency in agencies.items() if self._rules(slug) is not None}

    async def _complaints(self, viewer: Viewer, ids: Sequence[str]) -> Mapping[str, Complaint]:
        async with self._reader.snapshot(viewer) as snapshot:
            return await snapshot.by_ids(ids)

    async def _delivery(self, id: str) -> Delivery | None:
        """Whose complaint it is of never changes; whether the viewer may know of it is decided later."""
        if not is_id(id):
            return None
        async with self._reader.snapshot(_HUB) as snapshot:
            return (await snapshot.deliveries_by_ids([id])).get(id)

    async def _content(self, viewer: Viewer, id: str) -> Complaint | None:
        """The complaint with its texts, where its agency lets the ledger keep none; None where the ledger has them.

        Raises:
            SourceUnavailable: the agency did not tell them.
        """
        complaint = (await self._complaints(_HUB, [id])).get(id) if is_id(id) else None
        if complaint is None or not may_see(viewer, complaint) or not holds(viewer, complaint):
            return None
        if complaint.content_state is not ContentState.UNAVAILABLE:
            return None
        found = (await self._live.contents(_HUB, [id])).get(id) if self._live is not None else None
        if found is None or found.record is None:
            message = "the agency allows no copies of the complaint and does not answer: it can't be handed on now"
            raise SourceUnavailable(message, agency=complaint.agency, count=1)
        return with_content(complaint, found.record, ContentState.AVAILABLE)

    async def _as_sent(self, id: str) -> Complaint | None:
        """A record as it was when it was forwarded, for who did that: without what the next agency wrote since."""
        complaint = (await self._complaints(_HUB, [id])).get(id)
        return replace(complaint, follow_ups=()) if complaint is not None else None


def _reporter(complaint: str, token: str) -> Viewer:
    """Who holds the token of a complaint, by the token's hash."""
    return Viewer(role=Role.REPORTER, complaints=(complaint,), credential=f"reporter:{token[:16]}")
