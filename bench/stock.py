"""The same questions on Strawberry's stock view over Tortoise's objects: what the libraries give without a hub.

Written as their manuals show it, over the hub's own tables and indexes. Where there was a choice, the quicker one was
taken: nothing is read that was not asked for, a resolver makes only what is selected, moments are the ledger's text.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from tortoise.contrib.starlette import RegisterTortoise
from tortoise.expressions import Q
from tortoise.functions import Count

from gateway.ledger.models import AgencyRow, ComplaintRow
from schema.graph import enums  # noqa: F401 - tells Strawberry of the vocabulary's enums, which may be told once only
from schema.status import ComplaintStatus


@strawberry.type
class Agency:
    id: strawberry.ID
    name: str


@strawberry.type
class Category:
    code: str


@strawberry.type
class IncidentLocation:
    region_code: str | None
    address: str | None


@strawberry.type
class StatusEvent:
    to_status: ComplaintStatus
    occurred_at: str


@strawberry.type
class Complaint:
    row: strawberry.Private[ComplaintRow]
    id: strawberry.ID
    agency: Agency
    status: ComplaintStatus
    title: str | None
    text: str | None
    category: Category | None
    incident_location: IncidentLocation
    submitted_at: str
    updated_at: str

    @strawberry.field
    def timeline(self) -> list[StatusEvent]:
        return [
            StatusEvent(to_status=ComplaintStatus(move["to_status"]), occurred_at=_moment(move["occurred_at"]))
            for move in json.loads(self.row.timeline)
        ]


@strawberry.type
class ComplaintEdge:
    cursor: str
    node: Complaint


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class ComplaintConnection:
    nodes: list[Complaint]
    has_next: strawberry.Private[bool]

    @strawberry.field
    def edges(self) -> list[ComplaintEdge]:
        return [ComplaintEdge(cursor=cursor(node.updated_at, node.id), node=node) for node in self.nodes]

    @strawberry.field
    def page_info(self) -> PageInfo:
        last = self.nodes[-1] if self.nodes else None
        return PageInfo(has_next_page=self.has_next, end_cursor=cursor(last.updated_at, last.id) if last else None)


@strawberry.type
class StatisticsBucket:
    agency: Agency
    status: ComplaintStatus
    count: int


@strawberry.input
class ComplaintFilter:
    agencies: list[strawberry.ID] | None = None
    statuses: list[ComplaintStatus] | None = None


@strawberry.enum
class StatisticsDimension(Enum):
    AGENCY = "agency"
    STATUS = "status"


@strawberry.type
class Query:
    @strawberry.field
    async def complaint(self, id: strawberry.ID) -> Complaint | None:
        row = await ComplaintRow.get_or_none(id=id, public=True)
        return _complaint(row, await _agencies()) if row else None

    @strawberry.field
    async def complaints(
        self, first: int = 25, after: str | None = None, filter: ComplaintFilter | None = None
    ) -> ComplaintConnection:
        query = ComplaintRow.filter(public=True)
        if filter and filter.agencies:
            query = query.filter(agency__in=filter.agencies)
        if after:
            updated_at, id = base64.urlsafe_b64decode(after).decode().split("|")
            query = query.filter(Q(updated_at__lt=updated_at) | Q(id__lt=id), updated_at__lte=updated_at)
        rows = await query.order_by("-updated_at", "-id").limit(first + 1)
        agencies = await _agencies()
        return ComplaintConnection(
            nodes=[_complaint(row, agencies) for row in rows[:first]], has_next=len(rows) > first
        )

    @strawberry.field
    async def statistics(
        self, group_by: list[StatisticsDimension], filter: ComplaintFilter | None = None, first: int = 200
    ) -> list[StatisticsBucket]:
        query = ComplaintRow.filter(public=True)
        if filter and filter.statuses:
            query = query.filter(status__in=filter.statuses)
        columns = [dimension.value for dimension in group_by]
        rows = (
            await query.annotate(count=Count("id"))
            .group_by(*columns)
            .order_by("-count", *columns)
            .limit(first)
            .values(*columns, "count")
        )
        agencies = await _agencies()
        return [
            StatisticsBucket(agency=agencies[row["agency"]], status=ComplaintStatus(row["status"]), count=row["count"])
            for row in rows
        ]


def cursor(updated_at: str, id: str) -> str:
    """Where a row stands in the order of `complaints`."""
    return base64.urlsafe_b64encode(f"{updated_at}|{id}".encode()).decode()


def stock_app(url: str) -> Starlette:
    """Answers `/graphql`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with RegisterTortoise(app, db_url=url, modules={"ledger": ["gateway.ledger.models"]}):
            yield

    graph = GraphQL[None, None](strawberry.Schema(Query), graphql_ide=None)
    return Starlette(routes=[Route("/graphql", graph)], lifespan=lifespan)


async def _agencies() -> dict[str, Agency]:
    rows = await AgencyRow.all()
    return {row.id: Agency(id=strawberry.ID(row.id), name=json.loads(row.facts)["name"]) for row in rows}


def _complaint(row: ComplaintRow, agencies: dict[str, Agency]) -> Complaint:
    return Complaint(
        row=row,
        id=strawberry.ID(row.id),
        agency=agencies[row.agency],
        status=ComplaintStatus(row.status),
        title=row.title,
        text=row.edited_text or row.original_text,
        category=Category(code=row.category) if row.category else None,
        incident_location=IncidentLocation(region_code=row.region_code, address=row.address),
        submitted_at=row.submitted_at,
        updated_at=row.updated_at,
    )


def _moment(text: str) -> str:
    return text if "." in text else text.replace("Z", ".000Z")
