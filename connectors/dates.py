"""Moments and days as agencies write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from schema.errors import RecordError

_EARLIEST, _LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_ZERO = re.compile(r"[0\s:./T-]*Z?")
_EPOCH = re.compile(r"-?\d{1,11}(\.\d{1,9})?")
_EPOCH_MS = re.compile(r"-?\d{1,14}")
_ISO_FRACTION = re.compile(r"([.,]\d{1,6})\d*")


class Dates:
    """Reads moments in an agency's formats.

    Args:
        formats: `iso` (ISO 8601, also with a blank for the T), `epoch` (seconds), `epoch_ms`, or strptime formats;
            the first that fits wins.
        zone: of moments that name none.
    """

    def __init__(self, formats: Sequence[str], zone: ZoneInfo) -> None:
        self._formats, self._zone = tuple(formats), zone

    def moment(self, value: object) -> datetime | None:
        """The moment in UTC; None for null, an empty text or zeros such as `0000-00-00`.

        Raises:
            RecordError: none of the formats fits, or the year can't be right.
        """
        read = self._read(value)
        if read is None:
            return None
        try:
            moment = (read.replace(tzinfo=self._zone) if read.tzinfo is None else read).astimezone(UTC)
        except (ValueError, OverflowError):
            raise RecordError("is not a possible moment") from None
        if not _EARLIEST <= moment < _LATEST:
            raise RecordError("lies in a year that can't be right")
        return moment

    def day(self, value: object) -> date | None:
        """The calendar day in the agency's zone; else like `moment`."""
        moment = self.moment(value)
        return moment.astimezone(self._zone).date() if moment else None

    def _read(self, value: object) -> datetime | None:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime.combine(value, time())
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise RecordError("is not a moment, a number or a text")
        text = str(value).strip()
        if not text or _ZERO.fullmatch(text):
            return None
        for form in self._formats:
            if (read := _in_format(text, form)) is not None:
                return read
        raise RecordError("is not a moment in any format of [dates]")


# Indonesian month names whose English ones strptime knows; May, July, August, October, December differ.
_MONTHS = {
    "januari": "January",
    "februari": "February",
    "pebruari": "February",
    "maret": "March",
    "mei": "May",
    "juni": "June",
    "juli": "July",
    "agustus": "August",
    "agu": "Aug",
    "agt": "Aug",
    "ags": "Aug",
    "oktober": "October",
    "okt": "Oct",
    "november": "November",
    "nopember": "November",
    "nop": "Nov",
    "desember": "December",
    "des": "Dec",
}
_LETTERS = re.compile(r"[A-Za-z]+")


def _in_format(text: str, form: str) -> datetime | None:
    try:
        if form == "iso":
            if text.isdecimal() and len(text) > 8:
                return None  # would be read as year, month, day and a strange separator
            return datetime.fromisoformat(_ISO_FRACTION.sub(r"\1", text))
        if form == "epoch":
            return datetime.fromtimestamp(float(text), UTC) if _EPOCH.fullmatch(text) else None
        if form == "epoch_ms":
            return datetime.fromtimestamp(int(text) / 1000, UTC) if _EPOCH_MS.fullmatch(text) else None
        if "%b" in form or "%B" in form:
            text = _LETTERS.sub(lambda match: _MONTHS.get(match[0].lower(), match[0]), text)
        return datetime.strptime(text, form)  # noqa: DTZ007  (the caller adds the agency's zone)
    except (ValueError, OverflowError, OSError):
        return None


def written(moment: datetime, form: str) -> str | int:
    """A moment in one of the formats, for a query; in the moment's own zone. `epoch` and `epoch_ms` are numbers."""
    if form == "iso":
        return moment.isoformat(timespec="seconds")
    if form in ("epoch", "epoch_ms"):
        return int(moment.timestamp() * (1000 if form == "epoch_ms" else 1))
    return moment.strftime(form)
