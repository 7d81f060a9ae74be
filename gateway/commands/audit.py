"""`simpul audit`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from gateway.audit import Fault, Finding, Head, Row, Signer, Verifier
from gateway.commands.opened import keyring_of, opened
from gateway.ledger.audit import HEAD_FILE, read_head, rows
from gateway.ledger.database import open_database
from gateway.ledger.restored import accept as answered_for
from gateway.ledger.rows import moment_text
from gateway.settings import Settings, load
from schema.errors import ConfigError

console = Console()

#: Findings that are printed; the others are counted.
_SHOWN = 100
_LINE = "{:>8}  {:<19}  {:<35}  {:<23}  {:<21}  {}"
#: Seconds that a page of rows may take: a filter may pass over millions.
_PATIENCE = 600.0

#: Prints rows as they come.
Show = Callable[[AsyncIterator[Row]], Awaitable[None]]


def verify(
    *, public_key: Annotated[Sequence[str], Parameter(negative=())] = (), head: Path | None = None, json: bool = False
) -> int:
    """Verify the audit, also while the hub runs. Exits with 1 if a row was altered, deleted, moved or put in.

    Parameters
    ----------
    public_key
        What `simpul audit key` printed, for whoever has not the hub's secret; again for each secret that there was.
    head
        How far the audit had come: a copy of `audit.json`. Default: the one in the data folder.
    json
        One JSON object, for scripts.
    """
    settings = load()
    seen = _head(settings.data_dir / HEAD_FILE if head is None else head, asked=head is not None)
    verifier = Verifier(_keys(settings, public_key), seen)
    found = _Found()
    asyncio.run(_verify(settings, verifier, found))
    if json:
        told = {"rows": verifier.rows, "signed": verifier.signed, "last": verifier.last, "wrong": found.wrong}
        listed = [{**msgspec.structs.asdict(each), "says": str(each)} for each in found.shown]
        sys.stdout.write(msgspec.json.encode({**told, "findings": listed}).decode() + "\n")
    else:
        _tell(verifier, found, seen)
    return 1 if found.wrong else 0


def list_audit(*, since: datetime | None = None, complaint: str | None = None, json: bool = False) -> None:
    """List the audit: who did what, by ids.

    Parameters
    ----------
    since
        From then on; UTC if it says nothing else.
    complaint
        Id of a complaint: what was done to it, or with it.
    json
        One JSON object a line, for scripts.
    """
    asyncio.run(_list(since, complaint, _lines if json else _plain))


def print_key() -> None:
    """Print the public key that the audit is verified with. It may be told to anybody."""
    sys.stdout.write(Signer(keyring_of(load())).public_key.hex() + "\n")


def accept(row: int) -> None:
    """Answer for a backup that was put back without `simpul db restore`: `verify` then excuses that row.

    Parameters
    ----------
    row
        The row by which the hub told of it.
    """
    asyncio.run(_accept(row))


class _Found:
    """Findings: the first of them, and how many there are that mean something."""

    def __init__(self) -> None:
        self.shown: list[Finding] = []
        self.all = 0
        self.wrong = 0

    def add(self, finding: Finding) -> None:
        self.all += 1
        self.wrong += finding.fault is not Fault.RESTORED or not finding.excused
        if len(self.shown) < _SHOWN:
            self.shown.append(finding)


async def _accept(row: int) -> None:
    async with opened(load(), lambda: datetime.now(UTC)) as ledger:
        await answered_for(ledger.database, ledger.audit, row)


async def _verify(settings: Settings, verifier: Verifier, found: _Found) -> None:
    async with open_database(settings.database, readers=1, deadline=_PATIENCE) as database:
        async for row in rows(database):
            for finding in verifier.check(row):
                found.add(finding)
    for finding in verifier.end():
        found.add(finding)


def _tell(verifier: Verifier, found: _Found, head: Head | None) -> None:
    for finding in found.shown:
        console.print(str(finding), markup=False, highlight=False, soft_wrap=True)
    if found.all > len(found.shown):
        console.print(f"and {found.all - len(found.shown):,} more findings", markup=False, highlight=False)
    known = (
        "no head is known outside the database" if head is None else f"the head outside the database is {head.seq:,}"
    )
    counts = f"{verifier.rows:,} rows checked, {verifier.signed:,} signed, the last is {verifier.last:,}; {known}"
    verdict = f"{found.wrong:,} findings" if found.wrong else "nothing is wrong"
    console.print(f"{counts}: {verdict}", markup=False, highlight=False, soft_wrap=True)


def _head(path: Path, *, asked: bool) -> Head | None:
    if asked and not path.exists():
        raise ConfigError("there is no such file", key="--head", file=str(path))
    try:
        return read_head(path)
    except ValueError as error:
        raise ConfigError(f"it is not the head of an audit, or was altered: {error}", file=str(path)) from None


def _keys(settings: Settings, given: Sequence[str]) -> list[bytes]:
    if not given:
        return [Signer(keyring_of(settings)).public_key]
    try:
        keys = [bytes.fromhex(key) for key in given]
    except ValueError:
        keys = []
    if not keys or any(len(key) != 32 for key in keys):
        raise ConfigError("not what `simpul audit key` prints: 64 hexadecimal digits", key="--public-key")
    return keys


async def _list(since: datetime | None, complaint: str | None, show: Show) -> None:
    conditions, params = ["TRUE"], list[object]()
    if since is not None:
        params.append(moment_text(since if since.tzinfo else since.replace(tzinfo=UTC)))
        conditions.append(f"at >= ${len(params)}")
    if complaint is not None:
        params.append(complaint)
        conditions.append(f"(complaint_id = ${len(params)} OR other_id = ${len(params)})")
    async with open_database(load().database, readers=1, deadline=_PATIENCE) as database:
        await show(rows(database, " AND ".join(conditions), tuple(params)))


async def _lines(found: AsyncIterator[Row]) -> None:
    async for row in found:
        sys.stdout.write(msgspec.json.encode(row).decode() + "\n")


async def _plain(found: AsyncIterator[Row]) -> None:
    sys.stdout.write(_LINE.format("row", "at (UTC)", "actor", "action", "outcome", "ids").rstrip() + "\n")
    async for row in found:
        entry = row.entry
        at = entry.at[:19].replace("T", " ")
        ids = " ".join(each for each in (entry.complaint, entry.other, entry.delivery) if each)
        sys.stdout.write(_LINE.format(entry.seq, at, entry.actor, entry.action, entry.outcome, ids).rstrip() + "\n")
