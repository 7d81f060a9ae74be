"""Who is asking, from the credentials of a request."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import UNSET

from gateway.access.credentials import KEY_PREFIX, Unauthenticated, bearer, key_hash, signed, token_hash
from gateway.access.tokens import Tokens
from gateway.keyring import Keyring
from gateway.ledger.database import Database
from gateway.ledger.keys import complaints_of, key_of
from schema.ports import Clock
from schema.query import PUBLIC, Role, Viewer

#: Seconds that an answer of the ledger is believed: a key that was revoked opens nothing after them.
GOOD_FOR: Final = 3.0
#: Seconds for one that there is no such credential: it may be made just now.
BAD_FOR: Final = 0.5
#: Credentials that are remembered, by their hashes alone.
MOST: Final = 10_000


class _Known(NamedTuple):
    viewer: Viewer | None
    until: float


class Viewers:
    """Makes viewers of credentials. What the ledger says of one is believed for some seconds.

    Args:
        clock: tells when a credential expires.
        monotonic: tells for how long something was remembered.
        tokens: makes viewers of an identity provider's tokens; None: there is no provider.
    """

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
        tokens: Tokens | None = None,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._monotonic = monotonic
        self._tokens = tokens
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def of(self, authorization: str | None) -> Viewer:
        """The viewer of a header `Authorization`; None: there was none.

        Raises:
            Unauthenticated: the credential is nobody's.
            LedgerError, ProviderUnavailable: whose it is can't be found out just now.
        """
        if authorization is None:
            return PUBLIC
        token = None if self._tokens is None else signed(authorization)
        credential = bearer(authorization) if token is None else token
        is_key = credential.startswith(KEY_PREFIX)
        # Looked up by its hash: how long that takes tells nothing of the credential.
        hash = key_hash(self._keyring, credential) if is_key else token_hash(credential)
        known = self._known.get(hash)
        if known is None or known.until <= self._monotonic():
            asked_at = self._monotonic()
            if token is not None:
                viewer = await self._holder(token)
            else:
                viewer = await (self._operator(hash) if is_key else self._reporter(hash))
            known = self._keep(hash, viewer, asked_at)
        if known.viewer is None or (known.viewer.expires_at is not None and known.viewer.expires_at <= self._clock()):
            raise Unauthenticated
        return known.viewer

    async def _holder(self, token: str) -> Viewer | None:
        assert self._tokens is not None
        try:
            return await self._tokens.viewer(token)
        except Unauthenticated:
            return None

    async def _operator(self, hash: str) -> Viewer | None:
        key = await key_of(self._database, hash)
        if key is None or not key.valid(self._clock()):
            return None
        return Viewer(
            role=key.role,
            agencies=key.agencies,
            credential=f"key:{key.id}",
            name=key.name,
            expires_at=key.expires_at,
            operations=None if key.operations is UNSET else key.operations,
        )

    async def _reporter(self, hash: str) -> Viewer | None:
        complaints = await complaints_of(self._database, hash)
        return reporter(hash, complaints) if complaints else None

    def _keep(self, hash: str, viewer: Viewer | None, asked_at: float) -> _Known:
        known = _Known(viewer, asked_at + (BAD_FOR if viewer is None else GOOD_FOR))
        self._known[hash] = known
        self._known.move_to_end(hash)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return known


def reporter(hash: str, complaints: tuple[str, ...]) -> Viewer:
    """Whoever holds the token with this hash: he reported these complaints."""
    return Viewer(role=Role.REPORTER, complaints=tuple(sorted(complaints)), credential=f"reporter:{hash[:16]}")
