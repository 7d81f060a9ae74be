"""Enum values in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from schema import labels as known
from schema.graph.directives import Audience, field, object_type
from schema.query import Language

#: The argument of every label and message.
InLanguage = Annotated[Language, strawberry.argument(description="Of the answer; no header changes it.")]


@object_type("An enum value in words.", to=Audience.PUBLIC)
class EnumLabel:
    enum_name: str = field("Name of the enum in this graph.")
    value: str = field("The value, as answers hold it.")
    label: str = field("What to show for it.")


def find_labels(language: InLanguage = Language.ID) -> Sequence[known.EnumLabel]:
    return known.labels(language)
