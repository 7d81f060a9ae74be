"""Streams when the hub goes down."""

from __future__ import annotations

from pathlib import Path

from tests.live.drain import drained


async def test_the_hub_exits_soon_with_streams_open_and_each_says_where_to_go_on(tmp_path: Path) -> None:
    found = await drained(tmp_path, streams=50)
    assert found.code == 0
    assert found.seconds < 5
    for body in found.bodies:
        assert b'"__typename":"Lagged","cursor":"' in body
        assert b'"reason":"RESTART"' in body
        # An EventSource takes either for a stream to be opened again; `complete` would be its end.
        assert b"complete" not in body
    assert "Traceback" not in found.log
    assert "Exception" not in found.log
