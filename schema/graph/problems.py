"""Why a write was refused, as the graph tells it."""

from __future__ import annotations

from collections.abc import Sequence

import strawberry

from schema import complaint as complaints
from schema import messages, writes
from schema.delivery import DeliveryState
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.label import InLanguage
from schema.graph.lazy import AComplaint
from schema.query import Language
from schema.status import ComplaintStatus
from schema.writes import CODES, ProblemCode, TransferRefusal


def _code(root: writes.Problem) -> ProblemCode:
    return CODES[type(root)]


def _message(root: writes.Problem, language: InLanguage = Language.ID) -> str:
    if isinstance(root, writes.IllegalTransfer):
        return messages.transfer_message(root.cause, language)
    return messages.problem_message(CODES[type(root)], language)


def _fault(root: writes.InputIssue, language: InLanguage = Language.ID) -> str:
    return messages.fault_message(root.fault, language)


def _path(root: writes.InputIssue) -> Sequence[str]:
    return root.path


def _current(root: writes.VersionConflict, info: Info) -> complaints.Complaint:
    return shown(root.current, info)


@strawberry.interface(description="Why a write was refused. Nothing was done, except that the refusal is in the audit.")
class Problem:
    code: ProblemCode = field("Kind of refusal.", _code)
    message: str = field("One sentence for the person who wrote.", _message)


@object_type("One broken rule.", to=Audience.PUBLIC)
class InputIssue:
    path: list[str] = field('Into `input`: ["attachments", "0", "url"].', _path)
    message: str = field("One sentence for the person who wrote.", _fault)


@object_type("The input breaks a rule that types can't say.", to=Audience.PUBLIC, of=writes.InvalidInput)
class InvalidInput(Problem):
    issues: list[InputIssue] = field("All that is wrong with it.")


@object_type("The key was used with another input.", to=Audience.PUBLIC, of=writes.IdempotencyConflict)
class IdempotencyConflict(Problem):
    pass


@object_type("The viewer sees the complaint but may not do this.", to=Audience.PUBLIC, of=writes.NotPermitted)
class NotPermitted(Problem):
    pass


@object_type("There is none, or the viewer may not see it.", to=Audience.PUBLIC, of=writes.NotFound)
class NotFound(Problem):
    pass


@object_type("Somebody changed it since `expectedVersion`.", to=Audience.PUBLIC, of=writes.VersionConflict)
class VersionConflict(Problem):
    current: AComplaint = field("As it is now.", _current)


@object_type("The status does not allow it.", to=Audience.PUBLIC, of=writes.IllegalStatusMove)
class IllegalStatusMove(Problem):
    from_status: ComplaintStatus | None = field("The status it has.")
    allowed: list[ComplaintStatus] = field("The states it may be moved to.")


@object_type("It can't be sent there.", to=Audience.PUBLIC, of=writes.IllegalTransfer)
class IllegalTransfer(Problem):
    cause: TransferRefusal = field("Why.")


@object_type("The delivery is not in a state for that.", to=Audience.PUBLIC, of=writes.IllegalDeliveryMove)
class IllegalDeliveryMove(Problem):
    state: DeliveryState = field("The state it is in.")
