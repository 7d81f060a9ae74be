"""From agencies' files to their pollers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from connectors.manifest import Manifest
from gateway.sync.diff import Rules
from gateway.sync.poller import OnPage, OnReport, Pace, Poller
from schema.agency import SourceReport
from schema.clocks import ClockLimits, WorkingCalendar
from schema.ports import Clock, Connector, Writer

#: A failing agency is asked again at least this often, seconds.
LONGEST_WAIT = 300.0

#: The longest wait is this many times the usual one, where that is shorter.
PATIENCE = 5


def build_pollers(
    manifests: Iterable[Manifest],
    *,
    connect: Callable[[Manifest], Connector],
    writer: Writer,
    reports: Mapping[str, SourceReport],
    holidays: frozenset[date],
    clock: Clock,
    on_page: OnPage = lambda slug, page, records: None,
    on_report: OnReport = lambda report: None,
) -> list[Poller]:
    """One poller for each agency.

    Args:
        reports: what the ledger knows of each source from before, so that an outage is told once, also over a restart.
    """
    manifests = list(manifests)
    slugs = {manifest.name.casefold(): manifest.slug for manifest in manifests}
    calendars = {zone: WorkingCalendar(zone, holidays) for zone in {m.time_zone for m in manifests}}
    return [
        Poller(
            connector=connect(manifest),
            writer=writer,
            rules=Rules(
                agency=manifest.agency(),
                limits=ClockLimits(manifest.clocks),
                calendar=calendars[manifest.time_zone],
                slugs=slugs,
            ),
            pace=pace(manifest),
            clock=clock,
            report=reports.get(manifest.slug),
            on_page=on_page,
            on_report=on_report,
        )
        for manifest in manifests
    ]


def pace(manifest: Manifest) -> Pace:
    """How often the agency's file wants it asked."""
    poll = manifest.poll
    return Pace(
        every=poll.every,
        stale_after=poll.stale_after,
        longest=max(poll.every, min(PATIENCE * poll.every, LONGEST_WAIT)),
    )
