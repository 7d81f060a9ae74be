"""`GET servicerequestupdates`: the extension of GeoReport v2 that tells what happened to requests, as one feed.

It is what FixMyStreet and open311-adapter speak: `start_date` and `end_date` select by `updated_datetime`; each update
names its request, and may say its status, a text and more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec

from connectors.dates import Dates
from connectors.http import Http
from connectors.open311.payload import Unreadable, read_updates
from connectors.open311.settings import UpdatesSettings
from connectors.open311.spans import SHORTEST, Span, charset, windows
from connectors.values import key, kind_of
from schema.errors import Incomplete, RecordError

NAMES: Final = ("start_date", "end_date")
_ACCEPT: Final = {"Accept": "application/json, text/xml, application/xml"}


class Update(msgspec.Struct, frozen=True):
    """One update, as it came but for `updated_datetime`, which is a moment in UTC in ISO 8601.

    Attributes:
        request: native id of the record that it is about.
        id: its own, or what tells it from others of that record.
    """

    request: str
    id: str
    at: datetime
    raw: dict[str, Any]


class Feed:
    """Reads an agency's updates."""

    def __init__(self, settings: UpdatesSettings, http: Http, dates: Dates) -> None:
        self._settings, self._http, self._dates = settings, http, dates

    async def read(self, since: datetime | None, now: datetime) -> AsyncGenerator[list[object], None]:
        """The updates at or after `since` (None: all), as they came, reply by reply.

        Raises:
            SourceError: one could not be read; Incomplete where one second holds more than a reply may.
        """
        settings = self._settings
        start = max(since, _midnight(settings.first_day)) if since else _midnight(settings.first_day)
        spans = windows(start, now, timedelta(days=settings.window_days), NAMES)
        while spans:
            span = spans.pop(0)
            params = {**settings.params, **span.params()}
            reply = await self._http.request("GET", settings.path, params=params, headers=_ACCEPT)
            raws = read_updates(reply.content, charset(reply))
            if settings.full is None or len(raws) < settings.full:
                yield raws
                continue
            end = span.end or now
            if end - span.start <= SHORTEST:
                yield raws
                raise Incomplete(f"one second holds {len(raws):,} updates or more; a reply brings no more of them")
            middle = span.start + (end - span.start) / 2
            spans[:0] = [Span(NAMES, middle, span.end), Span(NAMES, span.start, middle)]

    def update(self, raw: object) -> Update:
        """One update.

        Raises:
            RecordError: it has no request or no moment.
        """
        if isinstance(raw, Unreadable):
            raise RecordError(raw.reason)
        if not isinstance(raw, dict):
            raise RecordError(f"is {kind_of(raw)} where an update was expected")
        request = _read(raw, "service_request_id")
        try:
            at = self._dates.moment(raw.get("updated_datetime"))
        except RecordError as error:
            raise RecordError(error.reason, path=("updated_datetime",)) from None
        if request is None or at is None:
            raise RecordError("is missing", path=("updated_datetime" if request else "service_request_id",))
        own = _read(raw, "update_id") or f"{at.isoformat()} {raw.get('status')}"[:300]
        return Update(request, own, at, {**raw, "updated_datetime": at.isoformat()})


def _read(raw: Mapping[str, Any], name: str) -> str | None:
    try:
        return key(raw.get(name))
    except RecordError as error:
        raise RecordError(error.reason, path=(name,)) from None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
