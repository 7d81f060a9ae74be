"""One run of a compiled operation: what it shares between its fields, and what they still wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

import orjson
from graphql.execution.values import VariableValues

from schema.graph.batches import Place, Then
from schema.graph.context import Context

#: Makes a value of an answer from what a resolver came to.
Complete = Callable[[Any, "Run"], Any]


class Unanswerable(Exception):
    """The compiled way does not lead to the answer: an error stands in it, or something that was not foreseen."""


class Aside(Unanswerable):
    """What the compiled way leaves to graphql-core on purpose."""


class Later:
    """A place in an answer whose value is awaited; JSON is written when all have theirs."""

    __slots__ = ("awaitable", "complete", "value")

    def __init__(self, awaitable: Awaitable[Any], complete: Complete) -> None:
        self.awaitable = awaitable
        self.complete = complete
        self.value: Any = None


#: Makes what a place in a plan needs in each run.
Make = Callable[["Run"], Any]


class Run(dict[int, Any]):
    """What generated functions get beside the record. By number, what a place needs: made when it is first asked for.

    Args:
        makers: of the plan, by number.

    Attributes:
        context: of the operation; set before anything is resolved.
        extensions: that came with the request.
        waits: places to `settle`.
    """

    __slots__ = ("_makers", "context", "extensions", "variables", "waits")

    context: Context

    def __init__(
        self, makers: Sequence[Make], variables: VariableValues, extensions: Mapping[str, Any] | None = None
    ) -> None:
        self._makers = makers
        self.variables = variables
        self.extensions = extensions
        self.waits: list[Later] = []

    def __missing__(self, number: int) -> Any:
        made = self[number] = self._makers[number](self)
        return made

    def later(self, awaitable: Awaitable[Any], complete: Complete) -> Later:
        """A place for what the awaitable will come to."""
        later = Later(awaitable, complete)
        self.waits.append(later)
        return later

    async def settle(self) -> None:
        """Awaits whatever fields wait for, all rows at once, and what comes to light beneath them."""
        while self.waits:
            wave, self.waits = self.waits, []
            for later, value in zip(wave, await _all([later.awaitable for later in wave]), strict=True):
                later.value = later.complete(value, self)

    def end(self) -> None:
        """Lets go of what nobody will await, and of what holds this run in turn: that would wait for the collector."""
        for later in self.waits:
            if isinstance(later.awaitable, Coroutine):
                later.awaitable.close()
        self.waits.clear()
        self.clear()


async def _all(awaitables: list[Awaitable[Any]]) -> list[Any]:
    if len(awaitables) == 1:
        return [await awaitables[0]]
    # None may be left behind: they read from a snapshot that ends with the operation.
    apart = [each for each in awaitables if not isinstance(each, Place | Then)]
    values = await asyncio.gather(*apart, return_exceptions=True)
    for value in values:
        if isinstance(value, BaseException):
            raise value
    if len(apart) == len(awaitables):
        return values
    # The others share their questions: the first one waits for all, and no task is needed for any.
    found = iter(values)
    return [await each if isinstance(each, Place | Then) else next(found) for each in awaitables]


def written(data: Any) -> bytes:
    """JSON of data with places that were settled."""
    return orjson.dumps(data, default=_settled)


def _settled(value: object) -> Any:
    if isinstance(value, Later):
        return value.value
    raise TypeError(type(value).__name__)
