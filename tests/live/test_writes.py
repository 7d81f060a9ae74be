"""A hub that is killed, that dies in the middle, an agency that hangs up: nothing is lost, nothing is filed twice.

The full sizes are in `tests/soak`.
"""

from __future__ import annotations

from pathlib import Path

from tests.live.writes import dropped, killed, stopped_at

STEPS = (
    "write.audited",
    "delivery.sending",
    "delivery.answered",
    "delivery.found",
)


async def test_a_hub_that_is_killed(sqlite_url: str, tmp_path: Path) -> None:
    found = await killed(tmp_path, sqlite_url, seed=1, submits=100, kills=2)
    assert found.well(), found
    assert (found.answered, found.kills) == (100, 2)


async def test_a_hub_that_dies_in_the_middle(sqlite_url: str, tmp_path: Path) -> None:
    found = await stopped_at(tmp_path, sqlite_url, 1, STEPS)
    assert found.well(), found
    assert found.kills == len(STEPS)


async def test_an_agency_that_hangs_up(sqlite_url: str, tmp_path: Path) -> None:
    found = await dropped(tmp_path, sqlite_url, 4)
    assert found.well(), found
    assert found.dropped == 8
