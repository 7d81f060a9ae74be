"""The agency's words and what they mean: statuses, classes, categories, channels, regions, institutions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from connectors.toml import Misfit
from schema.complaint import AgencyReference, Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
REGION = re.compile(r"\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?")
CATEGORY = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)*")
_BARE_REGION = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(\d{4})?)?)?")

Named = TypeVar("Named", bound=StrEnum)
Value = TypeVar("Value")
Read = Callable[[str, str], Value]


def fold(word: str) -> str:
    """A native word as the maps compare it: case and runs of white space don't count."""
    return " ".join(word.split()).casefold()


def region_code(text: str) -> str | None:
    """A Kemendagri code as it is written here (`36.03`), also from bare digits (`3603`); None if it is none."""
    text = text.strip()
    if REGION.fullmatch(text):
        return text
    bare = _BARE_REGION.fullmatch(text)
    return ".".join(group for group in bare.groups() if group) if bare else None


class StatusMeaning(msgspec.Struct, frozen=True):
    """What a native status word means: `CLOSED by SYSTEM` also says who."""

    status: ComplaintStatus
    actor: ActorRole | None = None


UNMAPPED = StatusMeaning(ComplaintStatus.UNMAPPED)


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Native words, folded, and their canonical values. A status that ends in `*` is the beginning of a word.

    The look-ups take canonical values too: `CLOSED` means CLOSED in every agency.

    Attributes:
        spelled: words as they stand in the file, by map and folded word, for writing (`connectors.native`).
    """

    statuses: Mapping[str, StatusMeaning] = {}
    actors: Mapping[str, ActorRole] = {}
    classifications: Mapping[str, Classification] = {}
    categories: Mapping[str, str] = {}
    channels: Mapping[str, Channel] = {}
    regions: Mapping[str, str] = {}
    follow_up_kinds: Mapping[str, FollowUpKind] = {}
    rating_sources: Mapping[str, RatingSource] = {}
    agencies: Mapping[str, str] = {}
    spelled: Mapping[tuple[str, str], str] = {}

    def over(self, defaults: Words) -> Words:
        """These words, and behind them the defaults' where these say nothing."""
        return Words(**{name: _over(getattr(self, name), getattr(defaults, name)) for name in self.__struct_fields__})

    def status(self, *words: str | None) -> StatusMeaning:
        """The meaning of the first of these words that has one (a code, then a label); UNMAPPED if none has."""
        return next((found for word in words if word and (found := self._status(word))), UNMAPPED)

    def _status(self, word: str) -> StatusMeaning | None:
        folded = fold(word)
        if exact := self.statuses.get(folded):
            return exact
        starts = [key for key in self.statuses if key.endswith("*") and folded.startswith(key[:-1].rstrip())]
        if starts:
            return self.statuses[max(starts, key=len)]
        canonical = _canonical(ComplaintStatus, word)
        return StatusMeaning(canonical) if canonical else None

    def actor(self, word: str | None) -> ActorRole | None:
        return _look_up(self.actors, ActorRole, word)

    def classification(self, word: str | None) -> Classification | None:
        return _look_up(self.classifications, Classification, word)

    def channel(self, word: str | None) -> Channel:
        """OTHER for a word that is mapped nowhere; keep the word as `native_channel`."""
        return _look_up(self.channels, Channel, word) or Channel.OTHER

    def category(self, *words: str | None) -> str | None:
        """The code of the first of these words (an id, then a name) that has one."""
        return next((code for word in words if word and (code := self.categories.get(fold(word)))), None)

    def region(self, word: str | None) -> str | None:
        """The Kemendagri code of the agency's own code or name of a region, or that code itself."""
        return (self.regions.get(fold(word)) or region_code(word)) if word else None

    def follow_up_kind(self, word: str | None) -> FollowUpKind:
        return _look_up(self.follow_up_kinds, FollowUpKind, word) or FollowUpKind.PROGRESS

    def rating_source(self, word: str | None) -> RatingSource:
        return _look_up(self.rating_sources, RatingSource, word) or RatingSource.CITIZEN

    def institution(self, name: str | None, native_id: str | None = None) -> AgencyReference | None:
        """An institution as the agency names it, with the slug of the one that is plugged in here, if it is mapped."""
        if not name and not native_id:
            return None
        slugs = (self.agencies.get(fold(key)) for key in (native_id, name) if key)
        return AgencyReference(
            name=name or f"#{native_id}", native_id=native_id, agency=next(filter(None, slugs), None)
        )


def _over(own: Mapping[Any, Any], defaults: Mapping[Any, Any]) -> dict[Any, Any]:
    return {**own, **{word: value for word, value in defaults.items() if word not in own}}


def _look_up(words: Mapping[str, Named], values: type[Named], word: str | None) -> Named | None:
    return (words.get(fold(word)) or _canonical(values, word)) if word else None


def _canonical(values: type[Named], word: str) -> Named | None:
    return values.__members__.get(word.strip())


def read_words(
    *,
    status: Mapping[str, Any] | None = None,
    status_actor: Mapping[str, Any] | None = None,
    classification: Mapping[str, Any] | None = None,
    category: Mapping[str, Any] | None = None,
    channel: Mapping[str, Any] | None = None,
    regions: Mapping[str, Any] | None = None,
    follow_up_kind: Mapping[str, Any] | None = None,
    rating_source: Mapping[str, Any] | None = None,
    agencies: Mapping[str, Any] | None = None,
) -> Words:
    """The maps of an agency's file, checked. Each argument is the table of that name.

    Raises:
        Misfit: a word twice, or a value that is not canonical.
    """
    raws = {
        "statuses": status,
        "actors": status_actor,
        "classifications": classification,
        "categories": category,
        "channels": channel,
        "regions": regions,
        "follow_up_kinds": follow_up_kind,
        "rating_sources": rating_source,
        "agencies": agencies,
    }
    return Words(
        statuses=_read(status, "status", _status_meaning),
        actors=_read(status_actor, "status_actor", one_of(ActorRole)),
        classifications=_read(classification, "classification", one_of(Classification)),
        categories=_read(category, "category", _like(CATEGORY, "infrastruktur.jalan")),
        channels=_read(channel, "channel", one_of(Channel)),
        regions=_read(regions, "regions", _like(REGION, "36.03")),
        follow_up_kinds=_read(follow_up_kind, "follow_up_kind", one_of(FollowUpKind)),
        rating_sources=_read(rating_source, "rating_source", one_of(RatingSource)),
        agencies=_read(agencies, "agencies", _like(SLUG, "prov-bali")),
        spelled={(name, fold(word)): word for name, raw in raws.items() for word in raw or {}},
    )


def _read(raw: Mapping[str, Any] | None, section: str, read: Read[Value]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for word, value in (raw or {}).items():
        key = f"{section}.{word}"
        if isinstance(value, dict):
            raise Misfit('is a table; a key with a dot or a blank needs quotes, for instance "1.2" = ...', key)
        if not isinstance(value, str):
            raise Misfit("must be text in quotes", key)
        if fold(word) in found:
            raise Misfit("stands here twice (case and blanks don't count)", key)
        found[fold(word)] = read(value, key)
    return found


def one_of(values: type[Named]) -> Read[Named]:
    """A reader that takes only the values of an enum."""

    def read(value: str, key: str) -> Named:
        try:
            return values(value)
        except ValueError:
            raise Misfit("is not a canonical value", key, tuple(values)) from None

    return read


def _like(pattern: re.Pattern[str], example: str) -> Read[str]:
    def read(value: str, key: str) -> str:
        if not pattern.fullmatch(value):
            raise Misfit("is not a code", key, (f"like {example}",))
        return value

    return read


def _status_meaning(value: str, key: str) -> StatusMeaning:
    status, _, actor = value.partition(" by ")
    return StatusMeaning(one_of(ComplaintStatus)(status, key), one_of(ActorRole)(actor, key) if actor else None)
