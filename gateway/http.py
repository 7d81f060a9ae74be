"""`/graphql` over HTTP, as the GraphQL-over-HTTP specification says."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import parse_qsl

import structlog
from starlette.types import Receive, Scope, Send

from gateway.access.credentials import Recognise, Unauthenticated, nobody
from gateway.door import MAX_BODY, Door, Live, not_modified
from gateway.execution.request import request_of_address, request_of_body
from gateway.negotiation import wants_page
from gateway.reply import Headers, Reply
from gateway.stream.response import ClientLeft, StreamEndpoint, last_event_id
from gateway.stream.sse import FINISHED
from gateway.terms import Rejected, Terms, TermsBook
from schema.errors import SimpulError
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: What a person's browser is shown, from the request's scope and the headers to add.
Page = Callable[[Scope, Headers], Reply]


class GraphQLEndpoint:
    """The ASGI application at `/graphql` for HTTP.

    A request whose answer is at hand passes through here and `Door.now`, and makes no objects on its way.

    Args:
        recognise: says who shows credentials.
    """

    methods: ClassVar[str] = "GET, HEAD, POST, OPTIONS"

    def __init__(
        self,
        door: Door,
        terms: TermsBook,
        streams: StreamEndpoint,
        page: Page | None = None,
        recognise: Recognise = nobody,
    ) -> None:
        self.door = door
        self.terms = terms
        self._streams = streams
        self._page = page
        self._recognise = recognise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        terms = self.terms.of(scope["headers"])
        try:
            if terms.authorization is not None:
                terms.viewer = await self._viewer(terms.authorization)
            reply = await self._reply(terms, scope, receive)
        except ClientLeft:
            return
        except Live as live:
            await self._streams(live.operation, terms.viewer, live.framing, terms.headers, scope, receive, send)
            return
        except Rejected as rejected:
            reply = self.door.rejection(rejected, terms)
        await send(reply.start)
        await send(reply.content)

    async def _viewer(self, authorization: str) -> Viewer:
        try:
            return await self._recognise(authorization)
        except Unauthenticated:
            bearer = {"www-authenticate": 'Bearer error="invalid_token"'}
            raise Rejected(401, "These credentials are not valid.", code="UNAUTHENTICATED", **bearer) from None
        except SimpulError as error:
            log.warning("access.unknown", error=repr(error))
            again = {"retry-after": "5"}
            raise Rejected(503, "Who is asking can't be found out just now.", code="OVERLOADED", **again) from error

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
        return self.door.now(terms, body) or await self.door.reply(terms, body, lambda: request_of_body(body))

    async def _get(self, terms: Terms, scope: Scope) -> Reply:
        asked: str = scope["query_string"].decode("latin-1")
        reply = self.door.now(terms, asked) if terms.acceptable else None
        if reply is None:
            parameters = dict(parse_qsl(asked, keep_blank_values=True))
            if self._page and "query" not in parameters and wants_page(terms.accept):
                return self._page(scope, terms.headers)
            terms.check()
            if terms.only_stream and last_event_id(scope) == FINISHED:
                # An EventSource has seen the end and comes again none the less: this status stops it.
                return Reply(204, terms.headers)
            reply = await self.door.reply(terms, asked, lambda: request_of_address(parameters), by_get=True)
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


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in scope["headers"] if key == name]
    return ", ".join(values) if values else None
