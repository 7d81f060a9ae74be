"""What was written to an agency under keys of another system: to be found by them, and counted by tests."""

from __future__ import annotations

import msgspec


class Tally(msgspec.Struct, frozen=True):
    """How often references stand in an agency's records.

    Attributes:
        references: how many different ones.
        duplicates: those that were written more than once, and how often.
    """

    references: int
    duplicates: dict[str, int]


class Writings:
    """References and the native ids of the cases that hold them, in the order of writing."""

    def __init__(self) -> None:
        self._held: dict[str, list[str]] = {}

    def note(self, reference: str | None, native_id: str) -> None:
        """Something with this reference was written to that case."""
        if reference is not None:
            self._held.setdefault(reference, []).append(native_id)

    def of(self, reference: str) -> list[str]:
        """The cases that it was written to, one entry for each time."""
        return self._held.get(reference, [])

    def held(self) -> dict[str, list[str]]:
        """All of them."""
        return {reference: list(ids) for reference, ids in self._held.items()}

    def tally(self) -> Tally:
        return Tally(len(self._held), {name: len(ids) for name, ids in self._held.items() if len(ids) > 1})
