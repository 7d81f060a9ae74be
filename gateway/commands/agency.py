"""`simpul agency`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from connectors.manifest import Manifest, read_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from gateway.ledger.database import open_database
from gateway.ledger.reader import LedgerReader
from gateway.settings import load
from schema.agency import Agency, SourceReport
from schema.errors import SourceError
from schema.ports import Page, Probe
from schema.query import PUBLIC

console = Console()


def list_agencies(*, json: bool = False) -> None:
    """List the agencies that are plugged in, with the health of their sources.

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
    for heading in ("agency", "kind", "state", "lag", "quarantined", "unmapped", "error", "name"):
        table.add_column(heading, no_wrap=heading != "name")
    for agency, source in rows:
        lag = "" if source.lag_seconds is None else f"{source.lag_seconds} s"
        error = source.error.code.value if source.error else ""
        counts = str(source.quarantined), str(source.unmapped)
        table.add_row(agency.id, agency.connector_kind, source.state.value, lag, *counts, error, agency.name)
    console.print(table)


async def _read() -> list[tuple[Agency, SourceReport]]:
    async with (
        open_database(load().database, readers=1) as database,
        LedgerReader(database).snapshot(PUBLIC) as snapshot,
    ):
        agencies, sources = await snapshot.agencies(), await snapshot.sources()
    return [(agency, sources.get(slug, SourceReport(agency=slug))) for slug, agency in agencies.items()]


def check(file: Path, *, url: str | None = None, json: bool = False) -> int:
    """Ask an agency for one page, and show what its file makes of it. Exits with 1 if the agency can't be read.

    Parameters
    ----------
    file
        The agency's file, for instance agencies/prov-bali.toml.
    url
        Another base address than the file's.
    json
        One JSON object, for scripts.
    """
    manifest = read_manifest(file)
    try:
        probe = asyncio.run(_probe(manifest.at(url) if url else manifest))
    except SourceError as error:
        if json:
            sys.stdout.write(
                msgspec.json.encode({"ok": False, "code": error.code, "reason": str(error)}).decode() + "\n"
            )
        else:
            console.print(f"[red]{error.code}[/red] {error}", highlight=False)
        return 1
    _show_json(probe) if json else _show(probe)
    return 0 if probe.page.records else 1


async def _probe(manifest: Manifest) -> Probe:
    connector = connect(manifest, Secrets(os.environ))
    try:
        return await connector.check()
    finally:
        await connector.aclose()


def _show_json(probe: Probe) -> None:
    found = {"ok": bool(probe.page.records), "request": probe.request, "seconds": probe.seconds}
    found["records"] = len(probe.page.records)
    found["rejected"] = [r.reason for r in probe.page.rejected]
    found["total"] = probe.page.total
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _show(probe: Probe) -> None:
    console.rule("request")
    console.print(probe.request, markup=False, highlight=False)
    console.rule("reply")
    console.print(probe.reply, markup=False, highlight=False)
    console.rule("first record, as the hub reads it")
    for record in probe.page.records[:1]:
        console.print(msgspec.json.format(msgspec.json.encode(record)).decode(), markup=False)
    console.rule("verdict")
    _verdict(probe.page, probe.seconds)


def _verdict(page: Page, seconds: float) -> None:
    console.print(f"{len(page.records)} records read, {len(page.rejected)} rejected, {seconds:.2f} s")
    for rejected in page.rejected[:10]:
        console.print(f"  {rejected.native_id or '?'}: {rejected.reason}", markup=False)
    unmapped = {r.native_status.label for r in page.records if r.status == "UNMAPPED" and r.native_status}
    if unmapped:
        console.print(f"  status words that are mapped nowhere: {', '.join(sorted(unmapped))}", markup=False)
