"""`simpul agency certify`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console

from connectors.contract.bench import Subject
from connectors.contract.certificate import Certificate, issue
from connectors.contract.recording import INDEX, recorded
from connectors.contract.rule import RULES, Outcome, Verdict, missing
from connectors.contract.suite import outcomes
from connectors.manifest import Manifest, read_manifest
from connectors.secrets import Secrets
from gateway.commands.agency_record import recording_of
from gateway.logs import configure_logs
from gateway.settings import LogFormat, LogLevel
from schema.agency import ConnectorTier

console = Console(highlight=False)

_COLOURS = {
    Verdict.PASSED: "green",
    Verdict.FAILED: "red",
    Verdict.UNTRIED: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
}


def certify(
    file: Path,
    *,
    live: bool = False,
    url: str | None = None,
    since: datetime | None = None,
    push: Sequence[Path] = (),
    json: bool = False,
) -> int:
    """Try each rule of the contract on an agency's recording, or live, and write down the tier. Exits with 1 for none.

    Parameters
    ----------
    file
        The agency's file, for instance agencies/prov-bali.toml.
    live
        Ask the agency itself, about ten harvests long, also where there is a recording.
    url
        Another base address than the file's; asks the agency live.
    since
        Live: only what changed since then, for an agency with more than 20,000 complaints: 2026-05-01.
    push
        A file with the body of a push, for an agency that only sends; may be given again.
    json
        One JSON object, for scripts.
    """
    configure_logs(LogFormat.TEXT, LogLevel.ERROR)  # what goes wrong on purpose would be told at length
    manifest = read_manifest(file)
    live = live or url is not None or not (recording_of(file) / INDEX).exists()
    found = asyncio.run(_tried(_subject(manifest, live=live, url=url, since=since, push=push), quiet=json))
    certificate = issue(manifest, found, "live" if live else "recording", datetime.now(UTC))
    (_print_json if json else _print)(certificate, found)
    return 0 if certificate.tier else 1


def _subject(
    manifest: Manifest, *, live: bool, url: str | None, since: datetime | None, push: Sequence[Path]
) -> Subject:
    if not live:
        return recorded(manifest, recording_of(Path(manifest.file)))
    if since is not None and since.tzinfo is None:
        since = since.replace(tzinfo=UTC)
    return Subject(
        manifest=manifest.at(url) if url else manifest,
        secrets=Secrets(os.environ),
        since=since,
        pushes=tuple(path.read_bytes() for path in push),
    )


async def _tried(subject: Subject, *, quiet: bool) -> list[Outcome]:
    found: list[Outcome] = []
    async for outcome in outcomes(subject):
        found.append(outcome)
        if not quiet:
            colour = _COLOURS[outcome.verdict]
            told = f"{outcome.tier.value:<7}{outcome.rule:<25}[{colour}]{outcome.verdict.value:<15}[/{colour}]"
            console.print(told, end="")
            console.print(outcome.detail, markup=False)
    return found


def _print_json(certificate: Certificate, found: list[Outcome]) -> None:
    above, between = missing(found)
    told = {
        "tier": certificate.tier,
        "on": certificate.on,
        "rules": [msgspec.to_builtins(outcome) for outcome in found],
        "next": above,
        "missing": [outcome.rule for outcome in between],
    }
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


def _print(certificate: Certificate, found: list[Outcome]) -> None:
    passed = sum(outcome.verdict is Verdict.PASSED for outcome in found)
    left_out = sum(outcome.verdict is Verdict.NOT_APPLICABLE for outcome in found)
    console.print()
    console.print(
        f"tier: [bold]{_name(certificate.tier)}[/bold]  ({passed} rules passed, {left_out} not applicable, "
        f"tried on {'the agency itself' if certificate.on == 'live' else 'its recording'})"
    )
    above, between = missing(found)
    if above is not None:
        console.print(f"for {_name(above)}:")
    for outcome in between:
        console.print(f"  {outcome.rule}: {outcome.detail}", markup=False)
        console.print(f"    {RULES[outcome.rule].reason} See docs/contract.md#{outcome.rule}", markup=False)


def _name(tier: ConnectorTier | None) -> str:
    return tier.value.lower() if tier else "none"
