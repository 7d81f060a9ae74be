"""A write over real sockets: it is sent once, and the error says whether it may have arrived."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from connectors.http import Http, http_for
from connectors.manifest import parse_manifest
from connectors.secrets import Secrets
from schema.errors import (
    AuthenticationFailed,
    BadPayload,
    HttpFailure,
    RateLimited,
    SourceError,
    SourceTimeout,
    TlsFailure,
    Unreachable,
    WriteRejected,
)

BODY = b"judul=" + b"x" * 3_000
FILE = """
name = "Kabupaten Contoh"
level = "DISTRICT"
region = "36.03"
time_zone = "Asia/Jakarta"
kind = "rest"
[http]
url = "http://127.0.0.1:1"
deadline = 0.3
rate = 10000.0
[rest]
list = "/aduan"
records = "data"
[fields]
native_id = "id"
status = "status"
"""

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Agency:
    """A server by hand. `got`: requests whose whole body came; `connections`: how many were made."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.got: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._script(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next((int(h[16:]) for h in head.split(b"\r\n") if h.lower().startswith(b"content-length: ")), 0)
        whole = head + await reader.readexactly(size)
        self.got.append(whole)
        return whole


def answer(status: str, body: bytes = b"{}", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def agency(script: Callable[[Agency], Script], more: str = "", **http: Any) -> AsyncIterator[tuple[Agency, Http]]:
    made: list[Script] = []
    played = Agency(lambda reader, writer: made[0](reader, writer))
    made.append(script(played))
    server = await asyncio.start_server(played.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with _client(f"http://127.0.0.1:{port}", more.replace("PORT", str(port)), http) as client:
        yield played, client
    server.close()


@asynccontextmanager
async def _client(url: str, more: str, http: Mapping[str, Any]) -> AsyncIterator[Http]:
    manifest = parse_manifest(FILE.replace("http://127.0.0.1:1", url) + more, slug="contoh", file="contoh.toml")
    assert manifest.http is not None
    manifest = msgspec.structs.replace(manifest, http=msgspec.structs.replace(manifest.http, **http))
    async with http_for(manifest, Secrets({"SECRET": "rahasia"})) as client:
        yield client


def says(reply: bytes) -> Callable[[Agency], Script]:
    def made(played: Agency) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await played.request(reader)
                writer.write(reply)
                await writer.drain()

        return script

    return made


def after_head(played: Agency) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    return script


def after_body(played: Agency) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.request(reader)

    return script


def half(played: Agency) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.request(reader)
        writer.write(answer("201 Created", b'{"id": 12345}')[:-6])
        await writer.drain()
        await asyncio.sleep(0.02)

    return script


def never(played: Agency) -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await played.request(reader)
        await reader.read()

    return script


TABLE: dict[str, tuple[Callable[[Agency], Script], type[SourceError], bool]] = {
    "dropped after the head": (after_head, Unreachable, True),
    "dropped after the body": (after_body, Unreachable, True),
    "half a reply": (half, BadPayload, True),
    "no reply": (never, SourceTimeout, True),
    "a reply that is no HTTP": (says(b"\x00\x01 hello\r\n\r\n"), Unreachable, True),
    "too large": (says(answer("200 OK", b"[]", "X: y").replace(b": 2", b": 99999999")), BadPayload, True),
    "500": (says(answer("500 Oops")), HttpFailure, True),
    "502": (says(answer("502 Bad Gateway")), HttpFailure, True),
    "503 with a wait": (says(answer("503 Busy", b"{}", "Retry-After: 3")), RateLimited, True),
    "408": (says(answer("408 Timeout")), HttpFailure, True),
    "302": (says(answer("302 Found", b"", "Location: /other")), HttpFailure, True),
    "401": (says(answer("401 No")), AuthenticationFailed, False),
    "403": (says(answer("403 No")), AuthenticationFailed, False),
    "429": (says(answer("429 Slow", b"{}", "Retry-After: 3")), RateLimited, False),
    **{
        str(status): (says(answer(f"{status} No")), WriteRejected, False)
        for status in (400, 404, 405, 409, 410, 413, 415, 422)
    },
}


@pytest.mark.parametrize("name", TABLE)
async def test_what_became_of_a_write_is_told_and_it_is_sent_once(name: str) -> None:
    script, error, arrived = TABLE[name]
    async with agency(script) as (played, http):
        with pytest.raises(error) as raised:
            await http.write("POST", "/aduan", content=BODY)
        assert (type(raised.value), raised.value.arrived) == (error, arrived)
        assert played.connections == 1
        assert len(played.got) == (0 if name == "dropped after the head" else 1)


async def test_where_no_connection_comes_about_nothing_arrived() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        async with _client(f"http://127.0.0.1:{nobody.getsockname()[1]}", "", {}) as http:
            for _ in range(5):
                assert (await refused(http, Unreachable)).arrived is False
            error = await refused(http, Unreachable)  # the breaker is open now
            assert (error.arrived, "not asked again" in str(error)) == (False, True)
    async with _client("http://tidak-ada.invalid", "", {}) as http:
        assert (await refused(http, Unreachable)).arrived is False
    async with _client("http://127.0.0.1:1", "", {"network": "public"}) as http:
        assert (await refused(http, Unreachable)).arrived is False
    async with agency(says(b"no TLS here")) as (_, http):
        port = http.settings.url.rpartition(":")[2]
        async with _client(f"https://127.0.0.1:{port}", "", {}) as secure:
            assert (await refused(secure, TlsFailure)).arrived is False


async def refused(http: Http, kind: type[SourceError]) -> SourceError:
    with pytest.raises(kind) as raised:
        await http.write("POST", "/aduan", content=BODY)
    return raised.value


async def test_what_the_hub_itself_holds_back_did_not_arrive() -> None:
    async with agency(says(answer("429 Slow", b"{}", "Retry-After: 9"))) as (played, http):
        for _ in range(2):  # the second for the quiet that the first was asked for
            assert (await refused(http, RateLimited)).arrived is False
        assert len(played.got) == 1
    async with agency(says(answer("200 OK")), rate=0.5, concurrency=1) as (played, http):
        await http.write("POST", "/aduan", content=BODY)
        assert (await refused(http, SourceTimeout)).arrived is False  # the pace
        assert len(played.got) == 1
    async with agency(says(answer("200 OK")), "[http.budget]\nrequests = 1\nper = 'hour'\n") as (played, http):
        await http.write("POST", "/aduan", content=BODY)
        assert (await refused(http, RateLimited)).arrived is False
        assert len(played.got) == 1


OAUTH = """
[auth]
kind = "oauth2"
token_url = "http://127.0.0.1:PORT/token"
client_id = "hub"
client_secret = "env:SECRET"
"""


def with_tokens(statuses: list[bytes], tokens: list[bytes]) -> Callable[[Agency], Script]:
    def made(played: Agency) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                whole = await played.request(reader)
                replies = tokens if whole.startswith(b"POST /token") else statuses
                reply = replies.pop(0) if replies else b""
                if not reply:
                    return
                writer.write(reply)
                await writer.drain()

        return script

    return made


def token(number: int) -> bytes:
    body = b'{"access_token": "%d", "token_type": "bearer", "expires_in": 600}' % number
    return answer("200 OK", body)


@pytest.mark.parametrize(
    ("statuses", "tokens", "error", "arrived", "sent"),
    [
        ([], [], Unreachable, False, 0),
        ([], [answer("500 Oops")], HttpFailure, False, 0),
        ([answer("401 No")], [token(1)], Unreachable, False, 1),
        ([answer("401 No")], [token(1), token(2)], Unreachable, True, 2),
        ([answer("401 No"), answer("401 No")], [token(1), token(2)], AuthenticationFailed, False, 2),
        ([answer("401 No"), answer("422 No")], [token(1), token(2)], WriteRejected, False, 2),
        ([answer("401 No"), answer("201 Yes")], [token(1), token(2)], None, None, 2),
    ],
)
async def test_it_is_sent_again_only_where_its_credentials_were_refused(
    statuses: list[bytes], tokens: list[bytes], error: type[SourceError] | None, arrived: bool | None, sent: int
) -> None:
    async with agency(with_tokens(list(statuses), list(tokens)), OAUTH) as (played, http):
        if error is None:
            assert (await http.write("POST", "/aduan", content=BODY)).status == 201
        else:
            assert (await refused(http, error)).arrived is arrived
        assert sum(whole.startswith(b"POST /aduan") for whole in played.got) == sent


async def test_the_agencys_rules_go_before_what_http_says() -> None:
    retry = '[[errors]]\nstatus = 409\nthen = "retry"\n'
    async with agency(says(answer("409 Locked")), retry) as (played, http):
        assert (await refused(http, HttpFailure)).arrived is True
        assert len(played.got) == 1
    login = '[[errors]]\ncontains = "sesi anda"\nthen = "reauthenticate"\n'
    async with agency(says(answer("200 OK", b"Sesi Anda berakhir")), login) as (played, http):
        assert (await refused(http, AuthenticationFailed)).arrived is False


async def test_an_answer_that_nobody_asked_for_is_never_taken_for_another() -> None:
    """Each acknowledgement comes twice on the wire; the second one must not be read as that of the next write."""

    def twice(played: Agency) -> Script:
        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                whole = await played.request(reader)
                writer.write(answer("201 Created", whole[-2:]) * 2)
                await writer.drain()

        return script

    async with agency(twice) as (played, http):
        replies = [await http.write("POST", "/aduan", content=b"%02d" % number) for number in range(20)]
        assert [reply.content for reply in replies] == [b"%02d" % number for number in range(20)]
        assert played.connections == 20
