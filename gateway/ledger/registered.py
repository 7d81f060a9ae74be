"""What the ledger keeps of agencies: what their files say, and how their sources are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.ledger.database import Transaction
from schema.agency import Agency, AgencyLevel, SourceReport, SourceState
from schema.complaint import Complaint
from schema.errors import LedgerError

_BACKLOG = (
    "SELECT (SELECT count(*) FROM quarantine WHERE agency = $1),"
    " (SELECT count(*) FROM complaints WHERE agency = $1 AND status = 'UNMAPPED')"
)

_LEVELLED = (
    "UPDATE complaints SET level = $1 WHERE agency = $2",
    "UPDATE counters SET level = $1 WHERE agency = $2",
)


class Registered:
    """The agencies, each read from the database once."""

    def __init__(self) -> None:
        self._agencies: dict[str, Agency] = {}

    def update(self, agencies: Iterable[Agency]) -> None:
        """Takes what was stored just now."""
        self._agencies.update((agency.id, agency) for agency in agencies)

    async def agency(self, tx: Transaction, slug: str) -> Agency:
        """Raises:
        LedgerError: it was never registered.
        """
        if slug not in self._agencies:
            rows = await tx.fetch("SELECT facts FROM agencies WHERE id = $1", [slug])
            if not rows:
                raise LedgerError(f"agency {slug} is not registered")
            self._agencies[slug] = msgspec.json.decode(rows[0][0], type=Agency)
        return self._agencies[slug]

    async def levels(self, tx: Transaction, complaints: Iterable[Complaint]) -> Mapping[str, AgencyLevel]:
        """The levels of the agencies that hold these complaints, by slug."""
        return {slug: (await self.agency(tx, slug)).level for slug in {c.agency for c in complaints}}


async def store_facts(tx: Transaction, agency: Agency, known: Sequence[Any] | None) -> bool:
    """Stores what an agency's file says; `known` is its row. Returns whether it is new."""
    facts = msgspec.json.encode(agency).decode()
    if known is not None and known[1] == facts:
        return False
    await tx.execute(
        "INSERT INTO agencies (id, facts) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET facts = excluded.facts",
        [agency.id, facts],
    )
    if known is not None and msgspec.json.decode(known[1], type=Agency).level is not agency.level:
        for statement in _LEVELLED:
            await tx.execute(statement, [agency.level.value, agency.id])
    return True


async def counted(tx: Transaction, report: SourceReport) -> SourceReport:
    """The report with what the ledger alone knows: how much was set aside, how much is mapped nowhere."""
    rows = await tx.fetch(_BACKLOG, [report.agency])
    return replace(report, quarantined=rows[0][0], unmapped=rows[0][1])


async def store_report(tx: Transaction, report: SourceReport) -> None:
    """Stores a report of an agency that is registered."""
    text = msgspec.json.encode(report).decode()
    await tx.execute("UPDATE agencies SET report = $1 WHERE id = $2", [text, report.agency])


def report_of(agency: str, text: str | None) -> SourceReport:
    """The column `report` of an agency."""
    return SourceReport(agency=agency) if text is None else msgspec.json.decode(text, type=SourceReport)


def state_of(text: str | None) -> SourceState:
    """The state that the column `report` tells of."""
    return SourceState.NEVER_SYNCED if text is None else report_of("", text).state
