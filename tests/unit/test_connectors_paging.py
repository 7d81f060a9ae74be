"""The four ways of paging end, miss nothing, and notice a page that repeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from connectors.paging import Batch, ByCursor, ByLink, ByOffset, ByPage, Paging, batches
from connectors.reply import Reply
from schema.errors import PagingLoop


class Source:
    """A list behind each of the four; `most` is its own page limit, `total` whether it tells one."""

    def __init__(self, size: int, *, most: int = 1_000, total: bool = False, stuck: bool = False) -> None:
        self.rows = list(range(size))
        self.most, self.total, self.stuck = most, total, stuck
        self.requests = 0

    async def fetch(self, path: str, params: Mapping[str, str | int]) -> Batch:
        self.requests += 1
        start = self._start(path, params)
        size = min(int(params.get("size", self.most)), self.most)
        rows = self.rows[0 if self.stuck else start :][:size]
        following = start + size if start + size < len(self.rows) else None
        body = {"next": following, "link": f"?from={following}" if following else None}
        link = f'<https://x.example/first>; rel="first", <?from={following}>; rel="last next"' if following else ""
        reply = Reply(status=200, headers={"link": link}, content=orjson.dumps(rows), url="https://a.example/list")
        return Batch(list[Any](rows), body, reply, len(self.rows) if self.total else None)

    def _start(self, path: str, params: Mapping[str, str | int]) -> int:
        if "?from=" in path:
            return int(path.partition("?from=")[2])
        if "page" in params:
            return (int(params["page"]) - 1) * min(int(params.get("size", self.most)), self.most)
        return int(params.get("offset", params.get("after", 0)))


PAGINGS: list[Paging] = [
    ByPage(page="page", size="size", count=10),
    ByOffset(offset="offset", limit="size", count=10),
    ByCursor(param="after", next="next", size="size", count=10),
    ByLink(next="link", size="size", count=10),
    ByLink(size="size", count=10),
]


async def harvest(paging: Paging | None, source: Source, most: int = 100) -> list[int]:
    return [row async for batch in batches(paging, "/list", source.fetch, most) for row in batch.raws]


@pytest.mark.parametrize("paging", PAGINGS, ids=lambda paging: type(paging).__name__)
@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 35, 40])
@pytest.mark.parametrize("total", [True, False])
async def test_all_rows_come_once(paging: Paging, size: int, total: bool) -> None:
    source = Source(size, most=10 if isinstance(paging, ByLink) else 1_000, total=total)
    assert await harvest(paging, source) == list(range(size))


@pytest.mark.parametrize("paging", PAGINGS[:2], ids=lambda paging: type(paging).__name__)
@pytest.mark.parametrize("total", [True, False])
async def test_an_agency_that_gives_less_than_asked_for(paging: Paging, total: bool) -> None:
    assert await harvest(paging, Source(35, most=6, total=total)) == list(range(35))


async def test_a_total_saves_the_request_after_the_last() -> None:
    source = Source(3, total=True)
    await harvest(PAGINGS[0], source)
    assert source.requests == 1


@pytest.mark.parametrize("paging", PAGINGS, ids=lambda paging: type(paging).__name__)
async def test_a_repeating_page_is_a_loop(paging: Paging) -> None:
    with pytest.raises(PagingLoop, match="came twice"):
        await harvest(paging, Source(100, most=10, stuck=True))


async def test_a_short_list_shown_under_every_number_is_the_whole_list() -> None:
    assert await harvest(PAGINGS[0], Source(4, stuck=True)) == [0, 1, 2, 3]


async def test_pages_are_capped() -> None:
    with pytest.raises(PagingLoop, match="more than 5 pages"):
        await harvest(PAGINGS[0], Source(100), most=5)


async def test_without_paging_there_is_one_page() -> None:
    source = Source(7)
    assert await harvest(None, source) == list(range(7))
    assert source.requests == 1


async def test_a_cursor_that_comes_back_is_a_loop() -> None:
    async def fetch(path: str, params: Mapping[str, str | int]) -> Batch:
        rows = [params.get("after", "start")]
        reply = Reply(status=200, headers={}, content=b"", url="https://a.example/")
        return Batch(rows, {"next": {"start": "a", "a": "b", "b": "a"}[str(rows[0])]}, reply)

    with pytest.raises(PagingLoop):
        async for _ in batches(ByCursor(param="after", next="next"), "/", fetch):
            pass
