"""The graph, put together: `build()` makes it executable, `sdl()` prints it."""

from __future__ import annotations

from functools import cache

import strawberry.federation
from strawberry.federation.schema_directives import Link
from strawberry.schema.config import StrawberryConfig

from schema.graph.agency import Agency
from schema.graph.category import Category
from schema.graph.complaint import Complaint
from schema.graph.delivery import Delivery
from schema.graph.entries import Attachment
from schema.graph.events import EVENT_TYPES
from schema.graph.mutation import Mutation
from schema.graph.policy import declared
from schema.graph.printing import DESCRIPTION, printed
from schema.graph.query import Query
from schema.graph.region import Region
from schema.graph.scalars import SCALARS
from schema.graph.subscription import Subscription


@cache
def build() -> strawberry.federation.Schema:
    """The executable graph. Operations run with a `Context` as their context value.

    Raises:
        TypeError: something in it does not say who may see it, or says what does not hold: see `policy`.
    """
    built = strawberry.federation.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[Agency, Complaint, Category, Region, Delivery, Attachment, *EVENT_TYPES],
        config=StrawberryConfig(scalar_map=SCALARS),
        schema_directives=[Link(url="https://specs.apollo.dev/link/v1.0")],
        federation_version="2.9",
    )
    built._schema.description = DESCRIPTION  # Strawberry has no place for it
    declared(built._schema)
    return built


@cache
def sdl() -> str:
    """The graph as text, as committed in `hub.graphql` and answered by `_service`."""
    return printed(build())
