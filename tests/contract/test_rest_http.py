"""The HTTP client against real servers and ASGI apps: each kind of trouble has its type and its bounds."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import logging
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from connectors.addresses import Network
from connectors.http import Http
from connectors.reply import deeper_than
from connectors.secrets import Secret
from connectors.settings import HttpSettings
from connectors.transport import TRANSLATION, CheckedTransport, look_up, translate
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    HttpFailure,
    RateLimited,
    SourceError,
    SourceTimeout,
    TlsFailure,
    Unreachable,
)

CANARY = "canary-0812-3456"
Answer = Callable[[Request], Awaitable[Response] | Response]


class FakeClock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class FakeAgency:
    """An ASGI app that answers what it is told to and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[Request] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.requests.append(request)
        answer = self.answer(request)
        response = await answer if inspect.isawaitable(answer) else answer
        await response(scope, receive, send)


def client(agency: FakeAgency, clock: FakeClock | None = None, **settings: Any) -> Http:
    clock = clock or FakeClock()
    return Http(
        HttpSettings(url="http://agency.example/api", **settings),
        headers={"X-Api-Key": Secret(CANARY)},
        transport=httpx2.ASGITransport(agency),
        seconds=clock,
        sleep=clock.sleep,
        now=lambda: datetime(2021, 3, 23, 12, 0, tzinfo=UTC),
        jitter=lambda: 1.0,
    )


def always(status: int, body: str = "", **headers: str) -> FakeAgency:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return FakeAgency(lambda request: Response(body, status, named))


async def test_a_request_as_the_agency_sees_it() -> None:
    agency = FakeAgency(lambda request: JSONResponse({"ok": True}, headers={"Set-Cookie": "a=b"}))
    async with client(agency) as http:
        reply = await http.get("/list", {"page": 2, "all": True, "none": None, "q": "jalan & got"})
        await http.get("/list")
    assert reply.json() == {"ok": True}
    assert agency.requests[0].url.path == "/api/list"
    assert dict(agency.requests[0].query_params) == {"page": "2", "all": "true", "q": "jalan & got"}
    assert agency.requests[0].headers["x-api-key"] == CANARY
    assert "cookie" not in agency.requests[1].headers


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (401, {}, AuthenticationFailed),
        (403, {}, AuthenticationFailed),
        (404, {}, HttpFailure),
        (304, {}, HttpFailure),
        (429, {}, RateLimited),
        (500, {}, HttpFailure),
        (503, {}, HttpFailure),
        (503, {"Retry_After": "7"}, RateLimited),
    ],
)
async def test_each_status_has_its_error(status: int, headers: dict[str, str], kind: type[SourceError]) -> None:
    async with client(always(status, CANARY, **headers)) as http:
        with pytest.raises(SourceError) as caught:
            await http.get("/list", {"key": CANARY})
    assert type(caught.value) is kind
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("120", None, 120.0),
        ("0", None, 0.0),
        ("99999999999999999999", None, 3600.0),
        ("Tue, 23 Mar 2021 12:01:30 GMT", None, 90.0),
        ("Tue, 23 Mar 2021 11:00:00 GMT", None, 0.0),
        ("Tue, 23 Mar 2021 09:01:30 GMT", "Tue, 23 Mar 2021 09:00:00 GMT", 90.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None, 3600.0),
        ("soon", None, None),
        ("-5", None, None),
        ("²", None, None),
    ],
)
async def test_retry_after_is_read_and_capped(value: str, date: str | None, seconds: float | None) -> None:
    agency = FakeAgency(lambda request: Response("", 429, {"Retry-After": value, **({"Date": date} if date else {})}))
    if not value.isascii():
        agency = FakeAgency(lambda request: Response("", 429, {"Retry-After": value.encode().decode("latin-1")}))
    async with client(agency) as http:
        with pytest.raises(RateLimited) as caught:
            await http.get("/list")
    assert caught.value.retry_after == seconds


async def test_an_agency_that_asked_for_quiet_is_left_alone() -> None:
    clock, agency = FakeClock(), always(429, Retry_After="60")
    async with client(agency, clock) as http:
        for _ in range(3):
            with pytest.raises(RateLimited):
                await http.get("/list")
        assert len(agency.requests) == 1
        clock.now += 61
        with pytest.raises(RateLimited):
            await http.get("/list")
        assert len(agency.requests) == 2


async def test_a_hiccup_in_a_long_harvest_is_retried() -> None:
    failing = iter([False] * 20 + [True, True] + [False] * 50)
    agency = FakeAgency(lambda request: Response("", 502) if next(failing) else JSONResponse([]))
    async with client(agency) as http:
        for _ in range(21):
            await http.get("/list")
    assert len(agency.requests) == 23


async def test_a_write_is_not_sent_twice() -> None:
    agency = FakeAgency(lambda request: JSONResponse([]))
    async with client(agency) as http:
        for _ in range(20):
            await http.get("/list")
        agency.answer = lambda request: Response("", 502)
        with pytest.raises(HttpFailure):
            await http.request("POST", "/new", content=b"{}")
    assert len(agency.requests) == 21


@pytest.mark.parametrize("every", [1.0, 10.0, 30.0])
async def test_an_agency_that_is_down_is_not_asked_more_than_once_per_poll(every: float) -> None:
    clock, agency = FakeClock(), always(503)
    async with client(agency, clock) as http:
        for _ in range(int(60 / every)):
            with pytest.raises(HttpFailure) as caught:
                await http.get("/list")
            assert caught.value.status == 503
            clock.now += every
    assert len(agency.requests) <= 1.10 * 60 / every


async def test_half_open_lets_one_probe_through_and_recovers() -> None:
    clock, agency = FakeClock(), always(500)
    async with client(agency, clock, concurrency=8) as http:
        for _ in range(5):
            with pytest.raises(HttpFailure):
                await http.get("/list")
        clock.now += 6
        await asyncio.gather(*(http.get("/list") for _ in range(8)), return_exceptions=True)
        assert len(agency.requests) == 6
        agency.answer = lambda request: JSONResponse([])
        clock.now += 6
        await http.get("/list")
        await asyncio.gather(*(http.get("/list") for _ in range(8)))


async def test_concurrency_is_limited() -> None:
    running = most = 0
    release = asyncio.Event()

    async def answer(request: Request) -> Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            release.set()
        await release.wait()
        running -= 1
        return JSONResponse([])

    async with client(FakeAgency(answer), concurrency=3, rate=10_000) as http:
        await asyncio.gather(*(http.get("/list") for _ in range(12)))
    assert most == 3


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://other.example/api/list", BadPayload),
        ("http://127.0.0.1/api/list", BadPayload),
        ("http://agency.example:81/list", BadPayload),
        ("file:///etc/passwd", BadPayload),
        ("//other.example/", BadPayload),
        ("http://[", BadPayload),
    ],
)
async def test_redirects_stay_on_the_host(target: str, kind: type[SourceError]) -> None:
    agency = FakeAgency(lambda request: Response("", 302, {"Location": target}))
    async with client(agency) as http:
        with pytest.raises(kind):
            await http.get("/list")
    assert len(agency.requests) == 1


async def test_redirects_on_the_host_are_followed_thrice() -> None:
    agency = FakeAgency(
        lambda request: JSONResponse([]) if request.url.path == "/api/3" else RedirectResponse("/api/3", 302)
    )
    async with client(agency) as http:
        assert (await http.get("/list")).json() == []
        agency.answer = lambda request: RedirectResponse(request.url.path + "/x", 307)
        with pytest.raises(BadPayload, match="redirected more than 3 times"):
            await http.get("/loop")
        assert len(agency.requests) == 2 + 4
        with pytest.raises(HttpFailure, match="redirected"):
            await http.request("POST", "/new", content=b"{}")


async def test_a_link_to_another_host_is_not_followed() -> None:
    agency = FakeAgency(lambda request: JSONResponse([]))
    async with client(agency) as http:
        await http.get("http://agency.example/elsewhere?page=2")
        with pytest.raises(BadPayload, match="another host"):
            await http.get("http://other.example/list")
    assert [str(request.url) for request in agency.requests] == ["http://agency.example/elsewhere?page=2"]


@pytest.mark.parametrize(
    ("content", "media", "says"),
    [
        (b"<!DOCTYPE html><html>" + CANARY.encode(), "text/html; charset=utf-8", "HTML (text/html"),
        (b"<?xml version='1.0'?><a/>", "application/xml", "XML (application/xml"),
        (b"", "application/json", "nothing (application/json"),
        (b'{"a": "' + CANARY.encode(), "application/json", "cut short"),
        (b"[1, 2", "application/json", "cut short"),
        (b'{"a": NaN}', "application/json", "broken at character"),
        (b"[Infinity]", "application/json", "broken at character"),
        (b"[001]", "application/json", "broken at character"),
        (b'{"a": 1} trailing', "application/json", "broken"),
        (b"Database error: " + CANARY.encode(), "text/plain", "text (text/plain"),
        (b"\x00\x01\x02", "image/png", "binary (image/png"),
        (b"[" * 65 + b"]" * 65, "application/json", "nested deeper than 64"),
        (b"[" * 100_000, "application/json", "JSON"),
        (b'{"a":' * 5_000 + b"1" + b"}" * 5_000, "application/json", "JSON"),
        (b'["\xff\xfe"]', "application/json", "JSON"),
        (b"[1]" + b"\0" * 10, "application/json", "JSON"),
        (b"{}x", f"text/{CANARY} evil", "no content type" if " " in CANARY else "JSON"),
    ],
)
async def test_what_is_not_json_is_told_by_its_kind_never_by_its_text(content: bytes, media: str, says: str) -> None:
    async with client(FakeAgency(lambda request: Response(content, media_type=media))) as http:
        reply = await http.get("/list")
        with pytest.raises(BadPayload) as caught:
            reply.json()
    assert says in str(caught.value)
    assert CANARY not in str(caught.value).replace(f"text/{CANARY}", "")
    assert CANARY not in repr(reply).replace(f"text/{CANARY}", "")


@pytest.mark.parametrize(
    ("content", "media", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', "application/json", {"a": 1}),
        (b'{"a": 1}', "text/html", {"a": 1}),
        ('{"a": "é"}'.encode("latin-1"), "application/json; charset=ISO-8859-1", {"a": "é"}),
        (b"[]", "application/json; charset=nonsense", []),
        (b"[]", "application/json; charset=base64", None),
        (b"[" * 64 + b"]" * 64, "application/json", "deep"),
    ],
)
async def test_json_that_a_sane_reader_would_accept(content: bytes, media: str, value: object) -> None:
    async with client(FakeAgency(lambda request: Response(content, headers={"content-type": media}))) as http:
        reply = await http.get("/list")
    if value is None:
        with pytest.raises(BadPayload):
            reply.json()
    elif value == "deep":
        assert not deeper_than(reply.json(), 64)
    else:
        assert reply.json() == value


def test_every_exception_of_the_client_is_translated() -> None:
    public = [getattr(httpx2, name) for name in httpx2.__all__]
    foreign = [thing for thing in public if isinstance(thing, type) and issubclass(thing, Exception)]
    assert len(foreign) > 25
    named = tuple(kind for kind, _, _ in TRANSLATION)
    for kind in foreign:
        assert issubclass(kind, named), kind
        error = kind.__new__(kind)
        Exception.__init__(error, CANARY)
        ours = translate(error)
        assert type(ours) is not SourceError
        assert CANARY not in str(ours)
    for index, (kind, _, _) in enumerate(TRANSLATION):
        hidden = [earlier for earlier, _, _ in TRANSLATION[:index] if issubclass(kind, earlier)]
        assert not hidden, f"{kind} can't be reached behind {hidden}"


def test_a_certificate_fault_is_told_from_a_dead_host() -> None:
    error = httpx2.ConnectError("x")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed certificate")
    assert type(translate(error)) is TlsFailure
    assert type(translate(httpx2.ConnectError("x"))) is Unreachable


async def test_an_exception_inside_the_transport_is_typed_too() -> None:
    def broken(request: Request) -> Response:
        raise ZeroDivisionError(CANARY)

    async with client(FakeAgency(broken)) as http:
        with pytest.raises(SourceError) as caught:
            await http.get("/list")
    assert CANARY not in str(caught.value)


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def local(port: int, **settings: Any) -> Http:
    return Http(HttpSettings(url=f"http://127.0.0.1:{port}", **settings))


def self_signed(folder: Path) -> ssl.SSLContext:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today, today + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    (folder / "self-signed.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "self-signed.pem")
    return context


@asynccontextmanager
async def raw_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A TCP server on loopback that follows a script after each request's head."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def sending(*pieces: bytes) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(pieces))
        await writer.drain()

    return script


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not reader.at_eof():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def slow_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not reader.at_eof():
        writer.write(b"X-A: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ZIPPED = gzip.compress(b'["' + b"a" * 5_000 + b'"]')
BOMB = gzip.compress(b"0" * 30_000_000)


@pytest.mark.parametrize("script", [hang, drip, slow_head])
async def test_the_deadline_covers_all(script: Script) -> None:
    async with raw_server(script) as port, Http(HttpSettings(url=f"http://127.0.0.1:{port}", deadline=0.2)) as http:
        started = time.monotonic()
        with pytest.raises(SourceTimeout, match=r"within 0\.2 s"):
            await http.get("/list")
        assert time.monotonic() - started < 0.2 + 0.15  # 0.1 is what is promised; the machine is shared


@pytest.mark.parametrize(
    ("pieces", "kind", "says"),
    [
        ((HEAD, b"Content-Length: 100\r\n\r\n[1, 2"), BadPayload, "cut short"),
        ((HEAD, b"Transfer-Encoding: chunked\r\n\r\n5\r\n[1, 2\r\n"), BadPayload, "cut short"),
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", ZIPPED[:-20]), BadPayload, "cut short"),
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", b"no gzip at all"), BadPayload, "compression is broken"),
        ((HEAD, b"Content-Encoding: br\r\n\r\n", b"xx"), BadPayload, "not asked for"),
        ((HEAD, b"Content-Encoding: gzip\r\n\r\n", BOMB), BadPayload, "larger than 1,000,000"),
        ((HEAD, b"Content-Length: 2000000\r\n\r\n"), BadPayload, "larger than 1,000,000"),
        ((HEAD, b"\r\n", b" " * 1_000_001), BadPayload, "larger than 1,000,000"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), Unreachable, "HTTP"),
        ((), Unreachable, "HTTP"),
    ],
)
async def test_broken_replies(pieces: Sequence[bytes], kind: type[SourceError], says: str) -> None:
    async with raw_server(sending(*pieces)) as port, local(port, deadline=5.0, max_bytes=1_000_000) as http:
        with pytest.raises(SourceError) as caught:
            (await http.get("/list")).json()
    assert type(caught.value) is kind
    assert says in str(caught.value)


async def test_gzip_in_several_members_is_read() -> None:
    zipped = gzip.compress(b"[1,") + gzip.compress(b"2]")
    async with raw_server(sending(HEAD, b"Content-Encoding: gzip\r\n\r\n", zipped)) as port, local(port) as http:
        assert (await http.get("/")).json() == [1, 2]


async def test_a_closed_port_is_unreachable() -> None:
    async with raw_server(hang) as port:
        pass
    async with local(port, deadline=2.0) as http:
        with pytest.raises(Unreachable):
            await http.get("/list")


async def test_a_certificate_of_nobody_is_not_trusted(tmp_path: Path) -> None:
    async with raw_server(sending(HEAD, b"\r\n[]"), tls=self_signed(tmp_path)) as port:
        http = Http(HttpSettings(url=f"https://localhost:{port}", deadline=5.0))
        with pytest.raises(TlsFailure):
            await http.get("/list")
        await http.aclose()


async def test_a_name_that_leads_inside_is_not_connected_to() -> None:
    """DNS rebinding: what was checked is what is connected to, on each request."""
    answers = iter([["127.0.0.1"], ["169.254.169.254", "10.0.0.1"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    async with raw_server(sending(HEAD, b"Content-Length: 2\r\n\r\n[]")) as port:
        transport = CheckedTransport(httpx2.AsyncHTTPTransport(trust_env=False), Network.LOOPBACK, rebinding)
        settings = HttpSettings(url=f"http://agency.example:{port}", deadline=2.0)
        async with Http(settings, transport=transport) as http:
            assert (await http.get("/")).json() == []
            with pytest.raises(Unreachable, match="no address of the loopback network"):
                await http.get("/")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0"])
async def test_a_public_agency_does_not_lead_inside(address: str) -> None:
    async def inside(host: str, port: int) -> Sequence[str]:
        return [address]

    agency = FakeAgency(lambda request: JSONResponse([]))
    transport = CheckedTransport(httpx2.ASGITransport(agency), Network.PUBLIC, inside)
    async with Http(HttpSettings(url="http://agency.example"), transport=transport) as http:
        with pytest.raises(Unreachable, match="no address of the public network"):
            await http.get("/")
    assert agency.requests == []


async def test_the_name_stays_in_the_request_and_dead_addresses_are_passed_over() -> None:
    seen: list[tuple[str, str, object]] = []

    class Recorder(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            seen.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
            if request.url.host != "8.8.4.4":
                raise httpx2.ConnectError("down")
            return httpx2.Response(200, stream=httpx2.ByteStream(b"[]"))

    async def two(host: str, port: int) -> Sequence[str]:
        return ["2001:4860:4860::8888", "8.8.4.4"]

    settings = HttpSettings(url="https://agency.example/api")
    async with Http(settings, transport=CheckedTransport(Recorder(), Network.PUBLIC, two)) as http:
        await http.get("/list")
    assert [host for host, _, _ in seen] == ["2001:4860:4860::8888", "8.8.4.4"]
    assert {(named, sni) for _, named, sni in seen} == {("agency.example", "agency.example")}


async def test_names_that_lead_nowhere() -> None:
    async def nowhere(host: str, port: int) -> Sequence[str]:
        raise OSError("no such host")

    transport = CheckedTransport(httpx2.ASGITransport(always(200)), Network.PUBLIC, nowhere)
    async with Http(HttpSettings(url="http://agency.example"), transport=transport) as http:
        with pytest.raises(Unreachable, match="can't be resolved"):
            await http.get("/")
    assert await look_up("127.0.0.1", 80) == ["127.0.0.1"]


async def test_secrets_are_in_no_repr_log_or_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with client(always(500)) as http:
            with pytest.raises(SourceError) as caught:
                await http.get("/list", {"key": CANARY})
            shown = repr(http) + repr(vars(http))
        async with raw_server(sending(b"HTTP/1.1 200 OK\r\n" + CANARY.encode() + b"\r\n\r\n")) as port:
            settings = HttpSettings(url=f"http://127.0.0.1:{port}", deadline=2.0)
            async with Http(settings, headers={"Authorization": Secret(CANARY)}) as http:
                with pytest.raises(SourceError) as garbled:
                    await http.get("/list")
    for text in (shown, caplog.text, str(caught.value), repr(caught.value), str(garbled.value)):
        assert CANARY not in text
    assert caught.value.__cause__ is None
