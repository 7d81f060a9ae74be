"""`/graphql` over HTTP, as the GraphQL-over-HTTP specification says."""

from __future__ import annotations

import time
from typing import ClassVar

import orjson
from graphql import GraphQLError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.execution.document import KindNotAllowed, Refused
from gateway.execution.execute import MUTATION, QUERY, Answer, Executor, Operation, refusal
from gateway.execution.request import GraphQLRequest, request_of_address, request_of_body
from gateway.negotiation import GRAPHQL, JSON, is_json, negotiate, wants_page
from gateway.telemetry import Metrics
from schema.errors import BadUserInput
from schema.query import PUBLIC

#: The longest body, in bytes. The server itself refuses addresses beyond 64 kB.
MAX_BODY = 262_144

_BY_GET, _BY_POST = frozenset({QUERY}), frozenset({QUERY, MUTATION})

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simpul: GraphQL</title>
<h1>This is a GraphQL endpoint</h1>
<p>Ask it with a program, for instance from a terminal:</p>
<pre>curl {address} -H 'content-type: application/json' \\
  -d '{{"query": "{{ agencies {{ id name level source {{ state }} }} }}"}}'</pre>
<p>Subscriptions come over a WebSocket at the same address (protocol graphql-transport-ws).</p>
</html>
"""


class Rejected(Exception):
    """An HTTP request that is not a GraphQL request: what to answer."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class GraphQLEndpoint:
    """The ASGI application at `/graphql` for HTTP."""

    methods: ClassVar[str] = "GET, HEAD, POST, OPTIONS"

    def __init__(self, executor: Executor, metrics: Metrics) -> None:
        self._executor = executor
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._respond(request)
        except ClientDisconnect:
            return
        except Rejected as rejected:
            self._metrics.answered("http", "unknown", "refused")
            response = _rejection(request, rejected)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        by_get = request.method in ("GET", "HEAD")
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": self.methods})
        if not by_get and request.method != "POST":
            raise Rejected(405, "Ask by GET or POST.", allow=self.methods)
        if by_get and "query" not in request.query_params and wants_page(accept):
            return HTMLResponse(_PAGE.format(address=_address(request)), headers=_PAGE_HEADERS)
        media = negotiate(accept)
        if media is None:
            raise Rejected(406, f"Answers come as {GRAPHQL} or {JSON}.")
        started = time.perf_counter()
        kind, answer = await self._answer(request, by_get)
        self._metrics.answered("http", kind, answer.outcome, time.perf_counter() - started)
        # The specification keeps 200 for application/json, where old clients read no body under 4xx.
        status = 400 if answer.refused and media == GRAPHQL else 200
        return Response(answer.json(), status, {"content-type": f"{media}; charset=utf-8", "vary": "accept"})

    async def _answer(self, request: Request, by_get: bool) -> tuple[str, Answer]:
        try:
            operation = self._prepare(await _read(request, by_get), by_get)
        except Refused as refused:
            return "unknown", refusal(refused.errors)
        return operation.kind.value, await self._executor.execute(operation, PUBLIC)

    def _prepare(self, wanted: GraphQLRequest, by_get: bool) -> Operation:
        try:
            return self._executor.prepare(wanted, _BY_GET if by_get else _BY_POST)
        except KindNotAllowed as error:
            if error.kind is MUTATION:
                raise Rejected(405, "A mutation must be sent by POST.", allow="POST") from error
            message = "A subscription needs a stream: open a WebSocket here with the protocol graphql-transport-ws."
            raise Refused([GraphQLError(message)]) from error


_PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "vary": "accept",
}


async def _read(request: Request, by_get: bool) -> GraphQLRequest:
    try:
        return request_of_address(request.query_params) if by_get else request_of_body(await _body(request))
    except BadUserInput as error:
        raise Rejected(400, str(error)) from error


async def _body(request: Request) -> bytes:
    if not is_json(request.headers.get("content-type", "")):
        raise Rejected(415, f"The body must be {JSON} in UTF-8.", **{"accept-post": JSON})
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Rejected(415, "The body must not be compressed.", **{"accept-encoding": "identity"})
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise Rejected(413, f"The body is longer than {MAX_BODY} bytes.", connection="close")
        parts.append(part)
    return b"".join(parts)


def _rejection(request: Request, rejected: Rejected) -> Response:
    media = negotiate(request.headers.get("accept", "")) or JSON
    content = orjson.dumps(refusal([GraphQLError(str(rejected))]).body())
    headers = {"content-type": f"{media}; charset=utf-8", "vary": "accept", **rejected.headers}
    return Response(content, rejected.status, headers)


def _address(request: Request) -> str:
    # Only the characters that an address is made of: the Host header is the client's word.
    address = str(request.url.replace(query=""))
    return "".join(each for each in address if each.isalnum() or each in ":/.-_[]")
