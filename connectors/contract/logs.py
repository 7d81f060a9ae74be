"""What is logged while a rule is tried."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from structlog.testing import capture_logs


class Line(msgspec.Struct, frozen=True):
    """A line of a log."""

    level: int
    logger: str
    text: str


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[Line] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.name.startswith("uvicorn"):
            return  # an agency that a test plays in the same process
        self.lines.append(Line(record.levelno, record.name, text))


def _level(event: Any) -> int:
    return logging.getLevelNamesMapping().get(str(event.get("log_level", "")).upper(), logging.INFO)


@contextmanager
def listening() -> Iterator[list[Line]]:
    """All that is logged meanwhile, down to DEBUG; complete once it is over."""
    root, listener = logging.getLogger(), _Listener()
    level, handlers = root.level, root.handlers[:]
    root.handlers = [listener]
    root.setLevel(logging.DEBUG)
    told: list[Any] = []
    try:
        with capture_logs() as told:
            yield listener.lines
    finally:
        listener.lines += [Line(_level(event), "", repr(event)) for event in told]
        root.handlers, root.level = handlers, level
        root.setLevel(level)
