# ruff: noqa: S608 - statements are put together from names of ours; every value is bound
"""The statements that read how complaints belong together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

from gateway.ledger import links, visibility
from gateway.ledger.database import Sql
from gateway.ledger.rows import COLUMNS, moment_text, regions
from gateway.ledger.statement import Statement, among
from schema.complaint import Complaint
from schema.query import Viewer

_LINK = ", ".join(f"l.{column}" for column in links.COLUMNS)
_COMPLAINT = ", ".join(f"c.{column}" for column in COLUMNS)


def linked_to(complaints: Collection[str], viewer: Viewer) -> Statement:
    """The visible ones of these complaints: id and newest seq, then the columns of one of its links and the newest seq
    of the complaint at its other end; nulls where there is no link, or where the other end can't be seen."""
    sql = Sql()
    visible = visibility.complaints(viewer)
    other = f"(SELECT c.seq FROM complaints c WHERE c.id = l.other_id AND {visible})"
    text = (
        f"SELECT c.id, c.seq, {_LINK}, {other} FROM complaints c LEFT JOIN links l ON l.complaint_id = c.id"
        f" WHERE {visible} AND c.id IN {among(sql, complaints)} ORDER BY l.seq, l.id"
    )
    return Statement(text, sql.params)


def neighbours(complaint: Complaint, days: int, most: int, viewer: Viewer) -> Iterator[Statement]:
    """Rows of complaints near a complaint: those received before it and after it, in their parts, nearest first."""
    for visible in visibility.parts(viewer):
        for earlier in (True, False):
            yield _neighbours(complaint, timedelta(days=days), most, visible, earlier)


def nearness(complaint: Complaint, other: Complaint) -> tuple[timedelta, str]:
    """What neighbours are sorted by."""
    return abs(other.submitted_at - complaint.submitted_at), other.id


def _neighbours(complaint: Complaint, span: timedelta, most: int, visible: str, earlier: bool) -> Statement:
    sql = Sql()
    place = complaint.incident_location
    _, regency = regions(place.region_code if place else None)
    id = sql.bind(complaint.id)
    here = f"c.agency = {sql.bind(complaint.agency)}" if regency is None else f"c.regency = {sql.bind(regency)}"
    at = complaint.submitted_at
    within = (
        f"c.submitted_at < {sql.bind(moment_text(at))} AND c.submitted_at >= {sql.bind(_moved(at, -span))}"
        if earlier
        else f"c.submitted_at >= {sql.bind(moment_text(at))} AND c.submitted_at <= {sql.bind(_moved(at, span))}"
    )
    apart = " AND ".join(
        f"NOT EXISTS (SELECT 1 FROM {table} n WHERE n.complaint_id = {id} AND n.other_id = c.id)"
        for table in ("links", "dismissals")
    )
    word = "DESC" if earlier else "ASC"
    text = (
        f"SELECT {_COMPLAINT} FROM complaints c WHERE {here} AND {within} AND {visible} AND c.id <> {id} AND {apart}"
        f" ORDER BY c.submitted_at {word}, c.id {word} LIMIT {sql.bind(most)}"
    )
    return Statement(text, sql.params, heavy=True)


def _moved(moment: datetime, span: timedelta) -> str:
    try:
        return moment_text(moment + span)
    except OverflowError:  # as far as moments go
        return "0001" if span < timedelta(0) else "9999-12-31T23:59:59.999Z"
