"""Topics (kategori)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from schema import categories as known
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.label import InLanguage
from schema.graph.node import Node
from schema.query import Language


def _id(root: known.Category) -> str:
    return f"category_{root.code}"


def _name(root: known.Category, language: InLanguage = Language.ID) -> str:
    return root.name(language)


def _parent(root: known.Category) -> known.Category | None:
    return known.category(root.parent) if root.parent else None


def _children(root: known.Category) -> Sequence[known.Category]:
    return known.children(root.code)


@object_type("A topic (kategori), a tree.", to=Audience.PUBLIC, of=known.Category)
class Category(Node):
    id: strawberry.ID = field("`category_` and the code.", _id)
    code: str = field("Stable, for filters: `infrastruktur`, `infrastruktur.jalan`.")
    name: str = field("In a language; the Indonesian name where there is no other.", _name)
    parent: Category | None = field("The topic it belongs to; null for a topic.", _parent)
    children: list[Category] = field("Its sub-topics, in SP4N-LAPOR!'s order.", _children, size=sized(30))


def find_categories() -> Sequence[known.Category]:
    return known.topics()


def find_category(
    code: Annotated[str, strawberry.argument(description="As `Category.code`.")],
) -> known.Category | None:
    return known.category(code)
