"""Documents: guarded, parsed and validated once, then kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
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

#: The longest document, in bytes, and the most tokens and comments in it.
MAX_BYTES, MAX_TOKENS, MAX_COMMENTS = 65_536, 2_000, 1_000
#: What is kept: this many documents, of this many bytes in all.
KEPT_DOCUMENTS, KEPT_BYTES = 1_000, 24_000_000
#: Plans of one operation. A client that asks for every choice of many `@include`s is served by graphql-core.
MOST_CHOICES = 8
#: What a document takes, in bytes; a token of it, and a token in each plan. Measured; rather too much than too little.
_PER_DOCUMENT, _PER_TOKEN, _PER_PLANNED = 20_000, 400, 1_300

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
    """A parsed document.

    Args:
        choices: how many plans it may come to have.

    Attributes:
        validated: it is known to fit the graph.
        plans: what the executor made of its operations, by name.
        size: about how many bytes it takes, plans included.
    """

    __slots__ = ("fragments", "node", "operations", "plans", "size", "validated")

    def __init__(self, node: DocumentNode, choices: int = 1) -> None:
        self.node = node
        self.operations = [each for each in node.definitions if isinstance(each, OperationDefinitionNode)]
        self.fragments = {
            each.name.value: each for each in node.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.validated = False
        self.plans: dict[str | None, Any] = {}
        self.size = _PER_DOCUMENT + _tokens(node) * (_PER_TOKEN + _PER_PLANNED * choices)

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
    """

    def __init__(
        self,
        graph: GraphQLSchema,
        on_look: Callable[[bool], None] = lambda hit: None,
        most: int = KEPT_DOCUMENTS,
        size: int = KEPT_BYTES,
    ) -> None:
        self._graph = graph
        self._most = most
        self._most_size = size
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
            return _parsed(text)
        self._kept.move_to_end(text)
        return document

    def validate(self, text: str, document: Document) -> None:
        """Checks the document against the graph and keeps it.

        Raises:
            Refused: it does not fit.
        """
        if document.validated:
            return
        if errors := validate(self._graph, document.node, _RULES):
            raise Refused(errors)
        document.validated = True
        self._keep(text, document)

    def _keep(self, text: str, document: Document) -> None:
        self._kept[text] = document
        self._size += document.size
        while len(self._kept) > self._most or self._size > self._most_size:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size


def _parsed(text: str) -> Document:
    # Both limits come first: they cost nothing, and all that follows takes time in proportion to them.
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise Refused([GraphQLError(f"The document is longer than {MAX_BYTES} bytes.")])
    choices = min(1 << min(text.count("@"), 8), MOST_CHOICES)
    try:
        return Document(parse(text, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS), choices)
    except GraphQLError as error:
        raise Refused([error]) from error


def _tokens(node: DocumentNode) -> int:
    count, token = 0, node.loc.start_token if node.loc else None
    while token is not None:
        count, token = count + 1, token.next
    return count
