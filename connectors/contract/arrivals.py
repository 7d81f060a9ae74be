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


class Lists:
    """The replies of a clean harvest that hold records, in runs: pages that differ in a number, not in time.

    Attributes:
        count: how many replies with lists there were.
        sizes: of each run, how many records it held.
    """

    def __init__(self, exchanges: Sequence[Exchange], ids: Collection[str]) -> None:
        self.count = 0
        self.sizes: list[int] = []
        self.place: Place | None = None
        before: object = None
        for exchange in exchanges:
            found = read_body(exchange.answer, ids, self.place)
            if found is None:
                continue
            body, self.place = found
            if before != (mark := _mark(exchange.asked)):
                self.sizes.append(0)
            before = mark
            self.count += 1
            self.sizes[-1] += len(body.items)


class Arrivals:
    """An upstream at which a twin of a record arrives after the first list was read.

    Args:
        lists: of a clean harvest that asks the same.
        ids: native ids of all records.
        names: key and number of the record, and in their place those of the twin.
        arrived: the twin is there from the beginning.
    """

    def __init__(
        self, inner: Upstream, lists: Lists, ids: Collection[str], names: dict[str, str], *, arrived: bool = False
    ) -> None:
        self._inner, self._sizes, self._ids, self._names = inner, lists.sizes, ids, names
        self._arrived = arrived
        self._place = lists.place
        self._marks: list[object] = []
        self._begin(None)

    def _begin(self, mark: object) -> None:
        """Another run of pages, or the same run once more."""
        if mark is not None and mark not in self._marks:
            self._marks.append(mark)
        self._mark, self._asked = mark, set[object]()
        self._read = 0
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
        mark, exactly = _mark(asked), (asked.url, asked.content)
        if mark != self._mark or exactly in self._asked:
            self._begin(mark)
        self._asked.add(exactly)
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
        run = self._marks.index(self._mark)
        size = self._sizes[run] if run < len(self._sizes) else 0
        self._read += len(body.items)
        last = self._read >= size
        shown = body.items
        place = next((i for i, item in enumerate(shown) if body.keys(item) & set(self._names)), None)
        if not self._arrived:
            self._arrived = True
            self._passed = place is not None
            self._carried = shown[-1] if self._passed and not last else None
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
            body.recount(size, size + 1)
        return body.answer()


def _twin(value: Any, names: dict[str, str]) -> Any:
    found = names.get(str(value).strip())
    if found is None or isinstance(value, bool | float):
        return value
    return int(found) if isinstance(value, int) else found


def _mark(asked: Asked) -> object:
    return asked.path, [(name, value) for name, value in asked.values if moment_of(value) is not None]
