"""`simpul subject`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter
from rich.console import Console

from connectors.registry import connect, load_agencies
from connectors.secrets import Secrets
from gateway.access.credentials import token_hash
from gateway.attachments.shelf import Shelf
from gateway.commands.opened import keyring_of
from gateway.hub import Ledger, open_ledger
from gateway.ledger import links
from gateway.ledger.append import among, snapshots
from gateway.ledger.audit import rows
from gateway.ledger.database import open_database
from gateway.ledger.export import held
from gateway.ledger.keys import complaints_of
from gateway.settings import Settings, load
from gateway.sightings import Sighting
from gateway.writes.sealing import open_reporter, unseal
from schema.complaint import Complaint, ContentState
from schema.connector import Keeper
from schema.errors import ConfigError, SimpulError
from schema.writes import Action

notes = Console(stderr=True)

#: Complaints that one command does something with.
_MOST = 100
_LINE = "{:<38}  {:<20}  {:<20}  {}"


@Parameter(name="*", help="Names complaints by something else than their ids.")
@dataclass(frozen=True)
class Whose:
    """Names complaints by something else than their ids."""

    agency: Annotated[str | None, Parameter(help="Slug of the agency whose number or tracking id is given.")] = None
    number: Annotated[str | None, Parameter(help="The agency's own number of the complaint.")] = None
    tracking_id: Annotated[str | None, Parameter(help="The number that the citizen was given.")] = None
    token: Annotated[
        bool, Parameter(negative=(), help="Read a reporter's token from standard input: all complaints that it opens.")
    ] = False
    linked: Annotated[
        bool, Parameter(negative=(), help="Also those linked to these, over any number of links, at any agency.")
    ] = False


def export(*ids: str, whose: Whose | None = None) -> None:
    """Print everything that the hub keeps of complaints, as JSON: for whoever asks what is kept of them.

    Parameters
    ----------
    ids
        Of complaints, as `Complaint.id`.
    """
    settings = load()
    found = asyncio.run(_export(settings, ids, whose or Whose()))
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def erase(*ids: str, whose: Whose | None = None, yes: Annotated[bool, Parameter(negative=())] = False) -> int:
    """Take every text, name, place and file out of complaints, for good. Without --yes, show which, and exit with 1.

    Parameters
    ----------
    ids
        Of complaints, as `Complaint.id`.
    yes
        Do it. It can't be undone.
    """
    return asyncio.run(_erase(load(), ids, whose or Whose(), really=yes))


def restrict(*ids: str, whose: Whose | None = None) -> None:
    """Hide complaints from the public and from other agencies, until `simpul subject lift`.

    Parameters
    ----------
    ids
        Of complaints, as `Complaint.id`.
    """
    done = asyncio.run(_move(load(), ids, whose or Whose(), lambda ledger, ids: ledger.writer.restrict(ids)))
    notes.print(f"{done} restricted", markup=False, highlight=False)


def lift(*ids: str, whose: Whose | None = None) -> None:
    """Show complaints again that were restricted, as their agencies have it.

    Parameters
    ----------
    ids
        Of complaints, as `Complaint.id`.
    """
    done = asyncio.run(_move(load(), ids, whose or Whose(), lambda ledger, ids: ledger.writer.lift(ids)))
    notes.print(f"{done} lifted", markup=False, highlight=False)


def list_subjects(*, json: bool = False) -> None:
    """List what was done for people whose data it is, newest last: when, what, of which complaint.

    Parameters
    ----------
    json
        One JSON object a line, for scripts.
    """
    asyncio.run(_list(load(), json=json))


# ---------------------------------------------------------------- found


@asynccontextmanager
async def _opened(
    settings: Settings, ids: Sequence[str], whose: Whose
) -> AsyncIterator[tuple[Ledger, list[Complaint]]]:
    """The ledger, and the complaints that are meant.

    Raises:
        ConfigError: there is none.
    """
    _check(ids, whose)
    keyring_of(settings)  # none is made here
    token = sys.stdin.readline().strip() if whose.token else None
    async with open_ledger(settings) as ledger:
        yield ledger, await _meant(ledger, ids, whose, token)


def _check(ids: Sequence[str], whose: Whose) -> None:
    for id in ids:
        if not id.startswith("complaint_"):
            raise ConfigError(f"{id!r} is no complaint's id: `complaint_` and 26 letters and digits", key="ID")
    if not (ids or whose.number or whose.tracking_id or whose.token):
        raise ConfigError("name complaints by their ids, or by --number, --tracking-id or --token")
    if whose.number and not whose.agency:
        raise ConfigError("is missing: numbers are an agency's own", key="--agency")


async def _meant(ledger: Ledger, ids: Sequence[str], whose: Whose, token: str | None) -> list[Complaint]:
    database, asked = ledger.database, list(dict.fromkeys(ids))
    conditions: list[tuple[str, list[str]]] = []
    if whose.number and whose.agency:
        conditions.append(("agency = $1 AND native_id = $2", [whose.agency, whose.number]))
    if whose.tracking_id:
        of = (" AND agency = $2", [whose.agency]) if whose.agency else ("", [])
        conditions.append((f"tracking_id = $1{of[0]}", [whose.tracking_id, *of[1]]))
    for condition, values in conditions:
        rows = await database.fetch(f"SELECT id FROM complaints WHERE {condition} LIMIT {_MOST + 1}", values)  # noqa: S608
        asked += [row[0] for row in rows]
    if token is not None:
        asked += await complaints_of(database, token_hash(token))
    if whose.linked:
        asked = await links.reached(database, asked, _MOST + 1)
    if len(set(asked)) > _MOST:
        raise ConfigError(f"more than {_MOST} complaints at once: name fewer")
    test, bound = among(database, "$1", asked)
    found = [complaint for complaint, _ in await snapshots(database, f"id {test} ORDER BY id", [bound])]
    if missing := set(ids) - {complaint.id for complaint in found}:
        raise ConfigError(f"no such complaint: {', '.join(sorted(missing))}")
    if not found:
        raise ConfigError("no complaint is meant by this")
    return found


# ---------------------------------------------------------------- done


async def _export(settings: Settings, ids: Sequence[str], whose: Whose) -> list[dict[str, Any]]:
    async with _opened(settings, ids, whose) as (ledger, complaints):
        # First: nobody is shown what is not taken down.
        await ledger.writer.saw([Sighting("operator", Action.EXPORT_SUBJECT, each.id) for each in complaints])
        identity, sealed = partial(open_reporter, ledger.keyring), partial(unseal, ledger.keyring)
        found = [await held(ledger.database, each, ledger.subjects, identity, sealed) for each in complaints]
        copies = await _kept(settings, complaints)
    shelf = Shelf(settings.data_dir / "attachments")
    for complaint, each in zip(complaints, found, strict=True):
        each["agencyCopy"] = copies.get((complaint.agency, complaint.native_id))
        each["files"] = [{"id": id, "path": str(path)} for id, path in shelf.of(complaint.id).items()]
    return found


async def _erase(settings: Settings, ids: Sequence[str], whose: Whose, *, really: bool) -> int:
    async with _opened(settings, ids, whose) as (ledger, complaints):
        _show(complaints)
        others = [each for each in await _others(ledger, complaints) if each.content_state is not ContentState.ERASED]
        if others:
            notes.print("linked to them, and not erased with them unless you say --linked:", markup=False)
            _show(others)
        if not really:
            notes.print("nothing was erased: say --yes", markup=False)
            return 1
        done = await ledger.writer.empty([complaint.id for complaint in complaints])
    await asyncio.to_thread(Shelf(settings.data_dir / "attachments").drop, {complaint.id for complaint in complaints})
    await _kept(settings, complaints, forget=True)
    notes.print(f"{done} erased; the agencies' own records are theirs to erase", markup=False, highlight=False)
    return 0


async def _move(
    settings: Settings,
    ids: Sequence[str],
    whose: Whose,
    move: Callable[[Ledger, list[str]], Awaitable[int]],
) -> int:
    async with _opened(settings, ids, whose) as (ledger, complaints):
        return await move(ledger, [complaint.id for complaint in complaints])


async def _others(ledger: Ledger, complaints: Sequence[Complaint]) -> list[Complaint]:
    ids = {complaint.id for complaint in complaints}
    others = [id for id in await links.reached(ledger.database, list(ids), _MOST) if id not in ids]
    test, bound = among(ledger.database, "$1", others)
    return [each for each, _ in await snapshots(ledger.database, f"id {test} ORDER BY id", [bound])]


async def _kept(
    settings: Settings, complaints: Sequence[Complaint], *, forget: bool = False
) -> dict[tuple[str, str | None], object]:
    """What connectors keep of these themselves; with `forget`, it goes.

    A running hub has them forget within the hour, where this command has not what is needed for it.
    """
    found: dict[tuple[str, str | None], object] = {}
    for slug, numbers in _by_agency(complaints).items():
        try:
            manifest = load_agencies(settings.agencies_dir).get(slug)
            if manifest is None:
                continue
            connector = connect(manifest, Secrets(os.environ), folder=settings.data_dir / "agencies" / slug)
        except SimpulError as error:
            notes.print(f"{slug}: its connector's own copies were not looked at: {error}", markup=False)
            continue
        try:
            if isinstance(connector, Keeper):
                if forget:
                    await connector.forget(numbers)
                else:
                    found |= {(slug, number): each for number, each in (await connector.held(numbers)).items()}
        finally:
            await connector.aclose()
    return found


async def _list(settings: Settings, *, json: bool) -> None:
    actions = [
        Action.EXPORT_SUBJECT, Action.ERASE_SUBJECT, Action.RESTRICT_SUBJECT, Action.LIFT_RESTRICTION,
    ]  # fmt: skip
    condition = f"action IN ({', '.join(f'${place}' for place in range(1, len(actions) + 1))})"
    async with open_database(settings.database, readers=1) as database:
        async for row in rows(database, condition, tuple(each.value for each in actions)):
            entry = row.entry
            if json:
                told = {"at": entry.at, "action": entry.action, "complaint": entry.complaint, "actor": entry.actor}
                sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
            else:
                at = entry.at[:19].replace("T", " ")
                sys.stdout.write(_LINE.format(entry.complaint, entry.action, at, entry.actor).rstrip() + "\n")


def _by_agency(complaints: Sequence[Complaint]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for complaint in complaints:
        if complaint.native_id is not None:
            found.setdefault(complaint.agency, []).append(complaint.native_id)
    return found


def _show(complaints: Sequence[Complaint]) -> None:
    for each in complaints:
        line = _LINE.format(each.id, each.agency, each.tracking_id, each.status.value)
        notes.print(line, markup=False, highlight=False, soft_wrap=True)
