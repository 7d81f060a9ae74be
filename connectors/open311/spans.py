"""Stretches of time to ask a GeoReport server for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from connectors.reply import Reply

#: No reply is asked for less than this.
SHORTEST: Final = timedelta(seconds=1)
REQUESTED: Final = ("start_date", "end_date")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)


class Span(msgspec.Struct, frozen=True):
    """A stretch of time to ask for, and the parameters that say so. An open end is None."""

    names: tuple[str, str]
    start: datetime
    end: datetime | None

    def params(self) -> dict[str, str]:
        told = zip(self.names, (self.start, self.end), strict=True)
        return {name: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for name, moment in told if moment}


def windows(start: datetime, end: datetime, length: timedelta, names: tuple[str, str] = REQUESTED) -> list[Span]:
    """From the newest, whose end is open, to the oldest. Neighbours share a moment, so nothing falls between them."""
    spans: list[Span] = []
    upper: datetime | None = None
    while (upper or end) > start:
        lower = max(start, (upper or end) - length)
        spans.append(Span(names, lower, upper))
        upper = lower
    return spans


def charset(reply: Reply) -> str | None:
    """What the Content-Type names."""
    named = _CHARSET.search(reply.headers.get("content-type", ""))
    return named[1] if named else None
