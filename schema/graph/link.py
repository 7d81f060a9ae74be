"""Records of one matter in several systems, and how one came to its agency. None is linked or routed yet."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from schema.graph.agency import Agency, held_by
from schema.graph.directives import Audience, described, field, object_type
from schema.graph.label import InLanguage
from schema.graph.lazy import AComplaint
from schema.query import Language


@described(
    "How two records belong together. May grow.",
    FORWARDED_TO="This one was handed on to that one.",
    FORWARDED_FROM="This one was handed over by that one.",
    SAME_AS="Both tell of one matter.",
    DUPLICATE_OF="This one repeats that one.",
)
class LinkKind(StrEnum):
    """How two records belong together."""

    FORWARDED_TO = "FORWARDED_TO"
    FORWARDED_FROM = "FORWARDED_FROM"
    SAME_AS = "SAME_AS"
    DUPLICATE_OF = "DUPLICATE_OF"


@object_type("Two records of one matter.")
class ComplaintLink:
    kind: LinkKind = field("Read from this complaint to `complaint`: this one was FORWARDED_TO that one.")
    complaint: AComplaint = field("The other record.")
    confidence: float = field("1 for stated by a system or confirmed by an officer.")
    created_at: datetime = field("When they were joined.")


@object_type("A guess: likely the same matter.", to=Audience.HANDLER)
class LinkSuggestion:
    kind: LinkKind = field("How they may belong together.")
    complaint: AComplaint = field("The other record.")
    score: float = field("0 to 1.")


class Routed(msgspec.Struct, frozen=True, kw_only=True):
    """What a routing rule decided. `agency` is a slug."""

    agency: str
    rule: str
    explanations: dict[Language, str]


def _explanation(root: Routed, language: InLanguage = Language.ID) -> str:
    return root.explanations[language]


@object_type("How a submitted complaint found its agency.")
class Routing:
    agency: Agency = field("Where it was sent.", held_by)
    rule: str = field("Name of the rule in the hub's routing file; `national` for the last door.")
    explanation: str = field("For the citizen.", _explanation)
