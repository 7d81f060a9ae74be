"""What a document comes to once its fragments are put in place: weighed before it is validated, and never for long.

The selections are gone through as an execution would, merged by response name. Whoever counts them can stop: past the
limits nothing is looked at any more, so that fragments that double and cycles take no more time than what is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    value_from_ast_untyped,
)

from gateway.guard.cost import Cost, FieldCost, Size, Table
from gateway.guard.limits import LIMITS, Excessive, QueryLimits

#: Selections beneath one response name, each with the name of its type.
_Sets: TypeAlias = Sequence[tuple[str | None, SelectionSetNode]]
#: Fields of one response name, each with what its field costs.
_Merged: TypeAlias = list[tuple[FieldNode, FieldCost | None]]

_ROOTS = {
    OperationType.QUERY: "Query",
    OperationType.MUTATION: "Mutation",
    OperationType.SUBSCRIPTION: "Subscription",
}
_NO_INTROSPECTION = "The graph does not describe itself here: introspection is turned off."
_NOWHERE: Mapping[str, FieldCost] = {}
_ONE: Size = 1


def weigh(
    operations: Iterable[OperationDefinitionNode],
    fragments: Mapping[str, FragmentDefinitionNode],
    definitions: Iterable[FragmentDefinitionNode],
    table: Table,
    limits: QueryLimits = LIMITS,
    *,
    introspection: bool = True,
) -> list[Cost]:
    """What each of the operations costs.

    Args:
        fragments: by name; definitions: all of them, also of the same name.

    Raises:
        Excessive: the document is deeper or wider than any client needs.
    """
    scale = _Scale(fragments, table, limits, introspection)
    costs = [scale.operation(each) for each in operations]
    for definition in definitions:
        # Nothing uses it, so the document will be refused. But by then it has been validated.
        if id(definition) not in scale.used:
            scale.group([(definition.type_condition.name.value, definition.selection_set)], 1, limits.depth)
    return costs


class _Scale:
    """Counts over a whole document."""

    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], table: Table, limits: QueryLimits, introspection: bool
    ) -> None:
        self.used: set[int] = set()
        self._fragments = fragments
        self._table = table
        self._limits = limits
        self._introspection = introspection
        self._defaults: dict[str, Any] = {}
        self._selections = 0
        self._pairs = 0

    def operation(self, operation: OperationDefinitionNode) -> Cost:
        self._defaults = {
            each.variable.name.value: value_from_ast_untyped(each.default_value)
            for each in operation.variable_definitions or ()
            if each.default_value is not None
        }
        return self.group([(_ROOTS[operation.operation], operation.selection_set)], 1, self._limits.depth, root=True)

    def group(
        self,
        sets: _Sets,
        depth: int,
        deepest: int,
        rows: tuple[frozenset[str], Size] = (frozenset(), _ONE),
        passed: frozenset[str] | None = None,
        *,
        root: bool = False,
    ) -> Cost:
        """The cost of what is chosen in one place.

        Args:
            rows: fields that hold the rows of the list that this is about, and how many there are.
            passed: in introspection, the lists that lead here.
        """
        if depth > deepest:
            raise Excessive(f"The document is deeper than {deepest} fields.")
        merged = self._merged(sets)
        if root and len(merged) > self._limits.roots:
            raise Excessive(f"The operation has more than {self._limits.roots} fields at its top.")
        fixed = 0
        varying: list[tuple[Size, Cost]] = []
        for nodes in merged.values():
            node, declared = nodes[0]
            if node.selection_set is None:
                fixed += declared.weight if declared else 0
                continue
            cost = self._field(nodes, depth, deepest, rows, passed)
            fixed += cost.fixed
            varying += cost.varying
        return Cost(fixed, tuple(varying))

    def _merged(self, sets: _Sets) -> dict[str, _Merged]:
        """The fields that are chosen, by response name."""
        merged: dict[str, _Merged] = {}
        spread: set[str] = set()
        pending = [(type_, chosen, frozenset[str]()) for type_, chosen in sets]
        while pending:
            type_, chosen, within = pending.pop()
            fields = self._table.get(type_ or "", _NOWHERE)
            self._selections += len(chosen.selections)
            if self._selections > self._limits.selections:
                most = self._limits.selections
                raise Excessive(f"The document has more than {most} fields, fragments put in place.")
            for selection in chosen.selections:
                if isinstance(selection, FieldNode):
                    name = selection.name.value
                    known = merged.setdefault(selection.alias.value if selection.alias else name, [])
                    self._pairs += len(known)
                    known.append((selection, fields.get(name)))
                elif isinstance(selection, InlineFragmentNode):
                    on = selection.type_condition
                    pending.append((on.name.value if on else type_, selection.selection_set, within))
                else:
                    name = selection.name.value  # type: ignore[attr-defined]  # there is no fourth kind
                    fragment = self._fragments.get(name)
                    if name in within:
                        raise Excessive(f"The fragment `{name[:80]}` leads back to itself.")
                    if fragment is not None and name not in spread:
                        self._pairs += len(spread)
                        spread.add(name)
                        self.used.add(id(fragment))
                        pending.append((fragment.type_condition.name.value, fragment.selection_set, within | {name}))
        if self._pairs > self._limits.pairs:
            raise Excessive("The document asks for the same fields too many times.")
        return merged

    def _field(
        self,
        nodes: _Merged,
        depth: int,
        deepest: int,
        rows: tuple[frozenset[str], Size],
        passed: frozenset[str] | None,
    ) -> Cost:
        node, declared = nodes[0]
        for each in nodes if len(nodes) > 1 else ():
            # Of objects of several types, each has its own field of this name: the dearest stands for all.
            if each[1] is not None and (
                declared is None or (each[1].rows or 0, each[1].weight) > (declared.rows or 0, declared.weight)
            ):
                node, declared = each
        beneath = [
            (known.type if known else None, each.selection_set)
            for each, known in nodes
            if each.selection_set is not None
        ]
        if declared is None:
            return self.group(beneath, depth + 1, deepest)
        name, weight = node.name.value, declared.weight
        if declared.introspective:
            if passed is None and not self._introspection:
                raise Excessive(_NO_INTROSPECTION)
            passed, deepest = passed or frozenset(), self._limits.introspection_depth
            if declared.rows is not None:
                if name in passed:
                    raise Excessive(f"`{name}` stands inside `{name}`: introspection leads around in circles.")
                passed |= {name}
        size = declared.size(node, self._defaults) if declared.rows is not None else _ONE
        if declared.sized:
            inner = self.group(beneath, depth + 1, deepest, (declared.sized, size))
            return Cost(weight + inner.fixed, inner.varying)
        inner = self.group(beneath, depth + 1, deepest, passed=passed)
        if name in rows[0]:
            size = rows[1]
        elif declared.rows is None:
            return Cost(weight + inner.fixed, inner.varying)
        return _times(weight, size, inner)


def _times(weight: int, size: Size, inner: Cost) -> Cost:
    """Rows of a list."""
    if not isinstance(size, int):
        return Cost(weight, ((size, Cost(1 + inner.fixed, inner.varying)),))
    varying = ((size, Cost(0, inner.varying)),) if inner.varying else ()
    return Cost(weight + size * (1 + inner.fixed), varying)
