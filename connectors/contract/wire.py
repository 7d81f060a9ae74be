"""Between a connector and its agency: what goes over the wire is seen here, and may be changed or broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import httpx2
import msgspec
import orjson

from connectors.inflate import Inflate
from connectors.transport import Transport

#: More than any agency's file allows by default; the connector's own limit is met first.
_LIMIT = 100_000_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the connector sends it."""

    method: str
    url: str
    headers: Mapping[str, str] = {}
    content: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.url).query, keep_blank_values=True)

    @property
    def values(self) -> list[tuple[str, str]]:
        """All that was asked with, by name: the query, and what a body in JSON or of a form holds."""
        return [*self.query, *_leaves("", _body(self.content))]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A reply, whole and unpacked. Names of headers are lower-case."""

    status: int = 200
    headers: Mapping[str, str] = {}
    content: bytes = b""


#: Answers a request: the agency itself, a recording of it, or either behind something that goes wrong.
Upstream: TypeAlias = Callable[[Asked], Awaitable[Answer]]


class Exchange(msgspec.Struct, frozen=True):
    """A request and its reply."""

    asked: Asked
    answer: Answer


class Wire(httpx2.AsyncBaseTransport):
    """A transport whose other end is a function.

    Attributes:
        asked: how many requests came.
        exchanges: those that were answered.
        closed: how often it was closed.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.asked = 0
        self.exchanges: list[Exchange] = []
        self.closed = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked += 1
        asked = Asked(
            method=request.method,
            url=str(request.url),
            headers={name.lower(): value for name, value in request.headers.items()},
            content=await request.aread(),
        )
        answer = await self._upstream(asked)
        self.exchanges.append(Exchange(asked, answer))
        return httpx2.Response(answer.status, headers=dict(answer.headers), stream=httpx2.ByteStream(answer.content))

    async def aclose(self) -> None:
        self.closed += 1


async def nobody(asked: Asked) -> Answer:
    """What is at an address where nothing is."""
    raise httpx2.ConnectError("refused")


def through(transport: Transport, seconds: float) -> Upstream:
    """The agency behind a transport. Its errors pass as they are."""

    async def upstream(asked: Asked) -> Answer:
        headers = {name: value for name, value in asked.headers.items() if name != "content-length"}
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        request = httpx2.Request(
            asked.method, asked.url, headers=headers, content=asked.content or None, extensions={"timeout": timeout}
        )
        response = await transport.handle_async_request(request)
        try:
            inflate = Inflate(response.headers.get("content-encoding", ""), _LIMIT)
            async for chunk in response.aiter_raw():
                inflate.feed(chunk)
        finally:
            await response.aclose()
        told = {name.lower(): value for name, value in response.headers.items()}
        gone = ("content-encoding", "content-length", "transfer-encoding")
        return Answer(
            status=response.status_code,
            headers={name: value for name, value in told.items() if name not in gone},
            content=inflate.finish(),
        )

    return upstream


def _body(content: bytes) -> Any:
    if not content:
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True)) or content.decode(
            "utf-8", "replace"
        )


def _leaves(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in _leaves(f"{name}/{key}", part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(f"{name}/", part)]
    return [] if value is None else [(name, str(value))]
