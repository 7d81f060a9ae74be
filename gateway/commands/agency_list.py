"""`simpul agency list`."""

from __future__ import annotations

import asyncio
import sys

import msgspec
from rich.console import Console
from rich.table import Table

from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.settings import load
from schema.agency import Agency, SourceReport
from schema.query import PUBLIC

console = Console()


def list_agencies(*, json: bool = False) -> None:
    """List the agencies that are plugged in, with the health of their sources and their connectors' tiers.

    Parameters
    ----------
    json
        One JSON array, for scripts.
    """
    rows = asyncio.run(_read())
    if json:
        listed = [{"agency": msgspec.to_builtins(a), "source": msgspec.to_builtins(s)} for a, s in rows]
        sys.stdout.write(msgspec.json.encode(listed).decode() + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("agency", "kind", "tier", "state", "lag", "quarantined", "unmapped", "error", "name"):
        table.add_column(heading, no_wrap=heading != "name")
    for agency, source in rows:
        lag = "" if source.lag_seconds is None else f"{source.lag_seconds} s"
        error = source.error.code.value if source.error else ""
        tier = agency.tier.value if agency.tier else ""
        counts = str(source.quarantined), str(source.unmapped)
        kind = agency.connector_kind
        table.add_row(agency.id, kind, tier, source.state.value, lag, *counts, error, agency.name)
    console.print(table)


async def _read() -> list[tuple[Agency, SourceReport]]:
    async with (
        open_database(load().database, readers=1) as database,
        LedgerReader(database).snapshot(PUBLIC) as snapshot,
    ):
        agencies, sources = await snapshot.agencies(), await snapshot.sources()
    return [(agency, sources.get(slug, SourceReport(agency=slug))) for slug, agency in agencies.items()]
