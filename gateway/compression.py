"""Content codings: which one a client takes, and making it."""

from __future__ import annotations

import gzip
from functools import lru_cache

import brotli

IDENTITY, GZIP, BROTLI = "identity", "gzip", "br"

#: Bytes from which compressing pays: a smaller answer fits into one packet anyway.
PAYS = 1_024

#: Levels that make one answer once for all who ask; an answer for one alone gets the quicker ones.
_KEPT = {GZIP: 6, BROTLI: 5}
_ONCE = {GZIP: 1, BROTLI: 1}

_PACKED = (BROTLI, GZIP)
#: By preference, when a client likes them equally.
_CODINGS = (*_PACKED, IDENTITY)
_LONGEST = 1_000


def coding(accept_encoding: str | None, size: int) -> str | None:
    """The content coding for an answer of so many bytes; None when the client takes none that there is (RFC 9110).

    No header means as it is: who can take less says so.
    """
    if accept_encoding is None:
        return IDENTITY
    return _coding(accept_encoding[:_LONGEST], size >= PAYS)


@lru_cache(maxsize=512)
def _coding(accept_encoding: str, pays: bool) -> str | None:
    qualities = _qualities(accept_encoding)
    # "*" is for what is not named; identity is acceptable unless it is excluded, if only by "*;q=0".
    rest = qualities.get("*", 0.0)
    given = {each: qualities.get(each, rest) for each in _PACKED}
    given[IDENTITY] = qualities.get(IDENTITY, rest if "*" in qualities else 0.001)
    if not pays and given[IDENTITY] > 0:
        return IDENTITY
    best = max(_CODINGS, key=lambda each: given[each])
    return best if given[best] > 0 else None


def _qualities(accept_encoding: str) -> dict[str, float]:
    qualities: dict[str, float] = {}
    for part in accept_encoding.lower().split(","):
        name, *parameters = [each.strip() for each in part.split(";")]
        if name:
            qualities[GZIP if name == "x-gzip" else name] = _quality(parameters)
    return qualities


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def encode(body: bytes, coding: str, *, kept: bool) -> bytes:
    """The body in a coding. `kept`: it will be sent more than once, so it may take longer and be smaller."""
    level = (_KEPT if kept else _ONCE).get(coding)
    if level is None:
        return body
    if coding == BROTLI:
        packed: bytes = brotli.compress(body, brotli.MODE_TEXT, quality=level)
        return packed
    # No time in it: the same answer is the same bytes.
    return gzip.compress(body, level, mtime=0)
