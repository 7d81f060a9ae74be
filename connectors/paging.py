"""The four ways in which systems page, as async generators over "fetch one page".

A page that comes a second time is a PagingLoop, not an endless harvest.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urljoin

import msgspec

from connectors.fields import Section
from connectors.paths import Path
from connectors.quarantine import digest
from connectors.reply import Reply
from connectors.values import flag, word
from schema.errors import PagingLoop

MAX_PAGES: Final = 5_000
Count = Annotated[int, msgspec.Meta(ge=1, le=10_000)]


class ByPage(Section, frozen=True, kw_only=True, tag_field="kind", tag="page"):
    """`?page=1&size=200`. `first` is the number of the first page."""

    page: str
    size: str | None = None
    count: Count = 100
    first: int = 1


class ByOffset(Section, frozen=True, kw_only=True, tag_field="kind", tag="offset"):
    """`?offset=0&limit=200`."""

    offset: str
    limit: str
    count: Count = 100


class ByCursor(Section, frozen=True, kw_only=True, tag_field="kind", tag="cursor"):
    """`?after=...`; `next` is the JMESPath of the next cursor in a reply, null at the end.

    Where the last page has a cursor too, `more` is the JMESPath of what says whether there is a next page.
    """

    param: str
    next: str
    more: str | None = None
    size: str | None = None
    count: Count = 100


class ByLink(Section, frozen=True, kw_only=True, tag_field="kind", tag="link"):
    """The reply holds the next page's address: at the JMESPath `next`, or in the `Link` header with rel=next."""

    next: str | None = None
    size: str | None = None
    count: Count = 100


Paging: TypeAlias = ByPage | ByOffset | ByCursor | ByLink


class Batch(msgspec.Struct, frozen=True):
    """One page as it came.

    Attributes:
        raws: its records.
        body: the decoded reply they are in.
        total: how many records the agency says there are, if it does.
        flaws: why some of the records can't be trusted, by their place in `raws`.
    """

    raws: list[Any]
    body: Any
    reply: Reply
    total: int | None = None
    flaws: Mapping[int, str] = {}


Params: TypeAlias = Mapping[str, str | int]

#: Fetches one page: a path below the base address or a full address, and the paginator's query parameters.
FetchPage: TypeAlias = Callable[[str, Params], Awaitable[Batch]]


async def batches(
    paging: Paging | None, path: str, fetch: FetchPage, most: int = MAX_PAGES
) -> AsyncGenerator[Batch, None]:
    """All pages of a list, each once; without `paging` there is one.

    Raises:
        PagingLoop: the same page came twice, or there are more than `most`.
    """
    seen: set[str] = set()
    async with aclosing(_pages(paging, path, fetch)) as pages:
        async for batch in pages:
            mark = digest(batch.raws)
            if batch.raws and mark in seen:
                raise PagingLoop("the same page came twice")
            if len(seen) >= most:
                raise PagingLoop(f"more than {most:,} pages")
            seen.add(mark)
            yield batch


def _pages(paging: Paging | None, path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    match paging:
        case ByPage():
            return _by_page(paging, path, fetch)
        case ByOffset():
            return _by_offset(paging, path, fetch)
        case ByCursor():
            return _by_cursor(paging, path, fetch)
        case ByLink():
            return _by_link(paging, path, fetch)
        case None:
            return _single(path, fetch)


class _End:
    """Notices the last page of a list that doesn't mark it.

    With a total, when that many have come. Without one, at a page shorter than the one before. A short first page is
    not believed to be the last: the agency may give less than was asked for; so one more is fetched.
    """

    def __init__(self) -> None:
        self._came = self._before = 0

    def after(self, batch: Batch) -> bool:
        size, before = len(batch.raws), self._before
        self._came, self._before = self._came + size, size
        if not size:
            return True
        return self._came >= batch.total if batch.total is not None else size < before


async def _single(path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    yield await fetch(path, {})


async def _by_page(paging: ByPage, path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    end, size = _End(), _size(paging.size, paging.count)
    first = await fetch(path, {paging.page: paging.first, **size})
    yield first
    number, done = paging.first + 1, end.after(first)
    while not done:
        batch = await fetch(path, {paging.page: number, **size})
        if batch.total is None and len(first.raws) < paging.count and batch.raws == first.raws:
            return  # a short list, and an agency that shows its only page under every number
        yield batch
        number, done = number + 1, end.after(batch)


async def _by_offset(paging: ByOffset, path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    offset, end, done = 0, _End(), False
    while not done:
        batch = await fetch(path, {paging.offset: offset, paging.limit: paging.count})
        yield batch
        offset, done = offset + len(batch.raws), end.after(batch)


async def _by_cursor(paging: ByCursor, path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    following, size, seen = Path(paging.next), _size(paging.size, paging.count), set[str]()
    more = Path(paging.more) if paging.more else None
    batch = await fetch(path, size)
    yield batch
    while (cursor := word(following.find(batch.body))) and (more is None or flag(more.find(batch.body))):
        if cursor in seen:
            raise PagingLoop("the same cursor came twice")
        seen.add(cursor)
        batch = await fetch(path, {paging.param: cursor, **size})
        yield batch


async def _by_link(paging: ByLink, path: str, fetch: FetchPage) -> AsyncGenerator[Batch, None]:
    following, seen = Path(paging.next) if paging.next else None, set[str]()
    batch = await fetch(path, _size(paging.size, paging.count))
    yield batch
    while link := word(following.find(batch.body)) if following else _next_link(batch.reply):
        address = urljoin(batch.reply.url, link)
        if address in seen:
            raise PagingLoop("the same link came twice")
        seen.add(address)
        batch = await fetch(address, {})
        yield batch


def _size(param: str | None, count: int) -> dict[str, str | int]:
    return {param: count} if param else {}


_LINK = re.compile(r"<([^<>]*)>\s*((?:;\s*[\w*]+\s*=\s*(?:\"[^\"]*\"|[^\s;,]+)\s*)*)")
_REL_NEXT = re.compile(r";\s*rel\s*=\s*\"?(?:[^\";,]*\s)?next[\s\";,]", re.IGNORECASE)


def _next_link(reply: Reply) -> str | None:
    """The target with rel=next of a `Link` header (RFC 8288)."""
    links = _LINK.findall(reply.headers.get("link", ""))
    return next((target for target, attributes in links if _REL_NEXT.search(attributes + ";")), None)
