"""Runs operations: documents are prepared once, a query reads one snapshot, errors are masked."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from enum import StrEnum
from typing import Any, TypeVar, cast

import msgspec
import orjson
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream, execute_subscription_event
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable

from gateway.execution.compile import Graph
from gateway.execution.document import Document, Documents, KindNotAllowed, Refused
from gateway.execution.groups import Group, Groups
from gateway.execution.masking import Shown, shown, shown_exception
from gateway.execution.plan import FramePlan, Plan, QueryPlan
from gateway.execution.planned import Planned
from gateway.execution.request import GraphQLRequest
from gateway.execution.run import Aside, Run
from schema.graph.context import Context
from schema.graph.fresh import FreshReads
from schema.graph.live import LiveReads
from schema.graph.stream import Lagged, cursor_of, made_of
from schema.ports import Dependencies, Live, Reader, Snapshot, Versions
from schema.query import Viewer

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=Plan)

QUERY, MUTATION, SUBSCRIPTION = OperationType.QUERY, OperationType.MUTATION, OperationType.SUBSCRIPTION
ALL_KINDS = frozenset(OperationType)

#: How often a query is run again, as it came upon what its agencies have to be asked for. Once does, but for rows that
#: came in between.
MOST_AGAIN = 2

#: Makes what resolvers get as `info.context`.
MakeContext = Callable[[Viewer, Snapshot], Context]


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


class Operation(msgspec.Struct, frozen=True):
    """An operation that fits the graph, with what it is to be run with."""

    kind: OperationType
    document: Document
    node: OperationDefinitionNode
    request: GraphQLRequest


class Way(StrEnum):
    """How an operation, or one frame of a subscription, was run."""

    #: By its plan.
    COMPILED = "compiled"
    #: By its plan, and again by graphql-core, because an error belongs in the answer.
    REPEATED = "repeated"
    #: By graphql-core.
    INTERPRETED = "interpreted"


class Executor:
    """Runs operations on the graph.

    A query runs by its plan, if it has one. Whatever a plan stumbles over, graphql-core runs the query again and says
    what is to be said: so errors, their paths and the nulls that they leave are its own.

    Args:
        graph: Strawberry's schema, with the resolvers.
        reader: where a query's one snapshot comes from.
        make_context: what the resolvers get.
        on_look: told of each look into the cache of documents whether it was a hit.
        on_way: told how each operation and each frame was run.
        on_frame: told of each frame of a subscription that was made, however many are sent it.
        versioned: answers tell their versions; without a cache nobody wants to know.
        live: asks agencies themselves; None: nothing but the ledger is read.
    """

    def __init__(
        self,
        graph: strawberry.Schema,
        reader: Reader,
        make_context: MakeContext,
        on_look: Callable[[bool], None] = lambda hit: None,
        on_way: Callable[[Way], None] = lambda way: None,
        on_frame: Callable[[], None] = lambda: None,
        *,
        versioned: bool = True,
        live: Live | None = None,
    ) -> None:
        self._graph = Graph(graph)
        self._reader = reader
        self._make_context = make_context
        self._on_way = on_way
        self._on_frame = on_frame
        self._groups: Groups[Frame] = Groups()
        self._versioned = versioned
        self._live = live
        self._documents = Documents(self._graph.core, on_look)

    def prepare(self, request: GraphQLRequest, allowed: Collection[OperationType] = ALL_KINDS) -> Operation:
        """Parses, picks the operation, validates.

        Raises:
            Refused: the document is not GraphQL or does not fit the graph; or no operation could be picked.
            KindNotAllowed: its kind is not among `allowed`.
        """
        document = self._documents.get(request.query)
        operation = document.operation(request.operation_name)
        if operation.operation not in allowed:
            raise KindNotAllowed(operation.operation)
        try:
            self._documents.validate(request.query, document)
        except Refused:
            raise
        except Exception as error:
            # A rule that stumbles over a strange document is our fault, but this document's end.
            raise Refused([GraphQLError(str(error), original_error=error)]) from error
        return Operation(operation.operation, document, operation, request)

    async def execute(self, operation: Operation, viewer: Viewer) -> Answer:
        """Runs a query or a mutation. Never raises for what goes wrong in it."""
        if self._live is None or operation.kind is not QUERY:
            return await self._executed(operation, viewer, None)
        reads = LiveReads(self._live, viewer)
        answer = await self._executed(operation, viewer, reads)
        if not reads.used:
            return answer
        for _ in range(MOST_AGAIN):
            if not await reads.fetch():
                break
            answer = await self._executed(operation, viewer, reads)
        return _with_live(answer, reads)

    async def _executed(self, operation: Operation, viewer: Viewer, reads: LiveReads | None) -> Answer:
        planned = self._planned(operation, QueryPlan) if operation.kind is QUERY else None
        if planned is None:
            self._on_way(Way.INTERPRETED)
            return await self._interpreted(operation, viewer, reads)
        answer = await self._compiled(*planned, operation, viewer, reads)
        if isinstance(answer, Answer):
            self._on_way(Way.COMPILED)
            return answer
        self._on_way(Way.REPEATED)
        return _explained(await self._interpreted(operation, viewer, reads), answer)

    async def subscribe(
        self, operation: Operation, viewer: Viewer, after: str | None = None
    ) -> AsyncGenerator[Frame, None]:
        """Runs a subscription until nothing follows. What is the same for many is made once for all of them.

        Args:
            after: takes the place of the argument `after`: Last-Event-ID.

        Raises:
            Ended: it could not begin, or could not go on.
        """
        try:
            # A stream outlives any snapshot.
            context = self._make_context(viewer, FreshReads(self._reader, viewer))
            context.after = after
            executor = self._executor(operation, context)
            if isinstance(executor, list):
                raise Ended(refusal(executor))
            source: Any = create_source_event_stream(executor)
            source = await source if optimized_is_awaitable(source) else source
            if isinstance(source, ExecutionResult):
                raise Ended(refusal(source.errors or []))
            make, group = self._making(operation, context, executor), None
            async with aclosing(source) as frames, AsyncExitStack() as membership:
                async for frame in frames:
                    shared = made_of(frame, context)
                    if shared is None:
                        yield await make(frame)
                        continue
                    if group is None:
                        group = membership.enter_context(self._joined(operation, context))
                    yield group.known(shared) or await group.shown(frame, shared)
        except Ended:
            raise
        except Exception as error:
            raise Ended(Answer(errors=[shown_exception(error)], refused=True)) from error

    def _joined(self, operation: Operation, context: Context) -> AbstractContextManager[Group[Frame]]:
        """Membership among those to whom events look the same."""
        request, epoch = operation.request, context.known_epoch
        values = self._known(operation, FramePlan).given_beneath(request.variables)
        key = request.query, request.operation_name, values, context.viewer, epoch

        def make() -> Callable[[Any], Awaitable[Frame]]:
            # Its own, as it outlives whoever comes first.
            own = self._make_context(context.viewer, FreshReads(self._reader, context.viewer))
            own.known_epoch = epoch
            making = self._making(operation, own, cast("CoreExecutor[Any]", self._executor(operation, own)))

            def made(frame: Any) -> Awaitable[Frame]:
                own.renew()
                return making(frame)

            return made

        feed, viewer = context.feed, context.viewer
        return self._groups.joined(key, make, lambda: feed.revision(viewer) if feed else 0)

    def _making(
        self, operation: Operation, context: Context, executor: CoreExecutor[Any]
    ) -> Callable[[Any], Awaitable[Frame]]:
        """The function that runs an operation on what its source yields."""
        planned = self._planned(operation, FramePlan)

        async def made(frame: Any) -> Frame:
            answer = await self._frame(frame, executor, planned, operation, context)
            self._on_frame()
            return Frame(answer.json(), cursor_of(frame, context), isinstance(frame, Lagged))

        return made

    async def _compiled(
        self,
        plan: QueryPlan,
        variables: VariableValues,
        operation: Operation,
        viewer: Viewer,
        reads: LiveReads | None,
    ) -> Answer | Exception:
        """The answer, or what the plan stumbled over."""
        try:
            run = Run(plan, variables, operation.request.extensions)
            async with self._reader.snapshot(viewer, lone=plan.lone(run)) as snapshot:
                run.context = self._context(viewer, snapshot, reads)
                raw = await plan.answer(run)
                return Answer(raw=raw, dependencies=snapshot.dependencies, versions=await self._versions(snapshot))
        except Exception as error:
            return error

    def _context(self, viewer: Viewer, snapshot: Snapshot, reads: LiveReads | None) -> Context:
        context = self._make_context(viewer, snapshot)
        if reads is not None:
            reads.begin()
            context.reads = reads
        return context

    async def _interpreted(self, operation: Operation, viewer: Viewer, reads: LiveReads | None) -> Answer:
        try:
            async with self._reader.snapshot(viewer) as snapshot:
                answer = _answer(await self._result(operation, self._context(viewer, snapshot, reads)))
                if answer.errors or operation.kind is not QUERY:
                    return answer
                versions = await self._versions(snapshot)
                return msgspec.structs.replace(answer, dependencies=snapshot.dependencies, versions=versions)
        except Exception as error:
            return Answer(errors=[shown_exception(error)])

    async def _frame(
        self,
        frame: Any,
        executor: CoreExecutor[Any],
        planned: tuple[FramePlan, VariableValues] | None,
        operation: Operation,
        context: Context,
    ) -> Answer:
        stumbled = None
        if planned is not None:
            plan, variables = planned
            run = Run(plan, variables, operation.request.extensions)
            run.context = context
            try:
                answer = Answer(raw=await plan.answer(frame, run))
                self._on_way(Way.COMPILED)
                return answer
            except Exception as error:
                stumbled = error
        self._on_way(Way.REPEATED if stumbled else Way.INTERPRETED)
        result = await _awaited(execute_subscription_event(executor.build_per_event_executor(frame)))
        return _explained(_answer(result), stumbled)

    async def _versions(self, snapshot: Snapshot) -> Versions | None:
        # Asked last: with a lone question they come from the same statement as the rows.
        return await snapshot.versions() if self._versioned else None

    def _planned(self, operation: Operation, kind: type[T]) -> tuple[T, VariableValues] | None:
        return self._known(operation, kind).plan(operation.request.variables)

    def _known(self, operation: Operation, kind: type[T]) -> Planned[T]:
        plans, name = operation.document.plans, operation.request.operation_name
        if name not in plans:
            plans[name] = Planned(kind, self._graph, operation.node, operation.document.fragments)
        planned: Planned[T] = plans[name]
        return planned

    async def _result(self, operation: Operation, context: Context) -> ExecutionResult:
        executor = self._executor(operation, context)
        if isinstance(executor, list):
            return ExecutionResult(None, errors=executor)
        return await _awaited(executor.execute_operation())

    def _executor(self, operation: Operation, context: Context) -> CoreExecutor[Any] | list[GraphQLError]:
        """graphql-core's, or why there is none."""
        return self._graph.executor_class.build(
            self._graph.core,
            operation.document.node,
            context_value=context,
            raw_variable_values=operation.request.variables,
            operation_name=operation.request.operation_name,
            is_awaitable=cast("Any", optimized_is_awaitable),
            operation_extensions=operation.request.extensions,
        )


def refusal(errors: Collection[GraphQLError]) -> Answer:
    """The answer to a request that was not executed."""
    return Answer(errors=shown(errors), refused=True)


def _explained(answer: Answer, stumbled: Exception | None) -> Answer:
    if stumbled is not None and not answer.errors and not isinstance(stumbled, Aside):
        # Nothing was wrong with the operation, so something is with its plan.
        log.warning("plan.left", reason=type(stumbled).__name__)
    return answer


def _with_live(answer: Answer, reads: LiveReads) -> Answer:
    """The answer with what is to be said of the agencies that were asked for it."""
    if reads.whole:
        return msgspec.structs.replace(answer, good_for=reads.good_for)
    raw, errors = answer.raw, [shown_exception(error) for error in reads.errors()]
    if raw is not None and errors:
        raw = b'{"errors":' + orjson.dumps(errors) + b"," + raw[1:]
    return msgspec.structs.replace(answer, errors=[*answer.errors, *errors], raw=raw, dependencies=None, versions=None)


async def _awaited(result: Any) -> ExecutionResult:
    return cast("ExecutionResult", await result if optimized_is_awaitable(result) else result)


def _answer(result: ExecutionResult) -> Answer:
    errors = result.errors or []
    # Variables that don't fit are found by the execution, but before it: such errors stand at no path.
    refused = bool(errors) and result.data is None and all(error.path is None for error in errors)
    return Answer(result.data, shown(errors), refused)
