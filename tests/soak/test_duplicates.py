"""Suggestions on a set of the real one's size: 12,530 complaints of two years, 734 of which repeat an earlier one."""

from __future__ import annotations

import time

import pytest

from tests.unit.repeats import Regency, measured


@pytest.mark.soak
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_repeats_are_found(seed: int) -> None:
    began = time.monotonic()
    figures = measured(Regency(seed=seed, days=730).complaints(12_530, 734), every=10)
    took = (time.monotonic() - began) / figures.asked
    print(
        f"\nseed {seed}: precision {figures.precision:.3f}, recall {figures.recall:.3f} "
        f"({figures.suggested} suggestions for {figures.asked} complaints, {1000 * took:.0f} ms each)"
    )
    assert figures.precision >= 0.95
    assert figures.recall >= 0.8
