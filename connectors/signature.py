"""Signatures of pushes, as https://www.standardwebhooks.com has them. Pure: no clock, no I/O.

A push carries three headers: `webhook-id`, the same when it is sent again; `webhook-timestamp`, seconds since 1970 at
the moment of sending; `webhook-signature`, one or more of `v1,BASE64` with a blank between them. What is signed is
`ID.TIMESTAMP.BODY`, byte for byte, by HMAC-SHA256.
"""

from __future__ import annotations

import binascii
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.secrets import Secret
from schema.errors import ConfigError, Unsigned

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

#: Seconds that the sender's clock and the way here may take, before and after.
WINDOW: Final = 300

#: Before a secret that is Base64.
PREFIX: Final = "whsec_"

_SHORTEST: Final = 16
_MOST_SIGNATURES: Final = 16
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_SECONDS = re.compile(r"[0-9]{1,11}")


class Key:
    """What signs. Shown to nobody."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def sign(self, id: str, timestamp: int, body: bytes) -> str:
        """The value of `webhook-signature`."""
        content = b"%s.%d.%s" % (id.encode(), timestamp, body)
        return "v1," + b64encode(hmac.digest(self._value, content, "sha256")).decode()

    def __repr__(self) -> str:
        return "***"


class Signed(msgspec.Struct, frozen=True):
    """What the headers of an authentic push say."""

    id: str
    sent_at: int


def key_of(secret: Secret) -> Key:
    """The key that a secret stands for: `whsec_` and Base64, or any text of 16 characters and more, taken as it is.

    Raises:
        ConfigError: not Base64 after `whsec_`, or too short to keep anybody out.
    """
    text = secret.reveal()
    try:
        value = b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else text.encode()
    except (binascii.Error, ValueError):
        raise ConfigError(f"the secret is not Base64 after {PREFIX}") from None
    if len(value) < _SHORTEST:
        raise ConfigError(f"the secret is shorter than {_SHORTEST} bytes; take 32 of chance: openssl rand -base64 32")
    return Key(value)


def verify(keys: Sequence[Key], headers: Mapping[str, str], body: bytes, now: datetime) -> Signed:
    """What is signed by any of the keys, and sent just now.

    Args:
        headers: names in lower case.
        body: as it came.

    Raises:
        Unsigned: a header is missing or garbled, the sender's clock is off, or no signature fits.
    """
    id, sent_at, given = _named(headers)
    late = int(now.timestamp()) - sent_at
    if abs(late) > WINDOW:
        raise Unsigned(
            f"{TIMESTAMP} is {abs(late)} s {'behind' if late > 0 else 'ahead of'} the hub's clock, {WINDOW} s at most"
            " are allowed: set the sender's clock, and sign anew each time it sends"
        )
    expected = [key.sign(id, sent_at, body).encode() for key in keys]
    # Each with each, whatever fits: how long it takes tells nothing.
    fits = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(fits):
        raise Unsigned(f"{SIGNATURE} does not fit: sign ID.TIMESTAMP.BODY byte for byte, with the secret agreed on")
    return Signed(id, sent_at)


def _named(headers: Mapping[str, str]) -> tuple[str, int, list[bytes]]:
    for name in (ID, TIMESTAMP, SIGNATURE):
        if not headers.get(name):
            raise Unsigned(f"the header {name} is missing")
    if not _ID.fullmatch(headers[ID]):
        raise Unsigned(f"{ID} must be 1 to 200 visible characters of ASCII")
    if not _SECONDS.fullmatch(headers[TIMESTAMP]):
        raise Unsigned(f"{TIMESTAMP} must be whole seconds since 1970")
    given = headers[SIGNATURE].split(" ")
    if len(given) > _MOST_SIGNATURES:
        raise Unsigned(f"{SIGNATURE} holds more than {_MOST_SIGNATURES} signatures")
    return headers[ID], int(headers[TIMESTAMP]), _of_version_1(given)


def _of_version_1(signatures: Iterable[str]) -> list[bytes]:
    found = [signature.encode("utf-8", "replace") for signature in signatures if signature.startswith("v1,")]
    if not found:
        raise Unsigned(f"{SIGNATURE} must look like v1,BASE64")
    return found
