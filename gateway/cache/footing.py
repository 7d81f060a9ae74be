"""What an answer stands on, and whether it still stands."""

from __future__ import annotations

import msgspec

from schema.ports import Dependencies, Shown, Versions


class Footing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The versions that an answer depends on, as they were when it was made.

    Attributes:
        agencies: by slug, the newest event's seq; 0 for none.
        every: all agencies, those that come later included.
        complaints: by id, the seq of the newest event that touched it.
        health, facts, head: None where the answer does not depend on them.
        shown: what whoever is given the answer is shown that the public is not.
    """

    epoch: str
    derived: int
    agencies: dict[str, int]
    every: bool
    complaints: dict[str, int]
    health: int | None = None
    facts: int | None = None
    head: int | None = None
    shown: tuple[Shown, ...] = ()

    def holds(self, now: Versions) -> bool:
        """Whether nothing of it changed, single complaints left out: they are asked for by their ids."""
        return (
            self.epoch == now.epoch
            and self.derived == now.derived
            and (self.health is None or self.health == now.health)
            and (self.facts is None or self.facts == now.facts)
            and (self.head is None or self.head == now.head)
            and self._agencies_hold(now)
        )

    def _agencies_hold(self, now: Versions) -> bool:
        if self.every:
            return self.agencies == now.agencies
        return all(now.agencies.get(slug, 0) == seq for slug, seq in self.agencies.items())


def footing(dependencies: Dependencies, versions: Versions) -> Footing:
    """What an answer with these dependencies stands on; both are of the snapshot that it was read from."""
    slugs = dependencies.agencies
    agencies = versions.agencies if slugs is None else {slug: versions.agencies.get(slug, 0) for slug in slugs}
    return Footing(
        epoch=versions.epoch,
        derived=versions.derived,
        agencies=dict(agencies),
        every=slugs is None,
        complaints=dict(dependencies.complaints),
        health=versions.health if dependencies.health else None,
        facts=versions.facts if dependencies.facts else None,
        head=versions.head if dependencies.head else None,
        shown=tuple(sorted(dependencies.shown)),
    )
