"""`/graphql` over HTTP, as the GraphQL-over-HTTP specification says."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import parse_qsl

import structlog
from starlette.types import Receive, Scope, Send

from gateway.access.credentials import Recognise, Unauthenticated, nobody
from gateway.access.session import Sessions
from gateway.door import MAX_BODY, Door, Live, not_modified
from gateway.execution.request import request_of_address, request_of_body
from gateway.guard.client import client_of
from gateway.negotiation import wants_page
from gateway.reply import Headers, Reply
from gateway.stream.response import ClientLeft, StreamEndpoint, last_event_id
from gateway.stream.sse import FINISHED
from gateway.terms import Rejected, Terms, TermsBook
from schema.errors import SimpulError
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: Parameters by which clients elsewhere show credentials. An address is logged and remembered wherever it comes by.
_CREDENTIALS = frozenset({"access_token", "authorization", "api_key", "apikey", "key", "token"})

#: What a person's browser is shown, from the request's scope and the headers to add.
Page = Callable[[Scope, Headers], Reply]


class GraphQLEndpoint:
    """The ASGI application at `/graphql` for HTTP.

    A request whose answer is at hand passes through here and `Door.now`, and makes no objects on its way.

    Args:
        recognise: says who shows credentials.
        sessions: finds the credentials of streams that can't show any; None: there are no such.
    """

    methods: ClassVar[str] = "GET, HEAD, POST, OPTIONS"

    def __init__(
        self,
        door: Door,
        terms: TermsBook,
        streams: StreamEndpoint,
        page: Page | None = None,
        recognise: Recognise = nobody,
        sessions: Sessions | None = None,
    ) -> None:
        self.door = door
        self.terms = terms
        self._streams = streams
        self._page = page
        self._recognise = recognise
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        terms = self.terms.of(scope["headers"])
        try:
            if terms.only_stream and terms.authorization is None:
                terms = self._by_cookie(terms, scope)
            if terms.authorization is not None:
                terms.viewer = await self._viewer(terms.authorization)
            reply = await self._reply(terms, scope, receive)
        except ClientLeft:
            return
        except Live as live:
            await self._streams(live.operation, live.framing, terms, scope, receive, send)
            return
        except Rejected as rejected:
            reply = self.door.rejection(rejected, terms)
        await send(reply.start)
        await send(reply.content)

    def _by_cookie(self, terms: Terms, scope: Scope) -> Terms:
        if self._sessions is None or scope["method"] != "GET":
            return terms
        try:
            authorization = self._sessions.authorization(scope)
        except Unauthenticated:
            raise _not_valid() from None
        return terms if authorization is None else terms.showing(authorization)

    async def _viewer(self, authorization: str) -> Viewer:
        try:
            return await self._recognise(authorization)
        except Unauthenticated:
            raise _not_valid() from None
        except SimpulError as error:
            log.warning("access.unknown", error=type(error).__name__)
            again = {"retry-after": "5"}
            raise Rejected(503, "Who is asking can't be found out just now.", code="OVERLOADED", **again) from error

    async def _reply(self, terms: Terms, scope: Scope, receive: Receive) -> Reply:
        method = scope["method"]
        if method == "POST":
            return await self._post(terms, scope, receive)
        if method == "OPTIONS":
            return Reply(204, [(b"allow", self.methods.encode()), *terms.headers])
        if method not in ("GET", "HEAD"):
            raise Rejected(405, "Ask by GET or POST.", allow=self.methods)
        return await self._get(terms, scope)

    async def _post(self, terms: Terms, scope: Scope, receive: Receive) -> Reply:
        if not terms.plain:
            terms.check()
            terms.check_body()
        body = await _body(receive)
        reply = self.door.now(terms, body)
        return reply or await self.door.reply(terms, body, lambda: request_of_body(body), client_of(scope))

    async def _get(self, terms: Terms, scope: Scope) -> Reply:
        asked: str = scope["query_string"].decode("latin-1")
        reply = self.door.now(terms, asked) if terms.acceptable else None
        if reply is None:
            parameters = dict(parse_qsl(asked, keep_blank_values=True))
            if self._page and "query" not in parameters and wants_page(terms.accept):
                return self._page(scope, terms.headers)
            if not _CREDENTIALS.isdisjoint(parameters):
                raise Rejected(400, "Credentials do not belong into an address: send them in a header.")
            terms.check()
            if terms.only_stream and last_event_id(scope) == FINISHED:
                # An EventSource has seen the end and comes again none the less: this status stops it.
                return Reply(204, terms.headers)
            client = client_of(scope)
            reply = await self.door.reply(terms, asked, lambda: request_of_address(parameters), client, by_get=True)
        return not_modified(reply, _header(scope, b"if-none-match")) or reply


def _not_valid() -> Rejected:
    bearer = {"www-authenticate": 'Bearer error="invalid_token"'}
    return Rejected(401, "These credentials are not valid.", code="UNAUTHENTICATED", **bearer)


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
