"""Operations that are ready to be run."""

from __future__ import annotations

from enum import StrEnum

import msgspec
from graphql import OperationDefinitionNode, OperationType

from gateway.execution.document import Document
from gateway.execution.request import GraphQLRequest

QUERY, MUTATION, SUBSCRIPTION = OperationType.QUERY, OperationType.MUTATION, OperationType.SUBSCRIPTION
ALL_KINDS = (QUERY, MUTATION, SUBSCRIPTION)


class Operation(msgspec.Struct, frozen=True):
    """An operation that fits the graph, with what it is to be run with.

    Attributes:
        cost: at most, as the graph's `@cost` and `@listSize` say: rows times fields.
    """

    kind: OperationType
    document: Document
    node: OperationDefinitionNode
    request: GraphQLRequest
    cost: int = 1


class Way(StrEnum):
    """How an operation, or one frame of a subscription, was run."""

    #: By its plan.
    COMPILED = "compiled"
    #: By its plan, and again by graphql-core, because an error belongs in the answer.
    REPEATED = "repeated"
    #: By graphql-core.
    INTERPRETED = "interpreted"
