"""`[auth]`, `[[errors]]` and the request budget, against agencies that check what they are sent."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.auth import OAuth2, read_token, token_request
from connectors.http import Http, http_for
from connectors.manifest import parse_manifest
from connectors.reply import Reply
from connectors.secrets import Secrets
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    ConfigError,
    HttpFailure,
    RateLimited,
    SourceError,
    SourceTimeout,
    Unreachable,
)

FILE = """
name = "Pemerintah Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "http://agency.example/api"
rate = 10000
%s
[rest]
list = "/"
records = "@"
"""
OAUTH = """
[auth]
kind = "oauth2"
token_url = "http://login.example/token"
client_id = "hub"
client_secret = "env:CANARY"
scope = "read list"
"""
CANARY = "canary:&s3cret"
ENVIRONMENT = {"CANARY": CANARY, "USER": "petugas", "A": "alpha-canary", "B": "beta-canary"}


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Agency:
    """Answers what it is told to, and remembers what it was asked; the token endpoint is on another host."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.token_requests: list[tuple[Request, dict[str, list[str]]]] = []
        self.tokens = 0
        self.life: object = 3600
        self.refuse_token: Response | None = None
        self.asked_for_token, self.hold = asyncio.Event(), asyncio.Event()
        self.hold.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        if request.url.hostname == "login.example":
            response = await self._token(request)
        else:
            self.requests.append(request)
            response = self.answer(request)
        await response(scope, receive, send)

    async def _token(self, request: Request) -> Response:
        self.token_requests.append((request, parse_qs((await request.body()).decode())))
        self.asked_for_token.set()
        await self.hold.wait()
        if self.refuse_token is not None:
            return self.refuse_token
        self.tokens += 1
        return JSONResponse({"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": self.life})


def client(agency: Agency, tables: str, clock: Clock | None = None, environment: dict[str, str] | None = None) -> Http:
    manifest = parse_manifest(FILE % tables, slug="kab-contoh", file="agencies/kab-contoh.toml")
    transport = httpx2.ASGITransport(agency)
    return http_for(manifest, Secrets(environment or ENVIRONMENT), transport=transport, seconds=clock or Clock())


def well(request: Request) -> Response:
    return JSONResponse([])


@pytest.mark.parametrize(
    ("table", "header", "value"),
    [
        ('kind = "bearer"\ntoken = "env:CANARY"', "authorization", f"Bearer {CANARY}"),
        (
            'kind = "basic"\nusername = "env:USER"\npassword = "env:CANARY"',
            "authorization",
            "Basic " + b64encode(f"petugas:{CANARY}".encode()).decode(),
        ),
        ('kind = "api_key"\nheader = "X-Kunci"\nkey = "env:CANARY"', "x-kunci", CANARY),
        ('kind = "api_key"\nheader = "Authorization"\nkey = "Token env:CANARY"', "authorization", f"Token {CANARY}"),
        ('kind = "headers"\nheaders = { Authorization = "Bearer env:A", token = "env:B" }', "token", "beta-canary"),
    ],
)
async def test_each_way_to_show_oneself(table: str, header: str, value: str) -> None:
    agency = Agency(well)
    async with client(agency, f"[auth]\n{table}") as http:
        await http.get("/list")
        assert "canary" not in f"{http!r} {vars(http)!r} {vars(http._credentials)!r}"
    assert agency.requests[0].headers[header] == value


async def test_a_key_in_the_query_is_sent_and_never_told() -> None:
    agency = Agency(well)
    async with client(agency, '[auth]\nkind = "api_key"\nquery = "kunci"\nkey = "env:CANARY"') as http:
        reply = await http.get("/list", {"hal": 2, "kunci": "of the agency's link"})
        agency.answer = lambda request: Response("", 500)
        with pytest.raises(HttpFailure) as caught:
            await http.get("/list")
    assert dict(agency.requests[0].query_params) == {"hal": "2", "kunci": CANARY}
    assert "canary" not in f"{reply.url} {caught.value}"


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('kind = "bearer"\ntoken = "hunter2"', "auth.token"),
        ('kind = "basic"\nusername = "a"\npassword = "hunter2"', "auth.password"),
        ('kind = "api_key"\nkey = "env:A"', "auth.key"),
        ('kind = "api_key"\nkey = "env:A"\nheader = "X"\nquery = "y"', "auth.key"),
        ('kind = "api_key"\nkey = "env:A"\nheader = "X Y"', "auth.header"),
        ('kind = "headers"\nheaders = {}', "auth.headers"),
        ('kind = "headers"\nheaders = { token = "hunter2" }', "auth.headers.token"),
        ('kind = "oauth2"\ntoken_url = "login"\nclient_id = "a"\nclient_secret = "env:A"', "auth.token_url"),
        (
            'kind = "oauth2"\ntoken_url = "http://l.example"\nclient_id = "a"\nclient_secret = "hunter2"',
            "auth.client_secret",
        ),
        ('kind = "digest"', "auth.kind"),
        ('kind = "bearer"\ntoken = "env:NOWHERE"', "auth.token"),
    ],
)
def test_a_mistake_in_auth_is_named(table: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        client(Agency(well), f"[auth]\n{table}")
    assert (caught.value.key, caught.value.file) == (key, "agencies/kab-contoh.toml")
    assert caught.value.line is not None
    assert "hunter2" not in str(caught.value)


async def test_a_secret_in_a_file_is_read_again_after_a_401(tmp_path: Path) -> None:
    secret = tmp_path / "key"
    secret.write_text("old-canary")
    valid = "new-canary"
    agency = Agency(lambda request: JSONResponse([]) if request.headers["x-key"] == valid else Response("", 401))
    async with client(agency, f'[auth]\nkind = "api_key"\nheader = "X-Key"\nkey = "file:{secret}"') as http:
        with pytest.raises(AuthenticationFailed):
            await http.get("/list")
        assert len(agency.requests) == 1  # the file is as it was: no use in asking again
        secret.write_text("new-canary\n")
        assert (await http.get("/list")).json() == []
        assert [request.headers["x-key"] for request in agency.requests[1:]] == ["old-canary", "new-canary"]
        valid = "nobody knows"
        secret.unlink()
        with pytest.raises(AuthenticationFailed):
            await http.get("/list")


async def test_a_token_is_fetched_once_and_until_shortly_before_its_end() -> None:
    agency, clock = Agency(well), Clock()
    async with client(agency, OAUTH, clock) as http:
        await asyncio.gather(*(http.get("/list") for _ in range(4)))
        clock.now += 3600 - 31
        await http.get("/list")
        assert agency.tokens == 1
        clock.now += 2
        await http.get("/list")
    assert [request.headers["authorization"] for request in agency.requests] == ["Bearer token-1"] * 5 + [
        "Bearer token-2"
    ]
    request, form = agency.token_requests[0]
    assert form == {"grant_type": ["client_credentials"], "scope": ["read list"]}
    assert request.headers["authorization"].startswith("Basic ")


async def test_a_refused_token_is_fetched_anew_once_for_all() -> None:
    agency = Agency(well)
    async with client(agency, OAUTH) as http:
        await http.get("/list")
        agency.answer = lambda request: (
            Response("", 401) if request.headers["authorization"] == "Bearer token-1" else JSONResponse([])
        )
        await asyncio.gather(*(http.get("/list") for _ in range(4)))
        assert agency.tokens == 2
        agency.answer = lambda request: Response("", 401)
        before = len(agency.requests)
        with pytest.raises(AuthenticationFailed):
            await http.get("/list")
        assert (agency.tokens, len(agency.requests) - before) == (3, 2)


@pytest.mark.parametrize(
    ("refusal", "kind", "says"),
    [
        (
            JSONResponse({"error": "invalid_client", "error_description": CANARY}, 401),
            AuthenticationFailed,
            "invalid_client",
        ),
        (JSONResponse({"error": CANARY}, 400), AuthenticationFailed, "refused our client"),
        (Response("", 429, {"Retry-After": "7"}), RateLimited, "429"),
        (Response("", 500), HttpFailure, "500"),
        (JSONResponse({}), BadPayload, "access_token"),
        (JSONResponse({"access_token": "a\r\nb"}), BadPayload, "access_token"),
        (JSONResponse({"access_token": "a", "token_type": "mac"}), BadPayload, "bearer"),
        (Response("<html>", media_type="text/html"), BadPayload, "HTML"),
        (Response("", 302, {"Location": "http://agency.example/"}), HttpFailure, "302"),
    ],
)
async def test_a_token_endpoint_that_gives_none(refusal: Response, kind: type[SourceError], says: str) -> None:
    agency = Agency(well)
    agency.refuse_token = refusal
    async with client(agency, OAUTH) as http:
        with pytest.raises(SourceError, match=says) as caught:
            await http.request("POST", "/list")
    assert type(caught.value) is kind
    assert CANARY not in str(caught.value)
    assert agency.requests == []


async def test_one_who_gives_up_does_not_end_the_others_wait_and_the_deadline_holds() -> None:
    agency = Agency(well)
    agency.hold.clear()
    async with client(agency, "deadline = 0.3\n" + OAUTH) as http:
        first = asyncio.create_task(http.get("/list"))
        second = asyncio.create_task(http.get("/list"))
        await agency.asked_for_token.wait()
        first.cancel()
        await asyncio.wait([first])
        agency.hold.set()
        assert (await second).json() == []
        assert (first.cancelled(), agency.tokens) == (True, 1)
        agency.hold.clear()
        agency.answer = lambda request: Response("", 401)
        with pytest.raises(SourceTimeout):
            await http.get("/list")


def test_the_client_may_show_itself_in_the_body() -> None:
    auth = OAuth2(
        token_url="http://l.example", client_id="a", client_secret="env:X", client_auth="body", audience="lapor"
    )
    headers, body = token_request(auth, "a", CANARY)
    assert "Authorization" not in headers
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"],
        "audience": ["lapor"],
        "client_id": ["a"],
        "client_secret": [CANARY],
    }
    reply = Reply(status=200, headers={}, content=b'{"access_token": "x", "expires_in": "60"}', url="http://l.example")
    assert read_token(reply)[1] == 60.0


def rule(text: str) -> str:
    return f"[[errors]]\n{text}"


@pytest.mark.parametrize(
    ("rules", "answer", "kind", "says"),
    [
        ("when = \"status.code != `200`\"\nthen = \"fail\"\nmessage = \"status.pesan\"",
         JSONResponse({"status": {"code": 500, "pesan": f"rusak {CANARY} 081234567890"}}),
         HttpFailure, r"rusak \*\*\* \*\*\*"),
        ('contains = "PEMELIHARAAN"\nthen = "rate_limited"\nretry_after = 90',
         Response("Sedang pemeliharaan"), RateLimited, "calls an error"),
        ('when = "galat"\nthen = "rate_limited"\nretry_after = "tunggu"',
         JSONResponse({"galat": True, "tunggu": "90"}), RateLimited, "calls an error"),
        ('status = 200\nwhen = "sesi == \'habis\'"\nthen = "reauthenticate"',
         JSONResponse({"sesi": "habis"}), AuthenticationFailed, "200"),
        ('status = [404, "5xx"]\nthen = "fail"', Response("", 503), HttpFailure, "503"),
        ('status = 302\nthen = "reauthenticate"',
         Response("", 302, {"Location": "/login"}), AuthenticationFailed, "302"),
    ],
)  # fmt: skip
async def test_error_rules_type_what_http_does_not_say(
    rules: str, answer: Response, kind: type[SourceError], says: str
) -> None:
    agency = Agency(lambda request: answer)
    async with client(agency, '[auth]\nkind = "bearer"\ntoken = "env:CANARY"\n' + rule(rules)) as http:
        with pytest.raises(SourceError, match=says) as caught:
            await http.get("/list")
    assert type(caught.value) is kind
    assert caught.value.retry_after == (90.0 if kind is RateLimited else None)
    assert "canary" not in str(caught.value)
    assert len(agency.requests) == 1


async def test_a_retry_rule_is_a_passing_trouble_and_the_first_rule_that_fits_decides() -> None:
    answers = iter([JSONResponse([])] * 20 + [JSONResponse({"sibuk": 1})] + [JSONResponse([])] * 2)
    agency = Agency(lambda request: next(answers))
    rules = rule('when = "sibuk"\nthen = "retry"\n') + rule('when = "sibuk"\nthen = "fail"\n')
    async with client(agency, rules) as http:
        for _ in range(21):
            assert (await http.get("/list")).json() == []
    assert len(agency.requests) == 22


async def test_an_ignored_reply_means_nothing_there() -> None:
    agency = Agency(lambda request: JSONResponse({"pesan": "Data tidak ditemukan"}, 404))
    async with client(agency, rule('status = 404\ncontains = "tidak ditemukan"\nthen = "ignore"')) as http:
        reply = await http.get("/list")
    assert (reply.ignored, reply.json()) == (True, None)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ('then = "shrug"\nstatus = 1', "errors[1].then", 14),
        ('then = "fail"', "errors[1]", 13),
        ('then = "fail"\nstatus = 42', "errors[1].status", 15),
        ('then = "fail"\nstatus = "6xx"', "errors[1].status", 15),
        ('then = "fail"\nwhen = "code != 200"', "errors[1].when", 15),
        ('then = "fail"\nwhen = "code"\nretry_after = -1', "errors[1].retry_after", 16),
    ],
)
def test_a_mistake_in_a_rule_is_named_by_its_line(text: str, key: str, line: int) -> None:
    with pytest.raises(ConfigError) as caught:
        client(Agency(well), '[[errors]]\nstatus = 404\nthen = "ignore"\n' + rule(text))
    assert caught.value.key == key
    assert caught.value.line is not None
    assert abs(caught.value.line - line) <= 1
    if key.endswith("when"):
        assert "backticks" in str(caught.value)


async def test_the_budget_is_never_exceeded_and_outlives_the_client() -> None:
    agency, clock = Agency(well), Clock()
    budget = 'budget = { requests = 5, per = "minute" }'
    async with client(agency, budget, clock) as http:
        done = await asyncio.gather(*(http.get("/list") for _ in range(8)), return_exceptions=True)
        assert sum(isinstance(each, RateLimited) for each in done) == 3
        with pytest.raises(RateLimited) as caught:
            await http.get("/list")
        assert caught.value.retry_after == 60.0
    clock.now += 30
    async with client(agency, budget.replace("5", "6"), clock) as again:
        await again.get("/list")
        with pytest.raises(RateLimited):
            await again.get("/list")
        assert len(agency.requests) == 6
        clock.now += 31
        for _ in range(5):
            await again.get("/list")
        with pytest.raises(RateLimited):
            await again.get("/list")
    assert len(agency.requests) == 11


async def test_no_secret_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    agency = Agency(lambda request: Response("", 500))
    with caplog.at_level(logging.DEBUG):
        async with client(agency, OAUTH) as http:
            with pytest.raises(SourceError):
                await http.get("/list")
            shown = repr(vars(http)) + repr(vars(http._credentials))
    assert "canary" not in caplog.text + shown
    assert "token-1" not in caplog.text + shown


async def test_a_token_endpoint_lies_where_its_own_address_says() -> None:
    """Over real sockets: the agency at a public name, the token endpoint at a literal address, each on its network."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"access_token": "t"}')
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def over_sockets(tables: str) -> Http:
        manifest = parse_manifest(FILE % tables, slug="kab-contoh", file="x.toml")
        return http_for(manifest, Secrets(ENVIRONMENT))

    here = OAUTH.replace("http://login.example", f"http://127.0.0.1:{port}")
    async with over_sockets(here) as http:
        with pytest.raises(SourceError):  # the token came; the agency's name leads nowhere
            await http.request("POST", "/list")
        assert http._credentials is not None
        assert http._credentials._signature.headers["Authorization"].reveal() == "Bearer t"
    async with over_sockets(here + 'network = "public"\n') as http:
        with pytest.raises(Unreachable, match="no address of the public network"):
            await http.request("POST", "/list")
    server.close()
