"""Suggests complaints of the same matter, from those near by in place and time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Final

from gateway.duplicates.gist import gist
from gateway.duplicates.score import ranked
from schema.complaint import Complaint
from schema.links import LinkKind, Suggestion
from schema.ports import Snapshot

#: Days around a complaint, and how many complaints of them are looked at.
DAYS: Final = 30
CANDIDATES: Final = 1_000
#: Suggestions at most, and the least score of one. What it was measured to be worth: docs/duplicates.md.
MOST: Final = 10
LEAST: Final = 0.75
#: Seconds after which no further candidate is looked at: the nearest in time were first.
PATIENCE: Final = 1.0
#: So many are compared at once, others beside the event loop.
_FEW: Final = 20


async def suggest(
    snapshot: Snapshot, complaint: Complaint, *, least: float = LEAST, seconds: Callable[[], float] = time.monotonic
) -> Sequence[Suggestion]:
    """Complaints that are likely about the same matter, best first; at most `MOST`.

    Those that are linked, or that an officer dismissed, are left out; so are those whose texts are not kept.

    Args:
        least: the score from which one is suggested.
    """
    asked = gist(complaint)
    if asked is None:
        return ()
    near = await snapshot.neighbours(complaint, DAYS, CANDIDATES)
    began = seconds()

    def enough() -> bool:
        return seconds() > began + PATIENCE

    def compared() -> list[tuple[int, float]]:
        read = ((index, gist(each)) for index, each in enumerate(takewhile(lambda _: not enough(), near)))
        return ranked(asked, [(index, said) for index, said in read if said is not None], least, MOST, enough)

    found = compared() if len(near) <= _FEW else await asyncio.to_thread(compared)
    return tuple(
        Suggestion(complaint=near[index], kind=kind_of(complaint, near[index]), score=score) for index, score in found
    )


def kind_of(complaint: Complaint, other: Complaint) -> LinkKind:
    """How they would be linked: a later record of one agency repeats an earlier one, two agencies tell of the same."""
    repeats = complaint.agency == other.agency and complaint.submitted_at >= other.submitted_at
    return LinkKind.DUPLICATE_OF if repeats else LinkKind.SAME_AS
