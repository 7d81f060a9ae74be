"""Shows a harvest as it goes: bars on a terminal, a line an agency elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schema.agency import SourceReport
from schema.connector import Page


class Harvesting:
    """One bar an agency. Used as a context manager; `on_page` and `on_report` are told what happens."""

    def __init__(self, slugs: Iterable[str], *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
        )
        self._slugs = list(slugs)
        self._bars: dict[str, TaskID] = {}
        self._records = dict.fromkeys(self._slugs, 0)

    def __enter__(self) -> Self:
        self._progress.start()
        self._bars = {slug: self._progress.add_task(slug, total=None) for slug in self._slugs}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def on_page(self, slug: str, page: Page, records: int) -> None:
        """A page was applied."""
        self._records[slug] = records
        if slug in self._bars:
            self._progress.update(self._bars[slug], completed=records, total=page.total)

    def on_report(self, report: SourceReport) -> None:
        """An agency's attempt ended: its first one ends its bar, and the last of these the display."""
        bar = self._bars.pop(report.agency, None)
        if bar is None:
            return
        records = self._records[report.agency]
        self._progress.update(bar, total=records, completed=records)
        how = report.error.code.value if report.error else "ok"
        self._console.print(f"{report.agency}: {records:,} records, {how}", highlight=False)
        if not self._bars:
            self._progress.stop()
