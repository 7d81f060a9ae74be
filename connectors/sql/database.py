"""An agency's database as the connector knows it: where it is, and reading sessions.

Each driver is imported where it is used first. What a driver raises comes out as a SourceError or as BadSql, without a
word of its own that could hold a row or an address.
"""

from __future__ import annotations

from typing import Protocol
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from zoneinfo import ZoneInfo

import msgspec

from connectors.secrets import REFERENCE, Resolve, Secret, has_reference
from connectors.sql.statement import Dialect, Statement
from connectors.sql.values import Row

_SCHEMES = {
    "postgres": Dialect.POSTGRES,
    "postgresql": Dialect.POSTGRES,
    "mysql": Dialect.MYSQL,
    "mariadb": Dialect.MYSQL,
    "sqlite": Dialect.SQLITE,
}
FORMS = ("postgres://USER:PASSWORD@HOST/NAME", "mysql://USER:PASSWORD@HOST/NAME", "sqlite:///PATH", "env:NAME")

#: Rows that a driver hands over at once.
CHUNK = 100
#: Sessions at the same time, of one agency.
SESSIONS = 4


class BadSql(Exception):
    """The database doesn't understand a statement; the message names what it stumbled over, and no value."""


class Session(Protocol):
    """A connection that can only read. After an error it can only be aborted."""

    async def begin(self) -> None:
        """From here to `end` all statements see the same moment."""

    async def end(self) -> None: ...

    async def fetch(self, statement: Statement, limit: int) -> list[Row]:
        """All rows.

        Args:
            limit: bytes, about.

        Raises:
            BadPayload: there are more.
            BadSql, SourceError: it failed.
        """

    async def may_write(self) -> bool:
        """Whether the account could write, were the session not read-only."""

    async def aclose(self) -> None:
        """Takes leave."""

    def abort(self) -> None:
        """Ends it at once, whatever goes on."""


class Database(Protocol):
    """Where sessions come from."""

    async def connect(self) -> Session:
        """A new session.

        Raises:
            SourceError: there is none to be had.
        """

    async def aclose(self) -> None:
        """Lets go of what sessions share, when there are none any more."""


class Address(msgspec.Struct, frozen=True):
    """Where a database is, and the credentials.

    Attributes:
        url: whole, for drivers that read it themselves.
        options: the query of the address.
    """

    dialect: Dialect
    url: Secret
    host: str | None
    port: int | None
    user: str | None
    password: Secret | None
    name: str
    options: dict[str, str]


class BadAddress(ValueError):
    """The message says why, without a part of it."""


def address(written: str, resolve: Resolve) -> Address:
    """The address that the agency's file names; references stand for all of it or for its password.

    Raises:
        BadAddress: it is none, or holds a password.
        ConfigError: a reference leads nowhere.
    """
    whole = REFERENCE.fullmatch(written) is not None
    if not whole and not has_reference(_password(written)) and _password(written):
        raise BadAddress("a password may not stand in the file")
    return _parsed(REFERENCE.sub(lambda match: _filled(match[0], resolve, whole), written))


def _filled(reference: str, resolve: Resolve, whole: bool) -> str:
    secret = resolve(reference).reveal()
    return secret if whole else quote(secret, safe="")


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def _parsed(url: str) -> Address:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise BadAddress("is not the address of a database") from None
    dialect = _SCHEMES.get(parts.scheme)
    options = dict(parse_qsl(parts.query))
    if dialect is None or not url.isprintable():
        raise BadAddress("is not the address of a database")
    local = "host" in options or "socket" in options
    if dialect is Dialect.SQLITE:
        name = url.partition("://")[2]
    elif host or local:
        name = unquote(parts.path.removeprefix("/"))
    else:
        raise BadAddress("names no host")
    if not name:
        raise BadAddress("names no database")
    return Address(
        dialect=dialect,
        url=Secret(url),
        host=host,
        port=port,
        user=unquote(parts.username) if parts.username else None,
        password=Secret(unquote(parts.password)) if parts.password else None,
        name=name,
        options=options,
    )


def open_database(address: Address, zone: ZoneInfo, deadline: float) -> Database:
    """The database at an address; nothing is opened yet.

    Args:
        zone: of dates without one.
        deadline: seconds after which the server itself gives a statement up.
    """
    match address.dialect:
        case Dialect.POSTGRES:
            from connectors.sql.postgres import Postgres

            return Postgres(address, zone, deadline)
        case Dialect.MYSQL:
            from connectors.sql.mysql import MySql

            return MySql(address, zone, deadline)
        case Dialect.SQLITE:
            from connectors.sql.sqlite import Sqlite

            return Sqlite(address)
