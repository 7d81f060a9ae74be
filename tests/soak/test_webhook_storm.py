"""500 pushes, each sent three times, out of order, a tenth tampered with: each is applied once, none is forged."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.app.test_webhooks import weathered


@pytest.mark.soak
async def test_a_storm_of_500_pushes(tmp_path: Path, database_url: str) -> None:
    started = time.perf_counter()
    codes = await weathered(tmp_path, database_url, 500)
    seconds = time.perf_counter() - started
    database = database_url.partition(":")[0]
    print(f"\n500 pushes, three times each, on {database}: {codes[200]} taken, {codes[401]} refused, {seconds:.1f} s")
