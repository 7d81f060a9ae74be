"""Operators' keys: made and revoked under the head's lock, each together with its row of the audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.access.credentials import key_hash, new_key
from gateway.audit import DONE, Head
from gateway.keyring import Keyring
from gateway.ledger.append import among
from gateway.ledger.audit import AuditLog, noting
from gateway.ledger.database import Database, Row, Transaction
from gateway.ledger.rows import clean, moment, moment_text
from schema.complaint import random_id
from schema.errors import ConfigError
from schema.ports import Clock
from schema.query import Role
from schema.writes import Action

#: Roles that a key may have; those that act for agencies, and those that act for none.
OF_AGENCIES: Final = (Role.AGENCY_COORDINATOR, Role.LIAISON_OFFICER, Role.INTEGRATOR)
OF_ALL: Final = (Role.NATIONAL_ADMIN, Role.OVERSIGHT)

_COLUMNS: Final = "id, name, role, agencies, created_at, expires_at, revoked_at, operations"
_INSERT: Final = f"INSERT INTO keys ({_COLUMNS}, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"  # noqa: S608 - ours
_OPERATOR: Final = "operator"
_LONGEST_NAME: Final = 200


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an operator's key. Not the key: nobody has it but its holder.

    Attributes:
        operations: what it is for, as `Viewer.operations`; unset: all that its role may. (Unset and not None: what is
            digested of keys that were made before stays as it was.)
    """

    id: str
    name: str
    role: Role
    agencies: tuple[str, ...] = ()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    operations: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    def valid(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Keys:
    """The keys of one ledger. Each change is one transaction, also while a hub writes."""

    def __init__(self, database: Database, keyring: Keyring, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._keyring = keyring
        self._audit = audit
        self._clock = clock

    async def create(
        self,
        name: str,
        role: Role,
        agencies: Sequence[str] = (),
        expires_at: datetime | None = None,
        operations: tuple[str, ...] | None = None,
    ) -> tuple[Key, str]:
        """Makes a key. Returns it and its secret, which is nowhere else.

        Args:
            operations: that it is for, known to the graph; None: all that its role may.

        Raises:
            ConfigError: no such key can be made.
        """
        key = Key(
            id=random_id("key"),
            name=_checked_name(name),
            role=role,
            agencies=_checked_agencies(role, agencies),
            created_at=moment(moment_text(self._clock())),
            expires_at=None if expires_at is None else moment(moment_text(expires_at)),
            operations=msgspec.UNSET if operations is None else operations,
        )
        secret = new_key()

        async def body(tx: Transaction) -> tuple[Key, Head]:
            await self._audit.check_secret(tx)
            await _must_be_plugged_in(tx, key.agencies)
            await tx.execute(_INSERT, [*_values(key), key_hash(self._keyring, secret)])
            return key, await self._note(tx, Action.CREATE_KEY, key)

        return await noting(self._database, self._audit, body), secret

    async def revoke(self, id: str) -> Key:
        """Ends a key. One that was revoked stays as it is.

        Raises:
            ConfigError: there is none with this id.
        """

        async def body(tx: Transaction) -> tuple[Key, Head | None]:
            rows = await tx.fetch(f"SELECT {_COLUMNS} FROM keys WHERE id = $1", [clean(id)])  # noqa: S608 - ours
            if not rows:
                raise ConfigError(f"there is no key {id!r}: see `simpul key list`")
            key = _key(rows[0])
            if key.revoked_at is not None:
                return key, None
            await self._audit.check_secret(tx)
            return await self._revoked(tx, key)

        return await noting(self._database, self._audit, body)

    async def revoke_again(self, revoked: Collection[str]) -> int:
        """Ends keys that a backup brought back to life. Returns how many."""

        async def body(tx: Transaction) -> tuple[int, Head | None]:
            test, values = among(tx, "$1", list(revoked))
            rows = await tx.fetch(f"SELECT {_COLUMNS} FROM keys WHERE revoked_at IS NULL AND id {test}", [values])  # noqa: S608 - ours
            noted: Head | None = None
            for row in rows:
                _, noted = await self._revoked(tx, _key(row))
            return len(rows), noted

        return await noting(self._database, self._audit, body)

    async def _revoked(self, tx: Transaction, key: Key) -> tuple[Key, Head]:
        at = moment_text(self._clock())
        await tx.execute("UPDATE keys SET revoked_at = $1 WHERE id = $2", [at, key.id])
        return replace(key, revoked_at=moment(at)), await self._note(tx, Action.REVOKE_KEY, key)

    async def _note(self, tx: Transaction, action: Action, key: Key) -> Head:
        # What the key could do is pinned without being told: an altered role shows when it is looked into.
        kept = self._keyring.digest("audit of keys", msgspec.json.encode(replace(key, revoked_at=None)))
        return await self._audit.note(tx, actor=_OPERATOR, action=action, outcome=DONE, other=key.id, body=kept.hex())


async def all_keys(database: Database) -> list[Key]:
    """Every key there was, oldest first."""
    rows = await database.fetch(f"SELECT {_COLUMNS} FROM keys ORDER BY created_at, id")  # noqa: S608 - ours
    return [_key(row) for row in rows]


async def key_of(database: Database, hash: str) -> Key | None:
    """The key that is kept under a hash."""
    rows = await database.fetch(f"SELECT {_COLUMNS} FROM keys WHERE hash = $1", [hash])  # noqa: S608 - ours
    return _key(rows[0]) if rows else None


async def complaints_of(database: Database, hash: str) -> tuple[str, ...]:
    """Ids of the complaints that the token with this hash opens; none if there is no such token."""
    rows = await database.fetch("SELECT complaint_id FROM reporters WHERE hash = $1 ORDER BY complaint_id", [hash])
    return tuple(row[0] for row in rows)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"1 to {_LONGEST_NAME} printable characters that say whose it is", key="--name")
    return name


def _checked_agencies(role: Role, agencies: Sequence[str]) -> tuple[str, ...]:
    if role in OF_ALL:
        if agencies:
            raise ConfigError(f"{role.value} acts for no agency", key="--agency")
        return ()
    if role not in OF_AGENCIES:
        raise ConfigError("no key has this role", key="--role", allowed=[r.value for r in (*OF_ALL, *OF_AGENCIES)])
    if not agencies:
        raise ConfigError(f"{role.value} acts for at least one agency", key="--agency")
    return tuple(sorted(set(agencies)))


async def _must_be_plugged_in(tx: Transaction, agencies: Sequence[str]) -> None:
    known = {row[0] for row in await tx.fetch("SELECT id FROM agencies")}
    for slug in agencies:
        if slug not in known:
            raise ConfigError(f"no agency {slug!r} is plugged in", key="--agency", allowed=sorted(known))


def _values(key: Key) -> list[object]:
    moments = (key.created_at, key.expires_at, key.revoked_at)
    return [
        key.id,
        key.name,
        key.role.value,
        msgspec.json.encode(key.agencies).decode(),
        *(None if each is None else moment_text(each) for each in moments),
        None if key.operations is msgspec.UNSET else msgspec.json.encode(key.operations).decode(),
    ]


def _key(row: Row) -> Key:
    id, name, role, agencies, created_at, expires_at, revoked_at, operations = row
    return Key(
        id=id,
        name=name,
        role=Role(role),
        agencies=msgspec.json.decode(agencies, type=tuple[str, ...]),
        created_at=moment(created_at),
        expires_at=None if expires_at is None else moment(expires_at),
        revoked_at=None if revoked_at is None else moment(revoked_at),
        operations=msgspec.UNSET if operations is None else msgspec.json.decode(operations, type=tuple[str, ...]),
    )
