"""What one operation reads from the agencies themselves, past the ledger.

Nothing is fetched while a snapshot is open, as an agency that hangs would hold up the database. The operation is run;
what it lacks is noted, fetched when its snapshot is closed, and then it is run again, on a later snapshot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from schema import labels
from schema.agency import SourceErrorCode
from schema.complaint import ContentState
from schema.errors import SourceUnavailable
from schema.ports import Content, Live
from schema.query import Language, Viewer

_NONE: Mapping[str, bool] = MappingProxyType({})


class LiveReads:
    """What was fetched for an operation, over all its runs, and what its latest run came upon.

    Most operations come upon nothing of the kind, so nothing is made ready for it.

    Attributes:
        used: it came upon something.
        good_for: seconds that everything live in the answer may go on being shown; None if nothing in it is.
        refreshed: complaints that were read through to their agencies: whether the ledger has them as they are now.
        whole: all that was asked for is in the answer, and none of it is an older copy.
    """

    __slots__ = (
        *("_asked", "_contents", "_lacking", "_live", "_outdated", "_reasons", "_unavailable", "_viewer"),
        *("good_for", "refreshed", "used", "whole"),
    )

    def __init__(self, live: Live, viewer: Viewer) -> None:
        self.used = False
        self.good_for: float | None = None
        self.whole = True
        self.refreshed: Mapping[str, bool] = _NONE
        self._live = live
        self._viewer = viewer

    def begin(self) -> None:
        """Before each run."""
        if self.used:
            self._begin()

    def _use(self) -> None:
        if not self.used:
            self.used = True
            self.refreshed = {}
            self._contents: dict[str, Content] = {}
            self._asked: set[str] = set()
            self._begin()

    def _begin(self) -> None:
        self.good_for = None
        self.whole = True
        self._lacking: set[str] = set()
        self._outdated: set[str] = set()
        self._unavailable: dict[str, set[str]] = {}
        self._reasons: dict[str, SourceErrorCode] = {}

    def content(self, id: str) -> Content | None:
        """The content of a complaint whose agency allows no copies; None where it is not known, or not to be had."""
        self._use()
        content = self._contents.get(id) or self._live.at_hand(id)
        if content is None:
            self._lacking.add(id)
            self.whole = False
            return None
        self.good_for = min(content.good_for, content.good_for if self.good_for is None else self.good_for)
        self.whole &= content.state is ContentState.AVAILABLE
        if content.state is ContentState.UNAVAILABLE:
            self._unavailable.setdefault(content.agency, set()).add(id)
            self._reasons[content.agency] = content.error or SourceErrorCode.OTHER
            return None
        return content

    def outdated(self, id: str) -> bool:
        """Whether a complaint whose mirror is too old is to be shown as such: its agency could not be read either."""
        self._use()
        if id in self.refreshed:
            return not self.refreshed[id]
        self._outdated.add(id)
        return True

    async def fetch(self) -> bool:
        """Gets what the latest run lacked. False: it lacked nothing."""
        lacking, outdated = self._lacking - self._asked, self._outdated - self.refreshed.keys()
        self._asked |= lacking
        if not lacking and not outdated:
            return False
        # All at once: together they take no longer than the slowest of their agencies may.
        contents, refreshed = await asyncio.gather(
            self._live.contents(self._viewer, lacking),
            asyncio.gather(*(self._live.refresh(self._viewer, id) for id in outdated)),
        )
        self._contents.update(contents)
        self.refreshed = {**self.refreshed, **dict(zip(outdated, refreshed, strict=True))}
        return True

    def errors(self) -> list[SourceUnavailable]:
        """One for each agency that did not tell what was asked for."""
        return [
            SourceUnavailable(
                f"{agency}: {labels.source_message(self._reasons[agency], Language.EN)}",
                agency=agency,
                count=len(ids),
                reason=self._reasons[agency],
            )
            for agency, ids in sorted(self._unavailable.items())
        ]
