"""What a client asked for under a field, so that nothing else is computed."""

from __future__ import annotations

from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode, SelectionSetNode

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


def all_selected(info: Info) -> frozenset[str]:
    """Names of the field being resolved and of all fields beneath it, at any depth."""
    raw = info._raw_info
    names = {node.name.value for node in raw.field_nodes}
    spread: set[str] = set()
    pending: list[SelectionSetNode | None] = [node.selection_set for node in raw.field_nodes]
    while pending:
        chosen = pending.pop()
        for selection in chosen.selections if chosen else ():
            if isinstance(selection, FieldNode):
                names.add(selection.name.value)
            if isinstance(selection, FieldNode | InlineFragmentNode):
                pending.append(selection.selection_set)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in spread:
                spread.add(selection.name.value)
                pending.append(raw.fragments[selection.name.value].selection_set)
    return frozenset(names)
