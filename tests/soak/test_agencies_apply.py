"""500 streams are open while agencies are added, changed, paused and removed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from tests.live.demo import SHOWN, SMALL, Demo, wait
from tests.live.installed import Installation, come_and_go

pytestmark = pytest.mark.soak

STREAMS = 500


async def test_500_streams_see_no_disconnect(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
        demo = Demo(Path(folder) / "demo", *SMALL)
        try:
            installed = Installation(demo, tmp_path, "prov-bali")
            try:
                wait(lambda: installed.is_read("prov-bali"), SHOWN)
                begun = time.monotonic()
                await come_and_go(installed, STREAMS)
                print(f"\nagencies: 7 changes in {time.monotonic() - begun:.1f} s, {STREAMS} streams, 0 disconnects")
            finally:
                installed.hub.kill()
        finally:
            demo.hub.kill()
