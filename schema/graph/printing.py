"""The graph as text: Strawberry's print, with the schema's description and the federation definitions it leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    NameNode,
    Node,
    SchemaDefinitionNode,
    StringValueNode,
    Visitor,
    VisitorAction,
    parse,
    print_ast,
    visit,
)
from strawberry import Schema
from strawberry.printer import print_schema

DESCRIPTION = """\
Simpul: one graph over the complaint systems of district, provincial and national agencies.

Reading rules, true everywhere in this file:
- One operation reads one snapshot of the ledger: every root field of a query answers as of `Query.asOf`.
- Non-null means "answered by the hub alone". Whatever an agency must deliver, or a policy may hide, is nullable, \
so a failing agency never nulls a page.
- `@access` says who may see a field; it stands on a type and may be narrowed on a field. Nobody else gets an error: \
they get null (or, for a whole record, nothing).
- Cursors and ids are opaque, except `Agency.id`, which is the agency's slug.
- Output enums may grow; keep a default branch. Unions grow too: select through their interfaces (StreamFrame, \
ComplaintEvent, Problem), and new event kinds are sent only to those who ask.
- Nothing changes by the passing of time alone: ages are timestamps or were measured at the last poll, and what falls \
due is recorded as an event. Content of agencies that allow no copies is the exception.
- Fields leave in two steps: @deprecated with the date and the replacement, then removal after 12 months and only \
when unused. Arguments and input fields are only added, and always optional.
- Languages: labels and messages take `language`; they never depend on a header."""

#: What a router adds to a subgraph by itself: executable, but no part of the text.
_ADDED = frozenset({"_Any", "_Entity", "_Service", "_entities", "_service"})

#: Definitions behind the `@link`s, so that the text builds in any tool.
_PLUMBING = """
directive @link(url: String!, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @key(fields: federation__FieldSet!, resolvable: Boolean = true) repeatable on OBJECT | INTERFACE
directive @shareable repeatable on FIELD_DEFINITION | OBJECT
directive @cost(weight: Int!) on
  ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(
  assumedSize: Int
  slicingArguments: [String!]
  sizedFields: [String!]
  requireOneSlicingArgument: Boolean = true
) on FIELD_DEFINITION
"A set of fields, as a selection without its braces."
scalar federation__FieldSet
"A name to import from a linked specification."
scalar link__Import
"What a linked specification is for."
enum link__Purpose {
  "Needed to keep the data safe."
  SECURITY
  "Needed to execute operations."
  EXECUTION
}
"""


class _Subgraph(Visitor):
    """Leaves out what a router adds, and describes the schema."""

    def enter(self, node: Node, *_: Any) -> VisitorAction:
        name = getattr(node, "name", None)
        return REMOVE if isinstance(name, NameNode) and name.value in _ADDED else None

    def leave_schema_definition(self, node: SchemaDefinitionNode, *_: Any) -> SchemaDefinitionNode:
        return replace(node, description=StringValueNode(value=DESCRIPTION, block=True))


def printed(schema: Schema) -> str:
    """The text of a schema, ending in a newline."""
    document: DocumentNode = visit(parse(print_schema(schema) + _PLUMBING), _Subgraph())
    # The schema itself heads the text; the others stay in Strawberry's order.
    definitions = sorted(document.definitions, key=lambda node: not isinstance(node, SchemaDefinitionNode))
    return print_ast(DocumentNode(definitions=tuple(definitions))) + "\n"
