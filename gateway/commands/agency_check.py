"""`simpul agency check`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection
from pathlib import Path

import msgspec
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from connectors.manifest import Manifest, read_manifest
from connectors.preview import without_people
from connectors.registry import connect
from connectors.secrets import Secrets
from gateway.logs import configure_logs
from gateway.settings import LogFormat, LogLevel
from schema.complaint import ComplaintRecord
from schema.connector import Probe, Sender
from schema.delivery import DeliveryKind
from schema.errors import SourceError
from schema.status import ComplaintStatus

console = Console()

#: Characters: on a narrower terminal reply and record stand one below the other.
_BESIDE = 120


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
    configure_logs(LogFormat.TEXT, LogLevel.ERROR)  # what is worth a warning is in the verdict
    manifest = read_manifest(file)
    try:
        probe, taken = asyncio.run(_probe(manifest.at(url) if url else manifest))
    except SourceError as error:
        _failed(error, json=json)
        return 1
    _show_json(probe, taken) if json else _show(probe, taken)
    return 0 if probe.page.records else 1


class Taken(msgspec.Struct, frozen=True):
    """What the agency takes by machine, and what of it can be found again."""

    writes: frozenset[DeliveryKind] = frozenset()
    finds: frozenset[DeliveryKind] = frozenset()


async def _probe(manifest: Manifest) -> tuple[Probe, Taken]:
    connector = connect(manifest, Secrets(os.environ))
    try:
        taken = Taken(connector.writes, connector.finds) if isinstance(connector, Sender) else Taken()
        return await connector.check(), taken
    finally:
        await connector.aclose()


def _failed(error: SourceError, *, json: bool) -> None:
    if json:
        sys.stdout.write(msgspec.json.encode({"ok": False, "code": error.code, "reason": str(error)}).decode() + "\n")
    else:
        console.print(f"[red]{error.code}[/red] {error}", highlight=False)


def _show_json(probe: Probe, taken: Taken) -> None:
    found = {
        "ok": bool(probe.page.records),
        "request": probe.request,
        "seconds": probe.seconds,
        "records": len(probe.page.records),
        "rejected": [rejected.reason for rejected in probe.page.rejected],
        "total": probe.page.total,
        "unmapped": _unmapped(probe),
        "warnings": list(probe.warnings),
        "writes": [kind for kind in DeliveryKind if kind in taken.writes],
        "finds": [kind for kind in DeliveryKind if kind in taken.finds],
        "first": msgspec.to_builtins(probe.page.records[0]) if probe.page.records else None,
    }
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _show(probe: Probe, taken: Taken) -> None:
    """The reply on the left, on the right what was made of its first record."""
    console.print(Text(probe.request, style="bold"))
    reply = Panel(Text(probe.reply), title="reply", title_align="left")
    record = Panel(_record(probe), title="first record, as the hub reads it", title_align="left")
    if console.width >= _BESIDE:
        side_by_side = Table.grid(expand=True)
        side_by_side.add_column(ratio=1)
        side_by_side.add_column(ratio=1)
        side_by_side.add_row(reply, record)
        console.print(side_by_side)
    else:
        console.print(reply, record)
    _verdict(probe)
    _writes(taken)


def _record(probe: Probe) -> Group | Text:
    if not probe.page.records:
        return Text("none")
    table = Table.grid(padding=(0, 2))
    for name, value in _told(probe.page.records[0]).items():
        shown = without_people(value if isinstance(value, str) else msgspec.json.encode(value).decode())
        table.add_row(Text(name, style="cyan"), Text(shown if len(shown) <= 300 else shown[:300] + "…"))
    silent = [name for name in ComplaintRecord.__struct_fields__ if name not in _told(probe.page.records[0])]
    return Group(table, Text("not told: " + ", ".join(silent), style="dim"))


def _told(record: ComplaintRecord) -> dict[str, object]:
    """The fields that the agency fills, and what always has a meaning."""
    found = {"native_id": record.native_id, **msgspec.to_builtins(record)}
    always = ("status", "is_anonymous", "is_confidential")
    return {name: value for name, value in found.items() if value or name in always}


def _verdict(probe: Probe) -> None:
    page = probe.page
    total = f" of {page.total:,}" if page.total is not None else ""
    console.print(f"{len(page.records)}{total} records read, {len(page.rejected)} rejected, {probe.seconds:.2f} s")
    for rejected in page.rejected[:10]:
        console.print(f"  {rejected.native_id or '?'}: {rejected.reason}", markup=False)
    if unmapped := _unmapped(probe):
        console.print(f"  status words that are mapped nowhere: {', '.join(unmapped)}", markup=False)
    for warning in probe.warnings:
        console.print(f"  warning: {warning}", markup=False)


def _writes(taken: Taken) -> None:
    if not taken.writes:
        console.print("writes: none; everything is delivered by hand")
        return
    console.print(f"writes: {_listed(taken.writes)}")
    if rest := set(DeliveryKind) - taken.writes:
        console.print(f"  delivered by hand: {_listed(rest)}")
    if lost := taken.writes - taken.finds:
        console.print(f"  not found again when nobody knows whether they arrived: {_listed(lost)}")


def _listed(kinds: Collection[DeliveryKind]) -> str:
    return ", ".join(kind for kind in DeliveryKind if kind in kinds)


def _unmapped(probe: Probe) -> list[str]:
    unmapped = (r.native_status for r in probe.page.records if r.status is ComplaintStatus.UNMAPPED)
    return sorted({native.label for native in unmapped if native})
