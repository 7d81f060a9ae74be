"""What becomes of each record of a push, in the order of the records' own times. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec
import orjson

from gateway.sync.derived import Rules
from gateway.sync.diff import diff
from gateway.sync.echo import references
from gateway.sync.privacy import discreet
from schema.complaint import Complaint, ComplaintRecord, Rejected
from schema.connector import Push
from schema.events import Change, EventOrigin

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


class Outcome(StrEnum):
    """What became of a record."""

    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class Result(msgspec.Struct, frozen=True):
    """What the sender is told of one record."""

    id: str | None
    status: Outcome
    reason: str | None = None


class Reception:
    """One push on its way into the ledger: `decide` under the lock, then `answer`."""

    def __init__(self, rules: Rules, delivery: Push, now: datetime) -> None:
        self._rules = rules
        self._items = [discreet(item) if isinstance(item, ComplaintRecord) else item for item in delivery.items]
        self._now = now
        self._applied: set[int] = set()

    @property
    def native_ids(self) -> list[str]:
        """Of the complaints that the push tells of."""
        return list({item.native_id: None for item in self._items if isinstance(item, ComplaintRecord)})

    @property
    def references(self) -> dict[str, str]:
        """Our numbers of those that were filed here, by native id."""
        return references([item for item in self._items if isinstance(item, ComplaintRecord)])

    @property
    def rejected(self) -> list[Rejected]:
        """What goes to the quarantine."""
        return [item for item in self._items if isinstance(item, Rejected)]

    def decide(self, before: Mapping[str, Complaint]) -> Sequence[Change]:
        """What changes, record after record: several of one complaint are steps of it, not only the last of them."""
        changes: list[Change] = []
        now_known = dict(before)
        self._applied.clear()
        for place, record, until in self._in_order():
            change = diff(self._rules, now_known.get(record.native_id), record, until, EventOrigin.WEBHOOK)
            if change is not None:
                changes.append(change)
                now_known[record.native_id] = change.after
                if change.events:
                    self._applied.add(place)
        return changes

    def answer(self, unstored: Mapping[str, str], cursor: str | None) -> bytes:
        """What the sender is told: JSON.

        Args:
            unstored: why complaints could not be stored, by native id.
        """
        results = [self._result(place, unstored) for place in range(len(self._items))]
        return orjson.dumps({"results": [msgspec.to_builtins(result) for result in results], "cursor": cursor})

    def _in_order(self) -> list[tuple[int, ComplaintRecord, datetime]]:
        """Places and records, the oldest first, each with the moment up to which it was the last word.

        That moment is what its clocks are judged by: a step that was taken in time, and is told late, is in time.
        """
        records = [(i, item) for i, item in enumerate(self._items) if isinstance(item, ComplaintRecord)]
        records.sort(key=lambda pair: (pair[1].updated_at or _LONG_AGO, pair[0]))
        followed: dict[str, datetime] = {}
        steps: list[tuple[int, ComplaintRecord, datetime]] = []
        for place, record in reversed(records):
            steps.append((place, record, followed.get(record.native_id, self._now)))
            followed[record.native_id] = min(record.updated_at or self._now, self._now)
        return steps[::-1]

    def _result(self, place: int, unstored: Mapping[str, str]) -> Result:
        item = self._items[place]
        if isinstance(item, Rejected):
            return Result(item.native_id, Outcome.REJECTED, item.reason)
        if item.native_id in unstored:
            return Result(item.native_id, Outcome.REJECTED, unstored[item.native_id])
        return Result(item.native_id, Outcome.APPLIED if place in self._applied else Outcome.UNCHANGED)
