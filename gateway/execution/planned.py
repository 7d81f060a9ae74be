"""What is known of an operation once it was seen: its variables, and its plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

import structlog
from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)
from graphql.execution.values import VariableValues

from gateway.execution.compile import Graph
from gateway.execution.document import MOST_CHOICES
from gateway.execution.plan import Plan
from gateway.execution.resolvers import Uncompilable
from gateway.execution.variables import Variables

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=Plan)

_CHOOSING = frozenset({"skip", "include"})


class Planned(Generic[T]):
    """An operation of a document, with its plans."""

    def __init__(
        self,
        kind: type[T],
        graph: Graph,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._kind = kind
        self._graph = graph
        self._operation = operation
        self._fragments = fragments
        self._variables = Variables(graph.core, operation)
        self._plans: dict[tuple[Any, ...], T | None] = {}
        directives = list(_directives(operation, fragments))
        self._strange = any(each.name.value not in _CHOOSING for each in directives)
        self._choosing = sorted(set(_variables(directives)))

    def plan(self, given: Mapping[str, Any] | None) -> tuple[T, VariableValues] | None:
        """The plan for a request with these variables, and their values; None when only graphql-core can run it."""
        variables = None if self._strange else self._variables.values(given)
        if variables is None:
            return None
        choice = tuple([variables.coerced.get(name) for name in self._choosing])
        if choice not in self._plans:
            if len(self._plans) >= MOST_CHOICES:
                return None
            self._plans[choice] = self._made(variables)
        plan = self._plans[choice]
        return None if plan is None else (plan, variables)

    def _made(self, variables: VariableValues) -> T | None:
        try:
            return self._kind(self._graph, self._operation, self._fragments, variables)
        except (Uncompilable, GraphQLError, RecursionError):
            return None
        except Exception:
            # Our fault, and nobody's loss: the answer comes by the other way.
            log.warning("plan.failed", exc_info=True)
            return None


def _directives(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[DirectiveNode]:
    """All that stand in the operation and in the document's fragments."""
    yield from operation.directives or ()
    pending: list[SelectionSetNode | None] = [operation.selection_set]
    for fragment in fragments.values():
        yield from fragment.directives or ()
        pending.append(fragment.selection_set)
    while pending:
        chosen = pending.pop()
        for selection in chosen.selections if chosen else ():
            yield from selection.directives or ()
            if isinstance(selection, FieldNode | InlineFragmentNode):
                pending.append(selection.selection_set)


def _variables(directives: list[DirectiveNode]) -> Iterator[str]:
    for directive in directives:
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value
