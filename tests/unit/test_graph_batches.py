"""Questions that rows share: asked once, answered to all, whatever becomes of who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from schema.graph.batches import Batch, then


class Questions:
    """Answers each id with its length; asked to wait or to fail, it does."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.error: Exception | None = None

    async def ask(self, ids: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(list(ids))
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return {id: len(id) for id in ids if id}


async def answer(batch: Batch[int], *ids: str) -> list[int]:
    return await asyncio.gather(*(_of(batch, id) for id in ids))


async def _of(batch: Batch[int], id: str) -> int:
    found = batch.of(id)
    return found if isinstance(found, int) else await found


async def test_all_that_is_wanted_is_one_question() -> None:
    questions = Questions()
    batch = Batch(questions.ask, -1)
    assert await answer(batch, "a", "bb", "a", "") == [1, 2, 1, -1]
    assert batch.of("bb") == 2
    assert await answer(batch, "ccc", "a") == [3, 1]
    assert questions.asked == [["a", "bb", ""], ["ccc"]]


async def test_what_is_wanted_meanwhile_is_the_next_question() -> None:
    questions = Questions()
    batch = Batch(questions.ask, -1)
    questions.go.clear()
    first = asyncio.create_task(answer(batch, "a", "bb"))
    for _ in range(5):
        await asyncio.sleep(0)
    second = asyncio.create_task(answer(batch, "a", "ccc", "dddd"))
    for _ in range(5):
        await asyncio.sleep(0)
    questions.go.set()
    assert (await first, await second) == ([1, 2], [1, 3, 4])
    assert questions.asked == [["a", "bb"], ["ccc", "dddd"]]


async def test_a_question_that_failed_fails_for_all_and_may_be_asked_again() -> None:
    questions = Questions()
    batch = Batch(questions.ask, -1)
    questions.error = OSError("gone")
    told = await asyncio.gather(*(_of(batch, id) for id in ("a", "bb")), return_exceptions=True)
    assert told == [questions.error, questions.error]
    questions.error = None
    assert await answer(batch, "a") == [1]
    assert questions.asked == [["a", "bb"], ["a"]]


async def test_who_asks_may_be_cancelled_and_another_asks() -> None:
    questions = Questions()
    batch = Batch(questions.ask, -1)
    questions.go.clear()
    asking = [asyncio.create_task(_of(batch, id)) for id in ("a", "bb", "ccc")]
    for _ in range(5):
        await asyncio.sleep(0)
    asking[0].cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    questions.go.set()
    assert await asyncio.gather(*asking[1:]) == [2, 3]
    assert questions.asked == [["a", "bb", "ccc"]] * 2
    with pytest.raises(asyncio.CancelledError):
        await asking[0]


async def test_what_is_made_of_a_value_is_made_at_once_where_it_is_known() -> None:
    batch = Batch(Questions().ask, -1)
    later = then(batch.of("aa"), lambda found: found * 10)
    assert not isinstance(later, int)
    assert await later == 20
    assert then(batch.of("aa"), lambda found: found * 10) == 20
