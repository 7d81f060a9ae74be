"""Canonical values in an agency's words, for what is written to it: its file's maps, read from right to left.

Of several words for a value the first in the file counts, so the file can choose. A map that is empty says that the
agency's words are the canonical ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from connectors.words import Words
from schema.complaint import AgencyReference, Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus


class NativeWords:
    """One agency's words for canonical values; None where its file has none.

    Args:
        words: the file's, over the kind's own.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._statuses: dict[tuple[ComplaintStatus, ActorRole | None], str] = {}
        for word, meaning in words.statuses.items():
            if not word.endswith("*"):  # the beginning of a word is none
                self._statuses.setdefault((meaning.status, meaning.actor), self._spelled("statuses", word))
        self._actors = self._turned("actors")
        self._classifications = self._turned("classifications")
        self._categories = self._turned("categories")
        self._channels = self._turned("channels")
        self._regions = self._turned("regions")
        self._follow_up_kinds = self._turned("follow_up_kinds")
        self._rating_sources = self._turned("rating_sources")
        self._agencies = self._turned("agencies")

    def status(self, status: ComplaintStatus, actor: ActorRole | None = None) -> str | None:
        """The word for a state that this actor brings it to; one that names another actor would not be true."""
        if not self._words.statuses:
            return status.value
        return self._statuses.get((status, actor)) or self._statuses.get((status, None))

    def actor(self, actor: ActorRole | None) -> str | None:
        return _said(self._actors, actor)

    def classification(self, classification: Classification | None) -> str | None:
        return _said(self._classifications, classification)

    def category(self, code: str | None) -> str | None:
        """The word for a category, else for the topic it belongs to."""
        if code is None:
            return None
        return self._categories.get(code) or self._categories.get(code.rpartition(".")[0])

    def channel(self, channel: Channel) -> str | None:
        return _said(self._channels, channel)

    def region(self, code: str | None) -> str | None:
        """The agency's own code or name of a region, else of the one around it; the Kemendagri code without a map."""
        if not self._regions:
            return code
        while code and code not in self._regions:
            code = code.rpartition(".")[0]
        return self._regions[code] if code else None

    def follow_up_kind(self, kind: FollowUpKind) -> str | None:
        return _said(self._follow_up_kinds, kind)

    def rating_source(self, source: RatingSource) -> str | None:
        return _said(self._rating_sources, source)

    def institution(self, institution: AgencyReference) -> str:
        """How the agency calls one: its word for an agency that is plugged in here, else its key, else its name."""
        known = self._agencies.get(institution.agency) if institution.agency else None
        return known or institution.native_id or institution.name

    def _turned(self, name: str) -> dict[str, str]:
        words: Mapping[str, str] = getattr(self._words, name)
        found: dict[str, str] = {}
        for word, value in words.items():
            found.setdefault(value, self._spelled(name, word))
        return found

    def _spelled(self, name: str, folded: str) -> str:
        return self._words.spelled.get((name, folded), folded)


def _said(words: Mapping[Any, str], value: StrEnum | None) -> str | None:
    """Canonical where the file has no such map."""
    if value is None:
        return None
    return words.get(value) if words else value.value
