"""Credentials as they are shown and as they are kept. Nothing here says whom they belong to."""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from gateway.keyring import Keyring
from schema.query import PUBLIC, Viewer

#: What operators' keys and reporters' tokens begin with, so that a program that finds one in a file can tell.
KEY_PREFIX: Final = "smpk_"
TOKEN_PREFIX: Final = "smpr_"  # noqa: S105 - what all of them begin with

_KEY: Final = re.compile(KEY_PREFIX + "[A-Za-z0-9_-]{43}")
_TOKEN: Final = re.compile(TOKEN_PREFIX + "[a-z2-7]{52}")
_BEARER: Final = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
#: Nothing longer is looked at.
_LONGEST: Final = 512
#: A token of an identity provider: three parts of BASE64URL. One that is longer belongs to no header.
_SIGNED: Final = re.compile(r"bearer +([\w-]{1,2000}\.[\w-]{1,6000}\.[\w-]{1,1500}) *", re.IGNORECASE | re.ASCII)


class Unauthenticated(Exception):
    """Credentials were shown, and they are nobody's: unknown, malformed, revoked or expired. Which, is not said."""


#: Makes a viewer of a header `Authorization`, None if there was none. Raises Unauthenticated, or a SimpulError if it
#: can't be found out just now.
Recognise: TypeAlias = Callable[[str | None], Awaitable[Viewer]]


async def nobody(authorization: str | None) -> Viewer:
    """Recognises nobody: for a hub without credentials."""
    if authorization is not None:
        raise Unauthenticated
    return PUBLIC


def new_key() -> str:
    """An operator's key: 256 random bits."""
    return KEY_PREFIX + urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def reporter_token(keyring: Keyring, complaint: str) -> str:
    """The token of whoever reported a complaint: the same whenever it is asked for."""
    digest = keyring.digest("reporter tokens", complaint.encode())
    return TOKEN_PREFIX + b32encode(digest).decode().rstrip("=").lower()


def token_hash(token: str) -> str:
    """How a reporter's token is kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def key_hash(keyring: Keyring, key: str) -> str:
    """How an operator's key is kept: who has the database alone can't even try one."""
    return keyring.digest("api keys", key.encode()).hex()


def signed(authorization: str) -> str | None:
    """The identity provider's token of a header `Authorization`; None if it is something else."""
    found = _SIGNED.fullmatch(authorization)
    return found[1] if found else None


def bearer(authorization: str) -> str:
    """The credential of a header `Authorization`.

    Raises:
        Unauthenticated: it is none of ours, whatever it is.
    """
    found = _BEARER.fullmatch(authorization) if len(authorization) <= _LONGEST else None
    if found is None or not (_KEY.fullmatch(found[1]) or _TOKEN.fullmatch(found[1])):
        raise Unauthenticated
    return found[1]
