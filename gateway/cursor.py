"""Sealed cursors: they tell nothing, can't be made up, and are the same for everybody who asks."""

from __future__ import annotations

import binascii
import os
import secrets
import struct
from base64 import b64decode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from schema.errors import BadCursor, ConfigError
from schema.events import Position
from schema.query import ComplaintOrder, RowKey

#: No cursor of ours comes near; what is longer is not looked at.
LONGEST = 2_048

_KEY_BYTES = 64
_SEQ = struct.Struct(">Q")
_row = msgspec.msgpack.Decoder(RowKey)


class SealedCursors:
    """`schema.ports.Cursors` by AES-SIV: deterministic and authenticated.

    Deterministic, because the same event must have the same cursor in every answer; sealed, because a gapless number
    in plain sight would let the public count the events that it may not see.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESSIV(key)

    def seal_event(self, position: Position) -> str:
        # The seq has a fixed width: the length of the cursor must not tell how far the ledger has come.
        return self._seal(_SEQ.pack(position.seq) + position.epoch.encode(), [b"event"])

    def open_event(self, cursor: str) -> Position:
        plain = self._open(cursor, [b"event"])
        return Position(epoch=plain[_SEQ.size :].decode(), seq=_SEQ.unpack_from(plain)[0])

    def seal_row(self, order: ComplaintOrder, key: RowKey) -> str:
        return self._seal(msgspec.msgpack.encode(key), _kind_of(order))

    def open_row(self, order: ComplaintOrder, cursor: str) -> RowKey:
        return _row.decode(self._open(cursor, _kind_of(order)))

    def seal_delivery(self, seq: int) -> str:
        return self._seal(_SEQ.pack(seq), [b"delivery"])

    def open_delivery(self, cursor: str) -> int:
        seq: int = _SEQ.unpack(self._open(cursor, [b"delivery"]))[0]
        return seq

    def _seal(self, plain: bytes, kind: list[bytes]) -> str:
        return urlsafe_b64encode(self._cipher.encrypt(plain, _buffers(kind))).decode().rstrip("=")

    def _open(self, cursor: str, kind: list[bytes]) -> bytes:
        try:
            plain = self._cipher.decrypt(_decoded(cursor), _buffers(kind))
        except (InvalidTag, binascii.Error, ValueError) as error:
            raise BadCursor("Not a cursor of this hub, or not one of this list and order.") from error
        return plain


def _kind_of(order: ComplaintOrder) -> list[bytes]:
    """The order is authenticated with the row, so that a cursor can't be carried into another order."""
    return [b"row", order.field.encode(), order.direction.encode()]


def _buffers(kind: list[bytes]) -> list[Any]:
    """The list as `cryptography` wants it typed."""
    return list(kind)


def _decoded(cursor: str) -> bytes:
    """Strict base64url: Python's own decoder skips what it does not know, and two strings must not be one cursor."""
    if len(cursor) > LONGEST:
        raise ValueError("too long")
    sealed = b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    if urlsafe_b64encode(sealed).decode().rstrip("=") != cursor:
        raise ValueError("not canonical")
    return sealed


def key_from_secret(secret: str) -> bytes:
    """The sealing key that a configured secret stands for: the same on every replica."""
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"simpul cursors").derive(secret.encode())


def key_from_file(path: Path) -> bytes:
    """The sealing key kept beside the data (mode 0600), made at the first start.

    Raises:
        ConfigError: the file is not a key.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_private(fresh, secrets.token_bytes(_KEY_BYTES))
        try:
            # A link appears whole or not at all; of two hubs that start together, the second takes the first's key.
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_bytes()
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            "not a key; restore it, or remove it and every cursor handed out becomes void", file=str(path)
        )
    return key


def _write_private(path: Path, content: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
