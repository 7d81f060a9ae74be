"""Plans of operations: made once for a document, run for every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql import FragmentDefinitionNode, OperationDefinitionNode
from graphql.execution.collect_fields import collect_fields
from graphql.execution.values import VariableValues

from gateway.execution.compile import Compiler, Graph
from gateway.execution.resolvers import Uncompilable
from gateway.execution.roots import compiled_root
from gateway.execution.run import Aside, Run, written


class Plan:
    """A compiled operation, for one choice of what `@skip` and `@include` leave in.

    Args:
        public: it is for the public alone.

    Attributes:
        makers: what its runs are made with.

    Raises:
        Uncompilable: only graphql-core can run it.
    """

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        public: bool,
    ) -> None:
        self._compiler = Compiler(graph, operation, fragments, variables, public=public)
        self.makers = self._compiler.makers
        parent = graph.core.get_root_type(operation.operation)
        if parent is None:
            raise Uncompilable(operation.operation.value)
        self._parent = parent
        self._chosen = collect_fields(
            graph.core, self._compiler.fragments, variables, parent, operation
        ).grouped_field_set


class QueryPlan(Plan):
    """A compiled query."""

    def __init__(
        self,
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        public: bool,
    ) -> None:
        super().__init__(graph, operation, fragments, variables, public=public)
        self._roots = {
            name: compiled_root(self._compiler, self._parent, details) for name, details in self._chosen.items()
        }
        self._only = next(iter(self._roots.values())) if len(self._roots) == 1 else None

    def lone(self, run: Run) -> bool:
        """Whether the query asks its snapshot one question for complaints, and what goes with it afterwards."""
        return self._only is not None and not self._compiler.asks and self._only.lone(run)

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
                if run.waits:
                    await run.settle()
            if len(data) > 1 and (run.context.outdated or _refreshed(run)):
                raise Aside("what one root field found too old another may show as fresh")
            return written({"data": data})
        finally:
            run.end()


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
        *,
        public: bool,
    ) -> None:
        super().__init__(graph, operation, fragments, variables, public=public)
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
            if run.waits:
                await run.settle()
            return written({"data": {self._name: shown}})
        finally:
            run.end()
