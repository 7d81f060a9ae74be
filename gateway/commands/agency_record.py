"""`simpul agency record` and `simpul agency replay`."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from connectors.contract.bench import Bench, Subject
from connectors.contract.certificate import folder_of
from connectors.contract.harvest import Harvest
from connectors.contract.recording import Index, record, recorded
from connectors.contract.rule import Untried
from connectors.manifest import Manifest, read_manifest
from connectors.secrets import Secrets
from gateway.logs import configure_logs
from gateway.settings import LogFormat, LogLevel
from schema.errors import ConfigError, SourceError

console = Console(highlight=False)

#: Beside the recording: what the file last made of it.
LAST = "replayed.json"

#: By native id, a digest of each field.
Seen = dict[str, dict[str, str]]


def record_agency(file: Path, *, url: str | None = None, since: datetime | None = None, json: bool = False) -> int:
    """Read an agency and keep what it answered, without people in it, in the folder beside its file.

    Parameters
    ----------
    file
        The agency's file, for instance agencies/prov-bali.toml.
    url
        Another base address than the file's.
    since
        Only what changed since then, for an agency with more than 20,000 complaints: 2026-05-01.
    json
        One JSON object, for scripts.
    """
    configure_logs(LogFormat.TEXT, LogLevel.WARNING)
    manifest = read_manifest(file)
    subject = Subject(manifest=manifest.at(url) if url else manifest, secrets=Secrets(os.environ), since=_aware(since))
    folder = recording_of(file)
    if subject.manifest.http is None:
        raise manifest.error("only what is spoken over HTTP can be recorded; certify it --live", "kind")
    try:
        index = asyncio.run(record(subject, folder))
        live, replayed = asyncio.run(_both(subject, index, folder))
    except (SourceError, Untried) as error:
        console.print(f"[red]not recorded[/red]: {error}")
        return 1
    changed = sorted(_changed(_seen(live), _seen(replayed)))
    _remember(folder, replayed)
    if json:
        told = {"folder": str(folder), "records": index.records, "replies": len(index.entries), "scrubbed": changed}
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return 0
    console.print(f"{index.records:,} records in {len(index.entries)} replies, in {folder}")
    console.print(f"people and texts are made up in: {', '.join(changed) or 'nothing'}; the rest is as it came")
    return 0


async def _both(subject: Subject, index: Index, folder: Path) -> tuple[Harvest, Harvest]:
    """What the file makes of the agency, and of the recording."""
    async with Bench(subject) as live, Bench(recorded(subject.manifest, folder)) as again:
        return await live.harvest(), await again.harvest()


def _aware(since: datetime | None) -> datetime | None:
    return since if since is None or since.tzinfo else since.replace(tzinfo=UTC)


def replay(file: Path, *, json: bool = False) -> int:
    """Read an agency from its recording, offline, and show what the file makes of it now, and what that changed.

    Parameters
    ----------
    file
        The agency's file, for instance agencies/prov-bali.toml.
    json
        One JSON object, for scripts.
    """
    configure_logs(LogFormat.TEXT, LogLevel.WARNING)
    folder = recording_of(file)
    try:
        harvest = asyncio.run(_replayed(read_manifest(file), folder))
    except SourceError as error:
        console.print(f"[red]{error.code}[/red] {error}")
        return 1
    before, now = _remembered(folder), _seen(harvest)
    _remember(folder, harvest)
    told = _difference(before, now) if before is not None else None
    (_print_json if json else _print)(harvest, told)
    return 0 if harvest.records else 1


async def _replayed(manifest: Manifest, folder: Path) -> Harvest:
    async with Bench(recorded(manifest, folder)) as bench:
        return await bench.harvest()


def recording_of(file: Path) -> Path:
    """Where an agency's recording is kept."""
    return folder_of(file) / "recording"


def _seen(harvest: Harvest) -> Seen:
    return {
        key: {name: _digest(value) for name, value in msgspec.to_builtins(record).items()}
        for key, record in harvest.records.items()
    }


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:12]


def _changed(before: Seen, now: Seen) -> dict[str, int]:
    """Of how many records each field differs."""
    found: dict[str, int] = {}
    for key in before.keys() & now.keys():
        for name in now[key]:
            if before[key].get(name) != now[key][name]:
                found[name] = found.get(name, 0) + 1
    return found


def _difference(before: Seen, now: Seen) -> dict[str, Any]:
    return {
        "new": sorted(now.keys() - before.keys()),
        "gone": sorted(before.keys() - now.keys()),
        "changed": _changed(before, now),
    }


def _remembered(folder: Path) -> Seen | None:
    try:
        return msgspec.json.decode((folder / LAST).read_bytes(), type=Seen)
    except (OSError, msgspec.MsgspecError):
        return None


def _remember(folder: Path, harvest: Harvest) -> None:
    try:
        (folder / LAST).write_bytes(msgspec.json.encode(_seen(harvest)))
    except OSError as error:
        raise ConfigError(f"can't be written ({error.strerror})", file=str(folder / LAST)) from None


def _print_json(harvest: Harvest, told: Mapping[str, Any] | None) -> None:
    found = {
        "records": len(harvest.records),
        "pages": harvest.pages,
        "rejected": [msgspec.to_builtins(rejected) for rejected in harvest.rejected],
        "since_last": told,
    }
    sys.stdout.write(msgspec.json.encode(found).decode() + "\n")


def _print(harvest: Harvest, told: Mapping[str, Any] | None) -> None:
    console.print(f"{len(harvest.records):,} records on {harvest.pages} pages, {len(harvest.rejected)} rejected")
    for rejected in harvest.rejected[:10]:
        console.print(f"  {rejected.native_id or '?'}: {rejected.reason}", markup=False)
    words: dict[str, int] = {}
    for found in harvest.records.values():
        if found.status == "UNMAPPED" and found.native_status is not None:
            words[found.native_status.label] = words.get(found.native_status.label, 0) + 1
    for word, count in sorted(words.items()):
        console.print(f"  status word mapped nowhere: {word} ({count})", markup=False)
    if told is None:
        console.print("nothing to compare with: this is the first replay")
        return
    for name in ("new", "gone"):
        if told[name]:
            console.print(f"{name} since the last time: {len(told[name])}, for instance {told[name][0]}", markup=False)
    for name, count in sorted(told["changed"].items()):
        console.print(f"changed since the last time: {name} of {count:,} records", markup=False)
    if not any(told.values()):
        console.print("the same as the last time")
