"""The agency does what it is told and drops the reply, 500 times: nothing is there twice, and each key is known."""

from __future__ import annotations

import pytest

from tests.contract.doors import complaint, deliver, door, submit

DROPS = 500


@pytest.mark.soak
@pytest.mark.parametrize("slug", ["kab-tangerang", "prov-diy"])
async def test_dropped_replies_are_found_again(slug: str) -> None:
    known = {}
    async with door(slug) as (agency, connector, listener):
        for number in range(DROPS):
            write = submit(complaint(number))
            agency.fail("drop-reply")
            known[write.reference] = [(await deliver(connector, write, agency, listener)).native_id]
        assert agency.writings.held() == known
    print(f"{slug}: {DROPS} replies dropped, {len(known)} complaints filed once")
