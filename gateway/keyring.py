"""Keys of one hub, each for one purpose, all derived from the one secret that its replicas share."""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class Keyring:
    """Derives keys. The same master gives the same keys, so that replicas agree and a restart changes nothing.

    Args:
        master: the hub's secret: `gateway.cursor.key_from_secret` or `key_from_file`.
    """

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._keys: dict[tuple[str, int], bytes] = {}

    def key(self, purpose: str, size: int = 32) -> bytes:
        """The key for a purpose: `size` bytes, derived by HKDF-SHA-256."""
        if (purpose, size) not in self._keys:
            derivation = HKDF(SHA256(), size, salt=None, info=f"simpul {purpose}".encode())
            self._keys[purpose, size] = derivation.derive(self._master)
        return self._keys[purpose, size]

    def digest(self, purpose: str, *parts: bytes) -> bytes:
        """HMAC-SHA-256 over the parts, each by its length, so that no two lists of parts are the same."""
        mac = hmac.new(self.key(purpose), digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big"))
            mac.update(part)
        return mac.digest()

    def __repr__(self) -> str:
        return "Keyring(***)"
