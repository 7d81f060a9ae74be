"""Viewers of the tokens of an identity provider: JSON Web Tokens that it signed for this hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError

from connectors.words import SLUG
from gateway.access.credentials import Unauthenticated
from gateway.access.provider import Provider
from gateway.keyring import Keyring
from gateway.ledger.rows import clean
from schema.access import OFFICERS
from schema.ports import Clock
from schema.query import Role, Viewer

#: What a token may call itself. Others, as those that end a session, are for others.
_TYPES: Final = frozenset({None, "jwt", "at+jwt", "application/at+jwt"})
_MOST_AGENCIES: Final = 100
_LONGEST: Final = 200
#: Not before the year 5138: nobody's clock goes that far.
_LATEST: Final = 10**11


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What is expected of a token, and where it says who its holder is.

    Attributes:
        issuer: as it stands in `iss`.
        audiences: one of them must stand in `aud`.
        algorithms: that may sign it, none of them with a secret that is shared.
        roles: path of the claim that names roles, by dots; each value's role here, the first that a token has counts.
        agencies: path of the claim that names agencies by their slugs.
        name: path of the claim with the holder's name.
        skew: seconds by which clocks may differ.
    """

    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[str, ...]
    roles: str
    role_of: Mapping[str, Role]
    agencies: str
    name: str
    skew: int


class Tokens:
    """Verifies tokens and makes viewers of them."""

    def __init__(self, provider: Provider, claims: Claims, keyring: Keyring, clock: Clock) -> None:
        self._provider = provider
        self._claims = claims
        self._keyring = keyring
        self._clock = clock

    async def viewer(self, token: str) -> Viewer:
        """Whoever holds the token.

        Raises:
            Unauthenticated: it is not valid, or gives its holder no role here.
            ProviderUnavailable: it can't be told just now.
        """
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError):
            raise Unauthenticated from None
        algorithm, kid, type_ = header.get("alg"), header.get("kid"), header.get("typ")
        if algorithm not in self._claims.algorithms or not (kid is None or isinstance(kid, str)):
            raise Unauthenticated
        if type_ is not None and (not isinstance(type_, str) or type_.lower() not in _TYPES):
            raise Unauthenticated
        key = await self._provider.key(kid)
        if key is None or key.get("alg", algorithm) != algorithm:
            raise Unauthenticated
        try:
            # By this algorithm and this key alone, whatever else the header may point to.
            told = jwt.decode(token, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError):
            raise Unauthenticated from None
        return self._holder(told)

    def _holder(self, told: Mapping[str, Any]) -> Viewer:
        claims, now = self._claims, self._clock().timestamp()
        audience, subject = told.get("aud"), told.get("sub")
        audiences = [audience] if isinstance(audience, str) else _texts(audience)
        expires = _moment(told.get("exp"))
        if (
            told.get("iss") != claims.issuer
            or set(claims.audiences).isdisjoint(audiences)
            or not isinstance(subject, str)
            or not subject
            or expires is None
            or expires + claims.skew <= now
            or any(name in told and not _is_past(told[name], now + claims.skew) for name in ("nbf", "iat"))
        ):
            raise Unauthenticated
        named = set(_texts(_at(told, claims.roles)))
        role = next((role for value, role in claims.role_of.items() if value in named), None)
        if role is None:
            raise Unauthenticated
        agencies: tuple[str, ...] = ()
        if role in OFFICERS:
            slugs = [slug for slug in _texts(_at(told, claims.agencies)) if len(slug) < 64 and SLUG.fullmatch(slug)]
            agencies = tuple(sorted(set(slugs)))
            if not 0 < len(agencies) <= _MOST_AGENCIES:
                raise Unauthenticated
        name = _at(told, claims.name)
        digest = self._keyring.digest("subjects of tokens", claims.issuer.encode(), subject.encode("utf-8", "replace"))
        return Viewer(
            role=role,
            agencies=agencies,
            credential=f"sub:{digest.hex()[:32]}",
            name=_printable(name)[:_LONGEST] or None if isinstance(name, str) else None,
            expires_at=datetime.fromtimestamp(expires + claims.skew, UTC),
        )


def _at(told: Mapping[str, Any], path: str) -> Any:
    """A claim by its path. A claim whose own name has dots, as addresses have, is found by its whole name."""
    if path in told:
        return told[path]
    value: Any = told
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _texts(value: Any) -> Sequence[str]:
    """One text, several in one with spaces between them as OAuth writes scopes, or a list of them."""
    if isinstance(value, str):
        return [value, *value.split()]
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _moment(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < _LATEST else None


def _is_past(value: Any, now: float) -> bool:
    moment = _moment(value)
    return moment is not None and moment <= now


def _printable(name: str) -> str:
    return clean(re.sub(r"\s+", " ", "".join(each for each in name if each.isprintable()))).strip()
