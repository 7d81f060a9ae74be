"""Plays on the wire that a row arrives while a list is read page by page.

The row is a twin of the newest record, under a key of its own: wherever the agency would show that record, it shows
the twin before it, and in the pages that follow all rows stand one place further on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from connectors.contract.lists import Body, JsonBody, Place, read_body, rewritten
from connectors.contract.moments import moment_of
from connectors.contract.wire import Answer, Asked, Exchange, Upstream

#: For each reply with a list: which run of pages it belongs to.
Runs = Sequence[int]


class Lists:
    """The replies of a clean harvest that hold records.

    Attributes:
        runs: for each of them, the number of its run: pages that differ by a page's number or a cursor, not by time.
        sizes: of each run, how many records it held.
    """

    def __init__(self, exchanges: Sequence[Exchange], ids: Collection[str]) -> None:
        self.runs: list[int] = []
        self.sizes: dict[int, int] = {}
        self.place: Place | None = None
        before: object = None
        for exchange in exchanges:
            found = read_body(exchange.answer, ids, self.place)
            if found is None:
                continue
            body, self.place = found
            if before != (mark := _mark(exchange.asked)):
                self.sizes[len(self.sizes)] = 0
            before = mark
            run = len(self.sizes) - 1
            self.runs.append(run)
            self.sizes[run] += len(body.items)


class Arrivals:
    """An upstream at which a twin of `native_id` arrives after the first list was read."""

    def __init__(
        self, inner: Upstream, lists: Lists, ids: Collection[str], names: dict[str, str], arrived: bool = False
    ) -> None:
        self._inner, self._lists, self._ids, self._names = inner, lists, ids, names
        self._arrived = arrived
        self._place = lists.place
        self._number = -1
        self._run = -1
        self._passed = False
        self._carried: Any = None

    async def __call__(self, asked: Asked) -> Answer:
        own = self._renamed(asked)
        answer = await self._inner(own)
        if own is not asked:
            return rewritten(answer, lambda name, value: _twin(value, self._names))
        found = read_body(answer, self._ids, self._place)
        if found is None:
            return answer
        body, self._place = found
        return self._shown(body, answer)

    def _renamed(self, asked: Asked) -> Asked:
        """What is asked of the twin is asked of the record that it is a twin of."""
        url, content = asked.url, asked.content
        for original, twin in self._names.items():
            url, content = url.replace(twin, original), content.replace(twin.encode(), original.encode())
        if (url, content) == (asked.url, asked.content):
            return asked
        return msgspec.structs.replace(asked, url=url, content=content)

    def _shown(self, body: Body, answer: Answer) -> Answer:
        self._number += 1
        runs = self._lists.runs
        run = runs[self._number] if self._number < len(runs) else -1
        if run != self._run:
            self._run, self._passed, self._carried = run, False, None
        last = self._number + 1 >= len(runs) or runs[self._number + 1] != run
        shown = body.items
        place = next((i for i, item in enumerate(shown) if body.keys(item) & set(self._names)), None)
        if not self._arrived:
            self._arrived = True
            self._passed = place is not None
            self._carried = shown[-1] if place is not None and shown else None
            return answer
        if self._passed and self._carried is not None:
            shown = [self._carried, *shown]
        if place is not None and not self._passed:
            twin = body.changed(shown[place], lambda name, value: _twin(value, self._names))
            shown = [*shown[:place], twin, *shown[place:]]
            self._passed = True
        if self._passed and not last and len(shown) > len(body.items):
            self._carried = shown.pop()
        body.items = shown
        if isinstance(body, JsonBody):
            size = self._lists.sizes.get(run, 0)
            body.recount(size, size + 1)
        return body.answer()


def _twin(value: Any, names: dict[str, str]) -> Any:
    found = names.get(str(value).strip())
    if found is None or isinstance(value, bool | float):
        return value
    return int(found) if isinstance(value, int) else found


def _mark(asked: Asked) -> object:
    return asked.path, [(name, value) for name, value in asked.values if moment_of(value) is not None]
