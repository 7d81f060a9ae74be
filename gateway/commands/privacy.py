"""`simpul privacy who-saw`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from gateway.ledger.audit import rows
from gateway.ledger.database import open_database
from gateway.ledger.keys import Key, all_keys
from gateway.ledger.rows import moment_text
from gateway.settings import load
from schema.errors import ConfigError
from schema.writes import Action

#: What was shown, as people are told it.
_WHAT = {
    Action.SEE_COMPLAINT: "the complaint, which the public can't see",
    Action.SEE_PART: "parts that the public can't see",
    Action.SEE_REPORTER: "who reported it",
}
#: The outbox is nobody, and agencies' own systems are told what is theirs.
_NOBODY = frozenset({"hub", Action.DELIVER})
_LINE = "{:<20} {:<20} {:>5}  {:<44} {}"


class Saw(msgspec.Struct, kw_only=True):
    """What somebody was shown of a complaint, or did to it.

    Attributes:
        actor: the credential's name in the audit, never the credential.
        hours: hours of the day in which it was shown or done.
    """

    actor: str
    name: str | None
    role: str | None
    agencies: tuple[str, ...]
    what: str
    first_at: str
    last_at: str
    hours: int = 0


def who_saw(id: str, *, since: datetime | None = None, json: bool = False) -> None:
    """Tell who was shown of a complaint what the public is not, and who wrote to it, from the audit.

    It is for a breach notice. What was shown is told of the hour in which it was shown first; the audit does not count
    looks.

    Parameters
    ----------
    id
        Of the complaint, as `Complaint.id`.
    since
        From then on; UTC if it says nothing else.
    json
        One JSON object a line, for scripts.
    """
    if not id.startswith("complaint_"):
        raise ConfigError(f"{id!r} is no complaint's id: `complaint_` and 26 letters and digits", key="ID")
    found = asyncio.run(_found(id, since))
    if json:
        for each in found:
            sys.stdout.write(msgspec.json.encode(each).decode() + "\n")
        return
    sys.stdout.write(_LINE.format("first (UTC)", "last (UTC)", "hours", "who", "what").rstrip() + "\n")
    for each in found:
        first, last = (at[:19].replace("T", " ") for at in (each.first_at, each.last_at))
        sys.stdout.write(_LINE.format(first, last, each.hours, _named(each), each.what).rstrip() + "\n")


async def _found(id: str, since: datetime | None) -> Iterable[Saw]:
    condition, values = "(complaint_id = $1 OR other_id = $1)", [id]
    if since is not None:
        condition += " AND at >= $2"
        values.append(moment_text(since if since.tzinfo else since.replace(tzinfo=UTC)))
    found: dict[tuple[str, str], Saw] = {}
    hours: dict[tuple[str, str], set[str]] = {}
    async with open_database(load().database, readers=1) as database:
        keys = {f"key:{key.id}": key for key in await all_keys(database)}
        async for row in rows(database, condition, tuple(values)):
            entry = row.entry
            if entry.actor in _NOBODY or entry.action in _NOBODY:
                continue
            key = entry.actor, entry.action
            saw = found.setdefault(key, _saw(entry.actor, entry.action, entry.at, keys.get(entry.actor)))
            saw.last_at = entry.at
            hours.setdefault(key, set()).add(entry.at[:13])
            saw.hours = len(hours[key])
    return found.values()


def _saw(actor: str, action: str, at: str, key: Key | None) -> Saw:
    return Saw(
        actor=actor,
        name=key.name if key else None,
        role=key.role.value if key else None,
        agencies=key.agencies if key else (),
        what=_WHAT.get(action, action),  # type: ignore[call-overload]  # an Action is a str
        first_at=at,
        last_at=at,
    )


def _named(saw: Saw) -> str:
    if saw.name is None:
        return saw.actor
    return f"{saw.name}, {' '.join((saw.role or '', *saw.agencies))} ({saw.actor})"
