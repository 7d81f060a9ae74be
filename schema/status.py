"""Canonical states of a complaint and the moves between them (docs/domain.md)."""

from __future__ import annotations

from enum import StrEnum


class ComplaintStatus(StrEnum):
    """Canonical status. Every state is grounded in a real system; see `docs/domain.md`."""

    SUBMITTED = "SUBMITTED"
    VERIFIED = "VERIFIED"
    AWAITING_INFORMATION = "AWAITING_INFORMATION"
    DISPOSED = "DISPOSED"
    IN_FOLLOW_UP = "IN_FOLLOW_UP"
    POSTPONED = "POSTPONED"
    ANSWERED = "ANSWERED"
    CLOSED = "CLOSED"
    ARCHIVED = "ARCHIVED"
    REJECTED = "REJECTED"
    DUPLICATE = "DUPLICATE"
    UNMAPPED = "UNMAPPED"


class ActorRole(StrEnum):
    """Kind of actor. Persons are not named."""

    REPORTER = "REPORTER"
    AGENCY = "AGENCY"
    NATIONAL_ADMIN = "NATIONAL_ADMIN"
    SYSTEM = "SYSTEM"


#: States in which the matter is over; `closed_at` is set in them.
TERMINAL = frozenset(
    {
        ComplaintStatus.CLOSED,
        ComplaintStatus.ARCHIVED,
        ComplaintStatus.REJECTED,
        ComplaintStatus.DUPLICATE,
    }
)

#: States in which the clocks pause.
PAUSED = frozenset({ComplaintStatus.AWAITING_INFORMATION, ComplaintStatus.POSTPONED})

_S = ComplaintStatus
_SIDE = {_S.AWAITING_INFORMATION, _S.POSTPONED}
_ENDS = {_S.CLOSED, _S.ARCHIVED, _S.REJECTED, _S.DUPLICATE}

#: From each state, the states a person may move a complaint to in the hub.
MOVES: dict[ComplaintStatus, frozenset[ComplaintStatus]] = {
    _S.SUBMITTED: frozenset({_S.VERIFIED, _S.DISPOSED} | _SIDE | (_ENDS - {_S.CLOSED})),
    _S.VERIFIED: frozenset({_S.DISPOSED} | _SIDE | (_ENDS - {_S.CLOSED})),
    _S.DISPOSED: frozenset({_S.DISPOSED, _S.IN_FOLLOW_UP} | _SIDE | (_ENDS - {_S.CLOSED})),
    _S.IN_FOLLOW_UP: frozenset({_S.DISPOSED, _S.ANSWERED} | _SIDE | _ENDS),
    _S.AWAITING_INFORMATION: frozenset(
        {_S.SUBMITTED, _S.VERIFIED, _S.DISPOSED, _S.IN_FOLLOW_UP, _S.POSTPONED} | (_ENDS - {_S.CLOSED})
    ),
    _S.POSTPONED: frozenset(
        {_S.SUBMITTED, _S.VERIFIED, _S.DISPOSED, _S.IN_FOLLOW_UP, _S.AWAITING_INFORMATION} | (_ENDS - {_S.CLOSED})
    ),
    _S.ANSWERED: frozenset({_S.IN_FOLLOW_UP, _S.CLOSED, _S.ARCHIVED}),
    _S.CLOSED: frozenset({_S.IN_FOLLOW_UP}),
    _S.ARCHIVED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.DUPLICATE: frozenset(),
    _S.UNMAPPED: frozenset(),
}


def is_legal(before: ComplaintStatus, after: ComplaintStatus) -> bool:
    """Whether a person may move a complaint from `before` to `after` in the hub.

    What an agency reports is a fact and is never refused by this table.
    """
    return after in MOVES[before]
