"""How large a document may be, and what comes with it."""

from __future__ import annotations

import msgspec


class Excessive(Exception):
    """A document, or what came with it, is more than any client needs. The message is the client's to read."""


class QueryLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The most of everything. Real documents stay far below; `cost` is the one that an operator may want to move.

    Attributes:
        bytes, lines, comments, tokens: of the document's text.
        word: characters of a name or a number; strings: of all strings in the document together.
        arguments: tokens of the document that stand in round brackets.
        nesting: brackets of all kinds inside one another, as they stand in the text.
        operations, fragments, aliases, directives: in the document.
        selections: fields and fragments of the document, each counted wherever it comes to stand.
        roots: fields at the top of one operation.
        depth: fields inside one another, fragments put in place.
        introspection_depth: the same beneath `__schema` and `__type`, which lead through the types of types.
        pairs: of fields that share a response name, and of fragments in one place: validation compares all of them.
        cost: of one operation; see `gateway.guard.cost`.
        values, value_depth: entries of lists and objects in all variables together; such things inside one another.
        errors: that are told of one document, or of one request's variables.
    """

    bytes: int = 65_536
    lines: int = 3_000
    comments: int = 1_000
    tokens: int = 2_000
    word: int = 200
    strings: int = 20_000
    arguments: int = 1_000
    nesting: int = 24
    operations: int = 10
    fragments: int = 60
    aliases: int = 30
    directives: int = 50
    selections: int = 800
    roots: int = 20
    depth: int = 12
    introspection_depth: int = 16
    pairs: int = 1_000
    cost: int = 20_000
    values: int = 2_000
    value_depth: int = 12
    errors: int = 5


LIMITS = QueryLimits()
