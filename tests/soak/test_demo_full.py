"""The demo at its full size, as `make demo` starts it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest

from tests.live.demo import Demo

pytestmark = pytest.mark.soak


def test_twenty_thousand_complaints_of_seven_agencies() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="simpul-") as folder:
        demo = Demo(Path(folder) / "demo")
        try:
            print(f"\nall seven agencies read after {time.monotonic() - began:.0f} s")
            assert 19_000 < demo.count() < 21_000
            assert demo.count(agencies=["kab-tangerang"]) == 3171
            began = time.monotonic()
            demo.again()
            print(f"ended, started again and caught up in {time.monotonic() - began:.0f} s")
            assert demo.count(agencies=["kab-tangerang"]) == 3171
            assert demo.hub.interrupt() == 0
        finally:
            demo.hub.kill()
