"""What one operation reads from the agencies themselves, past the ledger.

Nothing is fetched while a snapshot is open, as an agency that hangs would hold up the database. The operation is run;
what it lacks is noted, fetched when its snapshot is closed, and then it is run again, on a later snapshot.
"""

from __future__ import annotations

import asyncio

from schema import labels
from schema.agency import SourceErrorCode
from schema.complaint import ContentState
from schema.errors import SourceUnavailable
from schema.ports import Content, Live
from schema.query import Language, Viewer


class LiveReads:
    """What was fetched for an operation, over all its runs, and what its latest run came upon.

    Attributes:
        good_for: seconds that everything live in the answer may go on being shown; None if nothing in it is.
        refreshed: complaints that were read through to their agencies: whether the ledger has them as they are now.
        stale: older copies stand in the answer.
    """

    def __init__(self, live: Live, viewer: Viewer) -> None:
        self.refreshed: dict[str, bool] = {}
        self._live = live
        self._viewer = viewer
        self._contents: dict[str, Content] = {}
        self._asked: set[str] = set()
        self.begin()

    def begin(self) -> None:
        """Before each run."""
        self.good_for: float | None = None
        self.stale = False
        self._lacking: set[str] = set()
        self._outdated: set[str] = set()
        self._unavailable: dict[str, set[str]] = {}
        self._reasons: dict[str, SourceErrorCode] = {}

    def content(self, id: str) -> Content | None:
        """The content of a complaint whose agency allows no copies; None where it is not known, or not to be had."""
        content = self._contents.get(id) or self._live.at_hand(id)
        if content is None:
            self._lacking.add(id)
            return None
        self.good_for = min(content.good_for, content.good_for if self.good_for is None else self.good_for)
        self.stale |= content.state is ContentState.STALE
        if content.state is ContentState.UNAVAILABLE:
            self._unavailable.setdefault(content.agency, set()).add(id)
            self._reasons[content.agency] = content.error or SourceErrorCode.OTHER
            return None
        return content

    def outdated(self, id: str) -> bool:
        """Whether a complaint whose mirror is too old is to be shown as such: its agency could not be read either."""
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
        self.refreshed.update(zip(outdated, refreshed, strict=True))
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
