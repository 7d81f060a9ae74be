"""Questions in, replies out, whatever carried them here."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

import orjson
from graphql import GraphQLError

from gateway.cache.answers import AnswerCache
from gateway.cache.entry import Entry
from gateway.cache.key import key_of
from gateway.compression import IDENTITY, encode
from gateway.execution.answer import Answer, Frame, refusal
from gateway.execution.document import KindNotAllowed, Refused
from gateway.execution.execute import Executor
from gateway.execution.operation import MUTATION, QUERY, SUBSCRIPTION, Operation
from gateway.execution.request import GraphQLRequest
from gateway.negotiation import EVENT_STREAM, GRAPHQL, MULTIPART
from gateway.reply import Reply
from gateway.stream.framing import Framing
from gateway.telemetry import Metrics
from gateway.terms import Rejected, Terms
from schema.errors import BadUserInput
from schema.query import PUBLIC, Viewer

#: The longest body, in bytes.
MAX_BODY = 262_144

#: Bodies whose keys are remembered: the longest, bytes in all, and what each takes beside its own.
_LONGEST, _MOST, _BESIDE = 8_192, 4_000_000, 250
#: Answers from this size on are compressed beside the event loop.
_LONG = 65_536
#: Shapes of replies that are kept of one answer.
_SHAPES = 4

_BY_GET, _BY_POST, _AS_STREAM = (QUERY,), (QUERY, MUTATION), (SUBSCRIPTION,)
_NO_STREAM = (
    "A subscription needs a stream: open a WebSocket here with the protocol graphql-transport-ws, "
    f"or accept {EVENT_STREAM} or {MULTIPART}."
)
_NO_STORE = (b"cache-control", b"no-store")
_REVALIDATE = {True: (b"cache-control", b"no-cache"), False: (b"cache-control", b"private, no-cache")}

#: What was sent: a POST's body, or a GET's query string as text. So neither is ever taken for the other.
Asked = bytes | str
#: Reads the parameters of a request.
Read = Callable[[], GraphQLRequest]


class Live(Exception):
    """The answer is a stream, and the client takes one: whoever can send it does."""

    def __init__(self, operation: Operation, framing: Framing) -> None:
        super().__init__(framing.name)
        self.operation = operation
        self.framing = framing


class Door:
    """The graph behind its guards.

    Args:
        cache: None answers every question anew.
    """

    def __init__(self, executor: Executor, metrics: Metrics, cache: AnswerCache | None = None) -> None:
        self._executor = executor
        self._metrics = metrics
        self._cache = cache
        self._keys = _Keys()

    def now(self, terms: Terms, asked: Asked) -> Reply | None:
        """The reply, if it is at hand; None: `reply` makes it.

        Args:
            asked: its terms are plain if it is a body, and acceptable if it is an address.
        """
        key = self._keys.get(asked)
        if key is None or self._cache is None or terms.viewer is not PUBLIC:
            return None
        entry = self._cache.now(key, PUBLIC)
        if entry is None:
            return None
        reply = entry.replies.get(terms.shape)
        if reply is not None:
            self._metrics.hit()
        return reply

    async def reply(self, terms: Terms, asked: Asked, read: Read, *, by_get: bool = False) -> Reply:
        """The reply to a GraphQL request; `asked` as for `now`.

        Raises:
            Rejected: it is none, or none that may come this way.
            Live: it is a subscription.
        """
        started = time.perf_counter()
        kind = "unknown"
        try:
            key = self._keys.get(asked) if terms.viewer is PUBLIC else None
            if key is not None and self._cache is not None:
                kind, answer = "query", await self._cache.get(key, PUBLIC, lambda: self._anew(read(), by_get))
            else:
                operation = self._prepare(read(), by_get, terms.stream)
                kind = "query" if operation.kind is QUERY else "mutation"
                answer = await self.answer(operation, terms.viewer)
        except BadUserInput as error:
            raise Rejected(400, str(error)) from error
        except Refused as refused:
            answer = refusal(refused.errors)
        if isinstance(answer, Entry):
            self._metrics.answered("http", kind, "ok", time.perf_counter() - started)
            return _streamed(answer.body, terms) if terms.only_stream else await self._kept(answer, terms, asked)
        self._metrics.answered("http", kind, answer.outcome, time.perf_counter() - started)
        if terms.only_stream:
            return _streamed(answer.json(), terms)
        # The specification keeps 200 for application/json, where old clients read no body under 4xx.
        status = 400 if answer.refused and terms.media == GRAPHQL else 200
        return await _once(status, answer.json(), terms)

    async def answer(self, operation: Operation, viewer: Viewer) -> Entry | Answer:
        """The answer to a query or a mutation; a query's from the cache, if it is there and true."""
        key = None if self._cache is None or operation.kind is not QUERY else key_of(operation.request, viewer)
        if key is None or self._cache is None:
            return await self._executor.execute(operation, viewer)
        return await self._cache.get(key, viewer, lambda: self._executor.execute(operation, viewer))

    def rejection(self, rejected: Rejected, terms: Terms) -> Reply:
        """The reply to what is no GraphQL request."""
        self._metrics.answered("http", "unknown", "refused")
        extensions = {"code": rejected.code} if rejected.code is not None else None
        content = orjson.dumps(refusal([GraphQLError(str(rejected), extensions=extensions)]).body())
        more = [(name.encode(), value.encode()) for name, value in rejected.headers.items()]
        return Reply(rejected.status, [terms.type, *terms.headers, _NO_STORE, *more], content)

    async def _anew(self, request: GraphQLRequest, by_get: bool) -> Answer:
        return await self._executor.execute(self._prepare(request, by_get), PUBLIC)

    def _prepare(self, wanted: GraphQLRequest, by_get: bool, stream: Framing | None = None) -> Operation:
        try:
            return self._executor.prepare(wanted, _BY_GET if by_get else _BY_POST)
        except KindNotAllowed as error:
            if error.kind is MUTATION:
                raise Rejected(405, "A mutation must be sent by POST.", allow="POST") from error
            if stream is None:
                raise Refused([GraphQLError(_NO_STREAM)]) from error
        raise Live(self._executor.prepare(wanted, _AS_STREAM), stream)

    async def _kept(self, entry: Entry, terms: Terms, asked: Asked) -> Reply:
        """The reply that carries a kept answer; made once for all terms of one shape, if it is asked for again."""
        if entry.given and terms.viewer is PUBLIC:
            self._keys.put(asked, entry.key)
        reply = entry.replies.get(terms.shape)
        if reply is not None:
            return reply
        coding = terms.coding(len(entry.body))
        if coding != IDENTITY and coding not in entry.encoded:
            packed = await _encoded(entry.body, coding, kept=True)
            if coding not in entry.encoded and self._cache is not None:
                entry.encoded[coding] = packed
                self._cache.memory.grow(entry, len(packed))
        reply = _reply_of(entry, terms, coding)
        if entry.given:
            if len(entry.replies) >= _SHAPES:
                entry.replies.clear()
            entry.replies[terms.shape] = reply
        entry.given = True
        return reply


class _Keys:
    """Keys of questions by the bytes that they were asked in: most clients ask the same, byte for byte."""

    __slots__ = ("_bytes", "_kept", "get")

    def __init__(self) -> None:
        self._kept: OrderedDict[Asked, bytes] = OrderedDict()
        self._bytes = 0
        self.get = self._kept.get

    def put(self, asked: Asked, key: bytes) -> None:
        if len(asked) > _LONGEST or asked in self._kept:
            return
        self._kept[asked] = key
        self._bytes += len(asked) + _BESIDE
        while self._bytes > _MOST:
            oldest, _ = self._kept.popitem(last=False)
            self._bytes -= len(oldest) + _BESIDE


def etag(entry: Entry, terms: Terms, coding: str) -> str:
    """Strong: it differs wherever the bytes or their type do."""
    marks = ("g" if terms.media == GRAPHQL else "j") + ("" if coding == IDENTITY else coding[0])
    return f'"{entry.etag}-{marks}"'


def not_modified(reply: Reply, if_none_match: str | None) -> Reply | None:
    """A 304 in place of a reply whose ETag the client has."""
    if if_none_match is None or reply.status != 200:
        return None
    headers = dict(reply.headers)
    own = headers.get(b"etag", b"").decode()
    known = [each.strip().removeprefix("W/") for each in if_none_match.split(",")]
    if not own or (own not in known and "*" not in known):
        return None
    told = (b"etag", b"vary", b"cache-control")
    return Reply(304, [each for each in reply.headers if each[0] in told or each[0].startswith(b"access-control-")])


def _reply_of(entry: Entry, terms: Terms, coding: str) -> Reply:
    headers = [
        terms.type,
        *terms.headers,
        _REVALIDATE[terms.viewer is PUBLIC],
        (b"etag", etag(entry, terms, coding).encode()),
    ]
    if coding == IDENTITY:
        return Reply(200, headers, entry.body)
    return Reply(200, [*headers, (b"content-encoding", coding.encode())], entry.encoded[coding])


def _streamed(body: bytes, terms: Terms) -> Reply:
    """An answer as a stream of one."""
    assert terms.stream is not None  # the client takes nothing else
    stream = terms.stream
    content = stream.opening + stream.next(Frame(body)) + stream.complete
    return Reply(200, [(b"content-type", stream.type), *terms.headers, _NO_STORE], content)


async def _once(status: int, body: bytes, terms: Terms) -> Reply:
    coding = terms.coding(len(body))
    headers = [terms.type, *terms.headers, _NO_STORE]
    if coding == IDENTITY:
        return Reply(status, headers, body)
    packed = await _encoded(body, coding, kept=False)
    return Reply(status, [*headers, (b"content-encoding", coding.encode())], packed)


async def _encoded(body: bytes, coding: str, *, kept: bool) -> bytes:
    if len(body) < _LONG:
        return encode(body, coding, kept=kept)
    return await asyncio.to_thread(encode, body, coding, kept=kept)
