"""What a credential is for, where that is less than all that its role may do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from graphql import FieldNode, FragmentDefinitionNode, GraphQLSchema, OperationType, SelectionSetNode
from graphql.language import InlineFragmentNode

from schema.errors import ConfigError, Forbidden

#: All operations of a kind. Any other scope is the name of one field of the graph's roots.
READ: Final = "read"
KINDS: Final[Mapping[OperationType, str]] = {
    OperationType.QUERY: READ,
    OperationType.MUTATION: "write",
    OperationType.SUBSCRIPTION: "subscribe",
}
Fragments = Mapping[str, FragmentDefinitionNode]


def check_scope(
    operations: Collection[str], kind: OperationType, selected: SelectionSetNode, fragments: Fragments
) -> None:
    """Whether credentials are for an operation: for its kind, or for each field at its top.

    Args:
        operations: that the credentials are for.
        selected: the operation's fields; it fits the graph.

    Raises:
        Forbidden: they are not.
    """
    if KINDS[kind] in operations:
        return
    for name in _roots(selected, fragments, set()):
        # What the graph says of itself depends on the profile alone.
        if name not in operations and not name.startswith("__"):
            raise Forbidden(f"These credentials are not for `{name}`.")


def checked_scopes(operations: Iterable[str], graph: GraphQLSchema) -> tuple[str, ...]:
    """Scopes that somebody asked for, in order.

    Raises:
        ConfigError: the graph has no such operation.
    """
    known = set(KINDS.values())
    for root in (graph.query_type, graph.mutation_type, graph.subscription_type):
        known |= root.fields.keys() if root else set()
    asked = set(operations)
    if not asked <= known:
        unknown = ", ".join(sorted(asked - known))
        raise ConfigError(f"the graph has no operation {unknown}", key="--operation", allowed=sorted(known))
    return tuple(sorted(asked))


def _roots(selected: SelectionSetNode, fragments: Fragments, seen: set[str]) -> Iterator[str]:
    for selection in selected.selections:
        if isinstance(selection, FieldNode):
            yield selection.name.value
        elif isinstance(selection, InlineFragmentNode):
            yield from _roots(selection.selection_set, fragments, seen)
        elif (name := selection.name.value) not in seen:  # type: ignore[attr-defined]  # the third kind there is
            seen.add(name)
            yield from _roots(fragments[name].selection_set, fragments, seen)
