"""Credentials in a cookie, for what can send no header in a browser: an EventSource of the hub's own pages.

The cookie holds the credentials sealed under the hub's key, so that every replica can read it and nobody else. It opens
streams by GET for pages of the same origin, and nothing else: whatever changes something, and every other question,
shows its credentials in a header, which no other site's page can make a browser send.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from gateway.access.credentials import Recognise, Unauthenticated
from gateway.keyring import Keyring
from schema.errors import SimpulError
from schema.ports import Clock

PATH: Final = "/session"
COOKIE: Final = "__Secure-simpul"
#: A working day: who comes back tomorrow signs in again.
LONGEST: Final = timedelta(hours=12)

_PURPOSE: Final = "session cookies"
_NONCE: Final = 12
#: Browsers keep no longer one.
_MOST: Final = 3_800
_BEARER: Final = {"WWW-Authenticate": "Bearer"}
_ATTRIBUTES: Final = "Path=/graphql; HttpOnly; Secure; SameSite=Strict"


class _Session(msgspec.Struct, frozen=True, array_like=True):
    """What a cookie holds. `until` in seconds since 1970."""

    authorization: str
    until: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Session).decode


class Sessions:
    """Makes cookies of credentials, and credentials of cookies.

    Args:
        recognise: says whose credentials are.
    """

    def __init__(self, keyring: Keyring, recognise: Recognise, clock: Clock) -> None:
        self._cipher = AESGCM(keyring.key(_PURPOSE))
        self._recognise = recognise
        self._clock = clock

    def routes(self) -> list[Route]:
        """`POST /session` sets the cookie, `DELETE /session` takes it away."""
        return [Route(PATH, self._begin, methods=["POST"]), Route(PATH, self._end, methods=["DELETE"])]

    def authorization(self, scope: Scope) -> str | None:
        """The credentials of a request's cookie; None: it has none.

        Raises:
            Unauthenticated: the cookie is over, is none of this hub's, or another site's page makes use of it.
        """
        headers = Headers(scope=scope)
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if not cookie:
            return None
        if not _is_own(headers):
            raise Unauthenticated
        try:
            blob = urlsafe_b64decode(cookie)
            session = _decode(self._cipher.decrypt(blob[:_NONCE], blob[_NONCE:], COOKIE.encode()))
        except (InvalidTag, ValueError, msgspec.DecodeError):
            raise Unauthenticated from None
        if session.until <= self._clock().timestamp():
            raise Unauthenticated
        return session.authorization

    async def _begin(self, request: Request) -> Response:
        authorization = _asked(request)
        if authorization is None:
            raise HTTPException(401, "Show your credentials in the header Authorization.", _BEARER)
        try:
            viewer = await self._recognise(authorization)
        except Unauthenticated:
            raise HTTPException(401, "These credentials are not valid.", _BEARER) from None
        except SimpulError:
            raise HTTPException(503, "Who is asking can't be found out just now.", {"Retry-After": "5"}) from None
        now = self._clock()
        until = min(now + LONGEST, viewer.expires_at or now + LONGEST)
        nonce = secrets.token_bytes(_NONCE)
        session = _encode(_Session(authorization, int(until.timestamp())))
        cookie = urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, session, COOKIE.encode())).decode()
        if len(cookie) > _MOST:
            raise HTTPException(400, "These credentials are too long for a cookie.")
        return _setting(f"{COOKIE}={cookie}; Max-Age={max(int((until - now).total_seconds()), 0)}; {_ATTRIBUTES}")

    async def _end(self, request: Request) -> Response:
        _asked(request)
        return _setting(f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}")


def _asked(request: Request) -> str | None:
    if not _is_own(request.headers):
        raise HTTPException(403, "A session is for pages of this hub alone.")
    return request.headers.get("authorization")


def _is_own(headers: Mapping[str, str]) -> bool:
    """Whether it is no other site's page that asks. Browsers tell so; what else asks brings no cookie unasked."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host", "")


def _setting(cookie: str) -> Response:
    return Response(status_code=204, headers={"Set-Cookie": cookie, "Cache-Control": "no-store"})
