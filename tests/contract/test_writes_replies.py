"""What an agency's reply to a write means: done, refused, not arrived, or nobody knows."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from connectors.manifest import parse_manifest
from connectors.registry import connect
from connectors.secrets import Secrets
from schema.connector import Acknowledgement
from schema.errors import AuthenticationFailed, BadPayload, HttpFailure, MappingFailure, RateLimited, WriteRejected
from tests.contract.doors import complaint, submit
from tests.unit.test_connectors_writes import GRAPHQL, REST

RULE = '[[errors]]\nstatus = 200\nwhen = "kode == `9`"\nthen = "refused"\nmessage = "pesan"\n'
WRITE = submit(complaint())


async def said(
    text: str, status: int, body: Any
) -> tuple[Acknowledgement | BaseException, list[tuple[Request, bytes]]]:
    """What comes of a submit that is answered so, and the requests it took."""
    requests: list[tuple[Request, bytes]] = []
    content = body.encode() if isinstance(body, str) else orjson.dumps(body)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        requests.append((request, asked := await request.body()))
        if request.method == "GET" or b"cari" in asked:
            await JSONResponse({"items": [], "data": {"cari": []}})(scope, receive, send)
        else:
            await Response(content, status)(scope, receive, send)

    manifest = parse_manifest(text, slug="kab-contoh", file="kab-contoh.toml")
    connector: Any = connect(manifest, Secrets({}), transport=httpx2.ASGITransport(answer))
    try:
        return await connector.send(WRITE), requests
    except Exception as error:
        return error, requests
    finally:
        await connector.aclose()


REST_REPLIES = [
    (201, {"id": 7}, Acknowledgement(native_id="7")),
    (200, "<html><body>Masuk</body></html>", (BadPayload, True)),
    (200, '{"id": 7', (BadPayload, True)),
    (200, {"pesan": "baik"}, (BadPayload, True)),
    (204, "", (BadPayload, True)),
    (200, {"kode": 9, "pesan": "Sudah pernah"}, (WriteRejected, False)),
    (400, {}, (WriteRejected, False)),
    (404, {}, (WriteRejected, False)),
    (409, {}, (WriteRejected, False)),
    (422, {}, (WriteRejected, False)),
    (401, {}, (AuthenticationFailed, None)),
    (429, {}, (RateLimited, False)),
    (500, {}, (HttpFailure, True)),
    (302, {}, (HttpFailure, True)),
]


@pytest.mark.parametrize(("status", "body", "meant"), REST_REPLIES)
async def test_replies_to_a_request(status: int, body: Any, meant: Any) -> None:
    found, requests = await said(REST + RULE, status, body)
    check(found, meant)
    assert [request.method for request, _ in requests].count("POST") == 1
    assert orjson.loads(requests[0][1]) == {"judul": WRITE.complaint.title, "acuan": WRITE.reference}


def graph_error(code: str | None, data: Any = None) -> dict[str, Any]:
    return {"data": data, "errors": [{"message": "tidak", "extensions": {"code": code} if code else {}}]}


GRAPHQL_REPLIES = [
    (200, {"data": {"lapor": {"id": "A-7"}}}, Acknowledgement(native_id="A-7")),
    (200, {"data": {"lapor": None}}, (BadPayload, True)),
    (200, {"pesan": "baik"}, (BadPayload, True)),
    (200, graph_error("BAD_USER_INPUT"), (WriteRejected, False)),
    (200, graph_error("CONFLICT", {"lapor": None}), (WriteRejected, False)),
    (400, graph_error("BAD_USER_INPUT"), (WriteRejected, False)),
    (200, graph_error("GRAPHQL_VALIDATION_FAILED"), (MappingFailure, False)),
    (200, graph_error("FORBIDDEN"), (AuthenticationFailed, False)),
    (200, graph_error("INTERNAL_SERVER_ERROR"), (HttpFailure, True)),
    (200, graph_error("NOT_FOUND", {"lapor": {"id": "A-7"}}), (HttpFailure, True)),
    (200, graph_error(None), (HttpFailure, True)),
]


@pytest.mark.parametrize(("status", "body", "meant"), GRAPHQL_REPLIES)
async def test_replies_to_a_mutation(status: int, body: Any, meant: Any) -> None:
    found, requests = await said(GRAPHQL, status, body)
    check(found, meant)
    sent = [orjson.loads(asked) for _, asked in requests]
    assert [one["variables"] for one in sent if "mutation" in one["query"]] == [
        {"judul": WRITE.complaint.title, "acuan": WRITE.reference}
    ]


def check(found: Any, meant: Any) -> None:
    if isinstance(meant, Acknowledgement):
        assert found == meant
        return
    error, arrived = meant
    assert type(found) is error, found
    assert arrived is None or found.arrived is arrived


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"items": []}, None),
        ({"items": None}, None),
        ({"items": [{"id": 8, "acuan": "smp-test-0000-0001"}]}, Acknowledgement(native_id="8")),
        ({"itemz": []}, MappingFailure),
        ({"items": [{"id": 8, "acuan": "SMP-TEST-0000-0002"}]}, MappingFailure),
        ({"items": [{"id": 8}]}, MappingFailure),
    ],
)
async def test_a_search_finds_ours_or_says_that_it_can_not(body: Any, found: Any) -> None:
    manifest = parse_manifest(REST, slug="kab-contoh", file="kab-contoh.toml")
    connector: Any = connect(manifest, Secrets({}), transport=httpx2.ASGITransport(JSONResponse(body)))
    try:
        assert await connector.find(WRITE) == found
    except MappingFailure:
        assert found is MappingFailure
    finally:
        await connector.aclose()


async def test_a_form_a_query_and_a_key_in_the_path() -> None:
    text = REST.replace("body =", 'form = true\nparams = { sumber = "\'simpul\'" }\nidempotency = "Kunci"\nbody =')
    text = text.replace('path = "/aduan"\nform', 'path = "/masuk/{reference}"\nform')
    text = text.replace("body = { ", "body = { rahasia = 'is_confidential', label = \"['a', 'b']\", ")
    found, ((request, body), *_) = await said(text, 201, {"id": 7})
    assert found == Acknowledgement(native_id="7")
    assert (request.url.path, request.url.query) == (f"/masuk/{WRITE.reference}", "sumber=simpul")
    assert request.headers["kunci"] == WRITE.reference
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert body == b"rahasia=false&label=a%2Cb&judul=Jalan" + body.partition(b"judul=Jalan")[2]
    assert body.endswith(b"&acuan=SMP-TEST-0000-0001")
