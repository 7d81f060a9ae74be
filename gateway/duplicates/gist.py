"""What a complaint says, for comparing: its words, its matter, its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from gateway.duplicates.words import BROKEN, COMMON, COUNTED, EXACT, KINDS, NAMED, SHORT, TOPICS
from gateway.ledger.search import stems
from schema.complaint import Complaint

#: Characters of a text that are looked at.
_MOST: Final = 3_000
_PIECE: Final = re.compile(r"[^\W\d_]+|\d+|[,;.\n]")
_LETTER: Final = re.compile(r"[a-z]")
#: Written apart or together, they are one word.
_APART: Final = re.compile(r"rumah sakit|\be-ktp", re.IGNORECASE)
#: A name ends at them; and after these a capital letter means nothing.
_BREAKS: Final = frozenset(",;.\n")
_BEGINNINGS: Final = frozenset({"", ".", "\n"})
#: May stand between a kind of place and its name.
_BETWEEN: Final = frozenset({"raya", "utama", "besar", "baru", "griya", "graha", "bumi", "villa"})


class Gist(msgspec.Struct, frozen=True, kw_only=True):
    """What a complaint says.

    Attributes:
        words: stems, names and marks, all that is compared.
        matters: see `words.TOPICS`.
        names: words that are in no list: names of streets, villages, people, things.
        places: those of them that follow a word of `words.NAMED`, by kind; `spot` where a capital letter tells.
        kinds: the kind of each of them.
        marks: numbers of a place by their kind: `rt` 3, `km` 7, `blok` c2.
    """

    words: frozenset[str]
    matters: frozenset[str]
    names: frozenset[str]
    places: Mapping[str, frozenset[str]]
    kinds: Mapping[str, str]
    marks: Mapping[str, frozenset[str]]
    category: str | None = None
    region: str | None = None
    point: tuple[float, float] | None = None


def gist(complaint: Complaint) -> Gist | None:
    """What a complaint says; None where its texts are not kept, or say nothing."""
    place = complaint.incident_location
    address = (place.address if place is not None else None) or ""
    text = " \n ".join(part for part in (complaint.title, complaint.original_text or complaint.edited_text) if part)
    if not text.strip():
        return None
    reading = _Reading()
    reading.read(f"{text} \n {address}"[:_MOST])
    if not reading.words:
        return None
    located = place is not None and place.latitude is not None and place.longitude is not None
    return Gist(
        words=frozenset(reading.words),
        matters=frozenset(reading.matters),
        names=frozenset(reading.names),
        places={kind: frozenset(names) for kind, names in reading.places.items()},
        kinds={name: kind for kind, names in reading.places.items() for name in names},
        marks={kind: frozenset(values) for kind, values in reading.marks.items()},
        category=complaint.category,
        region=place.region_code if place is not None else None,
        point=(place.latitude or 0.0, place.longitude or 0.0) if place is not None and located else None,
    )


class _Reading:
    """Reads a text, piece by piece."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.matters: set[str] = set()
        self.names: set[str] = set()
        self.places: dict[str, set[str]] = {}
        self.marks: dict[str, set[str]] = {}
        #: What a name that comes now would be the name of.
        self._kind: str | None = None
        self._begun = False

    def read(self, text: str) -> None:
        said = list(_pieces(text))
        pieces = [piece for piece, _ in said]
        shouted = sum(capital for _, capital in said) > len(said) / 2
        for before, (piece, capital), after in zip(["", *pieces], said, [*pieces[1:], ""], strict=False):
            proper = capital and not shouted and before not in _BEGINNINGS
            if piece in _BREAKS:
                self._expect(None)
            elif piece.isdigit():
                self._number(before, piece, after)
            elif before == "blok" and len(piece) <= 2:
                self._mark("blok", piece)
            elif len(piece) > 1:
                self._word(piece, after, proper)
        self.words.update(f"{kind} {value}" for kind, values in self.marks.items() for value in values)

    def _word(self, piece: str, after: str, proper: bool) -> None:
        stem = stems(piece)
        if piece == "jalan" and after and stems(after) in BROKEN:
            self._matter("jalanrusak")
        elif piece in NAMED:
            self._expect(NAMED[piece])
        elif piece in KINDS:
            self._expect(None)
        elif matter := TOPICS.get(stem):
            self._matter(matter)
        elif stem in COMMON or piece in COUNTED:
            self.words.add(stem)
            # "jalan raya Serpong" is still to be named
            if piece not in _BETWEEN:
                self._expect(None)
        elif len(piece) > 2 and _LETTER.search(piece):
            self.names.add(piece)
            self.words.add(piece)
            self._place(piece, proper)

    def _place(self, name: str, proper: bool) -> None:
        if self._kind is not None and (proper or not self._begun):
            self.places.setdefault(self._kind, set()).add(name)
            # "Perum Griya Asri bocor": the name goes on with a capital letter, if it began with one
            self._begun = True
        else:
            self._kind = None
            if proper:
                self.places.setdefault("spot", set()).add(name)

    def _expect(self, kind: str | None) -> None:
        self._kind, self._begun = kind, False

    def _matter(self, matter: str) -> None:
        self.matters.add(matter)
        self.words.add(matter)
        self._expect(None)

    def _number(self, before: str, number: str, after: str) -> None:
        self._expect(None)
        if after not in COUNTED and len(number) <= 4 and before in EXACT:
            self._mark(before, number.lstrip("0") or "0")

    def _mark(self, kind: str, value: str) -> None:
        self.marks.setdefault(kind, set()).add(value)


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Words in lower case and in full, numbers, and what ends a name; and whether it began with a capital letter.

    "RT03" is a word and a number; the dot of "Kel." or "RT." ends nothing.
    """
    joined = _APART.sub(lambda found: found[0].replace(" ", "").replace("-", ""), unicodedata.normalize("NFKC", text))
    before = ""
    for piece in _PIECE.findall(joined):
        word = piece.lower()
        if piece != "." or not (before in SHORT or before in KINDS):
            yield SHORT.get(word, word), piece[0].isupper()
        before = word
