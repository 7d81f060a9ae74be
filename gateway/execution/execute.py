"""Runs operations: documents are prepared once, a query reads one snapshot, errors are masked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import aclosing
from typing import Any, cast

import msgspec
import orjson
import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationType, execute, subscribe
from strawberry.execution import optimized_is_awaitable

from gateway.execution.document import Documents, KindNotAllowed, Refused
from gateway.execution.masking import Shown, shown, shown_exception
from gateway.execution.request import GraphQLRequest
from schema.graph.fresh import FreshReads
from schema.ports import Reader, Snapshot
from schema.query import Viewer

QUERY, MUTATION, SUBSCRIPTION = OperationType.QUERY, OperationType.MUTATION, OperationType.SUBSCRIPTION
ALL_KINDS = frozenset(OperationType)

#: Makes what resolvers get as `info.context`.
MakeContext = Callable[[Viewer, Snapshot], object]


class Answer(msgspec.Struct, frozen=True):
    """What an operation came to.

    Attributes:
        refused: a request error: nothing was executed, and there is no `data` entry.
    """

    data: Mapping[str, Any] | None = None
    errors: list[Shown] = []
    refused: bool = False

    @property
    def outcome(self) -> str:
        """For the metrics."""
        if self.refused:
            return "refused"
        return "partial" if self.errors else "ok"

    def body(self) -> dict[str, Any]:
        """The response, entry by entry."""
        entries: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        if not self.refused:
            entries["data"] = self.data
        return entries

    def json(self) -> bytes:
        """The response in UTF-8."""
        return orjson.dumps(self.body())


class Operation(msgspec.Struct, frozen=True):
    """An operation that fits the graph, with what it is to be run with."""

    kind: OperationType
    document: DocumentNode
    request: GraphQLRequest


class Executor:
    """Runs operations on the graph.

    Args:
        graph: Strawberry's schema, with the resolvers.
        reader: where a query's one snapshot comes from.
        make_context: what the resolvers get.
        on_look: told of each look into the cache of documents whether it was a hit.
    """

    def __init__(
        self,
        graph: strawberry.Schema,
        reader: Reader,
        make_context: MakeContext,
        on_look: Callable[[bool], None] = lambda hit: None,
    ) -> None:
        self._graph = graph._schema
        self._executor_class = graph.execution_context_class
        self._reader = reader
        self._make_context = make_context
        self._documents = Documents(self._graph, on_look)

    def prepare(self, request: GraphQLRequest, allowed: Collection[OperationType] = ALL_KINDS) -> Operation:
        """Parses, picks the operation, validates.

        Raises:
            Refused: the document is not GraphQL or does not fit the graph; or no operation could be picked.
            KindNotAllowed: its kind is not among `allowed`.
        """
        document = self._documents.get(request.query)
        kind = document.operation(request.operation_name).operation
        if kind not in allowed:
            raise KindNotAllowed(kind)
        try:
            self._documents.validate(request.query, document)
        except Refused:
            raise
        except Exception as error:
            # A rule that stumbles over a strange document is our fault, but this document's end.
            raise Refused([GraphQLError(str(error), original_error=error)]) from error
        return Operation(kind, document.node, request)

    async def execute(self, operation: Operation, viewer: Viewer) -> Answer:
        """Runs a query or a mutation. Never raises for what goes wrong in it."""
        try:
            async with self._reader.snapshot(viewer) as snapshot:
                return _answer(await self._run(operation, self._make_context(viewer, snapshot)))
        except Exception as error:
            return Answer(errors=[shown_exception(error)])

    async def subscribe(self, operation: Operation, viewer: Viewer) -> AsyncGenerator[Answer, None]:
        """Runs a subscription. What ends it too early comes last, as an answer that is `refused`."""
        try:
            # A stream outlives any snapshot.
            source = await self._source(operation, self._make_context(viewer, FreshReads(self._reader, viewer)))
            if isinstance(source, ExecutionResult):
                yield refusal(source.errors or [])
                return
            async with aclosing(source) as results:
                async for result in results:
                    yield _answer(result)
        except Exception as error:
            yield Answer(errors=[shown_exception(error)], refused=True)

    async def _run(self, operation: Operation, context: object) -> ExecutionResult:
        result = execute(
            self._graph,
            operation.document,
            context_value=context,
            variable_values=operation.request.variables,
            operation_name=operation.request.operation_name,
            executor_class=self._executor_class,
            is_awaitable=cast("Any", optimized_is_awaitable),
            operation_extensions=operation.request.extensions,
        )
        return result if isinstance(result, ExecutionResult) else await result

    async def _source(self, operation: Operation, context: object) -> ExecutionResult | Any:
        source = subscribe(
            self._graph,
            operation.document,
            context_value=context,
            variable_values=operation.request.variables,
            operation_name=operation.request.operation_name,
            executor_class=self._executor_class,
            operation_extensions=operation.request.extensions,
        )
        return await cast("Awaitable[Any]", source) if optimized_is_awaitable(source) else source


def refusal(errors: Collection[GraphQLError]) -> Answer:
    """The answer to a request that was not executed."""
    return Answer(errors=shown(errors), refused=True)


def _answer(result: ExecutionResult) -> Answer:
    errors = result.errors or []
    # Variables that don't fit are found by the execution, but before it: such errors stand at no path.
    refused = bool(errors) and result.data is None and all(error.path is None for error in errors)
    return Answer(result.data, shown(errors), refused)
