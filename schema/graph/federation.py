"""What a federation router asks of a subgraph (Apollo Federation 2, subgraph specification)."""

from __future__ import annotations

from typing import Annotated, Any, Union

import strawberry
from strawberry.federation.schema import FederationAny

from schema.errors import BadUserInput
from schema.graph.agency import Agency
from schema.graph.complaint import Complaint
from schema.graph.context import Info
from schema.graph.directives import Audience, field, object_type
from schema.graph.node import MOST_NODES, Found, find_all

Entity = Annotated[
    Union[Agency, Complaint],  # noqa: UP007  # Strawberry needs a name on it
    strawberry.union("_Entity", description="What other subgraphs may name by its key."),
]


@object_type("This subgraph.", to=Audience.PUBLIC, name="_Service")
class Service:
    sdl: str = field("Its schema.")


def find_service() -> Service:
    from schema.graph.schema import sdl  # it prints the whole graph, this type included

    return Service(sdl=sdl())


async def find_entities(
    info: Info,
    representations: Annotated[
        list[FederationAny], strawberry.argument(description="`__typename` and `id` of each; at most 100.")
    ],
) -> list[Found | None]:
    if len(representations) > MOST_NODES:
        raise BadUserInput(f"`representations` takes at most {MOST_NODES} values.")
    return await find_all(info, [_id(representation) for representation in representations])


def _id(representation: Any) -> str:
    """The id that a representation names, or one that names nothing if it is not of its type.

    Raises:
        BadUserInput: no such type, or no id.
    """
    match representation:
        case {"__typename": "Agency", "id": str(id)}:
            return id if "_" not in id else ""
        case {"__typename": "Complaint", "id": str(id)}:
            return id if id.startswith("complaint_") else ""
    raise BadUserInput("A representation is a `__typename`, Agency or Complaint, and an `id`.")
