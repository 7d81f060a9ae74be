"""The incremental cursor of a list: from which moment on, and in which stretches of time, it is asked for.

Pure: the present moment is passed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from connectors.dates import written
from connectors.fields import Section
from connectors.toml import Misfit

Seconds = Annotated[float, msgspec.Meta(ge=1, le=3_155_760_000)]

#: The last window ends after now by this much, for agencies whose clocks run ahead.
AHEAD: Final = timedelta(hours=1)


class Since(Section, frozen=True, kw_only=True):
    """`since`: how to ask for changes only.

    Attributes:
        param: asks for what changed at or after a moment.
        format: how moments are written: iso, epoch, epoch_ms or a strftime format.
        zone: in which zone; by default the agency's.
        until: asks for what changed before or at a moment. With it, the list is read window by window, oldest first;
            a window that comes full is halved.
        window: longest stretch of one window, in seconds; by default all of it.
        step: the agency tells moments apart to so many seconds: windows begin and end on multiples, none is shorter.
        full: so many records in one window mean that there may be more; by default, where pages are counted, what
            doesn't fit one page.
        first_day: where the first harvest begins; by default it asks without moments.
    """

    param: str
    format: str = "iso"
    zone: str | None = None
    until: str | None = None
    window: Seconds | None = None
    step: Seconds = 1.0
    full: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None
    first_day: date | None = None


def check_since(since: Since, key: str) -> None:
    """Checks what the types can't say.

    Raises:
        Misfit: a key that only `until` gives a meaning, an unknown zone, or a window shorter than its step.
    """
    for name in ("window", "full", "first_day"):
        if since.until is None and getattr(since, name) is not None:
            raise Misfit("needs `until`: without it there are no windows", f"{key}.{name}")
    if since.window is not None and since.window < since.step:
        raise Misfit("is shorter than the step", f"{key}.window")
    try:
        ZoneInfo(since.zone or "UTC")
    except (KeyError, ValueError, OSError):
        raise Misfit("is not an IANA time zone", f"{key}.zone", ("UTC", "Asia/Jakarta", "...")) from None


class Window(msgspec.Struct, frozen=True):
    """A stretch of time, both ends in it: neighbours share a moment, so that nothing falls between them."""

    start: datetime
    end: datetime


class Cursor:
    """`since` at work.

    Args:
        since: the file's table.
        zone: the agency's.
    """

    def __init__(self, since: Since, zone: ZoneInfo) -> None:
        self._since = since
        self._zone = ZoneInfo(since.zone) if since.zone else zone
        self._step = timedelta(seconds=since.step)

    def params(self, start: datetime | None, end: datetime | None = None) -> dict[str, str | int]:
        """The parameters that ask for what changed between two moments; None leaves one out."""
        told = {self._since.param: start, self._since.until or "": end if self._since.until else None}
        form = self._since.format
        return {name: written(at.astimezone(self._zone), form) for name, at in told.items() if at is not None}

    def windows(self, since: datetime | None, now: datetime) -> Iterator[Window]:
        """From `since` (else the first day) until a little after now, oldest first; none where there is no `until`.

        Oldest first, because what changes meanwhile moves into a newer one.
        """
        if since is None and self._since.first_day is not None:
            since = datetime.combine(self._since.first_day, time(), self._zone)
        if since is None or self._since.until is None:
            return
        start, last = self._floor(since), self._floor(now + AHEAD) + self._step
        length = timedelta(seconds=self._since.window) if self._since.window else last - start
        length = max(length // self._step, 1) * self._step
        while start < last:
            end = min(start + length, last)
            yield Window(start, end)
            start = end

    def halves(self, window: Window) -> tuple[Window, Window] | None:
        """The older and the newer half; None for one that is not longer than a step."""
        steps = (window.end - window.start) // self._step
        if steps < 2:
            return None
        middle = window.start + steps // 2 * self._step
        return Window(window.start, middle), Window(middle, window.end)

    def _floor(self, moment: datetime) -> datetime:
        """The last multiple of the step, counted in the zone's own time: days begin at its midnight."""
        offset = moment.astimezone(self._zone).utcoffset() or timedelta()
        local = moment.astimezone(UTC) + offset
        return local - (local - datetime.min.replace(tzinfo=UTC)) % self._step - offset
