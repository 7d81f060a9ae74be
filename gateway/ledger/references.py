"""Numbers of other systems that records name: each such name is a row, so that whichever record comes first, the other
one is found."""

from __future__ import annotations

import string

from gateway.ledger.rows import clean
from schema.agency import Agency
from schema.complaint import Complaint

#: Longer ones name nothing. PostgreSQL's indexes hold both.
_LONGEST_SYSTEM, _LONGEST_KEY = 200, 400

# What `lower` does in both databases: the migration filled the table by it.
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    """A system's name as it is compared."""
    return clean(name).strip(" ").translate(_LOWER)


def named(complaint: Complaint) -> list[tuple[str, str, str, str]]:
    """Rows of the table `complaint_references`: id, complaint, system and key."""
    return [
        (f"{complaint.id}/{place}", complaint.id, folded(reference.system), clean(reference.id).strip(" "))
        for place, reference in enumerate(complaint.external_references)
        if len(reference.system) <= _LONGEST_SYSTEM and len(reference.id) <= _LONGEST_KEY
    ]


def numbers(complaint: Complaint) -> tuple[str, str | None]:
    """What others may name it by."""
    return complaint.tracking_id, complaint.native_id


def systems(agency: Agency) -> frozenset[str]:
    """What others may call an agency's system."""
    return frozenset({agency.id, folded(agency.name)})


def is_ours(complaint: Complaint) -> bool:
    """Whether its tracking id is one of ours: then `schema.delivery.OUR_SYSTEM` names it too."""
    return complaint.routing is not None
