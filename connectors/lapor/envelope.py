"""SP4N-LAPOR!'s envelope: everything stands under `results`, and HTTP 200 means little.

What does not exist is told with 200 and `data: null`; refusals sometimes with 200 and another `status` in the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.values import kind_of, number
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, RateLimited

Raw = Mapping[str, Any]


class Listed(msgspec.Struct, frozen=True):
    """A page of the list: its rows as they came, and how many there are in all, if that is told."""

    rows: list[Any]
    total: int | None


def read_list(body: object) -> Listed:
    """The rows of a list's reply.

    Args:
        body: the decoded JSON.

    Raises:
        BadPayload: there is no `results.data`.
        AuthenticationFailed, RateLimited, HttpFailure: the body says so, whatever the HTTP status was.
    """
    results = _results(body)
    rows = results.get("data")
    if rows is None:
        _raise_told(body)
        return Listed([], _count(results))
    if not isinstance(rows, list):
        raise BadPayload(f"results.data is {kind_of(rows)} where a list was expected")
    return Listed(rows, _count(results))


def read_one(body: object) -> dict[str, Any] | None:
    """The row of one complaint's reply, with the `data_logs` that stand beside it; None if there is no such complaint.

    Raises:
        BadPayload, AuthenticationFailed, RateLimited, HttpFailure: as for `read_list`.
    """
    if _told_status(body) in (404, 410):
        return None
    results = _results(body)
    row = results.get("data")
    if not row:
        _raise_told(body)
        return None
    if isinstance(row, list) and len(row) == 1:
        row = row[0]
    if not isinstance(row, dict):
        raise BadPayload(f"results.data is {kind_of(row)} where an object was expected")
    return {**row, "data_logs": results["data_logs"]} if "data_logs" in results else row


def read_written(body: object) -> dict[str, Any]:
    """What the answer to a write tells: `results`, with what stands in its `data` or beside it.

    Raises:
        BadPayload, AuthenticationFailed, RateLimited, HttpFailure: as for `read_list`; the status of the body counts,
            404 and 410 too.
    """
    if _told_status(body) in (404, 410):
        raise HttpFailure(f"the agency answered with status {_told_status(body)} in the body", status=404)
    _raise_told(body)
    results = _results(body)
    data = results.get("data")
    beside = {"complaint_id": body["complaint_id"]} if isinstance(body, dict) and "complaint_id" in body else {}
    return {**beside, **results, **(data if isinstance(data, dict) else {})}


def _results(body: object) -> dict[str, Any]:
    results = body.get("results") if isinstance(body, dict) else None
    if isinstance(results, dict):
        return results
    _raise_told(body)
    raise BadPayload("the reply has no results")


def _raise_told(body: object) -> None:
    """The error that a body tells with HTTP 200."""
    status = _told_status(body)
    message = f"the agency answered with status {status} in the body"
    if status in (401, 403):
        raise AuthenticationFailed(message)
    if status == 429:
        raise RateLimited(message)
    if status is not None and status >= 400 and status not in (404, 410):
        raise HttpFailure(message, status=status)


def _told_status(body: object) -> int | None:
    told = number(body.get("status", body.get("code"))) if isinstance(body, dict) else None
    return int(told) if told is not None and 100 <= told < 600 else None


def _count(results: Raw) -> int | None:
    count = number(results.get("total"))
    return int(count) if count is not None and count >= 0 else None
