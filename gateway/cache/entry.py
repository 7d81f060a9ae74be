"""An answer that is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from typing import TYPE_CHECKING

import msgspec

from gateway.cache.footing import Footing

if TYPE_CHECKING:
    from gateway.reply import Reply

#: What an entry takes beside its bytes: objects, replies in a few shapes, its place in the tables. Measured, and more.
OVERHEAD = 4_000


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """An answer as it is shared between hubs.

    Attributes:
        key: of its question; stands here too, and is compared: a reply of Valkey that belongs to another call, because
            that one was cancelled, must never be taken for ours.
        body: the answer, in UTF-8.
        expires_at: seconds since 1970; None: by its footing alone.
    """

    key: bytes
    body: bytes
    footing: Footing
    expires_at: float | None = None


class Entry:
    """An answer in memory.

    Attributes:
        mark: of the ledger, when the answer was last known to be true.
        confirmed_at: when that was, on the monotonic clock.
        given: to one client at least. Most are never asked for again, and nothing more is kept of them.
        encoded: the body by content coding, made when first asked for.
        replies: ready to be sent, by what a request's headers come to.
    """

    __slots__ = (
        "body", "confirmed_at", "encoded", "etag", "expires_at", "footing", "given", "key", "mark", "replies", "size",
    )  # fmt: skip

    def __init__(self, stored: Stored, mark: Hashable, confirmed_at: float) -> None:
        self.key = stored.key
        self.body = stored.body
        self.footing = stored.footing
        self.expires_at = stored.expires_at
        self.mark = mark
        self.confirmed_at = confirmed_at
        self.given = False
        # Processors have instructions for this one: it takes half as long as BLAKE2.
        self.etag = hashlib.sha256(stored.body).hexdigest()[:24]
        self.encoded: dict[str, bytes] = {}
        self.replies: dict[str, Reply] = {}
        self.size = len(stored.body) + OVERHEAD + 100 * (len(stored.footing.complaints) + len(stored.footing.agencies))

    def stored(self) -> Stored:
        """As it is shared."""
        return Stored(self.key, self.body, self.footing, self.expires_at)
