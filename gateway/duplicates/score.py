"""How likely two complaints are about the same matter. Pure.

Two things speak for it: that they say the same words, and that they tell of one matter at one place in other words.
Against it speaks whatever shows two places: another RT, street or village, whichever words they share.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import takewhile
from typing import Final

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from gateway.duplicates.gist import Gist
from gateway.duplicates.words import COMMON
from schema.regions import covers, parse_code

#: How much a word says: a name, a number of a place, a matter, one that everybody uses.
_NAME, _MARK, _COMMON = 3.0, 2.0, 0.5
#: Letters of a word from which on one slip does not make it another.
_LONG: Final = 5
#: Metres between two points of one place; and from where on they are two.
_NEAR, _FAR = 150.0, 1_500.0
#: Of the complaints compared, so many may share a name that tells something.
_FREQUENT: Final = 0.04
#: How much one place tells that it is the same.
_AGREEMENT: Final = {"street": 0.7, "estate": 0.9, "landmark": 0.6, "spot": 0.5, "village": 0.5}
_NUMBERED: Final = 0.4
#: And so much of that where they spell it otherwise.
_MISSPELT: Final = 0.7
#: Words so alike are the same text.
_SAME: Final = 0.75
#: So much agreement leaves no doubt of the place.
_SURE: Final = 1.1
#: What is left of the likeness of words where neither, one, or both name a place, and none is shared.
_UNPLACED: Final = (0.95, 0.7, 0.5)
#: And where they name two places.
_ELSEWHERE: Final = 0.3


class Scorer:
    """Compares complaints of one neighbourhood: what many of them say tells little.

    Args:
        gists: of all of them.
    """

    def __init__(self, gists: Iterable[Gist]) -> None:
        self._counted: Counter[str] = Counter()
        self._total = 0
        for each in gists:
            self._counted.update(each.words)
            self._total += 1
        self._frequent = max(4.0, _FREQUENT * self._total)
        self._weights: dict[str, float] = {}

    def score(self, one: Gist, other: Gist) -> float:
        """From 0 to 1; 1 for the same words."""
        if (one.words & other.words) <= COMMON:
            return 0.0  # manners alone
        pairs = self._pairs(one.words, other.words)
        shared = sum(min(self._weight(left), self._weight(right)) for left, right in pairs.items())
        mine, theirs = self._sum(one.words), self._sum(other.words)
        # A shortened repeat is contained in the whole; two long texts that share their manners are not.
        alike = 0.5 * shared / min(mine, theirs) + 0.5 * shared / (mine + theirs - shared)
        if _elsewhere(one, other, pairs):
            return _ELSEWHERE * alike
        agreed, matter = self._agreed(one, other, pairs), _matter(one, other)
        if agreed:
            same = alike * (0.75 + 0.3 * min(agreed, 1.0))
            told = 0.2 + 0.4 * min(agreed, 1.5) + 0.25 * alike if matter > 0 else 0.0
            likely = max(same, told)
            if agreed < _SURE and self._spots_differ(one, other, pairs):
                likely *= 0.75
        elif alike > _SAME and not (self._left(one.names, pairs) and self._left(other.names, pairs.values())):
            likely = alike
        else:
            likely = alike * _UNPLACED[bool(one.places or one.marks) + bool(other.places or other.marks)]
        return min(1.0, likely * (0.4 if matter < 0 else 0.95 + 0.05 * matter))

    def _spots_differ(self, one: Gist, other: Gist, pairs: dict[str, str]) -> bool:
        """Each names a place, of whatever kind, that the other does not."""
        mine, theirs = (frozenset().union(*each.places.values()) for each in (one, other))
        return self._left(mine, pairs) and self._left(theirs, pairs.values())

    def _left(self, names: Iterable[str], said: Collection[str]) -> bool:
        """One names something that the other does not."""
        return any(name not in said and self._tells(name) for name in names)

    def _agreed(self, one: Gist, other: Gist, pairs: dict[str, str]) -> float:
        """How much they name the same place: from 0."""
        found = 0.0
        for kind, worth in _AGREEMENT.items():
            same = [
                (mine, theirs)
                for mine, theirs in pairs.items()
                if self._tells(mine) and _named(one, mine, other, theirs, kind)
            ]
            if same:
                found += worth * (1.0 if any(mine == theirs for mine, theirs in same) else _MISSPELT)
        if found and any(one.marks[kind] & other.marks[kind] for kind in one.marks.keys() & other.marks.keys()):
            found += _NUMBERED
        if one.point is not None and other.point is not None and metres(one.point, other.point) < _NEAR:
            found += 1.0
        return found

    def _tells(self, name: str) -> bool:
        return self._counted[name] <= self._frequent

    def _pairs(self, mine: frozenset[str], theirs: frozenset[str]) -> dict[str, str]:
        """Words that both say; one that is spelt a little otherwise is the same."""
        shared = mine & theirs
        pairs = {word: word for word in shared}
        left = [word for word in theirs - shared if len(word) >= _LONG and " " not in word]
        for word in mine - shared:
            alike = [each for each in left if each[0] == word[0]] if len(word) >= _LONG and " " not in word else []
            if alike:
                found = extractOne(word, alike, scorer=OSA.distance, score_cutoff=1)
                if found is not None:
                    pairs[word] = found[0]
                    left.remove(found[0])
        return pairs

    def _sum(self, words: Iterable[str]) -> float:
        return sum(self._weight(word) for word in words)

    def _weight(self, word: str) -> float:
        if word not in self._weights:
            kind = _COMMON if word in COMMON else _MARK if " " in word else _NAME
            seen = min(self._counted[word], self._total)
            rare = math.log((self._total + 1) / (seen + 0.5)) / math.log(self._total + 1)
            self._weights[word] = kind * (0.3 + 0.7 * min(1.0, max(0.0, rare)))
        return self._weights[word]


def ranked(
    asked: Gist,
    others: Sequence[tuple[int, Gist]],
    least: float,
    most: int,
    enough: Callable[[], bool] = lambda: False,
) -> list[tuple[int, float]]:
    """The best of `others`, best first, as index and score.

    Args:
        enough: whether to stop with what there is; asked before each.
    """
    scorer = Scorer([asked, *(each for _, each in others)])
    scored = ((index, scorer.score(asked, each)) for index, each in takewhile(lambda _: not enough(), others))
    return sorted((each for each in scored if each[1] >= least), key=lambda each: (-each[1], each[0]))[:most]


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Between two points, as the crow flies; good to a percent over some kilometres."""
    north = math.radians(one[0] - other[0])
    east = math.radians(one[1] - other[1]) * math.cos(math.radians(one[0]))
    return 6_371_000.0 * math.hypot(north, east)


def _matter(one: Gist, other: Gist) -> float:
    """1 for the same matter, -1 for another, 0 where it is not known."""
    if one.matters and other.matters:
        shared = len(one.matters & other.matters) / min(len(one.matters), len(other.matters))
        return shared or -1.0
    return 1.0 if one.category is not None and one.category == other.category else 0.0


def _elsewhere(one: Gist, other: Gist, pairs: dict[str, str]) -> bool:
    """They name two places."""
    if any(not one.marks[kind] & other.marks[kind] for kind in one.marks.keys() & other.marks.keys()):
        return True
    if any(_differ(one, other, kind, pairs) for kind in ("street", "village", "estate")):
        return True
    if one.point is not None and other.point is not None and metres(one.point, other.point) > _FAR:
        return True
    return one.region is not None and other.region is not None and _apart(one.region, other.region)


def _named(one: Gist, mine: str, other: Gist, theirs: str, kind: str) -> bool:
    """A word names a place of this kind in one, and one of this or no particular kind in the other."""
    left, right = one.kinds.get(mine), other.kinds.get(theirs)
    if kind in (left, right):
        return left == right or left in (None, "spot") or right in (None, "spot")
    return False


def _differ(one: Gist, other: Gist, kind: str, pairs: dict[str, str]) -> bool:
    """Both name one, and not the same."""
    mine, theirs = one.places.get(kind), other.places.get(kind)
    if not mine or not theirs:
        return False
    return not any(name in pairs for name in mine) and not any(name in pairs.values() for name in theirs)


def _apart(one: str, other: str) -> bool:
    known = parse_code(one) is not None and parse_code(other) is not None
    return known and not covers(one, other) and not covers(other, one)
