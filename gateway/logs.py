"""Log lines: from an allow-list of fields, without what anybody wrote and without secrets.

A line is an event's name and fields that are known here. Of an exception stand there its type and where it came from;
its message only if it is one of ours, as those are written for operators and hold no values. What libraries log is cut
down to their own words, before anything was filled in.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

from gateway.settings import LogFormat, LogLevel
from schema.errors import SimpulError
from schema.redaction import redacted

#: The fields of lines, beside `event`, `level` and `timestamp`. None holds what a person wrote.
FIELDS: Final = frozenset(
    {
        *("added", "again_in", "agencies", "agency", "attempts", "changed", "code", "column", "complaints", "database"),
        *("delivery", "ends", "epoch", "error", "exception", "file", "files", "graph", "head", "key", "kind"),
        *("lag_seconds", "limit", "line", "logger", "paused", "python", "reason", "reference", "removed"),
        *("restarts", "resumed", "seconds", "seen", "seq", "task", "transport", "unchanged", "viewer", "what"),
    }
)

#: Stands for what is not told.
_HIDDEN: Final = "***"
_SECRETS: Final = re.compile(
    r"(?P<before>[a-z][a-z0-9+.-]{0,20}://[^\s/@:]{0,200}:)[^\s/@]{1,500}(?=@)"  # a password in an address
    r"|smp[kr]_[A-Za-z0-9_-]{8,}"  # keys and tokens of ours
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*"  # tokens of an OpenID provider
    r"|(?P<scheme>(?i:bearer|basic) +)[A-Za-z0-9._~+/=-]{8,}"
)
#: Of a line that a library logs.
_LONGEST: Final = 200
#: Exceptions of a chain that are told, and frames of each.
_CHAIN, _FRAMES = 6, 40

_STANDARD: Final = frozenset({"event", "level", "timestamp", "exc_info", "_record", "_from_structlog"})

_Event = MutableMapping[str, Any]


def configure_logs(format: LogFormat, level: LogLevel) -> None:
    """Sends the program's and its libraries' log lines to stderr, all in one format. Called once, by the command."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if format is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _known_fields,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.value),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_own_words, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            keep_exc_info=False,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.value.upper())
    # It logs the whole address of a WebSocket at INFO, and an address may carry what a person typed.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def discreet(text: str) -> str:
    """A text without secrets and personal identifiers, should any have come into it."""
    return redacted(_SECRETS.sub(_without, text))


def told(error: BaseException) -> str:
    """An exception and what it came of: types and frames; the message of those that are ours."""
    return "\n".join(_told(error))


def _known_fields(logger: object, method: str, event: _Event) -> _Event:
    for name in [each for each in event if each not in FIELDS and each not in _STANDARD]:
        event[name] = _HIDDEN
    for name, value in event.items():
        if name not in _STANDARD and isinstance(value, BaseException):
            event[name] = type(value).__name__
        elif name not in _STANDARD and isinstance(value, str):
            event[name] = discreet(value)
    error = _error_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = told(error)
    return event


def _own_words(logger: object, method: str, event: _Event) -> _Event:
    """A library's line as it stands in its source: nothing is filled in, nothing follows the first line."""
    record: logging.LogRecord = event["_record"]
    template = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
    event["event"] = discreet(template.partition("\n")[0][:_LONGEST])
    event["logger"] = record.name
    event["exc_info"] = record.exc_info
    # The formatter would add it as it is.
    record.exc_info, record.exc_text, record.stack_info = None, None, None
    return event


def _error_of(given: object) -> BaseException | None:
    if isinstance(given, BaseException):
        return given
    found = given if isinstance(given, tuple) else sys.exc_info() if given else (None, None, None)
    return found[1] if isinstance(found[1], BaseException) else None


def _told(error: BaseException, depth: int = 0) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and depth < _CHAIN:
        yield from _told(cause, depth + 1)
        yield "which led to"
    yield from _frames(error.__traceback__)
    yield f"{type(error).__name__}: {discreet(str(error))}" if isinstance(error, SimpulError) else type(error).__name__
    if isinstance(error, BaseExceptionGroup) and depth < _CHAIN:
        for each in error.exceptions[:_CHAIN]:
            yield "of which one is"
            yield from _told(each, depth + 1)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace)[-_FRAMES:]:
        yield f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'


def _without(match: re.Match[str]) -> str:
    return (match["before"] or match["scheme"] or "") + _HIDDEN
