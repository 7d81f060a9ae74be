"""Tables of agencies' files that more than one kind has. Loads no XML parser."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

import msgspec

from connectors.fields import Section

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class UpdatesSettings(Section, frozen=True, kw_only=True):
    """Where a feed of updates is, and how much of it is asked for at once.

    Attributes:
        path: below `http.url`.
        params: sent with each request, for instance `jurisdiction_id`.
        first_day: no update is older.
        window_days: longest span between `start_date` and `end_date`.
        full: so many updates in one reply mean that there may be more; the span is then halved.
    """

    path: str = "/servicerequestupdates.json"
    params: Mapping[str, str | int | float | bool] = {}
    first_day: date = date(2015, 1, 1)
    window_days: Days = 36_500
    full: Count | None = None
