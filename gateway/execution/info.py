"""What resolvers get as `info` in a compiled run: the context at once, the rest when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphql import GraphQLResolveInfo
from strawberry.types import Info

from schema.graph.context import Context


class RunInfo(Info[Context, None]):
    """Strawberry's info, of one place in one run.

    Rows of a list share it, so its `path` tells no index; graphql-core tells errors' paths, never these.
    """

    def __init__(self, context: Context, field: Any, raw: Callable[[], GraphQLResolveInfo[Any]]) -> None:
        self._context = context
        self._field = field
        self._make = raw
        self._made: GraphQLResolveInfo[Any] | None = None

    @property
    def context(self) -> Context:
        return self._context

    @property
    def _raw_info(self) -> GraphQLResolveInfo[Any]:  # type: ignore[override]  # a field there, made here when it is wanted
        if self._made is None:
            self._made = self._make()
        return self._made
