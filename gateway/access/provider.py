"""The keys of an identity provider, found by OpenID Connect discovery and fetched again as they are rotated."""

from __future__ import annotations

import asyncio
import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec
import structlog
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from connectors.addresses import Network
from connectors.http import Http
from connectors.politeness import Seconds
from connectors.settings import HttpSettings
from schema.errors import ProviderUnavailable, SourceError

log = structlog.get_logger(__name__)

#: Keys that verify: none that signs with the same secret.
PublicKey: TypeAlias = RSAKey | ECKey | OKPKey

#: Seconds after which the keys are fetched again in any case; and between two fetches, whatever is asked for.
FRESH: Final = 3_600.0
LEAST: Final = 30.0
#: Seconds for which the last keys are believed while the provider is away.
STALE: Final = 86_400.0

_WELL_KNOWN: Final = "/.well-known/openid-configuration"
_MAX_BYTES: Final = 1_000_000
_MOST_KEYS: Final = 100


class _Discovered(msgspec.Struct):
    issuer: str
    jwks_uri: str


class _KeyList(msgspec.Struct):
    keys: list[dict[str, Any]]


class Provider:
    """An identity provider's keys.

    Args:
        issuer: its address, as it calls itself in its tokens.
        network: where it may be reached; None: what the address says.
        seconds: tells how long ago something was.
    """

    def __init__(self, issuer: str, network: Network | None, seconds: Seconds) -> None:
        self._issuer = issuer
        self._network = network
        self._seconds = seconds
        self._keys: Mapping[str | None, PublicKey] = {}
        self._fetched_at = self._tried_at = -math.inf
        self._fetching = asyncio.Lock()

    async def key(self, kid: str | None) -> PublicKey | None:
        """The key with this id; None if there is none. Without an id it is the only key there is.

        Raises:
            ProviderUnavailable: the keys can't be fetched, and none are known.
        """
        now = self._seconds()
        if now - self._fetched_at > FRESH or self._found(kid) is None:
            await self._fetched(kid)
        if self._seconds() - self._fetched_at > STALE:
            raise ProviderUnavailable("the identity provider's keys can't be fetched")
        return self._found(kid)

    def _found(self, kid: str | None) -> PublicKey | None:
        if kid is None:
            return next(iter(self._keys.values())) if len(self._keys) == 1 else None
        return self._keys.get(kid)

    async def _fetched(self, kid: str | None) -> None:
        """Fetches them once for all who wait, and not again at once for whoever makes up an id."""
        before = self._tried_at
        async with self._fetching:
            if self._tried_at != before or self._seconds() - self._tried_at < LEAST:
                return
            self._tried_at = self._seconds()
            try:
                self._keys = dict(await self._fetch())
            except (SourceError, msgspec.DecodeError, ValueError) as error:
                log.warning("oidc.unreachable", error=type(error).__name__)
                return
            self._fetched_at = self._tried_at
            log.info("oidc.keys", keys=len(self._keys))

    async def _fetch(self) -> Iterator[tuple[str | None, PublicKey]]:
        told = msgspec.json.decode(await self._read(self._issuer.rstrip("/") + _WELL_KNOWN), type=_Discovered)
        if told.issuer != self._issuer:
            raise ValueError("the provider calls itself something else")
        if urlsplit(told.jwks_uri).scheme != urlsplit(self._issuer).scheme:
            raise ValueError("the keys are told less safely than the provider")
        return _public(msgspec.json.decode(await self._read(told.jwks_uri), type=_KeyList).keys[:_MOST_KEYS])

    async def _read(self, url: str) -> bytes:
        # A client for each: the keys may be another host's, and no request goes to another host than its client's.
        settings = HttpSettings(url=url, max_bytes=_MAX_BYTES, network=self._network, deadline=5.0)
        async with Http(settings) as http:
            return (await http.get(url)).content


def _public(keys: list[dict[str, Any]]) -> Iterator[tuple[str | None, PublicKey]]:
    """Those that signatures can be verified with. A key that can't be read is as if it were not there."""
    for each in keys:
        if each.get("use", "sig") != "sig":
            continue
        try:
            with warnings.catch_warnings():
                # RSA keys that are too short.
                warnings.simplefilter("error", SecurityWarning)
                key = JWKRegistry.import_key(each)
        except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
            continue
        kid = each.get("kid")
        if isinstance(key, PublicKey) and (kid is None or isinstance(kid, str)):
            yield kid, key
