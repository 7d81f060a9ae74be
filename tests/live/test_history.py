"""What outlives the process: the ledger, its cursors, and the memory of what a backup forgot."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from simulators import control
from tests.live.demo import POLLED, Demo, Running, running, simpul, wait

COUNTS = "{ asOf statistics(groupBy: [AGENCY]) { agency { id } count } }"
STATUSES = "{ complaints(orderBy: {field: SUBMITTED_AT, direction: ASC}, first: 500) { nodes { id status version } } }"
EVENTS = """
query Events($after: String!, $kinds: [EventKind!]!) {
  events(after: $after, filter: {kinds: $kinds}, first: 500) { nodes { complaintId agency { id } } }
}
"""
LOOK = """
subscription($after: String) { complaintEvents(after: $after) { ... on StreamPosition { cursor recovered gap head } } }
"""


async def position(hub: Running, after: str) -> dict[str, Any]:
    """The first frame for a client that comes back with a cursor."""
    return dict((await hub.first_frame(LOOK, after=after))["complaintEvents"])


async def is_told_to_begin_anew(hub: Running, after: str) -> None:
    """On the socket and by `events`; where to begin is told, too, and can be continued."""
    told = await position(hub, after)
    assert (told["recovered"], told["gap"]) == (False, "EPOCH_CHANGED")
    [error] = hub.post(EVENTS, after=after, kinds=["SUBMITTED"])["errors"]
    assert error["extensions"]["code"] == "CURSOR_EXPIRED"
    for cursor in (told["cursor"], told["head"], error["extensions"]["head"], hub.ask("{ asOf }")["asOf"]):
        assert (await position(hub, cursor))["recovered"]


def something_happens(demo: Demo) -> str:
    """Moves statuses until the ledger has them. Its newest cursor."""
    before = demo.ask("{ asOf }")["asOf"]
    control.move(demo.data, "kab-tangerang", 3)
    moved = {"after": before, "kinds": ["STATUS_CHANGED"]}
    wait(lambda: len(demo.ask(EVENTS, **moved)["events"]["nodes"]) >= 3, POLLED)
    return str(demo.ask("{ asOf }")["asOf"])


async def test_a_second_run_goes_on_where_the_first_ended(demo: Demo) -> None:
    control.move(demo.data, "kab-sleman", 3)
    statuses = {row["id"]: row for row in demo.ask(STATUSES)["complaints"]["nodes"]}
    before = demo.ask(COUNTS)
    demo.again()
    after = demo.ask(COUNTS)

    assert (await position(demo.hub, before["asOf"]))["recovered"]
    arrived = demo.ask(EVENTS, after=before["asOf"], kinds=["SUBMITTED"])["events"]["nodes"]
    was, now = ({b["agency"]["id"]: b["count"] for b in each["statistics"]} for each in (before, after))
    for slug, count in now.items():
        # What arrived was asked last, and may know of one more.
        assert was[slug] <= count <= was[slug] + sum(event["agency"]["id"] == slug for event in arrived)
    assert demo.count(agencies=["kab-tangerang"]) == 3171

    later = {row["id"]: row for row in demo.ask(STATUSES)["complaints"]["nodes"]}
    kinds = ["STATUS_CHANGED", "FOLLOW_UP_ADDED", "TRANSFERRED", "CORRECTED", "RATED", "CLOCK_BREACHED"]
    touched = {event["complaintId"] for event in demo.ask(EVENTS, after=before["asOf"], kinds=kinds)["events"]["nodes"]}
    assert later.keys() == statuses.keys()
    assert {id for id, row in later.items() if row != statuses[id]} <= touched


async def test_a_backup_restored_elsewhere_begins_a_new_epoch(demo: Demo, tmp_path: Path) -> None:
    known = demo.ask("{ asOf }")["asOf"]
    file = demo.data.with_name("backup.db")
    done = demo.simpul("db", "backup", file)
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o077 == 0
    beyond = something_happens(demo)

    elsewhere = demo.data.with_name("elsewhere")
    settings = {
        "SIMPUL_DATA_DIR": str(elsewhere),
        "SIMPUL_AGENCIES_DIR": str(demo.agencies(tmp_path / "agencies", "kab-tangerang")),
        "SIMPUL_PORT": "0",
        **control.environment(demo.data),
    }
    assert simpul("db", "migrate", **settings).returncode == 0
    restored = simpul("db", "restore", file, **settings)
    assert restored.returncode == 0, restored.stderr
    file.unlink()
    shutil.copy(demo.data / "cursor.key", elsewhere)
    with running("serve", log=tmp_path / "serve.log", settings=settings) as hub:
        for cursor in (known, beyond):
            await is_told_to_begin_anew(hub, cursor)
        query = '{ complaints(filter: {agencies: ["kab-tangerang"]}, first: 1) { totalCount } }'
        assert hub.ask(query)["complaints"]["totalCount"] == 3171
    shutil.rmtree(elsewhere)
    assert (await position(demo.hub, known))["recovered"], "the hub that was backed up goes on"


async def test_a_backup_put_back_by_hand_is_noticed(demo: Demo) -> None:
    file = demo.data.with_name("copy.db")
    assert demo.simpul("db", "backup", file).returncode == 0
    known = something_happens(demo)

    def put_back() -> None:
        for path in demo.data.glob("simpul.db*"):
            path.unlink()
        file.rename(demo.data / "simpul.db")

    demo.again(put_back)
    with (demo.data / "simpul.db").open("rb") as ledger:
        assert ledger.read(20)[18:] == b"\2\2", "a backup is not in WAL mode; the hub's ledger must be"
    await is_told_to_begin_anew(demo.hub, known)
    assert demo.count(agencies=["kab-tangerang"]) == 3171
    something_happens(demo)
