"""What can be written. Each field writes first and reads afterwards; the next one sees what it wrote."""

from __future__ import annotations

from typing import Annotated

import strawberry

from schema import writes
from schema.errors import BadUserInput
from schema.graph.answers import (
    AddFollowUpPayload,
    ChangeStatusPayload,
    DismissLinkSuggestionPayload,
    LinkComplaintsPayload,
    RateResolutionPayload,
    RetryDeliveryPayload,
    SettleDeliveryPayload,
    SubmitComplaintPayload,
    TransferComplaintPayload,
    WithdrawComplaintPayload,
)
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.inputs import (
    AddFollowUpInput,
    ChangeStatusInput,
    DismissLinkSuggestionInput,
    LinkComplaintsInput,
    RateResolutionInput,
    RetryDeliveryInput,
    SettleDeliveryInput,
    SubmitComplaintInput,
    TransferComplaintInput,
    WithdrawComplaintInput,
)
from schema.query import Viewer
from schema.writes import Desk, Problem

_WRITTEN = strawberry.argument(description="What is to be written.")


def _begin(info: Info) -> tuple[Desk, Viewer]:
    """The desk, and who writes: what the field before this one showed, and to whom, no longer counts.

    Raises:
        BadUserInput: this hub takes no writes.
    """
    context = info.context
    if context.desk is None:
        raise BadUserInput("This hub takes no writes.")
    context.show_to(context.asker)
    return context.desk, context.asker


async def _submit(info: Info, input: Annotated[SubmitComplaintInput, _WRITTEN]) -> writes.Submitted | Problem:
    desk, viewer = _begin(info)
    done = await desk.submit(viewer, input.asked())
    if isinstance(done, writes.Submitted):
        info.context.show_to(done.viewer)
    return done


async def _follow_up(info: Info, input: Annotated[AddFollowUpInput, _WRITTEN]) -> writes.FollowedUp | Problem:
    desk, viewer = _begin(info)
    return await desk.follow_up(viewer, input.asked())


async def _transfer(info: Info, input: Annotated[TransferComplaintInput, _WRITTEN]) -> writes.Transferred | Problem:
    desk, viewer = _begin(info)
    return await desk.transfer(viewer, input.asked())


async def _change_status(info: Info, input: Annotated[ChangeStatusInput, _WRITTEN]) -> writes.Changed | Problem:
    desk, viewer = _begin(info)
    return await desk.change_status(viewer, input.asked())


async def _rate(info: Info, input: Annotated[RateResolutionInput, _WRITTEN]) -> writes.Changed | Problem:
    desk, viewer = _begin(info)
    return await desk.rate(viewer, input.asked())


async def _withdraw(info: Info, input: Annotated[WithdrawComplaintInput, _WRITTEN]) -> writes.Changed | Problem:
    desk, viewer = _begin(info)
    return await desk.withdraw(viewer, input.asked())


async def _retry(info: Info, input: Annotated[RetryDeliveryInput, _WRITTEN]) -> writes.DeliveryMoved | Problem:
    desk, viewer = _begin(info)
    return await desk.retry(viewer, input.asked())


async def _settle(info: Info, input: Annotated[SettleDeliveryInput, _WRITTEN]) -> writes.DeliveryMoved | Problem:
    desk, viewer = _begin(info)
    return await desk.settle(viewer, input.asked())


async def _link(info: Info, input: Annotated[LinkComplaintsInput, _WRITTEN]) -> writes.Changed | Problem:
    desk, viewer = _begin(info)
    return await desk.link(viewer, input.asked())


async def _dismiss(info: Info, input: Annotated[DismissLinkSuggestionInput, _WRITTEN]) -> writes.Changed | Problem:
    desk, viewer = _begin(info)
    return await desk.dismiss(viewer, input.asked())


@object_type(
    "Every write takes an idempotencyKey (16 to 128 printable characters, chosen at random by the client, kept 24 h, "
    "unique per viewer).\n"
    "Same key and same input: the same answer again, nothing done twice. Same key, other input: IdempotencyConflict.\n"
    "Refusals that a client can act on are in the payload union; HTTP 429 and 503 and GraphQL errors mean "
    '"not accepted, send again with the same key".',
    to=Audience.PUBLIC,
)
class Mutation:
    submit_complaint: SubmitComplaintPayload = field(
        "Files a complaint. Never refused for its place or topic: what no rule routes goes to the national system.",
        _submit,
        cost=50,
    )
    add_follow_up: AddFollowUpPayload = field(
        "By the reporter (a reply) or an officer of a handling agency.", _follow_up, cost=20
    )
    transfer_complaint: TransferComplaintPayload = field(
        "By an officer of the agency that now holds it. Both records stay and are linked.", _transfer, cost=20
    )
    change_status: ChangeStatusPayload = field(
        "By an officer. Only the moves in `Complaint.nextStatuses` are legal.", _change_status, cost=20
    )
    rate_resolution: RateResolutionPayload = field(
        "By the reporter, once the complaint is ANSWERED or CLOSED.", _rate, cost=20
    )
    withdraw_complaint: WithdrawComplaintPayload = field("By the reporter.", _withdraw, cost=20)
    retry_delivery: RetryDeliveryPayload = field(
        "By an operator: sends a REJECTED or DEAD delivery again; an UNKNOWN one is looked up first.",
        _retry,
        cost=20,
        scoped=True,
    )
    settle_delivery: SettleDeliveryPayload = field(
        "By an officer: says what became of a delivery that no machine could finish.", _settle, cost=20, scoped=True
    )
    link_complaints: LinkComplaintsPayload = field(
        "By an officer: confirms that two records are one matter, or duplicates.", _link, cost=20, scoped=True
    )
    dismiss_link_suggestion: DismissLinkSuggestionPayload = field(
        "By an officer: a suggested duplicate is none.", _dismiss, cost=20, scoped=True
    )
