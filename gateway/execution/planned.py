"""What is known of an operation once it was seen: its variables, and its plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Generic, TypeVar

import orjson
import structlog
from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    InlineFragmentNode,
    Node,
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

    def plan(self, given: Mapping[str, Any] | None, *, public: bool) -> tuple[T, VariableValues] | None:
        """The plan for a request with these variables, and their values; None when only graphql-core can run it.

        Args:
            public: it is the public that asks.
        """
        variables = None if self._strange else self._variables.values(given)
        if variables is None:
            return None
        choice = (public, *[variables.coerced.get(name) for name in self._choosing]) if self._choosing else (public,)
        if choice not in self._plans:
            if len(self._plans) >= MOST_CHOICES:
                return None
            self._plans[choice] = self._made(variables, public)
        plan = self._plans[choice]
        return None if plan is None else (plan, variables)

    def given_beneath(self, given: Mapping[str, Any] | None) -> bytes:
        """The values, as given, of those variables that stand beneath the root fields: JSON, the same for the same."""
        values = {name: value for name, value in (given or {}).items() if name in self._beneath}
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)

    @cached_property
    def _beneath(self) -> frozenset[str]:
        root = self._graph.core.get_root_type(self._operation.operation)
        names = set(_beneath_roots(self._operation.selection_set))
        for fragment in self._fragments.values():
            of_root = root is not None and fragment.type_condition.name.value == root.name
            names.update(_beneath_roots(fragment.selection_set) if of_root else _named(fragment))
        return frozenset(names)

    def _made(self, variables: VariableValues, public: bool) -> T | None:
        try:
            return self._kind(self._graph, self._operation, self._fragments, variables, public=public)
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


def _beneath_roots(chosen: SelectionSetNode) -> Iterator[str]:
    """Variables beneath root fields; those in their own arguments are left out."""
    pending = [*chosen.selections]
    while pending:
        selection = pending.pop()
        for directive in selection.directives or ():
            yield from _named(directive)
        if isinstance(selection, InlineFragmentNode):
            pending += selection.selection_set.selections
        elif isinstance(selection, FieldNode) and selection.selection_set:
            yield from _named(selection.selection_set)


def _named(node: Node) -> Iterator[str]:
    """All variables that stand somewhere in a node."""
    pending: list[Any] = [node]
    while pending:
        match pending.pop():
            case VariableNode(name=name):
                yield name.value
            case Node() as other:
                pending += [getattr(other, key) for key in other.keys]
            case list() | tuple() as nodes:
                pending += nodes


def _variables(directives: list[DirectiveNode]) -> Iterator[str]:
    for directive in directives:
        for argument in directive.arguments or ():
            if isinstance(argument.value, VariableNode):
                yield argument.value.name.value
