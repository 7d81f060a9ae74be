"""Records of one matter in several systems, and how one came to its agency."""

from __future__ import annotations

from datetime import datetime

from schema import complaint as records
from schema.graph.agency import Agency, held_by
from schema.graph.batches import Joined
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.label import InLanguage
from schema.graph.lazy import AComplaint
from schema.links import LinkKind, Suggestion
from schema.query import Language


def _complaint(root: Joined | Suggestion, info: Info) -> records.Complaint:
    return shown(root.complaint, info)


@object_type("Two records of one matter.", to=Audience.PUBLIC)
class ComplaintLink:
    kind: LinkKind = field("Read from this complaint to `complaint`: this one was FORWARDED_TO that one.")
    complaint: AComplaint = field("The other record.", _complaint)
    confidence: float = field("1 for stated by a system or confirmed by an officer.")
    created_at: datetime = field("When they were joined.")


@object_type("A guess: likely the same matter.", to=Audience.HANDLER)
class LinkSuggestion:
    kind: LinkKind = field("How they may belong together.")
    complaint: AComplaint = field("The other record.", _complaint)
    score: float = field("0 to 1.")


def _explanation(root: records.Routed, language: InLanguage = Language.ID) -> str:
    told = root.explanation
    return told.get(language) or next(iter(told.values()), root.rule)


@object_type("How a submitted complaint found its agency.", to=Audience.PUBLIC)
class Routing:
    agency: Agency = field("Where it was sent.", held_by)
    rule: str = field("Name of the rule in the hub's routing file; `national` for the last door.")
    explanation: str = field("For the citizen.", _explanation)
