"""`simpul sync`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

import msgspec

from connectors.manifest import Manifest
from connectors.registry import load_agencies
from connectors.secrets import Secrets
from gateway.commands.progress import Harvesting
from gateway.hub import open_agencies, open_ledger
from gateway.logs import configure_logs
from gateway.settings import Settings, load
from schema.agency import SourceReport
from schema.errors import ConfigError


def sync(*agencies: str, json: bool = False) -> int:
    """Read once what changed at all agencies, or at some, without serving. Exits with 1 if one can't be read.

    Parameters
    ----------
    agencies
        Slugs; all of them if none is named.
    json
        One JSON array of source reports, for scripts.
    """
    settings = load()
    configure_logs(settings.log_format, settings.log_level)
    manifests = load_agencies(settings.agencies_dir)
    unknown = sorted(set(agencies) - set(manifests))
    if unknown:
        raise ConfigError(f"no such agency: {', '.join(unknown)}", allowed=tuple(manifests))
    reports = asyncio.run(_harvest(settings, manifests, agencies or tuple(manifests), quiet=json))
    if json:
        sys.stdout.write(msgspec.json.encode(reports).decode() + "\n")
    return 1 if any(report.error for report in reports) else 0


async def _harvest(
    settings: Settings, manifests: Mapping[str, Manifest], wanted: tuple[str, ...], *, quiet: bool
) -> list[SourceReport]:
    with Harvesting(wanted, quiet=quiet) as progress:
        async with (
            open_ledger(settings) as ledger,
            open_agencies(
                settings, ledger, Secrets(os.environ), on_page=progress.on_page, on_report=progress.on_report
            ) as agencies,
        ):
            await agencies.apply(manifests)
            chosen = [poller for poller in agencies if poller.slug in wanted]
            return await asyncio.gather(*(poller.harvest() for poller in chosen))
