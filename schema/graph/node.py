"""Whatever can be fetched again by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from schema.agency import Agency
from schema.categories import Category, category
from schema.complaint import Complaint
from schema.delivery import Delivery
from schema.errors import BadUserInput
from schema.graph.content import shown
from schema.graph.context import Info
from schema.graph.directives import field
from schema.query import Role
from schema.regions import Region, region

#: Most ids that one `nodes` takes.
MOST_NODES = 100

#: The records that a Node id can name today.
Found = Agency | Complaint | Delivery | Category | Region


@strawberry.interface(
    description="Whatever can be fetched again by its id. Ids are unique over the whole graph and for ever:\n"
    "an agency's is its slug (lower-case letters, digits, hyphens: never an underscore); every other is "
    "`<type>_<opaque>`, with `complaint_`, `delivery_`, `attachment_`, `category_`, `region_`.\n"
    "A complaint's id is given when the hub first meets it and never changes, not by a transfer and not when the "
    "agency gives it a number: for a record read from an agency it is derived from (agency, nativeId), so a rebuilt "
    "hub gives the same ids; for one submitted here it is random."
)
class Node:
    id: strawberry.ID = field("The id, unique over the whole graph; see Node.")


async def find_all(info: Info, ids: Sequence[str]) -> list[Found | None]:
    """What the ids name, in the order asked; None where there is nothing, or nothing for this viewer."""
    context = info.context
    agencies = await context.agencies() if any("_" not in id for id in ids) else {}
    wanted = list(dict.fromkeys(id for id in ids if id.startswith("complaint_")))
    complaints = await context.snapshot.by_ids(wanted) if wanted else {}
    sought = list(dict.fromkeys(id for id in ids if id.startswith("delivery_")))
    told = sought and context.viewer.role is not Role.PUBLIC
    deliveries = await context.snapshot.deliveries_by_ids(sought) if told else {}

    def named(id: str) -> Found | None:
        # The id alone tells the type, and only that type is asked.
        kind, separator, code = id.partition("_")
        if not separator:
            return agencies.get(id)
        if kind == "complaint":
            return shown(complaints[id], info) if id in complaints else None
        if kind == "delivery":
            return deliveries.get(id)
        if kind == "category":
            return category(code)
        return region(code) if kind == "region" else None

    return [named(id) for id in ids]


async def find_node(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Any Node's id.")]
) -> Found | None:
    return (await find_all(info, [id]))[0]


async def find_nodes(
    info: Info, ids: Annotated[list[strawberry.ID], strawberry.argument(description="Ids of Nodes; at most 100.")]
) -> list[Found | None]:
    if len(ids) > MOST_NODES:
        raise BadUserInput(f"`ids` takes at most {MOST_NODES} values.")
    return await find_all(info, ids)
