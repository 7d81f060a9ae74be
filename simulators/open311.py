"""What both Open311 systems share: the parameters of GeoReport v2 and which requests they select."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timezone

from starlette.requests import Request

from schema.status import ComplaintStatus
from simulators.agency import Agency
from simulators.case import DAY, Case
from simulators.dialect import moment

_DATES = ("start_date", "end_date", "updated_after", "updated_before")
_CLOSED = {ComplaintStatus.CLOSED, ComplaintStatus.ARCHIVED, ComplaintStatus.REJECTED, ComplaintStatus.DUPLICATE}


class BadDate(ValueError):
    """A date of the query that can't be read."""


def is_open(case: Case) -> bool:
    return case.status not in _CLOSED


def extended(request: Request) -> bool:
    return request.query_params.get("extensions") == "true"


def span(request: Request, zone: timezone) -> tuple[int | None, int | None]:
    """`start_date` and `end_date` of a query, in seconds since 1970.

    Raises:
        BadDate
    """
    return _date(request.query_params.get("start_date"), zone), _date(request.query_params.get("end_date"), zone)


def selected(
    agency: Agency, request: Request, zone: timezone, codes: dict[str, tuple[str, str]], span: int | None
) -> Sequence[int]:
    """The places of the requests that a query asks for, newest receipt first.

    Args:
        codes: service code and name by matter.
        span: days that are told when no date was given; None for all.

    Raises:
        BadDate
    """
    query = request.query_params
    if wanted := query.get("service_request_id"):
        return [place for id in wanted.split(",") if (place := agency.find(id.strip())) is not None]
    start, end, after, before = (_date(query.get(name), zone) for name in _DATES)
    if span is not None and (start, end, after, before) == (None, None, None, None):
        start = agency.clock() - span * DAY
    if after is not None:
        ours = agency.received(start, end)
        order: Sequence[int] = sorted((p for p in agency.newest_first(after) if p in ours), reverse=True)
    else:
        order = agency.received(start, end)[::-1]
    if before is not None:
        order = [place for place in order if agency.cases[place].updated <= before]
    return _narrowed(agency, order, query.get("status"), query.get("service_code"), codes)


def _narrowed(
    agency: Agency, order: Sequence[int], status: str | None, service: str | None, codes: dict[str, tuple[str, str]]
) -> Sequence[int]:
    if status:
        wanted = {word.strip().lower() == "open" for word in status.split(",")}
        order = [place for place in order if is_open(agency.cases[place]) in wanted]
    if service:
        keys = {key for key, (code, _) in codes.items() if code in service.split(",")}
        order = [place for place in order if agency.cases[place].about.key in keys]
    return order


def _date(text: str | None, zone: timezone) -> int | None:
    if text is None:
        return None
    read = moment(text, zone, "%Y-%m-%d %H:%M:%S.%f")
    if read is None:
        raise BadDate(text)
    return read
