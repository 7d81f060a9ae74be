"""Which media type an answer is sent in."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"

#: The ranges that cover each type, the most specific first.
_COVERED_BY = {
    JSON: (JSON, "application/*", "*/*"),
    GRAPHQL: (GRAPHQL, "application/*", "*/*"),
}
#: What is longer is not a browser's nor a client's.
_LONGEST = 2_000


def negotiate(accept: str) -> str | None:
    """The media type to answer in; None when nothing acceptable can be sent.

    The higher quality wins, then the more specific range, then the order given. No header, or a wildcard alone,
    means application/json: what old clients expect.
    """
    return _best(accept[:_LONGEST])


@lru_cache(maxsize=256)
def _best(accept: str) -> str | None:
    if not accept.strip():
        return JSON
    ranges = {name: (quality, -place) for place, (name, quality) in enumerate(_ranges(accept))}
    best: tuple[tuple[float, int, int], str] | None = None
    for media, names in _COVERED_BY.items():
        for specificity, name in enumerate(names):
            if name not in ranges:
                continue
            quality, place = ranges[name]
            rank = (quality, -specificity, place)
            if quality > 0 and (best is None or rank > best[0]):
                best = (rank, media)
            break
    return best[1] if best else None


def negotiate_stream(accept: str) -> str | None:
    """The media type to stream in; None when the client takes no stream.

    The higher quality wins, then the order given. A wildcard asks for none: whoever can read a stream says so.
    """
    return _best_stream(accept[:_LONGEST])


@lru_cache(maxsize=256)
def _best_stream(accept: str) -> str | None:
    best, media = 0.0, None
    for name, quality in _ranges(accept):
        if quality > best and name in (EVENT_STREAM, MULTIPART):
            best, media = quality, name
    return media


def wants_page(accept: str) -> bool:
    """A person's browser asks."""
    return any(name == "text/html" and quality > 0 for name, quality in _ranges(accept[:_LONGEST]))


def is_json(content_type: str) -> bool:
    """The content type is JSON in UTF-8."""
    name, *parameters = [part.strip().lower() for part in content_type.split(";")]
    charsets = [part[8:].strip("\"' ") for part in parameters if part.startswith("charset=")]
    return name == JSON and all(charset in ("utf-8", "utf8") for charset in charsets)


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        name, *parameters = [each.strip().lower() for each in part.split(";")]
        if name and (name != MULTIPART or _holds_subscriptions(parameters)):
            yield name, _quality(parameters)


def _holds_subscriptions(parameters: list[str]) -> bool:
    """A parameter says what the parts of `multipart/mixed` are: for instance `deferSpec`, and then they are others."""
    given = [each.replace('"', "").replace(" ", "") for each in parameters]
    return "subscriptionspec=1.0" in given or not any("spec=" in each for each in given)


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("charset=") and parameter[8:].strip("\"' ") not in ("utf-8", "utf8"):
            return 0.0
        if parameter.startswith("q="):
            try:
                return min(max(float(parameter[2:]), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
