"""Sizes of pages."""

from __future__ import annotations

from typing import Annotated, TypeVar

import strawberry

from schema.errors import BadUserInput
from schema.graph.directives import Audience, field, object_type

T = TypeVar("T")

First = Annotated[int | None, strawberry.argument(description="At most so many, from the start.")]
Last = Annotated[int | None, strawberry.argument(description="At most so many, from the end.")]
After = Annotated[str | None, strawberry.argument(description="Only what comes after this cursor.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]
Newest = Annotated[int, strawberry.argument(description="How many of the newest; clamped to 500.")]

#: Most entries of a complaint's own lists in one answer.
MOST_ENTRIES = 500


@object_type("Relay page information.", to=Audience.PUBLIC, shareable=True)
class PageInfo:
    has_next_page: bool = field("More follows this page.")
    has_previous_page: bool = field("More precedes this page.")
    start_cursor: str | None = field("Cursor of the first row.")
    end_cursor: str | None = field("Cursor of the last row.")


def given(value: T) -> T | None:
    """The argument, or None if it was left out."""
    return None if value is strawberry.UNSET else value


def page_size(asked: int | None, name: str, *, default: int, most: int) -> int:
    """How many rows to answer. More than `most` is clamped.

    Raises:
        BadUserInput: negative.
    """
    if asked is None:
        return default
    if asked < 0:
        raise BadUserInput(f"`{name}` can't be negative.")
    return min(asked, most)
