"""`simpul key`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import msgspec
from cyclopts import Parameter
from rich.console import Console

from gateway.access.scopes import checked_scopes
from gateway.commands.opened import opened
from gateway.ledger.database import open_database
from gateway.ledger.keys import OF_AGENCIES, OF_ALL, Key, all_keys
from gateway.settings import load
from schema.errors import ConfigError
from schema.graph.schema import build
from schema.query import Role

notes = Console(stderr=True)

_MOST_DAYS = 3_650
_LINE = "{:<30}  {:<18}  {:<10}  {:<32}  {}"


def create(
    *,
    name: str,
    role: str,
    agency: Annotated[Sequence[str], Parameter(negative=())] = (),
    operation: Annotated[Sequence[str], Parameter(negative=())] = (),
    expires: int | None = None,
    json: bool = False,
) -> None:
    """Make an operator's key. It is printed once, on standard output, and kept nowhere.

    Parameters
    ----------
    name
        Whose it is: a person or a system. Officers' names stand beside what they do.
    role
        NATIONAL_ADMIN, OVERSIGHT, AGENCY_COORDINATOR, LIAISON_OFFICER or INTEGRATOR.
    agency
        Slug of an agency that it acts for; may be given again. The last three roles need at least one.
    operation
        What it is for: `read`, `write`, `subscribe`, or one operation of the graph, as `complaints` or `addFollowUp`;
        may be given again. Default: all that its role may.
    expires
        Days that it is valid for. Default: until it is revoked.
    json
        One JSON object, for scripts.
    """
    scopes = checked_scopes(operation, build()._schema) if operation else None
    key, secret = asyncio.run(_create(name, _role(role), agency, expires, scopes))
    if json:
        sys.stdout.write(msgspec.json.encode({**msgspec.to_builtins(key), "key": secret}).decode() + "\n")
        return
    notes.print(f"{key.id}: {' '.join((key.role.value, *_scope(key)))}", markup=False, highlight=False)
    notes.print("the key, shown this once; send it as `Authorization: Bearer …`:", markup=False, highlight=False)
    sys.stdout.write(secret + "\n")


def list_keys(*, json: bool = False) -> None:
    """List the operators' keys, without the keys.

    Parameters
    ----------
    json
        One JSON array, for scripts.
    """
    keys = asyncio.run(_all())
    if json:
        sys.stdout.write(msgspec.json.encode(keys).decode() + "\n")
        return
    sys.stdout.write(_LINE.format("id", "role", "made", "state", "name, agencies, operations").rstrip() + "\n")
    for key in keys:
        named = " ".join((key.name, *_scope(key)))
        line = _LINE.format(key.id, key.role.value, f"{key.created_at:%Y-%m-%d}", _state(key), named)
        sys.stdout.write(line.rstrip() + "\n")


def revoke(id: str) -> None:
    """End a key. A running hub heeds it within 5 seconds.

    Parameters
    ----------
    id
        As `simpul key list` tells it.
    """
    key = asyncio.run(_revoke(id))
    notes.print(f"{key.id} is revoked since {_time(key.revoked_at)}", markup=False, highlight=False)


async def _create(
    name: str, role: Role, agencies: Sequence[str], days: int | None, operations: tuple[str, ...] | None
) -> tuple[Key, str]:
    if days is not None and not 1 <= days <= _MOST_DAYS:
        raise ConfigError(f"1 to {_MOST_DAYS} days", key="--expires")
    expires_at = None if days is None else _now() + timedelta(days=days)
    async with opened(load(), _now) as ledger:
        return await ledger.keys.create(name, role, agencies, expires_at, operations)


async def _all() -> list[Key]:
    async with open_database(load().database, readers=1) as database:
        return await all_keys(database)


async def _revoke(id: str) -> Key:
    async with opened(load(), _now) as ledger:
        return await ledger.keys.revoke(id)


def _role(text: str) -> Role:
    # Not an enum in the signature: cyclopts would offer PUBLIC and REPORTER too, which no key has.
    role = Role.__members__.get(text.upper().replace("-", "_"))
    if role not in (*OF_ALL, *OF_AGENCIES):
        raise ConfigError("no key has this role", key="--role", allowed=[r.value for r in (*OF_ALL, *OF_AGENCIES)])
    return role


def _scope(key: Key) -> list[str]:
    """Agencies and operations, for people."""
    operations = () if key.operations is msgspec.UNSET else key.operations
    return [*(f"[{slug}]" for slug in key.agencies), *(f"({name})" for name in operations)]


def _state(key: Key) -> str:
    if key.revoked_at is not None:
        return f"revoked {_time(key.revoked_at)}"
    if key.expires_at is None:
        return "valid"
    return f"{'valid until' if key.valid(_now()) else 'expired'} {_time(key.expires_at)}"


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def _now() -> datetime:
    return datetime.now(UTC)
