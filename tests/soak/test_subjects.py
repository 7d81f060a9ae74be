"""What was erased, told again by its agency, replayed, and put back from an older backup: a hundred times each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from tests.app import test_subjects
from tests.app.test_redaction import held
from tests.app.test_subjects import Desk, Uji, is_empty, rows
from tests.app.towns import TownHub

pytestmark = pytest.mark.soak
desk = test_subjects.desk

TIMES, SIZE, ERASED = 100, 50, 20
MARK = "Pagar roboh di belakang balai desa"
EVENTS = """query($after: String) { events(first: 500, after: $after) {
  nodes { cursor complaint { title text followUps { content } } } pageInfo { hasNextPage endCursor } } }"""


def tell(town: Uji, round: int) -> None:
    """The agency tells everything anew, with other texts."""
    for number in range(1, SIZE + 1):
        told = f"{MARK} {number}, lagi {round}"
        row = town.rows[str(number)]
        row |= {"judul": told, "isi": told, "diubah": f"{date(2026, 2, 1) + timedelta(days=round)}T08:00:00+07:00"}
        row["tanggapan"][0]["isi"] = told


async def replayed(hub: TownHub) -> str:
    """Every event from the first on, as anybody is told it."""
    told, after = "", None
    while True:
        page = (await hub.ask(EVENTS, after=after))["events"]
        told += str(page["nodes"])
        if not page["pageInfo"]["hasNextPage"]:
            return told
        after = page["pageInfo"]["endCursor"]


async def test_nothing_comes_back(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    town = Uji(size=SIZE)
    erased = [town.id(number) for number in range(1, ERASED + 1)]
    tell(town, 0)
    back: dict[str, int] = {"harvest": 0, "replay": 0, "restore": 0}

    async def look(hub: TownHub, how: str) -> dict[str, Any]:
        found = await rows(hub)
        assert len(found) == SIZE
        assert sum(map(is_empty, found.values())) <= ERASED
        back[how] += sum(not is_empty(found[id]) for id in erased)
        return found

    async with desk.hub(town):
        await desk.run("db", "backup", str(desk.folder / "older.bak"))
    async with desk.hub(town) as hub:
        await desk.run("subject", "erase", *erased, "--yes")
        for round in range(1, TIMES + 1):
            tell(town, round)
            await hub.harvest()
            await look(hub, "harvest")
            told = await replayed(hub)
            back["replay"] += sum(f"{MARK} {number}," in told for number in range(1, ERASED + 1))
            assert f"{MARK} {ERASED + 1}," in told
    (desk.folder / "older.bak").rename(desk.folder.parent / f"{desk.folder.name}.bak")
    for round in range(1, TIMES + 1):
        await desk.run("db", "restore", str(desk.folder.parent / f"{desk.folder.name}.bak"))
        tell(town, TIMES + round)
        async with desk.hub(town) as hub:
            await look(hub, "restore")
    await desk.run("audit", "verify")
    if desk.database.startswith("sqlite"):
        on_disk = held(desk.folder)
        found = sum(f"{MARK} {number}," in on_disk for number in range(1, ERASED + 1))
        assert f"{MARK} {ERASED + 1}," in on_disk
    else:
        found = 0
    with capsys.disabled():
        print(
            f"\n{desk.database.partition(':')[0]}: {ERASED} erased, {TIMES} harvests, replays and restores: {back} came"
            f" back; on disk after them {found}"
        )
    assert (back, found) == (dict.fromkeys(back, 0), 0)
