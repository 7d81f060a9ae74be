"""Tokens of an identity provider, as it makes them and as whoever means harm does; and sessions of them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.access.credentials import Unauthenticated
from gateway.access.provider import FRESH, LEAST, STALE, Provider
from gateway.access.session import COOKIE, Sessions
from gateway.access.tokens import Claims, Tokens
from gateway.access.viewers import GOOD_FOR, Viewers
from gateway.keyring import Keyring
from gateway.ledger.database import open_database
from gateway.settings import load
from schema.errors import ConfigError, ProviderUnavailable
from schema.query import Role
from tests.app.streams import FORBIDDEN, TRANSPORTS, follow, streaming
from tests.conftest import Ledger

KEYRING = Keyring(b"k" * 32)
RSA, OTHER_RSA = RSAKey.generate_key(2048, {"kid": "rsa"}), RSAKey.generate_key(2048, {"kid": "rsa"})
EC, ED = ECKey.generate_key("P-256", {"kid": "ec"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})
STREAM = {"accept": "text/event-stream"}


class Clocks:
    """What time it is, and how long ago something was."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.seconds = 0.0

    def __call__(self) -> datetime:
        return self.now


class IdentityProvider:
    """It tells its address and its keys, and counts who asks."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [key.as_dict(private=False) for key in (RSA, EC, ED)]
        self.asked: list[str] = []
        self.answer: Callable[[str], bytes] = self._told
        self.issuer = ""

    def _told(self, path: str) -> bytes:
        if path == "/.well-known/openid-configuration":
            return orjson.dumps({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", "more": [1]})
        return orjson.dumps({"keys": self.keys})

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
        self.asked.append(path)
        body = self.answer(path)
        head = f"HTTP/1.1 {'200 OK' if body else '503 Away'}\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        with contextlib.suppress(ConnectionError):  # nobody reads more than there may be
            await writer.drain()
            writer.close()
            await writer.wait_closed()


class SignIn:
    """A provider and what believes it."""

    def __init__(self, provider: IdentityProvider, clocks: Clocks) -> None:
        self.provider = provider
        self.clocks = clocks
        self.claims = Claims(
            issuer=provider.issuer,
            audiences=("simpul", "simpul-staging"),
            algorithms=("RS256", "PS256", "ES256", "Ed25519"),
            roles="realm_access.roles",
            role_of={"admin": Role.NATIONAL_ADMIN, "petugas": Role.LIAISON_OFFICER},
            agencies="instansi",
            name="name",
            skew=60,
        )
        self.tokens = Tokens(Provider(provider.issuer, None, lambda: clocks.seconds), self.claims, KEYRING, clocks)

    def told(self, **claims: Any) -> dict[str, Any]:
        """An officer's claims, but for these; None leaves one out."""
        now = int(self.clocks.now.timestamp())
        usual = {
            "iss": self.provider.issuer, "aud": "simpul", "sub": "ani@example.go.id", "exp": now + 300, "iat": now,
            "name": "Ani", "realm_access": {"roles": ["x", "petugas"]}, "instansi": ["prov-bali"],
        }  # fmt: skip
        return {name: value for name, value in {**usual, **claims}.items() if value is not None}

    def token(self, key: Any = RSA, algorithm: str = "RS256", header: Any = None, **claims: Any) -> str:
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        return jwt.encode({k: v for k, v in head.items() if v is not None}, self.told(**claims), key, [algorithm])

    async def refuses(self, token: str) -> None:
        with pytest.raises(Unauthenticated):
            await self.tokens.viewer(token)


@pytest.fixture
async def sign_in() -> AsyncIterator[SignIn]:
    provider = IdentityProvider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    provider.issuer = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield SignIn(provider, Clocks())


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "Ed25519")])
async def test_a_token_makes_a_viewer(sign_in: SignIn, key: Any, algorithm: str) -> None:
    viewer = await sign_in.tokens.viewer(sign_in.token(key, algorithm, {"typ": "at+JWT"}))
    assert (viewer.role, viewer.agencies, viewer.name) == (Role.LIAISON_OFFICER, ("prov-bali",), "Ani")
    assert viewer.expires_at == sign_in.clocks.now + timedelta(seconds=360)
    assert viewer.credential.startswith("sub:")
    assert "ani" not in viewer.credential
    again = await sign_in.tokens.viewer(sign_in.token(EC, "ES256", exp=int(sign_in.clocks.now.timestamp()) + 9))
    assert again.credential == viewer.credential
    assert sign_in.provider.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    ("claims", "role", "agencies"),
    [
        ({"realm_access": {"roles": ["petugas", "admin"]}}, Role.NATIONAL_ADMIN, ()),
        ({"realm_access": {"roles": "x petugas"}}, Role.LIAISON_OFFICER, ("prov-bali",)),
        ({"realm_access.roles": ["admin"]}, Role.NATIONAL_ADMIN, ()),
        ({"aud": ["x", "simpul-staging"]}, Role.LIAISON_OFFICER, ("prov-bali",)),
        ({"instansi": ["prov-diy", "prov-bali", "prov-bali"]}, Role.LIAISON_OFFICER, ("prov-bali", "prov-diy")),
        ({"instansi": "kab-badung"}, Role.LIAISON_OFFICER, ("kab-badung",)),
        ({"iat": None, "name": None}, Role.LIAISON_OFFICER, ("prov-bali",)),
    ],
)
async def test_roles_and_agencies(sign_in: SignIn, claims: Any, role: Role, agencies: tuple[str, ...]) -> None:
    viewer = await sign_in.tokens.viewer(sign_in.token(**claims))
    assert (viewer.role, viewer.agencies) == (role, agencies)


WRONG: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://sso.example.com"},
    "no issuer": {"iss": None},
    "a list of issuers": {"iss": ["x"]},
    "for another": {"aud": "lapor"},
    "for others": {"aud": ["lapor", 1, None]},
    "for a part of the name": {"aud": "x simpul"},
    "for nobody": {"aud": None},
    "of nobody": {"sub": None},
    "of an empty name": {"sub": ""},
    "of a number": {"sub": 1},
    "for ever": {"exp": None},
    "until a word": {"exp": "2099-01-01"},
    "until true": {"exp": True},
    "until the sun has burnt out": {"exp": 10**400},
    "until long ago": {"exp": 1},
    "from tomorrow": {"nbf": 4_000_000_000},
    "of tomorrow": {"iat": 4_000_000_000},
    "of a word": {"nbf": "now"},
    "no role": {"realm_access": {"roles": ["x"]}},
    "a role's name here": {"realm_access": {"roles": ["NATIONAL_ADMIN"]}},
    "roles that are none": {"realm_access": {"roles": {"admin": True}}},
    "no roles": {"realm_access": "admin"},
    "of no agency": {"instansi": []},
    "of what is none": {"instansi": ["Prov Bali", "../x", "a" * 64, 1]},
    "of all agencies": {"instansi": [f"a{number}" for number in range(101)]},
}


@pytest.mark.parametrize("name", WRONG)
async def test_claims_that_are_not_for_this_hub(sign_in: SignIn, name: str) -> None:
    await sign_in.refuses(sign_in.token(**WRONG[name]))


async def test_clocks_may_differ_by_so_much(sign_in: SignIn) -> None:
    now = int(sign_in.clocks.now.timestamp())
    for claims in ({"exp": now - 59}, {"nbf": now + 60}, {"iat": now + 60}):
        assert await sign_in.tokens.viewer(sign_in.token(**claims))
    for claims in ({"exp": now - 60}, {"nbf": now + 61}, {"iat": now + 61}):
        await sign_in.refuses(sign_in.token(**claims))


def _part(content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).decode().rstrip("=")


async def test_signatures_that_are_not_the_providers(sign_in: SignIn) -> None:
    good = sign_in.token()
    head, body, signature = good.split(".")
    public = _part({"alg": "none", "kid": "rsa"})
    for_hmac = f"{_part({'alg': 'HS256', 'kid': 'rsa'})}.{body}"
    mac = hmac.digest(RSA.as_pem(private=False), for_hmac.encode(), "sha256")
    forged = f"{for_hmac}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    more = _part(sign_in.told(instansi=["prov-diy"]))
    for token in (
        f"{public}.{body}.", f"{public}.{body}.{signature}", forged, f"{head}.{more}.{signature}", f"{head}.{body}.",
        sign_in.token(OTHER_RSA), sign_in.token(EC, "ES256", {"kid": "rsa"}), sign_in.token(header={"kid": "ec"}),
        sign_in.token(header={"kid": None}), sign_in.token(header={"kid": "../../etc/passwd"}),
        sign_in.token(header={"kid": "' OR 1=1"}), sign_in.token(header={"typ": "logout+jwt"}),
        sign_in.token(RSA, "RS512"), "a.b.c", "..", good + ".x",
    ):  # fmt: skip
        await sign_in.refuses(token)
    # Where else a header points to is not looked at.
    there = {"jku": sign_in.provider.issuer + "/evil", "x5u": sign_in.provider.issuer + "/evil"}
    assert await sign_in.tokens.viewer(sign_in.token(header=there))
    assert "/evil" not in sign_in.provider.asked


async def test_keys_are_rotated(sign_in: SignIn) -> None:
    await sign_in.tokens.viewer(sign_in.token())
    new = ECKey.generate_key("P-256", {"kid": "new"})
    sign_in.provider.keys = [new.as_dict(private=False)]
    # An id that nobody knows is looked for, but not each time that somebody makes one up.
    await sign_in.refuses(sign_in.token(new, "ES256"))
    assert len(sign_in.provider.asked) == 2
    sign_in.clocks.seconds += LEAST
    tokens = [sign_in.tokens.viewer(sign_in.token(new, "ES256")) for _ in range(10)]
    assert len({viewer.credential for viewer in await asyncio.gather(*tokens)}) == 1
    assert len(sign_in.provider.asked) == 4
    await sign_in.refuses(sign_in.token())
    # The only key there is needs no id.
    assert await sign_in.tokens.viewer(sign_in.token(new, "ES256", {"kid": None}))


async def test_a_provider_that_is_away(sign_in: SignIn) -> None:
    told, sign_in.provider.answer = sign_in.provider.answer, lambda path: b""
    with pytest.raises(ProviderUnavailable):
        await sign_in.tokens.viewer(sign_in.token())
    sign_in.provider.answer = told
    sign_in.clocks.seconds += LEAST
    assert await sign_in.tokens.viewer(sign_in.token())
    sign_in.provider.answer = lambda path: b""
    sign_in.clocks.seconds += FRESH + 1
    assert await sign_in.tokens.viewer(sign_in.token())
    sign_in.clocks.seconds += STALE
    with pytest.raises(ProviderUnavailable):
        await sign_in.tokens.viewer(sign_in.token())


@pytest.mark.parametrize(
    "answer",
    [
        lambda path: b"<html>", lambda path: b"[]", lambda path: b'{"keys": 1}', lambda path: b" " * 10_000_000,
        lambda path: orjson.dumps({"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"}),
    ],
)  # fmt: skip
async def test_a_provider_that_answers_something_else(sign_in: SignIn, answer: Callable[[str], bytes]) -> None:
    sign_in.provider.answer = answer
    with pytest.raises(ProviderUnavailable):
        await sign_in.tokens.viewer(sign_in.token())


async def test_keys_that_are_none_are_passed_over(sign_in: SignIn) -> None:
    secret = OctKey.generate_key(256, {"kid": "secret"}).as_dict()
    unfit = [{}, {"kty": "RSA"}, {"kty": "X"}, {"kty": 1}, {"kty": "EC", "crv": "x", "x": "", "y": ""}, secret]
    short = "uVzB" + "A" * 80
    unfit += [{"kty": "RSA", "n": short, "e": "AQAB", "kid": "short"}, {**EC.as_dict(private=False), "use": "enc"}]
    sign_in.provider.keys = [*unfit, RSA.as_dict(private=False)]
    assert await sign_in.tokens.viewer(sign_in.token())
    await sign_in.refuses(sign_in.token(EC, "ES256"))


@asynccontextmanager
async def signed_in(front: Any, sign_in: SignIn, url: str) -> AsyncIterator[tuple[httpx2.AsyncClient, Any]]:
    async with open_database(url) as database:
        viewers = Viewers(database, KEYRING, sign_in.clocks, lambda: sign_in.clocks.seconds, sign_in.tokens)
        sessions = Sessions(KEYRING, viewers.of, sign_in.clocks)
        hub = front(cached=True, recognise=viewers.of, sessions=sessions)
        async with hub.client() as client:
            yield client, viewers


async def test_the_front_door(front: Any, sign_in: SignIn, sqlite_url: str) -> None:
    async with signed_in(front, sign_in, sqlite_url) as (client, _):
        headers = {"authorization": f"Bearer {sign_in.token()}"}
        who = (await client.post("/graphql", json={"query": "{ who }"}, headers=headers)).json()["data"]["who"]
        assert who.startswith("sub:")
        for wrong in ("a.b.c", sign_in.token(aud="x"), "x" * 100_000, sign_in.token(name="x" * 100_000)):
            shown = {"authorization": f"Bearer {wrong}"}
            reply = await client.post("/graphql", json={"query": "{ who }"}, headers=shown)
            assert (reply.status_code, "who" in reply.text) == (401, False)
        sign_in.clocks.now += timedelta(seconds=360)
        assert (await client.post("/graphql", json={"query": "{ who }"}, headers=headers)).status_code == 401


async def test_a_provider_that_is_away_is_not_the_clients_fault(front: Any, sign_in: SignIn, sqlite_url: str) -> None:
    sign_in.provider.answer = lambda path: b""
    async with signed_in(front, sign_in, sqlite_url) as (client, _):
        headers = {"authorization": f"Bearer {sign_in.token()}"}
        assert (await client.post("/graphql", json={"query": "{ who }"}, headers=headers)).status_code == 503
        assert (await client.post("/graphql", json={"query": "{ who }"})).status_code == 200


async def test_a_session_opens_streams_of_the_hubs_own_pages(front: Any, sign_in: SignIn, sqlite_url: str) -> None:
    async with signed_in(front, sign_in, sqlite_url) as (client, _):
        token = sign_in.token()
        begun = await client.post("/session", headers={"authorization": f"Bearer {token}"})
        assert (begun.status_code, begun.headers["cache-control"]) == (204, "no-store")
        cookie, *attributes = begun.headers["set-cookie"].split("; ")
        assert set(attributes) == {"Max-Age=360", "Path=/graphql", "HttpOnly", "Secure", "SameSite=Strict"}
        assert token.split(".")[2] not in cookie

        async def told(method: str = "GET", query: str = "subscription { whose }", **headers: str) -> str:
            sent: Any = {"params": {"query": query}} if method == "GET" else {"json": {"query": query}}
            asked = {"cookie": f"x=1; {cookie}", **STREAM, **headers}
            reply = await client.request(method, "/graphql", headers=asked, **sent)
            return reply.text if reply.status_code == 200 else str(reply.status_code)

        assert '"whose":"sub:' in await told()
        assert '"whose":"sub:' in await told(**{"sec-fetch-site": "same-origin"})
        assert '"who":"sub:' in await told(query="{ who }")
        # Another site's page, whether it is this hub's neighbour or not.
        for site in ("cross-site", "same-site", "none"):
            assert await told(**{"sec-fetch-site": site}) == "401"
        assert await told(origin="https://evil.example") == "401"
        assert '"whose":"sub:' in await told(origin="http://hub")
        # Nothing but streams by GET: everything else is asked as the public.
        assert '"whose":"public"' in await told("POST")
        assert await told("POST", "{ who }", accept="application/json") == '{"data":{"who":"public"}}'
        assert await told(query="{ who }", accept="application/json") == '{"data":{"who":"public"}}'
        assert await told(query="mutation { touch }") == "405"
        own = {"authorization": "Bearer " + sign_in.token(sub="budi")}
        assert await told(**own) != await told()

        cookie = cookie[:-9] + ("A" if cookie[-9] != "A" else "B") + cookie[-8:]
        assert await told() == "401"
        for wrong in ("x", "A" * 100, "="):
            assert await told(cookie=f"{COOKIE}={wrong}") == "401"
        ended = await client.delete("/session")
        assert ended.headers["set-cookie"].startswith(f"{COOKIE}=; Max-Age=0; ")


async def test_a_session_is_over_with_its_token(front: Any, sign_in: SignIn, sqlite_url: str) -> None:
    async with signed_in(front, sign_in, sqlite_url) as (client, _):
        begun = await client.post("/session", headers={"authorization": f"Bearer {sign_in.token()}"})
        cookie = begun.headers["set-cookie"].split("; ")[0]
        sign_in.clocks.now += timedelta(seconds=360)
        question = {"params": {"query": "subscription { whose }"}, "headers": {"cookie": cookie, **STREAM}}
        assert (await client.get("/graphql", **question)).status_code == 401


async def test_nobody_begins_a_session_for_somebody_else(front: Any, sign_in: SignIn, sqlite_url: str) -> None:
    async with signed_in(front, sign_in, sqlite_url) as (client, _):
        headers = {"authorization": f"Bearer {sign_in.token()}"}
        for more, status in (
            ({"sec-fetch-site": "cross-site"}, 403), ({"origin": "https://evil.example"}, 403),
            ({"authorization": "Bearer x.y.z"}, 401), ({"authorization": ""}, 401),
        ):  # fmt: skip
            reply = await client.post("/session", headers={**headers, **more})
            assert (reply.status_code, "set-cookie" in reply.headers) == (status, False)
            assert reply.json()["errors"][0]["extensions"]["code"] in ("FORBIDDEN", "UNAUTHENTICATED")
        assert (await client.post("/session")).status_code == 401
        assert (await client.get("/session")).status_code in (404, 405)
        long = await client.post("/session", headers={"authorization": f"Bearer {sign_in.token(more='x' * 3_000)}"})
        assert (long.status_code, "set-cookie" in long.headers) == (400, False)


@pytest.mark.parametrize("transport", [name for name in TRANSPORTS if name != "executor"])
async def test_a_stream_ends_with_its_token(
    sign_in: SignIn,
    transport: str,
    sqlite_url: str,
    ledger_at: Callable[..., AbstractAsyncContextManager[Ledger]],
) -> None:
    async with ledger_at(sqlite_url) as ledger:
        viewers = Viewers(ledger.database, KEYRING, sign_in.clocks, lambda: sign_in.clocks.seconds, sign_in.tokens)
        async with streaming(ledger, recognise=viewers.of) as hub, asyncio.timeout(20):
            asking = hub._replace(credentials={"authorization": f"Bearer {sign_in.token()}"})
            async with follow(TRANSPORTS[transport], asking) as stream:
                assert (await stream.frame())["__typename"] == "StreamPosition"
                sign_in.clocks.now += timedelta(seconds=359)
                sign_in.clocks.seconds += GOOD_FOR
                await ledger.put(ledger.complaint(1))
                assert (await stream.frame())["complaint"]["trackingId"] == "B-1"
                sign_in.clocks.now += timedelta(seconds=1)
                lagged = await stream.frame()
                assert (lagged["__typename"], lagged["reason"]) == ("Lagged", "ACCESS_CHANGED")
                await ledger.put(ledger.complaint(2))
                ended = await stream.end()
                assert ended == FORBIDDEN if transport == "websocket" else ended != FORBIDDEN


def test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPUL_OIDC_ISSUER", "https://sso.example.go.id/realms/pegawai")
    with pytest.raises(ConfigError, match="SIMPUL_OIDC_AUDIENCE"):
        load()
    monkeypatch.setenv("SIMPUL_OIDC_AUDIENCE", "simpul, lapor")
    monkeypatch.setenv("SIMPUL_OIDC_ROLES", "grup=admin=NATIONAL_ADMIN, petugas=LIAISON_OFFICER")
    settings = load()
    assert settings.oidc_audience == ("simpul", "lapor")
    assert settings.oidc_roles == {"grup=admin": Role.NATIONAL_ADMIN, "petugas": Role.LIAISON_OFFICER}
    for name, value in {
        "ISSUER": "http://sso.example.go.id",
        "ALGORITHMS": "HS256",
        "ROLES": "x=PUBLIC",
        "SKEW_SECONDS": "9999",
        "NETWORK": "everywhere",
    }.items():
        with monkeypatch.context() as patched:
            patched.setenv(f"SIMPUL_OIDC_{name}", value)
            with pytest.raises(ConfigError, match=name):
                load()
