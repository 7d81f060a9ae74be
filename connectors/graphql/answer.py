"""What a GraphQL server answered: data, data with errors in some of its records, or an error.

Data beside errors is kept only where each error lies inside one record of the list: those records are set aside, the
others are whole. Anywhere else a null may stand for what could not be told, and would be taken for what is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from connectors.listing import ListReader
from connectors.outcomes import MAX_MESSAGE, ErrorRule, Then
from connectors.paging import Batch
from connectors.preview import without_people
from connectors.reply import Reply
from connectors.transport import unsent
from connectors.values import word
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    HttpFailure,
    MappingFailure,
    RecordError,
    SourceError,
    WriteRejected,
)

_UNAUTHENTICATED: Final = (
    "UNAUTHENTICATED",
    "UNAUTHORIZED",
    "AUTHENTICATION_ERROR",
    "AUTHENTICATION_FAILED",
    "AUTH_NOT_AUTHENTICATED",
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "invalid-jwt",
    "access-denied",
)
_FORBIDDEN: Final = frozenset({"FORBIDDEN", "ACCESS_DENIED", "PERMISSION_DENIED", "AUTH_NOT_AUTHORIZED"})
_LIMITED: Final = ("RATE_LIMITED", "RATE_LIMIT_EXCEEDED", "RATELIMITED", "TOO_MANY_REQUESTS", "THROTTLED")
_PASSING: Final = ("INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT", "DOWNSTREAM_SERVICE_ERROR")
_INVALID: Final = frozenset({"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"})
_MISSING: Final = frozenset({"NOT_FOUND", "RESOURCE_NOT_FOUND"})
#: Of mutations: what they say is refused, as against: the document was not even begun.
_REFUSED: Final = (
    frozenset({"BAD_USER_INPUT", "CONFLICT", "ALREADY_EXISTS", "UNPROCESSABLE", "VALIDATION_FAILED"}) | _MISSING
)
_UNREAD: Final = frozenset({"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"})
_FIRST: Final = "errors[0].message"


def _coded(codes: Sequence[str]) -> str:
    return f"errors[?contains(`{msgspec.json.encode(codes).decode()}`, extensions.code)]"


#: How replies are judged where the agency's own rules say nothing.
RULES: Final = (
    ErrorRule(when=_coded(_UNAUTHENTICATED), then=Then.REAUTHENTICATE, message=_FIRST),
    ErrorRule(
        when=_coded(_LIMITED), then=Then.RATE_LIMITED, message=_FIRST, retry_after="errors[0].extensions.retryAfter"
    ),
    ErrorRule(when=f"!data && {_coded(_PASSING)}", then=Then.RETRY, message=_FIRST),
    ErrorRule(status=(400, 422), when=_FIRST, then=Then.FAIL, message=_FIRST),
)

#: A list in the data by the names that lead to it, and a place in it.
Place: TypeAlias = tuple[tuple[str, ...], int]
Hide: TypeAlias = Callable[[str], str]


def page_of_answer(reply: Reply, reader: ListReader, hide: Hide) -> Batch:
    """One page of the list.

    Args:
        hide: takes credentials out of the agency's words.

    Raises:
        SourceError: the agency answered with an error that concerns more than single records.
    """
    if reply.ignored:
        return reader.batch(reply, None)
    data, errors = _parts(reply)
    if not errors:
        return reader.batch(reply, data)
    kept = _flawed(data, errors, reader) if data is not None else None
    if kept is None:
        raise failure(reply, errors, hide)
    raws, flaws = kept
    return Batch(raws, data, reply, reader.count(data), flaws)


def record_of_answer(reply: Reply, reader: ListReader, hide: Hide) -> list[object]:
    """The record that was asked for; none if the agency has none.

    Raises:
        SourceError: the agency answered with an error.
    """
    if reply.ignored:
        return []
    data, errors = _parts(reply)
    if not errors:
        return reader.one(data)
    if all(_code(error) in _MISSING for error in errors):
        return []
    raise failure(reply, errors, hide)


def data_of_answer(reply: Reply, hide: Hide, *, wrote: bool = False) -> dict[str, Any] | None:
    """The data of an answer without errors.

    Args:
        wrote: it answers a mutation.

    Raises:
        WriteRejected: the mutation was refused for what it says.
        SourceError: the agency answered with another error; `arrived` False if the mutation was not begun.
    """
    if reply.ignored:
        return None
    data, errors = _parts(reply)
    if not errors:
        return data
    codes = {_code(error) for error in errors}
    if wrote and codes & _REFUSED and not any((data or {}).values()):
        raise WriteRejected(f"HTTP {reply.status} with an error inside: {hide(_said(errors[0]))}")
    found = failure(reply, errors, hide)
    raise unsent(found) if codes & (_FORBIDDEN | _UNREAD) else found


def failure(reply: Reply, errors: Sequence[Mapping[str, Any]], hide: Hide) -> SourceError:
    """The error that the errors of an answer stand for."""
    codes = {_code(error) for error in errors}
    said = hide(_said(errors[0]))
    if codes & _FORBIDDEN:
        return AuthenticationFailed(f"the agency's graph refused our credentials: {said}")
    if codes & _INVALID or "data" not in reply.json():  # the query was not even begun
        return MappingFailure(f"the agency's graph does not take this query: {said}")
    return HttpFailure(f"HTTP {reply.status} with an error inside: {said}", status=reply.status, transient=False)


def _parts(reply: Reply) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    body = reply.json()
    if not isinstance(body, dict) or not ("data" in body or body.get("errors")):
        raise BadPayload("the agency answered JSON that is no GraphQL answer")
    data, errors = body.get("data"), body.get("errors") or []
    if not isinstance(data, dict | None) or not isinstance(errors, list):
        raise BadPayload("the agency answered JSON that is no GraphQL answer")
    return data, [error if isinstance(error, dict) else {} for error in errors]


def _flawed(
    data: Mapping[str, Any], errors: Sequence[Mapping[str, Any]], reader: ListReader
) -> tuple[list[Any], dict[int, str]] | None:
    """All records, and what is wrong with some; None if not every error lies inside one record."""
    places = {_place(error): error for error in errors}
    names = {place[0] for place in places if place is not None}
    if None in places or len(names) != 1:
        return None
    [path] = names
    wrong = {place[1]: error for place, error in places.items() if place is not None}
    entries = _dig(data, path)
    if not isinstance(entries, list) or not all(0 <= index < len(entries) for index in wrong):
        return None
    try:
        whole = reader.listed(data)
        raws = reader.listed(_with(data, path, [entry for index, entry in enumerate(entries) if index not in wrong]))
        alone = [reader.listed(_with(data, path, [entries[index]])) for index in wrong]
    except MappingFailure:
        return None
    if len(whole) != len(raws) + sum(map(len, alone)):
        return None  # the errors are in another list than the records
    flaws: dict[int, str] = {}
    for found, error in zip(alone, wrong.values(), strict=True):
        for raw in found or [None]:
            flaws[len(raws)] = f"the agency answered it with an error ({_code(error) or 'without a code'})"
            raws.append(raw)
    return raws, flaws


def _place(error: Mapping[str, Any]) -> Place | None:
    names: list[str] = []
    path = error.get("path")
    for part in path if isinstance(path, list) else ():
        if isinstance(part, str):
            names.append(part)
        else:
            return (tuple(names), part) if isinstance(part, int) else None
    return None


def _dig(data: Any, path: Sequence[str]) -> Any:
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _with(data: Mapping[str, Any], path: Sequence[str], entries: list[Any]) -> dict[str, Any]:
    """The data with other entries in one of its lists."""
    name, *rest = path
    return {**data, name: _with(data[name], rest, entries) if rest else entries}


def _code(error: Mapping[str, Any]) -> str | None:
    extensions = error.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return code[:60] if isinstance(code, str) else None


def _said(error: Mapping[str, Any]) -> str:
    try:
        said = word(error.get("message"))
    except RecordError:
        said = None
    return without_people(said)[:MAX_MESSAGE] if said else "without a word"
