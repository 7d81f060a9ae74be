"""500 streams are open when the hub is told to stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.drain import drained

pytestmark = pytest.mark.soak


async def test_500_streams_end_and_the_hub_exits(tmp_path: Path) -> None:
    found = await drained(tmp_path, streams=500)
    hinted = sum(b'"reason":"RESTART"' in body for body in found.bodies)
    print(f"\ndrain: 500 streams, SIGTERM to exit {found.seconds:.2f} s, {hinted} told where to go on")
    assert (found.code, hinted) == (0, 500)
    assert found.seconds < 5
    assert not any(b"complete" in body for body in found.bodies)
