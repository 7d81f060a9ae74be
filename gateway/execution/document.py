"""Documents: guarded, parsed and validated once, then kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from gateway.guard.cost import Table, table_of
from gateway.guard.limits import LIMITS, Excessive, QueryLimits
from gateway.guard.scan import Scan, scan
from gateway.guard.values import look_over
from gateway.guard.weigh import weigh
from schema.errors import CostLimit

#: What is kept: this many documents, of this many bytes in all.
KEPT_DOCUMENTS, KEPT_BYTES = 1_000, 24_000_000
#: Plans of one operation. A client that asks for every choice of many `@include`s is served by graphql-core.
MOST_CHOICES = 8
#: What a document takes, in bytes; a token of it, and a token in each plan. Measured; rather too much than too little.
_PER_DOCUMENT, _PER_TOKEN, _PER_PLANNED = 20_000, 400, 1_300
#: What else could have been meant is said of so many errors at most, in documents of so many tokens: it is found by
#: validating once more, and takes up to 10 ms for each error.
_SUGGESTED, _SUGGESTED_IN = 2, 500

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)


class Refused(Exception):
    """A request error: nothing was executed."""

    def __init__(self, errors: Collection[GraphQLError]) -> None:
        super().__init__("; ".join(error.message for error in errors))
        self.errors = list(errors)


class KindNotAllowed(Exception):
    """The operation may not be run this way, for instance a mutation by GET."""

    def __init__(self, kind: OperationType) -> None:
        super().__init__(kind.value)
        self.kind = kind


class Document:
    """A parsed document that is small enough to be validated.

    Args:
        scan: of its text.
        table: what the graph's fields cost.
        limits: of documents.
        introspection: whether it may ask the graph to describe itself.

    Attributes:
        validated: it is known to fit the graph.
        plans: what the executor made of its operations, by name.
        size: about how many bytes it takes, plans included.

    Raises:
        Excessive: it is not.
    """

    __slots__ = ("_costs", "fragments", "node", "operations", "plans", "size", "tokens", "validated")

    def __init__(
        self, node: DocumentNode, scan: Scan, table: Table, limits: QueryLimits, *, introspection: bool
    ) -> None:
        definitions = [each for each in node.definitions if isinstance(each, FragmentDefinitionNode)]
        self.node = node
        self.operations = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        self.fragments = {each.name.value: each for each in definitions}
        costs = weigh(self.operations, self.fragments, definitions, table, limits, introspection=introspection)
        self._costs = {id(operation): cost for operation, cost in zip(self.operations, costs, strict=True)}
        self.validated = False
        self.plans: dict[str | None, Any] = {}
        choices = min(1 << min(scan.directives, 8), MOST_CHOICES)
        self.tokens = scan.tokens
        self.size = _PER_DOCUMENT + scan.tokens * (_PER_TOKEN + _PER_PLANNED * choices)

    def cost(self, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> int:
        """What one of its operations costs at most, with these variables."""
        cost = self._costs[id(operation)]
        return cost.of(variables) if cost.varying else cost.fixed

    def operation(self, name: str | None) -> OperationDefinitionNode:
        """The operation that is meant.

        Raises:
            Refused: there is none, or more than one could be meant.
        """
        if name is None:
            if len(self.operations) == 1:
                return self.operations[0]
            raise Refused([GraphQLError("Must provide operation name if query contains multiple operations.")])
        for operation in self.operations:
            if operation.name and operation.name.value == name:
                return operation
        raise Refused([GraphQLError(f'Unknown operation named "{name[:80]}".')])


class Documents:
    """The least recently used go first. Documents that don't fit the graph are not kept.

    Args:
        on_look: told of each look whether the document was there.
        most: documents that are kept.
        size: bytes that they may take in all, as far as that can be told.
        limits: of documents and variables.
        introspection: whether documents may ask the graph to describe itself.
        suggestions: whether errors say what else could have been meant.
    """

    def __init__(
        self,
        graph: GraphQLSchema,
        on_look: Callable[[bool], None] = lambda hit: None,
        most: int = KEPT_DOCUMENTS,
        size: int = KEPT_BYTES,
        *,
        limits: QueryLimits = LIMITS,
        introspection: bool = True,
        suggestions: bool = True,
    ) -> None:
        self._graph = graph
        self._table = table_of(graph)
        self._most = most
        self._most_size = size
        self._limits = limits
        self._introspection = introspection
        self._suggestions = suggestions
        self._on_look = on_look
        self._kept: OrderedDict[str, Document] = OrderedDict()
        self._size = 0

    def get(self, text: str) -> Document:
        """The document, parsed but not yet validated.

        Raises:
            Refused: too large, or not GraphQL.
        """
        document = self._kept.get(text)
        self._on_look(document is not None)
        if document is None:
            return self._parsed(text)
        self._kept.move_to_end(text)
        return document

    def cost(self, document: Document, operation: OperationDefinitionNode, variables: Mapping[str, Any] | None) -> int:
        """What an operation costs at most, with the variables of a request.

        Raises:
            Refused: too much, or the variables are.
        """
        try:
            look_over(variables, self._limits)
        except Excessive as excess:
            raise Refused([GraphQLError(str(excess))]) from excess
        cost = document.cost(operation, variables or {})
        if cost > self._limits.cost:
            limit = CostLimit(
                f"This operation may cost {cost}, and {self._limits.cost} is the most: ask for fewer rows, or fewer "
                "fields of each.",
                cost=cost,
                most=self._limits.cost,
            )
            raise Refused([GraphQLError(str(limit), operation, original_error=limit)])
        return cost

    def validate(self, text: str, document: Document) -> None:
        """Checks the document against the graph and keeps it.

        Raises:
            Refused: it does not fit.
        """
        if document.validated:
            return
        if errors := self._errors(document):
            raise Refused(errors)
        document.validated = True
        self._keep(text, document)

    def _errors(self, document: Document) -> list[GraphQLError]:
        errors = validate(self._graph, document.node, _RULES, self._limits.errors, hide_suggestions=True)
        if self._suggestions and 0 < len(errors) <= _SUGGESTED and document.tokens <= _SUGGESTED_IN:
            return validate(self._graph, document.node, _RULES, self._limits.errors)
        return errors

    def _parsed(self, text: str) -> Document:
        try:
            # All that follows takes time in proportion to what this lets through.
            scanned = scan(text, self._limits)
            node = parse(text, max_lexical_tokens=self._limits.tokens, max_comments=self._limits.comments)
            return Document(node, scanned, self._table, self._limits, introspection=self._introspection)
        except Excessive as excess:
            raise Refused([GraphQLError(str(excess))]) from excess
        except GraphQLError as error:
            raise Refused([error]) from error

    def _keep(self, text: str, document: Document) -> None:
        self._kept[text] = document
        self._size += document.size
        while len(self._kept) > self._most or self._size > self._most_size:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
