# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""Words of complaints: how texts are cut and stemmed, and how the word index is asked.

    stems("Jalan-jalan diperbaiki!")  ->  "jalan jalan baik"      what SQLite's index holds, and is asked
    words("Jalan-jalan diperbaiki!")  ->  "jalan jalan diperbaiki"   PostgreSQL stems by itself, from these words

Both databases are given nothing but words of letters and digits, so no input is ever read as the index's own syntax,
and both cut a text at the same places (PostgreSQL's parser alone would read "jl.sudirman" as a host name).
"""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]  # it ships no types

from gateway.ledger.database import Dialect

#: Longer runs are numbers without meaning, or noise.
_LONGEST = 64
_WORD = re.compile(r"[^\W_]+")
_STEMMER = snowballstemmer.stemmer("indonesian")
_STEMMING = threading.Lock()


def words(text: str) -> str:
    """The words of a text in lower case, a space between them."""
    return " ".join(_words(text))


def stems(text: str) -> str:
    """The Indonesian stems of a text's words, a space between them."""
    return " ".join([_stem(word) for word in _words(text)])


def question(text: str, dialect: Dialect) -> str | None:
    """What the index is asked for a text, as `hits` binds it; None for a text without any word."""
    if dialect is Dialect.SQLITE:
        return " ".join([f'"{stem}"' for stem in stems(text).split()]) or None
    return words(text) or None


def hits(mark: str, dialect: Dialect) -> str:
    """SELECT of `id` and `score` (larger is better) of what holds all the words of the `question` that `mark` binds."""
    if dialect is Dialect.SQLITE:
        return f"SELECT id, -bm25(complaint_search) AS score FROM complaint_search WHERE complaint_search MATCH {mark}"
    return (
        "SELECT s.id, CAST(ts_rank(s.document, q) AS double precision) AS score"
        f" FROM complaint_search s, plainto_tsquery('indonesian', {mark}) q WHERE s.document @@ q"
    )


def _words(text: str) -> list[str]:
    return [word[:_LONGEST] for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower())]


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    if not word.isalpha():
        return word
    with _STEMMING:  # it works on itself, and the writer's thread stems too
        stem: str = _STEMMER.stemWord(word)
    return stem
