"""1,000 clients ask for one complaint whose agency allows no copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.test_live_content import ask_at_once

pytestmark = pytest.mark.soak

QUESTIONS = 1_000


@pytest.mark.parametrize("cache_mb", [32, 0])
async def test_they_make_one_upstream_request(tmp_path: Path, cache_mb: int) -> None:
    seconds = await ask_at_once(tmp_path, QUESTIONS, cache_mb=cache_mb)
    print(f"\nlive: {QUESTIONS} questions at once, answer cache {cache_mb} MB: 1 upstream request, {seconds:.1f} s")
