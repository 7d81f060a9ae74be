"""What operations come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec
import orjson
from graphql import GraphQLError

from gateway.execution.masking import Shown, shown
from schema.ports import Dependencies, Versions


class Answer(msgspec.Struct, frozen=True):
    """What an operation came to.

    Attributes:
        refused: a request error: nothing was executed, and there is no `data` entry.
        raw: the whole response in UTF-8, written already; it takes the place of `data`.
        dependencies, versions: what a query's answer without errors rests on, and where that stood; None where the
            answer may not be kept.
        good_for: seconds that it may be kept at most; None: as long as what it rests on holds.
    """

    data: Mapping[str, Any] | None = None
    errors: list[Shown] = []
    refused: bool = False
    raw: bytes | None = None
    dependencies: Dependencies | None = None
    versions: Versions | None = None
    good_for: float | None = None

    @property
    def outcome(self) -> str:
        """For the metrics."""
        if self.refused:
            return "refused"
        return "partial" if self.errors else "ok"

    def body(self) -> dict[str, Any]:
        """The response, entry by entry."""
        if self.raw is not None:
            return cast("dict[str, Any]", orjson.loads(self.raw))
        entries: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if not self.refused:
            entries["data"] = self.data
        return entries

    def json(self) -> bytes:
        """The response in UTF-8."""
        return orjson.dumps(self.body()) if self.raw is None else self.raw


class Frame(msgspec.Struct, frozen=True):
    """One result of a subscription.

    Attributes:
        body: the response in UTF-8; the same object for all who are sent the same.
        cursor: where to go on after it; None where nothing can be resumed.
        lagged: the hub ends the stream here, but the client is to go on: the connection is ended, not completed.
    """

    body: bytes
    cursor: str | None = None
    lagged: bool = False


class Ended(Exception):
    """A subscription could not begin, or could not go on.

    Attributes:
        answer: what the client is to be told.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.errors)
        self.answer = answer


def refusal(errors: Collection[GraphQLError]) -> Answer:
    """The answer to a request that was not executed."""
    return Answer(errors=shown(errors), refused=True)
