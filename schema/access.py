"""Who may see and do what with a complaint. Pure; the ledger says the same in SQL (`gateway.ledger.visibility`)."""

from __future__ import annotations

from schema.complaint import Complaint, ContentState
from schema.query import Role, Viewer
from schema.status import MOVES, TERMINAL, ComplaintStatus

#: Officers: they handle what their agencies hold, held, must act on or were copied.
OFFICERS = frozenset({Role.LIAISON_OFFICER, Role.AGENCY_COORDINATOR, Role.INTEGRATOR})
#: Roles that see every complaint.
EVERYWHERE = frozenset({Role.NATIONAL_ADMIN, Role.OVERSIGHT})


def is_reporter(viewer: Viewer, complaint_id: str) -> bool:
    """Whether the viewer reported it."""
    return viewer.role is Role.REPORTER and complaint_id in viewer.complaints


def concerned(complaint: Complaint) -> frozenset[str]:
    """Slugs of the agencies that hold, held, act on or were copied."""
    named = (
        *complaint.assigned_agencies,
        *complaint.copied_agencies,
        *(d.to_agency for d in complaint.dispositions),
        *(d.from_agency for d in complaint.dispositions if d.from_agency is not None),
        *((complaint.owner_agency,) if complaint.owner_agency is not None else ()),
    )
    return frozenset({complaint.agency, *(each.agency for each in named if each.agency is not None)})


def handles(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer is an officer of an agency concerned, a national admin or oversight (which only reads)."""
    if viewer.role in EVERYWHERE:
        return True
    return viewer.role in OFFICERS and not concerned(complaint).isdisjoint(viewer.agencies)


def holds(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer acts for the agency that holds it now, or is a national admin: may move it."""
    if viewer.role is Role.NATIONAL_ADMIN:
        return True
    return viewer.role in OFFICERS and complaint.agency in viewer.agencies


def may_see(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the complaint exists for the viewer."""
    return not complaint.is_confidential or is_reporter(viewer, complaint.id) or handles(viewer, complaint)


def operates(viewer: Viewer, agency: str) -> bool:
    """Whether the viewer looks after this agency's connector: national admins, and integrators for their own."""
    return viewer.role is Role.NATIONAL_ADMIN or (viewer.role is Role.INTEGRATOR and agency in viewer.agencies)


def identifies(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may know who reported it: the reporter, and officers of the agency that holds it now."""
    if viewer.role in OFFICERS:
        return complaint.agency in viewer.agencies
    return is_reporter(viewer, complaint.id)


# ---------------------------------------------------------------- what is offered, for buttons


def _is_emptied(complaint: Complaint) -> bool:
    """Its content was erased: whatever would be written to it would be lost."""
    return complaint.content_state is ContentState.ERASED


def next_statuses(viewer: Viewer, complaint: Complaint) -> tuple[ComplaintStatus, ...]:
    """The states that the viewer may move it to, in the order of their declaration."""
    if not holds(viewer, complaint) or _is_emptied(complaint):
        return ()
    legal = MOVES[complaint.status]
    return tuple(status for status in ComplaintStatus if status in legal)


def may_follow_up(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may reply or answer."""
    return (is_reporter(viewer, complaint.id) or may_link(viewer, complaint)) and not _is_emptied(complaint)


def may_transfer(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may hand it to another agency."""
    return holds(viewer, complaint) and complaint.status not in TERMINAL and not _is_emptied(complaint)


def may_rate(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may judge how it was solved."""
    answered = complaint.status in (ComplaintStatus.ANSWERED, ComplaintStatus.CLOSED)
    return answered and is_reporter(viewer, complaint.id) and not _is_emptied(complaint)


def may_withdraw(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may take it back."""
    return is_reporter(viewer, complaint.id) and complaint.status not in TERMINAL


def may_link(viewer: Viewer, complaint: Complaint) -> bool:
    """Whether the viewer may join it to another record. Oversight only reads."""
    return viewer.role is not Role.OVERSIGHT and handles(viewer, complaint)
