"""Five times more than the hub can do, for a minute."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from bench.cases import CASES, pools
from bench.mirror import fill
from gateway.ledger.database import open_database
from tests.live.hub import Forked
from tests.live.naive import Naive
from tests.live.writes import SUBMIT
from tests.soak.crowd import Asked, Crowd, Kind, percentile

pytestmark = pytest.mark.soak

ROWS, SECRET = 20_000, "s" * 32
TIMES, SECONDS = 5, 60
POSITIONS = "SELECT updated_at, id FROM complaints WHERE public ORDER BY updated_at DESC, id DESC"
#: Shares of what is asked. The two with few are BULK: while reads wait it is not done, and that it could be done by
#: threads beside the event loop is lost.
SHARES = {"by_id": 40, "page20": 27, "list50": 17, "list300_timeline": 1, "statistics": 2, "cached_small": 10}
SUBMITS = 3


def submit(number: int) -> bytes:
    asked = {"idempotencyKey": f"{number:032x}", "title": f"Laporan {number}", "text": f"Lampu nomor {number} padam."}
    place = {"regionCode": "36.03"}
    return json.dumps({"query": SUBMIT, "variables": {"input": {**asked, "incidentLocation": place}}}).encode()


@asynccontextmanager
async def hub(folder: Path) -> AsyncIterator[tuple[Forked, str, dict[str, Kind]]]:
    """A hub over a full mirror, with an agency that is written to; and what a crowd asks it."""
    data, files = folder / "hub", folder / "agencies"
    data.mkdir()
    files.mkdir()
    url = f"sqlite://{data / 'simpul.db'}"
    await fill(url, data, ROWS)
    async with open_database(url, readers=1) as database:
        positions = [(str(row[0]), row[1]) for row in await database.fetch(POSITIONS)]
    pool = pools(positions, SECRET)["hub"]
    kinds = {
        case.name: Kind(SHARES[case.name], lambda n, case=case: case.ask(pool, n))
        for case in CASES
        if case.name in SHARES
    }
    agency = Naive("kab-lebak", "DISTRICT", "36.03")
    async with agency.open():
        (files / f"{agency.slug}.toml").write_text(agency.file(every=600, settles_after=30))
        settings = {
            "SIMPUL_DATA_DIR": str(data),
            "SIMPUL_AGENCIES_DIR": str(files),
            "SIMPUL_SECRET": SECRET,
            "SIMPUL_PORT": "0",
            "SIMPUL_PAGES": "false",
        }
        served = await asyncio.to_thread(Forked, folder / "hub.log", settings)
        try:
            address = await asyncio.to_thread(served.address)
            assert address is not None, served.log.read_text()
            yield served, address, {**kinds, "submit": Kind(SUBMITS, submit)}
        finally:
            await asyncio.to_thread(served.kill)


def cpu(hub: Forked) -> float:
    """Processor time of all its threads so far."""
    threads = Path(f"/proc/{hub.process.pid}/task").glob("*/schedstat")
    return sum(int(each.read_text().split()[0]) for each in threads) / 1e9


def told(name: str, asked: Sequence[Asked], seconds: float) -> None:
    print(f"\n{name}:")
    for kind in sorted({each.kind for each in asked}):
        of = [each for each in asked if each.kind == kind]
        well = [each.took for each in of if each.status == 200]
        print(
            f"  {kind:18} {len(of) / seconds:7.0f}/s, answered {len(well) / seconds:7.0f}/s "
            f"p50 {percentile(well, 0.5):6.0f} ms p99 {percentile(well, 0.99):6.0f} ms, "
            f"{dict(Counter(each.status for each in of))}"
        )


async def test_five_times_more_than_it_can_do(tmp_path: Path) -> None:
    async with hub(tmp_path) as (served, address, kinds):
        # What each kind takes, so that answers of several kinds can be added up.
        weights = {}
        for name, kind in kinds.items():
            crowd, before = Crowd(address, {name: kind}, 8), cpu(served)
            done = await asyncio.to_thread(crowd.queue, 8, 2.0)
            assert all(each.status == 200 for each in done), Counter(each.status for each in done)
            weights[name] = (cpu(served) - before) / len(done)
        print("\nms of processor time:", {name: round(each * 1e3, 2) for name, each in weights.items()})

        def work(asked: Sequence[Asked], seconds: float) -> float:
            """Done in a second: processor time that those answers took that came within 5 s."""
            return sum(weights[each.kind] for each in asked if each.status == 200 and each.took < 5) / seconds

        crowd = Crowd(address, {name: shifted(each) for name, each in kinds.items()}, 2_500)
        peak = await asyncio.to_thread(crowd.queue, 32, 10.0)
        capacity = len(peak) / 10
        told("peak", peak, 10)
        began = time.monotonic()
        over = await asyncio.to_thread(crowd.come, TIMES * capacity, SECONDS)
        told(f"{TIMES} x {capacity:.0f} a second for {SECONDS} s", over, SECONDS)
        assert time.monotonic() - began < SECONDS + 10, "what was asked in time was not answered in time"
        after = await asyncio.to_thread(crowd.come, 0.4 * capacity, 10)
        told("right after, 0.4 x", after, 10)
        async with httpx2.AsyncClient() as client:
            page = (await client.get(f"{address}/metrics")).text
        shed = {rank: float(number) for rank, number in re.findall(r'simpul_shed_total{rank="(\w+)"} (\S+)', page)}
        goodput = work(over, SECONDS) / work(peak, 10)
        recovered = max((each.at for each in after if each.status != 200 or each.took > 1), default=0.0)
        answers = sum(each.status == 200 for each in over) / SECONDS / capacity
        print(
            f"goodput {goodput:.0%} of peak ({answers:.0%} of its answers); "
            f"well again after {recovered:.1f} s; shed {shed}"
        )
        assert goodput >= 0.9
        assert recovered < 5
        status = Counter((each.kind, each.status) for each in over)
        assert not status["submit", 503]
        assert status["by_id", 503]
        assert not {each.status for each in over if each.kind != "unsent"} - {200, 503}


def shifted(kind: Kind) -> Kind:
    """Other questions than those that were asked before."""
    return kind._replace(body=lambda number: kind.body(number + 5_000))
