"""What a client asked for under a field, so that nothing else is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
)

from schema.graph.context import Info


def selected(info: Info) -> frozenset[str]:
    """Names of the fields selected directly under the field being resolved.

    Fields that a variable skips are counted too: computing one too many is harmless.
    """
    raw = info._raw_info
    names: set[str] = set()
    spread: set[str] = set()
    pending: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    while pending:
        chosen = pending.pop()
        for selection in chosen.selections if chosen else ():
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                pending.append(raw.fragments[selection.name.value].selection_set)
    return frozenset(names)


def all_selected(nodes: Iterable[FieldNode], fragments: Mapping[str, FragmentDefinitionNode]) -> frozenset[str]:
    """Names of these fields and of all beneath them, at any depth; those that a variable skips are counted too."""
    names: set[str] = set()
    spread: set[str] = set()
    pending: list[SelectionNode] = [*nodes]
    while pending:
        selection = pending.pop()
        if isinstance(selection, FieldNode):
            names.add(selection.name.value)
        if isinstance(selection, FieldNode | InlineFragmentNode):
            pending += selection.selection_set.selections if selection.selection_set else ()
        elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
            spread.add(selection.name.value)
            pending += fragments[selection.name.value].selection_set.selections
    return frozenset(names)
