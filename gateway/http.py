"""`/graphql` over HTTP, as the GraphQL-over-HTTP specification says."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from gateway.door import MAX_BODY, Door, not_modified
from gateway.execution.request import request_of_address, request_of_body
from gateway.negotiation import wants_page
from gateway.reply import Reply
from gateway.terms import Rejected, Terms, TermsBook

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simpul: GraphQL</title>
<h1>This is a GraphQL endpoint</h1>
<p>Ask it with a program, for instance from a terminal:</p>
<pre>curl {address} -H 'content-type: application/json' \\
  -d '{{"query": "{{ agencies {{ id name level source {{ state }} }} }}"}}'</pre>
<p>Subscriptions come over a WebSocket at the same address (protocol graphql-transport-ws).</p>
</html>
"""
_PAGE_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


class ClientLeft(Exception):
    """Before its request was complete."""


class GraphQLEndpoint:
    """The ASGI application at `/graphql` for HTTP.

    A request whose answer is at hand passes through here and `Door.now`, and makes no objects on its way.
    """

    methods: ClassVar[str] = "GET, HEAD, POST, OPTIONS"

    def __init__(self, door: Door, terms: TermsBook) -> None:
        self._door = door
        self._terms = terms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        terms = self._terms.of(scope["headers"])
        try:
            reply = await self._reply(terms, scope, receive)
        except ClientLeft:
            return
        except Rejected as rejected:
            reply = self._door.rejection(rejected, terms)
        await send(reply.start)
        await send(reply.content)

    async def _reply(self, terms: Terms, scope: Scope, receive: Receive) -> Reply:
        method = scope["method"]
        if method == "POST":
            return await self._post(terms, receive)
        if method == "OPTIONS":
            return Reply(204, [(b"allow", self.methods.encode()), *terms.headers])
        if method not in ("GET", "HEAD"):
            raise Rejected(405, "Ask by GET or POST.", allow=self.methods)
        return await self._get(terms, scope)

    async def _post(self, terms: Terms, receive: Receive) -> Reply:
        if not terms.plain:
            terms.check()
            terms.check_body()
        body = await _body(receive)
        return self._door.now(terms, body) or await self._door.reply(terms, body, lambda: request_of_body(body))

    async def _get(self, terms: Terms, scope: Scope) -> Reply:
        asked: str = scope["query_string"].decode("latin-1")
        reply = self._door.now(terms, asked) if terms.acceptable else None
        if reply is None:
            parameters = dict(parse_qsl(asked, keep_blank_values=True))
            if "query" not in parameters and wants_page(terms.accept):
                return _page(terms, scope)
            terms.check()
            reply = await self._door.reply(terms, asked, lambda: request_of_address(parameters), by_get=True)
        return not_modified(reply, _header(scope, b"if-none-match")) or reply


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientLeft
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            raise Rejected(413, f"The body is longer than {MAX_BODY} bytes.", connection="close")
        if not message.get("more_body"):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


def _page(terms: Terms, scope: Scope) -> Reply:
    page = _PAGE.format(address=_address(Request(scope))).encode()
    return Reply(200, [*_PAGE_HEADERS, *terms.headers], page)


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(values) if values else None


def _address(request: Request) -> str:
    # Only the characters that an address is made of: the Host header is the client's word.
    address = str(request.url.replace(query=""))
    return "".join(each for each in address if each.isalnum() or each in ":/.-_[]")
