"""Questions in, replies out, whatever carried them here."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

import orjson
from graphql import GraphQLError

from gateway.cache.answers import AnswerCache, Execute
from gateway.cache.entry import Entry
from gateway.cache.key import key_of
from gateway.compression import IDENTITY, encode
from gateway.execution.answer import Answer, Frame, refusal
from gateway.execution.document import KindNotAllowed, Refused
from gateway.execution.execute import Executor
from gateway.execution.masking import shown_exception
from gateway.execution.operation import MUTATION, QUERY, SUBSCRIPTION, Operation
from gateway.execution.request import GraphQLRequest
from gateway.guard.gate import OPEN, Gate, Rank, rank_of
from gateway.guard.load import overloaded
from gateway.negotiation import EVENT_STREAM, GRAPHQL, MULTIPART
from gateway.reply import Reply
from gateway.stream.framing import Framing
from gateway.telemetry import Metrics
from gateway.terms import Rejected, Terms
from schema.errors import BadUserInput, Busy, Overloaded, RateExceeded
from schema.query import PUBLIC, Viewer

#: The longest body, in bytes.
MAX_BODY = 262_144

#: Bodies whose keys are remembered: the longest, bytes in all, and what each takes beside its own.
_LONGEST, _MOST, _BESIDE = 8_192, 4_000_000, 250
#: Answers from this size on are compressed beside the event loop.
_LONG = 65_536
#: Seconds for which all are refused by the same reply.
_SAME_REFUSAL = 1.0
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


class _TurnedAway(Answer, frozen=True, kw_only=True):
    """Nothing was executed: not now."""

    error: Busy


class Door:
    """The graph behind its guards.

    Args:
        cache: None answers every question anew.
        gate: says who may ask, and when; answers at hand pass beside it.
        get_any: whether GET may ask anything; else only documents of the operator's list, and streams.
    """

    def __init__(
        self,
        executor: Executor,
        metrics: Metrics,
        cache: AnswerCache | None = None,
        gate: Gate = OPEN,
        *,
        get_any: bool = True,
    ) -> None:
        self._executor = executor
        self._metrics = metrics
        self._cache = cache
        self.gate = gate
        self._get_any = get_any
        self._keys = _Keys()
        self._turned_away: dict[str, Reply] = {}
        self._turned_away_until = 0.0

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

    def turned_away(self, terms: Terms, asked: Asked) -> Reply | None:
        """The refusal of what has to be executed while nothing more can be; None where that has to be found out.

        Before anything is read: to refuse must cost next to nothing, or it would be what there is too much of. Whoever
        shows credentials, or may be writing, is heard first.
        """
        if terms.viewer is not PUBLIC or not self.gate.full() or asked in self._keys or _may_write(asked):
            return None
        self.gate.shed(Rank.READ)
        self._metrics.answered("http", "unknown", "refused")
        now = time.monotonic()
        if now > self._turned_away_until:
            self._turned_away.clear()
            self._turned_away_until = now + _SAME_REFUSAL
        reply = self._turned_away.get(terms.shape)
        if reply is None:
            reply = self._turned_away[terms.shape] = _busy(overloaded(), terms)
        return reply

    async def reply(self, terms: Terms, asked: Asked, read: Read, client: str = "", *, by_get: bool = False) -> Reply:
        """The reply to a GraphQL request; `asked` as for `now`.

        Args:
            client: the address that it comes from; "" if unknown.

        Raises:
            Rejected: it is none, or none that may come this way.
            Live: it is a subscription.
        """
        refused = self.turned_away(terms, asked)
        if refused is not None:
            return refused
        started = time.perf_counter()
        kind = "unknown"
        try:
            key = self._keys.get(asked) if terms.viewer is PUBLIC else None
            if key is not None and self._cache is not None:
                kind, answer = "query", await self._known(key, PUBLIC, lambda: self._anew(read, by_get, client))
            else:
                if not _may_write(asked):
                    self.gate.check(terms.viewer, client)
                operation = await self._prepare(read(), by_get, terms, client)
                kind = "query" if operation.kind is QUERY else "mutation"
                answer = await self.answer(operation, terms.viewer, client)
        except BadUserInput as error:
            raise Rejected(400, str(error)) from error
        except RateExceeded as limited:
            self._metrics.answered("http", kind, "refused")
            return _busy(limited, terms)
        except Refused as unfit:
            self.gate.refused(terms.viewer, client)
            answer = refusal(unfit.errors)
        if isinstance(answer, Entry):
            self._metrics.answered("http", kind, "ok", time.perf_counter() - started)
            return _streamed(answer.body, terms) if terms.only_stream else await self._kept(answer, terms, asked)
        self._metrics.answered("http", kind, answer.outcome, time.perf_counter() - started)
        if isinstance(answer, _TurnedAway):
            return _busy(answer.error, terms)
        if terms.only_stream:
            return _streamed(answer.json(), terms)
        # The specification keeps 200 for application/json, where old clients read no body under 4xx.
        status = 400 if answer.refused and terms.media == GRAPHQL else 200
        return await _once(status, answer.json(), terms)

    async def answer(self, operation: Operation, viewer: Viewer, client: str) -> Entry | Answer:
        """The answer to a query or a mutation; a query's from the cache, if it is there and true.

        Args:
            client: the address that it comes from; "" if unknown.
        """
        key = None if self._cache is None or operation.kind is not QUERY else key_of(operation.request, viewer)
        return await self._known(key, viewer, lambda: self._execute(operation, viewer, client))

    def rejection(self, rejected: Rejected, terms: Terms) -> Reply:
        """The reply to what is no GraphQL request."""
        self._metrics.answered("http", "unknown", "refused")
        extensions = {"code": rejected.code} if rejected.code is not None else None
        content = orjson.dumps(refusal([GraphQLError(str(rejected), extensions=extensions)]).body())
        more = [(name.encode(), value.encode()) for name, value in rejected.headers.items()]
        return Reply(rejected.status, [terms.type, *terms.headers, _NO_STORE, *more], content)

    async def _anew(self, read: Read, by_get: bool, client: str) -> Answer:
        self.gate.check(PUBLIC, client)
        return await self._execute(self._prepared(read(), PUBLIC, by_get), PUBLIC, client)

    async def _known(self, key: bytes | None, viewer: Viewer, execute: Execute) -> Entry | Answer:
        try:
            return await (execute() if key is None or self._cache is None else self._cache.get(key, viewer, execute))
        except RateExceeded as error:
            # Of this client. Who waited for the same answer has it made at own cost.
            return _turned_away(error)

    async def _execute(self, operation: Operation, viewer: Viewer, client: str) -> Answer:
        """However many wait for the answer, it is paid for and takes a place once."""
        rank = rank_of(operation)
        await self.gate.admit(viewer, client, operation.cost, rank)
        try:
            async with self.gate.place(rank):
                return await self._executor.execute(operation, viewer)
        except Overloaded as error:
            # Whoever waited for the same answer is told the same.
            return _turned_away(error)

    async def _prepare(self, wanted: GraphQLRequest, by_get: bool, terms: Terms, client: str) -> Operation:
        try:
            return self._prepared(wanted, terms.viewer, by_get, terms.stream)
        except Live as live:
            await self.gate.admit(terms.viewer, client, live.operation.cost)
            raise

    def _prepared(
        self, wanted: GraphQLRequest, viewer: Viewer, by_get: bool, stream: Framing | None = None
    ) -> Operation:
        try:
            operation = self._executor.prepare(wanted, viewer, _BY_GET if by_get else _BY_POST)
            if by_get and not self._get_any and not self._executor.trusts(operation):
                raise Rejected(405, "By GET only documents are answered that this hub knows.", allow="POST")
            return operation
        except KindNotAllowed as error:
            if error.kind is MUTATION:
                raise Rejected(405, "A mutation must be sent by POST.", allow="POST") from error
            if stream is None:
                raise Refused([GraphQLError(_NO_STREAM)]) from error
        raise Live(self._executor.prepare(wanted, viewer, _AS_STREAM), stream)

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

    def __contains__(self, asked: Asked) -> bool:
        return asked in self._kept

    def put(self, asked: Asked, key: bytes) -> None:
        if len(asked) > _LONGEST or asked in self._kept:
            return
        self._kept[asked] = key
        self._bytes += len(asked) + _BESIDE
        while self._bytes > _MOST:
            oldest, _ = self._kept.popitem(last=False)
            self._bytes -= len(oldest) + _BESIDE


def _may_write(asked: Asked) -> bool:
    """Whether it takes more than a glance to tell that this is no mutation: its word, or a name for a document."""
    return isinstance(asked, bytes) and (
        b"mutation" in asked or b"persistedQuery" in asked or b"documentId" in asked or b"\\u" in asked
    )


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


def _turned_away(error: Busy) -> _TurnedAway:
    return _TurnedAway(errors=[shown_exception(error)], refused=True, error=error)


def _busy(error: Busy, terms: Terms) -> Reply:
    if terms.only_stream and terms.stream is not None:
        # An EventSource would take another status for the end of all things, and not come again.
        stream = terms.stream
        content = stream.opening + stream.busy(str(error))
        return Reply(200, [(b"content-type", stream.type), *terms.headers, _NO_STORE], content)
    again = (b"retry-after", b"%d" % ceil(error.retry_after))
    content = Answer(errors=[shown_exception(error)], refused=True).json()
    status = 429 if isinstance(error, RateExceeded) else 503
    return Reply(status, [terms.type, *terms.headers, _NO_STORE, again], content)


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
