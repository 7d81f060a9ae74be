"""One run of a compiled operation: what it shares between its fields, and what they still wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import orjson
from graphql.execution.values import VariableValues

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


class Places(Protocol):
    """The numbered places of a plan."""

    def info(self, number: int, run: Run) -> Any:
        """What the resolver there gets as `info`."""

    def arguments(self, number: int, run: Run) -> Mapping[str, Any]:
        """Its keyword arguments, where variables stand in them."""

    def shared(self, number: int, run: Run) -> Any:
        """What the rows of one run share there."""


class _Made(dict[int, Any]):
    """Values made when they are first asked for."""

    __slots__ = ("_make", "_run")

    def __init__(self, make: Callable[[int, Run], Any], run: Run) -> None:
        self._make = make
        self._run = run

    def __missing__(self, number: int) -> Any:
        made = self[number] = self._make(number, self._run)
        return made


class Run:
    """What generated functions get beside the record.

    Attributes:
        context: of the operation; set before anything is resolved.
        extensions: that came with the request.
        infos, arguments, shared: see `Places`, by number.
    """

    __slots__ = ("_waiting", "arguments", "context", "extensions", "infos", "shared", "variables")

    context: Context

    def __init__(self, places: Places, variables: VariableValues, extensions: Mapping[str, Any] | None = None) -> None:
        self.variables = variables
        self.extensions = extensions
        self.infos: Mapping[int, Any] = _Made(places.info, self)
        self.arguments: Mapping[int, Mapping[str, Any]] = _Made(places.arguments, self)
        self.shared: Mapping[int, Any] = _Made(places.shared, self)
        self._waiting: list[Later] = []

    def later(self, awaitable: Awaitable[Any], complete: Complete) -> Later:
        """A place for what the awaitable will come to."""
        later = Later(awaitable, complete)
        self._waiting.append(later)
        return later

    async def settle(self) -> None:
        """Awaits whatever fields wait for, all rows at once, and what comes to light beneath them."""
        while self._waiting:
            wave, self._waiting = self._waiting, []
            for later, value in zip(wave, await _all([later.awaitable for later in wave]), strict=True):
                later.value = later.complete(value, self)

    def abandon(self) -> None:
        """Lets go of what nobody will await."""
        for later in self._waiting:
            if isinstance(later.awaitable, Coroutine):
                later.awaitable.close()
        self._waiting.clear()


async def _all(awaitables: list[Awaitable[Any]]) -> list[Any]:
    if len(awaitables) == 1:
        return [await awaitables[0]]
    # None may be left behind: they read from a snapshot that ends with the operation.
    values = await asyncio.gather(*awaitables, return_exceptions=True)
    for value in values:
        if isinstance(value, BaseException):
            raise value
    return values


def written(data: Any) -> bytes:
    """JSON of data with places that were settled."""
    return orjson.dumps(data, default=_settled)


def _settled(value: object) -> Any:
    if isinstance(value, Later):
        return value.value
    raise TypeError(type(value).__name__)
