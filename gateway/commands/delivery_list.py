"""`simpul delivery list` and `simpul delivery show`."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.outbox.letter import HUB, reference
from gateway.settings import load
from schema.complaint import Complaint
from schema.delivery import SETTLED, Delivery, DeliveryFilter, DeliveryState
from schema.errors import ConfigError

_PAGE = 100
#: Characters of a line: ids are not cut where nobody knows how wide the terminal is.
_WIDTH = 170
#: What is not over, in the order that a delivery takes.
OPEN = tuple(state for state in DeliveryState if state not in SETTLED)

console = Console()


def list_deliveries(
    *,
    state: list[DeliveryState] | None = None,
    agency: list[str] | None = None,
    most: int = 1000,
    json: bool = False,
) -> None:
    """List writes on their way to agencies, oldest first: those that have not come to an end, or a state.

    Parameters
    ----------
    state
        Only those in this state; may be given again.
    agency
        Only those to this agency; may be given again.
    most
        So many at the most.
    json
        One JSON array, for scripts.
    """
    filter = DeliveryFilter(states=tuple(state or OPEN), agencies=tuple(agency) if agency else None)
    found, more = asyncio.run(_read(filter, most))
    if json:
        sys.stdout.write(msgspec.json.encode([msgspec.to_builtins(each) for each in found]).decode() + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("delivery", "agency", "kind", "state", "attempts", "queued", "next attempt", "error"):
        table.add_column(heading, no_wrap=True)
    for each in found:
        error = each.error.code.value if each.error else ""
        moments = _moment(each.queued_at), _moment(each.next_attempt_at)
        table.add_row(each.id, each.agency, each.kind.value, each.state.value, str(each.attempts), *moments, error)
    _print(table)
    if more:
        console.print(f"There are more than {most:,}: narrow the list, or say --most.")


def show_delivery(id: str, *, json: bool = False) -> None:
    """Show one write on its way to an agency: everything but what it says.

    Parameters
    ----------
    id
        Of the delivery: `delivery_...`, as the list has it.
    json
        One JSON object, for scripts.
    """
    delivery, complaint = asyncio.run(_one(id))
    told = msgspec.to_builtins(delivery) | {
        "reference": reference(complaint, delivery),
        "tracking_id": complaint.tracking_id,
        "complaint_native_id": complaint.native_id,
        "complaint_status": complaint.status.value,
        "complaint_version": complaint.version,
    }
    if json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in told.items():
        if value is not None:
            table.add_row(name.replace("_", " "), _words(value))
    _print(table)


def _print(table: Table) -> None:
    # Ids are there to be copied: a narrow terminal folds the lines.
    Console(width=max(console.width, _WIDTH)).print(table, soft_wrap=True)


async def _read(filter: DeliveryFilter, most: int) -> tuple[list[Delivery], bool]:
    found: list[Delivery] = []
    async with (
        open_database(load().database, readers=1) as database,
        LedgerReader(database).snapshot(HUB) as snapshot,
    ):
        after, more = 0, True
        while more and len(found) < most:
            page = await snapshot.deliveries(filter, after, min(_PAGE, most - len(found)))
            found += page.deliveries
            after, more = found[-1].seq if found else 0, page.has_next
    return found, more


async def _one(id: str) -> tuple[Delivery, Complaint]:
    async with (
        open_database(load().database, readers=1) as database,
        LedgerReader(database).snapshot(HUB) as snapshot,
    ):
        delivery = (await snapshot.deliveries_by_ids([id])).get(id)
        if delivery is None:
            raise ConfigError(f"no such delivery: {id}")
        return delivery, (await snapshot.by_ids([delivery.complaint_id]))[delivery.complaint_id]


def _moment(at: datetime | None) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _words(value: object) -> str:
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else str(value)
