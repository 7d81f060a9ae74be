"""Administrative regions (wilayah)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from schema import regions as known
from schema.agency import Agency
from schema.complaint import IncidentLocation
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.node import Node


def _id(root: known.Region) -> str:
    return f"region_{root.code}"


def _parent(root: known.Region) -> known.Region | None:
    return known.region(root.parent) if root.parent else None


def _children(root: known.Region) -> Sequence[known.Region]:
    return known.parts(root.code)


@object_type("An administrative region (wilayah).", to=Audience.PUBLIC, of=known.Region)
class Region(Node):
    id: strawberry.ID = field("`region_` and the code.", _id)
    code: str = field("Kemendagri: 36, 36.03, 36.03.01.")
    name: str = field("With its kind, for instance Kabupaten Tangerang.")
    level: known.RegionLevel = field("By number of code groups.")
    parent: Region | None = field("The region it is part of; null for a province.", _parent)
    children: list[Region] = field("Its parts, by code.", _children, size=sized(30))


def find_region(
    code: Annotated[str, strawberry.argument(description="Kemendagri code, for instance 36.03.")],
) -> known.Region | None:
    return known.region(code)


def find_regions(
    parent_code: Annotated[
        str | None, strawberry.argument(description="Code of the region whose parts are asked for.")
    ] = strawberry.UNSET,
) -> Sequence[known.Region]:
    return known.parts(None if parent_code is strawberry.UNSET else parent_code)


def region_of(root: Agency | IncidentLocation) -> known.Region | None:
    """The region that the record's `region_code` names, if it is known by name."""
    return known.region(root.region_code) if root.region_code else None
