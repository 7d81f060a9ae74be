"""Plans of operations: made once for a document, run for every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    default_field_resolver,
    default_type_resolver,
)
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from gateway.execution.compile import Compiler, Graph
from gateway.execution.info import RunInfo
from gateway.execution.resolvers import Uncompilable
from gateway.execution.roots import compiled_root
from gateway.execution.run import Aside, Run, written


class Plan:
    """A compiled operation, for one choice of what `@skip` and `@include` leave in. See `run.Places`.

    Raises:
        Uncompilable: only graphql-core can run it.
    """

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self._fragments = dict(fragments)
        self._compiler = Compiler(graph, operation, fragments, variables)
        parent = graph.core.get_root_type(operation.operation)
        if parent is None:
            raise Uncompilable(operation.operation.value)
        self._parent = parent
        self._chosen = collect_fields(
            graph.core, self._compiler.fragments, variables, parent, operation
        ).grouped_field_set

    def info(self, number: int, run: Run) -> RunInfo:
        site = self._compiler.sites[number]
        return RunInfo(run.context, site.resolver.field, lambda: self._raw_info(number, run))

    def arguments(self, number: int, run: Run) -> Mapping[str, Any]:
        return self._compiler.varying[number](run.variables)

    def shared(self, number: int, run: Run) -> Any:
        return self._compiler.shared[number](run)

    def _raw_info(self, number: int, run: Run) -> GraphQLResolveInfo[Any]:
        compiler, site = self._compiler, self._compiler.sites[number]
        make: Any = compiler.graph.executor_class
        executor = make(
            compiler.graph.core,
            self._fragments,
            compiler.fragments,
            None,
            run.context,
            compiler.operation,
            run.variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            operation_extensions=run.extensions,
        )
        node = site.nodes[0]
        path = Path(None, (node.alias or node.name).value, site.parent.name)
        info: GraphQLResolveInfo[Any] = executor.build_resolve_info(site.field, site.nodes, site.parent, path)
        return info


class QueryPlan(Plan):
    """A compiled query."""

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        super().__init__(graph, operation, fragments, variables)
        self._roots = {
            name: compiled_root(self._compiler, self._parent, details) for name, details in self._chosen.items()
        }

    def lone(self, run: Run) -> bool:
        """Whether the query asks its snapshot one question for complaints, and what goes with it afterwards."""
        return len(self._roots) == 1 and all(root.lone(run) for root in self._roots.values())

    async def answer(self, run: Run) -> bytes:
        """The body of the response.

        Raises:
            Exception: of whatever kind; graphql-core knows what to answer.
        """
        try:
            # One after the other: they read from one snapshot.
            data = {}
            for name, root in self._roots.items():
                data[name] = await root(run)
                await run.settle()
            if len(data) > 1 and (run.context.outdated or _refreshed(run)):
                raise Aside("what one root field found too old another may show as fresh")
            return written({"data": data})
        finally:
            run.abandon()


def _refreshed(run: Run) -> bool:
    return run.context.reads is not None and bool(run.context.reads.refreshed)


class FramePlan(Plan):
    """A compiled subscription: one frame after the other."""

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        super().__init__(graph, operation, fragments, variables)
        [(self._name, details)] = self._chosen.items()
        field = self._parent.fields[details[0].node.name.value]
        piece = self._compiler.complete(field.type, "o", details)
        self._show = self._compiler.source.load(self._compiler.source.function("o, run", piece.text))

    async def answer(self, frame: Any, run: Run) -> bytes:
        """The body of the response to one frame of the source.

        Raises:
            Exception: of whatever kind; graphql-core knows what to answer.
        """
        try:
            shown = self._show(frame, run)
            await run.settle()
            return written({"data": {self._name: shown}})
        finally:
            run.abandon()
