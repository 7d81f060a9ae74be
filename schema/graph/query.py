"""What can be asked."""

from __future__ import annotations

from schema.graph.agency import Agency, find_agencies, find_agency
from schema.graph.category import Category, find_categories, find_category
from schema.graph.complaint import Complaint
from schema.graph.complaints import ComplaintConnection, find_complaint, find_complaints
from schema.graph.context import Info
from schema.graph.delivery import DeliveryConnection, find_deliveries
from schema.graph.directives import Audience, field, object_type, sized
from schema.graph.federation import Entity, Service, find_entities, find_service
from schema.graph.history import EventConnection, find_events
from schema.graph.label import EnumLabel, find_labels
from schema.graph.node import Node, find_node, find_nodes
from schema.graph.positions import head_cursor
from schema.graph.region import Region, find_region, find_regions
from schema.graph.statistics import StatisticsBucket, find_statistics
from schema.graph.viewer import Viewer, the_viewer


async def _as_of(info: Info) -> str:
    return await head_cursor(info.context)


@object_type("What can be asked. All root fields of an operation answer from one snapshot.", to=Audience.PUBLIC)
class Query:
    complaint: Complaint | None = field(
        "One complaint, by exactly one of `id` or `trackingId`. Null when there is none or the viewer may not see it: "
        "the two can't be told apart.",
        find_complaint,
        cost=2,
    )
    complaints: ComplaintConnection = field(
        "Complaints of all agencies in one exact order. Without `first` and `last`: the first 25. More than 500 is "
        "clamped to 500; both together are BAD_USER_INPUT.",
        find_complaints,
        size=sized(25, by=["first", "last"], fields=["edges", "nodes"]),
    )
    agencies: list[Agency] = field(
        'The agencies that are plugged in, by level, then name. `regionCode` covers its parts: "36" finds 36.03.',
        find_agencies,
        size=sized(100),
    )
    agency: Agency | None = field("One agency by its slug, for instance `kab-tangerang`.", find_agency)
    categories: list[Category] = field(
        "SP4N-LAPOR!'s topics (38), each with its sub-topics in `children`.", find_categories, size=sized(40)
    )
    category: Category | None = field("A topic or sub-topic by its code.", find_category)
    region: Region | None = field(
        "A region by Kemendagri code: 36 province, 36.03 regency, 36.03.01 district.", find_region
    )
    regions: list[Region] = field(
        "The parts of a region, by code; without `parentCode` the provinces.", find_regions, size=sized(40)
    )
    statistics: list[StatisticsBucket] = field(
        "Counts by one to three dimensions, largest first; at most 1,000 buckets. Only what the viewer may see is "
        "counted. An empty `groupBy` gives one bucket.",
        find_statistics,
        cost=10,
        size=sized(200, by=["first"]),
    )
    events: EventConnection = field(
        "The ledger after a cursor, oldest first; without `after`, from the oldest kept. A cursor that can't be "
        "continued is the error CURSOR_EXPIRED, never an empty page. 100 by default, 500 at most.",
        find_events,
        size=sized(100, by=["first"], fields=["edges", "nodes"]),
    )
    deliveries: DeliveryConnection = field(
        "Writes on their way to agencies, oldest first: dead letters, unknown outcomes, hand deliveries. Empty for "
        "who may see none. At most 100 a page.",
        find_deliveries,
        size=sized(25, by=["first"], fields=["edges", "nodes"]),
    )
    node: Node | None = field(
        "Any Node by its id; null when there is none, it may not be seen, or the id is malformed. The type is told "
        "by the id alone: see Node.",
        find_node,
        cost=2,
        scoped=True,
    )
    nodes: list[Node | None] = field(
        "As `node`, in the order asked; at most 100.", find_nodes, cost=2, size=sized(100), scoped=True
    )
    viewer: Viewer = field("Who is asking.", the_viewer)
    labels: list[EnumLabel] = field(
        "Names of all enum values for menus and legends, so that no frontend keeps its own translations.",
        find_labels,
        size=sized(100),
    )
    as_of: str = field(
        "The position of the ledger at which every field of this operation was read. "
        "A valid `after` for `events` and `complaintEvents`.",
        _as_of,
    )
    service: Service = field("This graph as text, for a federation router.", find_service, name="_service")
    entities: list[Entity | None] = field(
        "Agencies and complaints that other subgraphs name.", find_entities, name="_entities"
    )
