"""Whether the ledger has changed: what is asked before a kept answer is given."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol


class Freshness(Protocol):
    """Marks of the ledger's state. Equal marks mean an equal ledger; unequal ones may still mean the same."""

    def mark(self) -> Hashable | None:
        """The mark of this moment. None where the database must be waited for: then `look`."""

    async def look(self) -> Hashable:
        """The mark of a moment after the call began."""

    def close(self) -> None:
        """Lets go of what it holds."""
