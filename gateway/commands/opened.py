"""The ledger as commands open it that write to it, or verify it, beside a running hub."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from gateway.cursor import key_from_file, key_from_secret
from gateway.keyring import Keyring
from gateway.ledger.audit import AuditLog, open_audit
from gateway.ledger.database import Database, open_database
from gateway.ledger.keys import Keys
from gateway.settings import Settings
from schema.errors import ConfigError
from schema.ports import Clock


class Opened(msgspec.Struct, frozen=True):
    """A hub's ledger, and the parts of it that a command needs."""

    database: Database
    audit: AuditLog
    keys: Keys


@asynccontextmanager
async def opened(settings: Settings, clock: Clock, *, make_key: bool = False) -> AsyncIterator[Opened]:
    """The ledger of these settings, and what the hub's secret opens of it.

    Args:
        make_key: the hub's key is made if there is none, as the hub itself would.

    Raises:
        LedgerUnavailable: it can't be reached.
        ConfigError: the hub's secret is not here.
    """
    if make_key and settings.secret is None:
        key_from_file(settings.key_file)
    keyring = keyring_of(settings)
    async with open_database(settings.database, readers=1) as database:
        with open_audit(settings.data_dir, keyring, clock) as audit:
            yield Opened(database, audit, Keys(database, keyring, audit, clock))


def keyring_of(settings: Settings) -> Keyring:
    """The hub's keys. None is made here: a secret of the command's own would open nothing.

    Raises:
        ConfigError: there is none.
    """
    if settings.secret is not None:
        return Keyring(key_from_secret(settings.secret.get_secret_value()))
    if not settings.key_file.exists():
        raise ConfigError(
            "the hub's secret is not here: set SIMPUL_SECRET or SIMPUL_DATA_DIR as the hub has them, or start the hub"
            " once",
            file=str(settings.key_file),
        )
    return Keyring(key_from_file(settings.key_file))
