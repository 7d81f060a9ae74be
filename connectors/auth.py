"""How an agency recognises the hub: `[auth]` of its file, and the credentials that go onto each request.

Secrets are references in the file; what they lead to is revealed only where it goes onto the wire. After a refusal they
are looked up again, since a `file:` may hold a newer one, and an OAuth token is fetched anew.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote_plus, urlencode, urlsplit

import msgspec

from connectors.addresses import Network, implied_by
from connectors.fields import Section
from connectors.politeness import Seconds
from connectors.reply import Reply
from connectors.secrets import Resolve, Secret, fill_in, has_reference
from connectors.toml import Misfit
from connectors.values import number
from schema.errors import AuthenticationFailed, BadPayload, ConfigError

_REFERENCES: Final = ("env:NAME", "file:/path")
#: Seconds before its end that a token is no longer used; at most a tenth of its life.
_MARGIN: Final = 30.0
#: Error codes of RFC 6749, section 5.2: these may be told, other words of a token endpoint may not.
_OAUTH_ERRORS: Final = frozenset(
    [
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    ]
)


class Bearer(Section, frozen=True, kw_only=True, tag_field="kind", tag="bearer"):
    """`Authorization: Bearer TOKEN`."""

    token: str


class Basic(Section, frozen=True, kw_only=True, tag_field="kind", tag="basic"):
    """`Authorization: Basic`, made of a user's name and a password. The name may stand in the file."""

    username: str
    password: str


class ApiKey(Section, frozen=True, kw_only=True, tag_field="kind", tag="api_key"):
    """A key in one header or in one parameter of the query.

    Attributes:
        key: reference, also inside a value such as `Token env:NAME`.
        header: name of the header, or
        query: name of the parameter.
    """

    key: str
    header: str | None = None
    query: str | None = None


class Headers(Section, frozen=True, kw_only=True, tag_field="kind", tag="headers"):
    """Credentials in several headers: `headers = { Authorization = "Bearer env:A", token = "env:B" }`."""

    headers: Mapping[str, str]


class OAuth2(Section, frozen=True, kw_only=True, tag_field="kind", tag="oauth2"):
    """OAuth 2.0 client credentials (RFC 6749, section 4.4).

    Attributes:
        token_url: address of the token endpoint, also on another host than the agency's.
        client_id: may stand in the file.
        client_secret: reference.
        scope: what is asked for, with blanks between.
        audience: for servers that want one.
        client_auth: how the client shows itself: HTTP Basic, or both values in the body.
        network: which addresses the token endpoint may have; by default what `token_url` itself says.
    """

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    audience: str | None = None
    client_auth: Literal["basic", "body"] = "basic"
    network: Network | None = None

    @property
    def reaches(self) -> Network:
        """The network in which the token endpoint may be."""
        return self.network or implied_by(urlsplit(self.token_url).hostname or "")


Auth: TypeAlias = Bearer | Basic | ApiKey | Headers | OAuth2


def check_auth(auth: Auth) -> None:
    """Checks what the types can't say; addresses and names of headers are the manifest's to check.

    Raises:
        Misfit: a secret stands in the file, or a key is in no place or in two.
    """
    match auth:
        case ApiKey(header=header, query=query) if (header is None) == (query is None):
            raise Misfit("goes into a header or into the query", "auth.key", ("auth.header", "auth.query"))
        case Headers(headers=headers) if not headers:
            raise Misfit("is empty", "auth.headers", ('like { Authorization = "Bearer env:A", token = "env:B" }',))
    for key, value in _secrets(auth).items():
        if not has_reference(value):
            raise Misfit("a secret may not stand in the file", key, _REFERENCES)


def _secrets(auth: Auth) -> dict[str, str]:
    """Where references must stand, by key."""
    match auth:
        case Bearer():
            return {"auth.token": auth.token}
        case Basic():
            return {"auth.password": auth.password}
        case ApiKey():
            return {"auth.key": auth.key}
        case Headers():
            return {f"auth.headers.{name}": value for name, value in auth.headers.items()}
        case OAuth2():
            return {"auth.client_secret": auth.client_secret}


class Signature(msgspec.Struct, frozen=True):
    """What is put onto a request, by name."""

    headers: Mapping[str, Secret] = {}
    query: Mapping[str, Secret] = {}

    def hide(self, text: str) -> str:
        """A text without what is secret here."""
        for secret in (*self.headers.values(), *self.query.values()):
            for value in (secret.reveal(), secret.reveal().rpartition(" ")[2]):
                text = text.replace(value, "***") if len(value) > 3 else text
        return text


def signature(auth: Auth | None, headers: Mapping[str, str], resolve: Resolve) -> Signature:
    """The signature that a file describes; with OAuth, all of it but the token.

    Args:
        headers: `[http.headers]`.

    Raises:
        Misfit: a reference leads nowhere.
    """
    sent = {name: _filled(value, resolve, f"http.headers.{name}") for name, value in headers.items()}
    match auth:
        case Bearer():
            token = _filled(auth.token, resolve, "auth.token")
            return Signature({**sent, "Authorization": Secret(f"Bearer {token.reveal()}")})
        case Basic():
            name = _filled(auth.username, resolve, "auth.username").reveal()
            password = _filled(auth.password, resolve, "auth.password").reveal()
            return Signature({**sent, "Authorization": _basic(name, password)})
        case ApiKey():
            key = _filled(auth.key, resolve, "auth.key")
            if auth.query is not None:
                return Signature(sent, {auth.query: key})
            return Signature({**sent, str(auth.header): key})
        case Headers():
            more = {name: _filled(value, resolve, f"auth.headers.{name}") for name, value in auth.headers.items()}
            return Signature({**sent, **more})
        case OAuth2():
            _client(auth, resolve)
    return Signature(sent)


def _filled(value: str, resolve: Resolve, key: str) -> Secret:
    try:
        return fill_in(value, resolve)
    except ConfigError as error:
        raise Misfit(str(error), key) from None


def _basic(name: str, password: str) -> Secret:
    return Secret("Basic " + b64encode(f"{name}:{password}".encode()).decode())


def _client(auth: OAuth2, resolve: Resolve) -> tuple[str, str]:
    secret = _filled(auth.client_secret, resolve, "auth.client_secret")
    return _filled(auth.client_id, resolve, "auth.client_id").reveal(), secret.reveal()


#: Sends a form to the token endpoint: headers, body. Judged by status like any other reply.
AskToken: TypeAlias = Callable[[Mapping[str, str], bytes], Awaitable[Reply]]


class Credentials:
    """An agency's credentials as they are now.

    Args:
        auth: how the hub shows itself.
        headers: `[http.headers]`.
        resolve: looks references up.
        seconds: a clock.

    Raises:
        Misfit: a reference leads nowhere.
    """

    def __init__(self, auth: Auth | None, headers: Mapping[str, str], resolve: Resolve, seconds: Seconds) -> None:
        self._auth, self._headers, self._resolve, self._seconds = auth, headers, resolve, seconds
        self._signature = signature(auth, headers, resolve)
        self._until = 0.0
        self._flight: asyncio.Task[Signature] | None = None

    def hide(self, text: str) -> str:
        """A text without these credentials."""
        return self._signature.hide(text)

    async def current(self, ask: AskToken) -> Signature:
        """What to sign a request with; fetches a token if there is none that lasts.

        Raises:
            SourceError: the token endpoint gave none.
        """
        if isinstance(self._auth, OAuth2) and self._seconds() >= self._until:
            return await self._fetched(self._auth, ask)
        return self._signature

    async def renewed(self, refused: Signature, ask: AskToken) -> Signature | None:
        """What to sign with after the agency refused a signature; None if nothing has changed.

        Raises:
            SourceError: the token endpoint gave none.
        """
        if self._signature != refused:
            return self._signature  # somebody else was refused before, and has seen to it
        try:
            if isinstance(self._auth, OAuth2):
                await self._fetched(self._auth, ask)
            else:
                self._signature = signature(self._auth, self._headers, self._resolve)
        except Misfit:  # the file is away, or being written: what was refused is all there is
            return None
        return None if self._signature == refused else self._signature

    async def aclose(self) -> None:
        """Ends a request for a token that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def __repr__(self) -> str:
        return "Credentials(***)"

    async def _fetched(self, auth: OAuth2, ask: AskToken) -> Signature:
        """One request for all who wait. One of them that gives up doesn't end it for the others."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._fetch(auth, ask))
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)

    def _landed(self, flight: asyncio.Task[Signature]) -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()  # those who waited have it; if none is left, nobody needs it

    async def _fetch(self, auth: OAuth2, ask: AskToken) -> Signature:
        asked = self._seconds()
        try:
            headers, body = token_request(auth, *_client(auth, self._resolve))
            others = signature(auth, self._headers, self._resolve)
        except Misfit as misfit:
            raise AuthenticationFailed(f"{misfit.key}: {misfit}") from None
        token, life = read_token(await ask(headers, body))
        self._until = asked + life - min(_MARGIN, life / 10)
        self._signature = Signature({**others.headers, "Authorization": Secret(f"Bearer {token.reveal()}")})
        return self._signature


def token_request(auth: OAuth2, client_id: str, client_secret: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a request for a token."""
    form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if auth.client_auth == "basic":  # RFC 6749, section 2.3.1: both are encoded like a form first
        headers["Authorization"] = _basic(quote_plus(client_id), quote_plus(client_secret)).reveal()
    else:
        form |= {"client_id": client_id, "client_secret": client_secret}
    return headers, urlencode({name: value for name, value in form.items() if value is not None}).encode()


def refusal(reply: Reply) -> AuthenticationFailed | None:
    """The error behind a token endpoint's 400, 401 or 403."""
    if reply.status not in (400, 401, 403):
        return None
    try:
        body: Any = reply.json()
    except BadPayload:
        body = None
    code = body.get("error") if isinstance(body, dict) else None
    told = f" ({code})" if isinstance(code, str) and code in _OAUTH_ERRORS else ""
    return AuthenticationFailed(f"HTTP {reply.status}: the token endpoint refused our client{told}")


def read_token(reply: Reply) -> tuple[Secret, float]:
    """A token, and the seconds it lasts; one that names no end lasts until it is refused.

    Raises:
        BadPayload: there is none in the reply, or it is none for a header.
    """
    body = reply.json()
    token = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise BadPayload("the token endpoint answered without an access_token that can be sent")
    kind = body.get("token_type")
    if isinstance(kind, str) and kind.lower() != "bearer":
        raise BadPayload("the token endpoint gave a token that is no bearer token")
    life = number(body.get("expires_in"))
    return Secret(token), float("inf") if life is None else max(life, 0.0)
