"""One small demo for all tests of this folder. They leave it as they found it: running, its faults cleared."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.browser import browser
from tests.live.demo import SMALL, Demo

__all__ = ["browser"]  # a fixture too

HERE = Path(__file__).parent
#: They take longest: what comes last should be short, or one worker ends long after the others.
LONG = (
    "history",
    "commands",
    "kill",
    "agencies",
    "dashboard",
    "faults",
    "clients_streams",
    "dashboard_recovery",
    "writes",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Last: the demo runs from the first of these tests on, and would slow down what is measured elsewhere.
    items.sort(key=lambda item: _place(item.path))


def _place(path: Path) -> int:
    if HERE not in path.parents:
        return 0
    name = path.stem.removeprefix("test_")
    return 1 + (LONG.index(name) if name in LONG else len(LONG))


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """The demo, after its first harvest."""
    # Not pytest's own folder, which is kept: a ledger is large.
    with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
        demo = Demo(Path(folder) / "demo", *SMALL)
        try:
            yield demo
            assert demo.hub.interrupt() == 0
        finally:
            demo.hub.kill()
