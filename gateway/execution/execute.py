"""Runs operations: documents are prepared once, a query reads one snapshot, errors are masked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import AbstractContextManager, AsyncExitStack, aclosing
from typing import Any, TypeVar, cast

import msgspec
import orjson
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution import Executor as CoreExecutor
from graphql.execution import create_source_event_stream, execute_subscription_event
from graphql.execution.values import VariableValues
from strawberry.execution import optimized_is_awaitable

from gateway.access.scopes import check_scope
from gateway.execution.answer import Answer, Ended, Frame, refusal
from gateway.execution.broadcast import Push
from gateway.execution.compile import Graph
from gateway.execution.deadline import SECONDS, LimitedReader, passed
from gateway.execution.document import Documents, KindNotAllowed, Refused
from gateway.execution.groups import Group, Groups
from gateway.execution.masking import shown, shown_exception
from gateway.execution.named import NamedDocuments
from gateway.execution.operation import ALL_KINDS, MUTATION, QUERY, Operation, Way
from gateway.execution.plan import FramePlan, Plan, QueryPlan
from gateway.execution.planned import Planned
from gateway.execution.request import GraphQLRequest
from gateway.execution.run import Aside, Run
from gateway.guard.limits import LIMITS, QueryLimits
from schema.errors import DeadlinePassed, Forbidden
from schema.graph.context import Context
from schema.graph.fresh import FreshReads
from schema.graph.live import LiveReads
from schema.graph.stream import Lagged, cursor_of, made_of, shown_as
from schema.ports import CaughtUp, Live, Reader, Snapshot
from schema.query import PUBLIC, Role, Viewer

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=Plan)

#: How often a query is run again, as it came upon what its agencies have to be asked for. Once does, but for rows that
#: came in between.
MOST_AGAIN = 2

#: Makes what resolvers get as `info.context`.
MakeContext = Callable[[Viewer, Snapshot], Context]


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
        introspection: whether the graph describes itself; `__typename` it always tells.
        suggestions: whether errors say what else could have been meant.
        limits: of documents and variables, and of what an operation may cost.
        seconds: that one query may take, or the reading of a mutation.
        named: documents that may be asked for by name; None: those that clients register.
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
        introspection: bool = True,
        suggestions: bool = True,
        limits: QueryLimits = LIMITS,
        seconds: float = SECONDS,
        named: NamedDocuments | None = None,
    ) -> None:
        self._graph = Graph(graph)
        self._reader = reader
        self._make_context = make_context
        self._on_way = on_way
        self._on_frame = on_frame
        self._groups: Groups[Frame] = Groups()
        self._versioned = versioned
        self._live = live
        self._named = named or NamedDocuments()
        self._suggestions = suggestions
        self._seconds = seconds
        self._limits = limits
        self._documents = Documents(
            self._graph.core, on_look, limits=limits, introspection=introspection, suggestions=suggestions
        )

    def prepare(
        self, request: GraphQLRequest, viewer: Viewer = PUBLIC, allowed: Collection[OperationType] = ALL_KINDS
    ) -> Operation:
        """Parses, picks the operation, says what it costs, validates, and whether the viewer's credentials are for it.

        Raises:
            Refused: the document is not GraphQL, does not fit the graph or asks for too much; no operation could be
                picked; or the credentials are not for it.
            KindNotAllowed: its kind is not among `allowed`.
        """
        request = self._named.whole(request)
        document = self._documents.get(request.query)
        operation = document.operation(request.operation_name)
        if operation.operation not in allowed:
            raise KindNotAllowed(operation.operation)
        cost = self._documents.cost(document, operation, request.variables)
        try:
            self._documents.validate(request.query, document)
        except Refused:
            raise
        except Exception as error:
            # A rule that stumbles over a strange document is our fault, but this document's end.
            raise Refused([GraphQLError(str(error), original_error=error)]) from error
        self._named.register(request)
        if viewer.operations is not None:
            try:
                check_scope(viewer.operations, operation.operation, operation.selection_set, document.fragments)
            except Forbidden as forbidden:
                raise Refused([GraphQLError(str(forbidden), operation, original_error=forbidden)]) from None
        return Operation(operation.operation, document, operation, request, cost)

    def trusts(self, operation: Operation) -> bool:
        """Whether its document is one of the operator's list."""
        return self._named.trusts(operation.request.query)

    async def execute(self, operation: Operation, viewer: Viewer) -> Answer:
        """Runs a query or a mutation. Never raises for what goes wrong in it."""
        if operation.kind is not QUERY:
            return await self._executed(operation, viewer, None)
        try:
            async with asyncio.timeout(self._seconds):
                return await self._queried(operation, viewer)
        except TimeoutError:
            return Answer(errors=[shown_exception(passed(self._seconds))])

    async def _queried(self, operation: Operation, viewer: Viewer) -> Answer:
        if self._live is None:
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
        if operation.kind is MUTATION:
            self._on_way(Way.INTERPRETED)
            return await self._written(operation, viewer)
        planned = self._planned(operation, QueryPlan, viewer) if operation.kind is QUERY else None
        if planned is None:
            self._on_way(Way.INTERPRETED)
            return await self._interpreted(operation, viewer, reads)
        plan, variables = planned
        try:
            run = Run(plan.makers, variables, operation.request.extensions)
            async with self._reader.snapshot(viewer, lone=plan.lone(run)) as snapshot:
                run.context = self._context(viewer, snapshot, reads)
                raw = await plan.answer(run)
                versions = await snapshot.versions() if self._versioned else None
        except DeadlinePassed as late:
            # To try again what took too long would take too long again.
            return Answer(errors=[shown_exception(late)])
        except Exception as error:
            stumbled = error
        else:
            self._on_way(Way.COMPILED)
            return Answer(raw=raw, dependencies=snapshot.dependencies, versions=versions)
        self._on_way(Way.REPEATED)
        return _explained(await self._interpreted(operation, viewer, reads), stumbled)

    async def subscribe(
        self, operation: Operation, viewer: Viewer, after: str | None = None, push: Push[Frame] | None = None
    ) -> AsyncGenerator[Frame, None]:
        """Runs a subscription until nothing follows. What is the same for many is made once for all of them.

        Args:
            after: takes the place of the argument `after`: Last-Event-ID.
            push: sends a frame; False: not at once. What was pushed is not yielded.

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
                    caught_up = isinstance(frame, CaughtUp)
                    shared = None if caught_up else made_of(frame, context)
                    if shared is None and not caught_up:
                        yield await make(frame)
                        continue
                    if group is None:
                        group = membership.enter_context(self._joined(operation, context))
                    if shared is not None:
                        yield group.known(shared) or await group.shown(frame, shared)
                    elif push is not None:
                        await group.told_together(frame, push)
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
                return making(shown_as(frame, own) if isinstance(frame, int) else frame)

            return made

        feed, viewer = context.feed, context.viewer
        return self._groups.joined(key, make, lambda: feed.revision(viewer) if feed else 0)

    def _making(
        self, operation: Operation, context: Context, executor: CoreExecutor[Any]
    ) -> Callable[[Any], Awaitable[Frame]]:
        """The function that runs an operation on what its source yields."""
        planned = self._planned(operation, FramePlan, context.viewer)

        async def made(frame: Any) -> Frame:
            answer = await self._frame(frame, executor, planned, operation, context)
            self._on_frame()
            return Frame(answer.json(), cursor_of(frame, context), isinstance(frame, Lagged))

        return made

    def _context(self, viewer: Viewer, snapshot: Snapshot, reads: LiveReads | None) -> Context:
        context = self._make_context(viewer, snapshot)
        if reads is not None:
            reads.begin()
            context.reads = reads
        return context

    async def _written(self, operation: Operation, viewer: Viewer) -> Answer:
        """Runs a mutation: each of its fields reads what it wrote, so none reads from a snapshot of before."""
        try:
            reads = FreshReads(LimitedReader(self._reader, self._seconds), viewer)
            return _answer(await self._result(operation, self._make_context(viewer, reads)))
        except Exception as error:
            return Answer(errors=[shown_exception(error)])

    async def _interpreted(self, operation: Operation, viewer: Viewer, reads: LiveReads | None) -> Answer:
        try:
            async with self._reader.snapshot(viewer) as snapshot:
                answer = _answer(await self._result(operation, self._context(viewer, snapshot, reads)))
                if answer.errors:
                    return answer
                versions = await snapshot.versions() if self._versioned else None
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
            run = Run(plan.makers, variables, operation.request.extensions)
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

    def _planned(self, operation: Operation, kind: type[T], viewer: Viewer) -> tuple[T, VariableValues] | None:
        return self._known(operation, kind).plan(operation.request.variables, public=viewer.role is Role.PUBLIC)

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
            max_coercion_errors=self._limits.errors,
            hide_suggestions=not self._suggestions,
        )


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
