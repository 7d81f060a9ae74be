"""What a delivery needs and the snapshot must not keep, encrypted for as long as the delivery is on its way.

AES-256-GCM under the hub's own key for this purpose, with a random nonce in front and the delivery's id as associated
data: what was sealed for one delivery opens for no other.
"""

from __future__ import annotations

import secrets
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.keyring import Keyring
from schema.complaint import Complaint, Reporter
from schema.errors import LedgerCorrupt

#: The key's purpose.
PURPOSE: Final = "identity"

_NONCE = 12


class Sealed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sealed for one delivery.

    Attributes:
        reporter: where the agency's file asks for it and the complaint is not anonymous.
        content: the complaint as the agency is to be told it, where the agency allows no copies. Its lists are as long
            as the snapshot's were; of their entries only the one that is delivered has its text.
    """

    reporter: Reporter | None = None
    content: Complaint | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Sealed).decode


def seal(keyring: Keyring, delivery: str, sealed: Sealed) -> bytes:
    """What the ledger keeps for a delivery (`Written.sealed`)."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(keyring.key(PURPOSE)).encrypt(nonce, _encode(sealed), delivery.encode())


def unseal(keyring: Keyring, delivery: str, blob: bytes) -> Sealed:
    """What was sealed for a delivery.

    Raises:
        LedgerCorrupt: it was not sealed for this one, or under another key.
    """
    try:
        return _decode(AESGCM(keyring.key(PURPOSE)).decrypt(blob[:_NONCE], blob[_NONCE:], delivery.encode()))
    except (InvalidTag, ValueError, msgspec.DecodeError) as error:
        raise LedgerCorrupt(f"what is sealed for {delivery} can't be opened") from error


def seal_reporter(keyring: Keyring, complaint: str, reporter: Reporter) -> bytes:
    """What the ledger keeps of who reported a complaint."""
    return seal(keyring, complaint, Sealed(reporter=reporter))


def open_reporter(keyring: Keyring, complaint: str, blob: bytes) -> Reporter | None:
    """Who reported a complaint.

    Raises:
        LedgerCorrupt: it was not sealed for this one, or under another key.
    """
    return unseal(keyring, complaint, blob).reporter
