"""Topics (kategori): SP4N-LAPOR!'s tree, which all agencies' categories are mapped to.

Source: the 38 topics and 929 sub-topics of SP4N-LAPOR!, with those of its numeric ids that are known
(`categories.tsv`). The list it gives flattens the levels below a topic, so the tree has two levels here and a sub-topic
listed twice under one topic is one category (920 are left). Names are in title case, with slips of the pen mended;
English names and codes are this project's.

A code is a topic's short name, for instance `infrastruktur`, and for a sub-topic a dot and its slug:
`infrastruktur.jalan`, `infrastruktur.lainnya`. Codes never change, names may.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec

from schema.query import Language


class Category(msgspec.Struct, frozen=True):
    """A topic or sub-topic.

    Attributes:
        indonesian: its name; `english` is None where nobody has translated it yet.
        lapor_ids: numeric ids that SP4N-LAPOR! uses for it, as far as they are known.
    """

    code: str
    indonesian: str
    english: str | None = None
    lapor_ids: tuple[int, ...] = ()

    @property
    def parent(self) -> str | None:
        """Code of the topic that a sub-topic belongs to; None for a topic."""
        return self.code.rpartition(".")[0] or None

    def name(self, language: Language = Language.ID) -> str:
        """The name in a language; the Indonesian one where there is no other."""
        return self.english or self.indonesian if language is Language.EN else self.indonesian


_FILE = Path(__file__).with_name("categories.tsv")


def category(code: str) -> Category | None:
    """The category with this code, if there is one."""
    return _by_code().get(code)


def topics() -> tuple[Category, ...]:
    """The 38 topics, in SP4N-LAPOR!'s order."""
    return _children()[None]


def children(code: str) -> tuple[Category, ...]:
    """The sub-topics of a topic, in SP4N-LAPOR!'s order; empty when it has none."""
    return _children().get(code, ())


def by_lapor_id(number: int) -> Category | None:
    """The category behind a numeric id of SP4N-LAPOR!; None for one that is not known or not unambiguous."""
    return _by_lapor_id().get(number)


def top(code: str) -> str:
    """Code of the topic that `code` is, or belongs to."""
    return code.partition(".")[0]


def covers(whole: str, part: str) -> bool:
    """Whether the category `part` is `whole` or belongs to it."""
    return part == whole or part.startswith(f"{whole}.")


def _rows() -> Iterator[Category]:
    for line in _FILE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            code, indonesian, english, ids = (*line.split("\t"), "", "")[:4]
            yield Category(code, indonesian, english or None, tuple(int(number) for number in ids.split(",") if number))


@cache
def _by_code() -> dict[str, Category]:
    return {row.code: row for row in _rows()}


@cache
def _by_lapor_id() -> dict[int, Category]:
    return {number: row for row in _by_code().values() for number in row.lapor_ids}


@cache
def _children() -> dict[str | None, tuple[Category, ...]]:
    found: dict[str | None, list[Category]] = {}
    for row in _by_code().values():
        found.setdefault(row.parent, []).append(row)
    return {code: tuple(rows) for code, rows in found.items()}
