"""Words of Indonesian complaints: which mean the same, which say nothing of the matter, which come before a place.

They stand in `words.txt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.ledger.search import stems


def _sections() -> dict[str, list[list[str]]]:
    """The lines of each section, cut into words."""
    found: dict[str, list[list[str]]] = {}
    for line in Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line and not line.startswith("#"):
            found[next(reversed(found))].append(line.split())
    return found


_LISTS: Final = _sections()


def _list(name: str) -> frozenset[str]:
    return frozenset(word for line in _LISTS[name] for word in line)


#: As people type, and in full.
SHORT: Final[Mapping[str, str]] = {pair.partition("=")[0]: pair.partition("=")[2] for pair in _list("short")}
#: What stands before the name or the number of a place.
KINDS: Final = _list("kinds")
#: Kinds that names follow, to what they count as.
NAMED: Final[Mapping[str, str]] = {word: line[0] for line in _LISTS["named"] for word in line[1:]}
#: Kinds of which a complaint means one: another number is another place.
EXACT: Final = _list("exact")
#: What a number may count, and so tell no place.
COUNTED: Final = _list("counted")


def stem(word: str) -> str:
    """The stem of a word as somebody typed it."""
    return stems(SHORT.get(word, word))


#: Stem of a word to the matter that it tells of.
TOPICS: Final[Mapping[str, str]] = {stem(word): line[0] for line in reversed(_LISTS["matters"]) for word in line[1:]}
#: Stems that tell nothing of the matter.
COMMON: Final = frozenset(stem(word) for word in _list("common"))
#: Stems that tell, said of a road, that it is broken.
BROKEN: Final = frozenset(stem(word) for word in _list("broken"))
