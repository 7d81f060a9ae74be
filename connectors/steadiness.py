"""Whether what was read page by page can be all there was: windows that come full, and rows that move meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from connectors.paging import MAX_PAGES, Batch, ByOffset, ByPage, Paging
from connectors.quarantine import digest
from connectors.windows import Since


class Full:
    """Notices that a window may hold more than comes.

    Attributes:
        came: records so far.
        reached: the window is better halved.
        beyond: as many came as the agency gives at most (`since.full`).
    """

    def __init__(self, since: Since | None, paging: Paging | None) -> None:
        self._most = since.full if since else None
        self._paging = paging
        self._pages = self.came = 0
        self.reached = self.beyond = False

    def see(self, batch: Batch) -> None:
        """Looks at the next page."""
        self.came += len(batch.raws)
        self._pages += bool(batch.raws)
        if self._most is not None:
            self.beyond = max(self.came, batch.total or 0) >= self._most
            self.reached = self.beyond
        elif isinstance(self._paging, ByPage | ByOffset):
            whole = batch.total is not None and self.came >= batch.total
            self.reached = self._pages > 1 or (self.came >= self._paging.count and not whole)
        else:
            self.reached = self._pages >= MAX_PAGES


class Drift:
    """Notices that rows moved up while a list was read by number, so that one may have slipped to a page read before.

    A row moves up when one before it leaves its place: then that one comes a second time, changed, further down, or the
    total falls. Rows that move down only come twice.

    Args:
        key: reads a row's native id.
        told: digests by native id of what was passed on in earlier readings; kept up to date.
    """

    def __init__(self, key: Callable[[object], str | None], told: dict[str, str]) -> None:
        self._key, self._told = key, told
        self._first = not told
        self._total: int | None = None
        self.seen: dict[str, str] = {}
        self.moved = False

    def news(self, batch: Batch) -> Batch:
        """The page, without what was passed on in an earlier reading."""
        if batch.total is not None:
            self.moved |= self._total is not None and batch.total < self._total
            self._total = batch.total
        fresh = [place for place, raw in enumerate(batch.raws) if self._is_new(raw)]
        if self._first:
            return batch
        flaws = {index: batch.flaws[place] for index, place in enumerate(fresh) if place in batch.flaws}
        return msgspec.structs.replace(batch, raws=[batch.raws[place] for place in fresh], flaws=flaws)

    def _is_new(self, raw: object) -> bool:
        key, mark = self._key(raw), digest(raw)
        if key is None:
            return self._first
        self.moved |= self.seen.get(key, mark) != mark
        self.seen[key] = mark
        new = self._told.get(key) != mark
        self._told[key] = mark
        return new
