"""Errors as a client may see them. What we did not mean to say is never said: a reference leads to it in the log."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

import structlog
from graphql import GraphQLError

from schema.errors import QueryError

log = structlog.get_logger(__name__)

#: Characters of a message, and places in the document, that are told of one error: both may repeat what was sent.
_LONGEST, _PLACES = 1_000, 4

#: An error of an answer, ready for JSON.
Shown = dict[str, Any]


def shown(errors: Iterable[GraphQLError]) -> list[Shown]:
    """The errors of an answer, each with `extensions.code` and `extensions.reference`."""
    return [_shown(error) for error in errors]


def shown_exception(error: Exception) -> Shown:
    """An exception that ended a whole operation."""
    return _shown(error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error))


def _shown(error: GraphQLError) -> Shown:
    reference = secrets.token_hex(5)
    cause = _cause(error)
    entry: Shown = {"message": (str(cause) if isinstance(cause, QueryError) else error.message)[:_LONGEST]}
    if error.locations:
        entry["locations"] = [{"line": each.line, "column": each.column} for each in error.locations[:_PLACES]]
    if error.path:
        entry["path"] = error.path
    if isinstance(cause, QueryError):
        extensions = {**cause.extensions, "code": cause.code}
    elif cause is None:
        extensions = {"code": "BAD_USER_INPUT", **(error.extensions or {})}
    else:
        entry["message"] = "Internal error"
        extensions = {"code": "INTERNAL"}
        log.error("request.failed", reference=reference, exc_info=cause)
    entry["extensions"] = {**extensions, "reference": reference}
    return entry


def _cause(error: GraphQLError) -> Exception | None:
    """What a resolver raised beneath; None where GraphQL itself refuses."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
