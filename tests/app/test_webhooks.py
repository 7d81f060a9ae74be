"""Pushes through the front door, into a real ledger: what is taken, what is refused, and that nothing happens twice."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import orjson
import pytest
from starlette.applications import Starlette

import connectors.webhook
from gateway.app import Hub
from gateway.intake.webhooks import Webhooks
from gateway.telemetry import Metrics
from tests.app.pushing import FILE, SECRETS, Sender, ask, events, manifest, open_hub, record, served

SOURCES = "{ agencies { id source { state stale asOf quarantined error { code } } } }"


@pytest.fixture
async def hub(tmp_path: Path, database_url: str) -> AsyncIterator[Hub]:
    async with open_hub(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
async def sqlite_hub(tmp_path: Path, sqlite_url: str) -> AsyncIterator[Hub]:
    async with open_hub(tmp_path, sqlite_url) as opened:
        yield opened


async def test_each_record_is_answered_for(hub: Hub, database_url: str) -> None:
    sender = Sender(hub)
    assert (await sender.ask()).json() == {"cursor": None, "lastPushAt": None}
    rows = record(1), record(2, diubah="kemarin"), record(3, diubah=None), "x"
    told = await sender.push(*rows, cursor="2024-03-02|1")
    missing = "diubah: is missing: it decides which of two pushes is the newer"
    assert told == {
        "results": [
            {"id": "U-1", "status": "applied", "reason": None},
            {"id": "U-2", "status": "rejected", "reason": "diubah: is not a moment in any format of [dates]"},
            {"id": "U-3", "status": "rejected", "reason": missing},
            {"id": None, "status": "rejected", "reason": "is a text where an object was expected"},
        ],
        "cursor": "2024-03-02|1",
    }
    again = await sender.push(record(1))
    assert (again["results"][0]["status"], again["cursor"]) == ("unchanged", "2024-03-02|1")
    kept = (await sender.ask()).json()
    assert kept["cursor"] == "2024-03-02|1"
    assert kept["lastPushAt"].endswith("Z")
    assert await events(database_url) == [("U-1", "SUBMITTED", "SUBMITTED", "WEBHOOK")]
    [source] = [each["source"] for each in (await ask(hub, SOURCES))["agencies"]]
    assert (source["state"], source["stale"], source["error"]) == ("OK", False, None)
    assert source["asOf"] is not None
    assert source["quarantined"] == 3


async def test_a_single_record_needs_no_list_and_none_is_a_sign_of_life(tmp_path: Path, sqlite_url: str) -> None:
    plain = FILE.replace('records = "laporan"\ncursor = "sampai"\n', 'cursor = "diubah"\n')
    async with open_hub(tmp_path, sqlite_url, manifest(plain)) as hub:
        sender = Sender(hub, SECRETS["UJI_OLD"])
        one = (await sender.send(record(7, 1))).json()
        assert (one["results"][0]["status"], one["cursor"]) == ("applied", record(7, 1)["diubah"])
        none = await sender.send([])
        assert (none.status_code, none.json()["results"]) == (200, [])
        assert (await ask(hub, SOURCES))["agencies"][0]["source"]["state"] == "OK"


async def test_steps_of_one_complaint_are_taken_in_the_order_of_their_own_times(hub: Hub, database_url: str) -> None:
    sender = Sender(hub)
    told = await sender.push(record(1, 2), record(1, 0), record(1, 1), record(1, 2), record(2))
    assert [each["status"] for each in told["results"]] == ["applied", "applied", "applied", "unchanged", "applied"]
    late = await sender.push(record(1, 1), record(2, 1))
    assert [each["status"] for each in late["results"]] == ["unchanged", "applied"]
    steps = [(kind, status) for id, kind, status, _ in await events(database_url) if id == "U-1"]
    assert steps == [("SUBMITTED", "SUBMITTED"), ("STATUS_CHANGED", "IN_FOLLOW_UP"), ("STATUS_CHANGED", "CLOSED")]
    page = await ask(hub, "{ complaints(first: 5) { totalCount nodes { trackingId status timeline { toStatus } } } }")
    assert page["complaints"]["totalCount"] == 2
    assert Counter(node["status"] for node in page["complaints"]["nodes"]) == {"CLOSED": 1, "IN_FOLLOW_UP": 1}


async def test_a_step_that_was_taken_in_time_and_told_late_is_in_time(sqlite_hub: Hub) -> None:
    await Sender(sqlite_hub).push(record(4, 2), record(4, 0), record(4, 1))
    fields = "clocks { kind breached } timeline { toStatus }"
    page = await ask(sqlite_hub, f"{{ complaints(first: 5) {{ nodes {{ {fields} }} }} }}")
    [row] = page["complaints"]["nodes"]
    assert [entry["toStatus"] for entry in row["timeline"]] == ["SUBMITTED", "IN_FOLLOW_UP", "CLOSED"]
    assert not any(clock["breached"] for clock in row["clocks"])


async def test_what_is_sent_again_is_answered_as_before_over_restarts_and_replicas(
    tmp_path: Path, database_url: str
) -> None:
    async with open_hub(tmp_path, database_url) as one:
        sender = Sender(one)
        body = orjson.dumps({"laporan": [record(1)], "sampai": "a"})
        headers = sender.headers(body, "msg_same")
        first = await sender.post(body, headers)
        assert await sender.push(record(1, 1), cursor="b")
        assert (await sender.post(body, headers)).content == first.content
        assert (await sender.send({"laporan": [record(1, 2)]}, "msg_same")).content == first.content
    async with open_hub(tmp_path, database_url) as one, open_hub(tmp_path / "two", database_url) as two:
        senders = [Sender(each) for each in (one, two, one, two)]
        replies = await asyncio.gather(*(each.post(body, headers) for each in senders))
        assert {reply.content for reply in replies} == {first.content}
        new = orjson.dumps({"laporan": [record(2)]})
        signed = senders[0].headers(new, "msg_new")
        replies = await asyncio.gather(*(each.post(new, signed) for each in senders))
        assert {reply.json()["results"][0]["status"] for reply in replies} == {"applied"}
        assert (await senders[1].ask()).json()["cursor"] == "b"
        page = (await senders[0].client.get("/metrics")).text
        assert 'simpul_pushes_total{agency="kab-uji",outcome="repeated"}' in page
    assert [(id, kind) for id, kind, _, _ in await events(database_url)] == [
        ("U-1", "SUBMITTED"),
        ("U-1", "STATUS_CHANGED"),
        ("U-2", "SUBMITTED"),
    ]


async def test_what_is_not_authentic_is_refused_alike_whoever_is_asked(tmp_path: Path, sqlite_url: str) -> None:
    rest = FILE.replace('"webhook"', '"rest"').replace("Kabupaten Uji", "Lain")
    start, end = rest.index("[webhook]"), rest.index("[fields]")
    asked = '[http]\nurl = "https://lain.example"\n[rest]\nlist = "/x"\nrecords = "y"\n'
    rest = rest[:start] + asked + rest[end:]
    paused = "paused = true\n" + FILE.replace("Kabupaten Uji", "Tidur")
    manifests = manifest(), manifest(rest, "kab-lain"), manifest(paused, "kab-tidur")
    async with open_hub(tmp_path, sqlite_url, *manifests) as hub:
        body = orjson.dumps({"laporan": [record(1)]})
        told = set()
        for slug in ("kab-uji", "kab-lain", "kab-tidur", "kab-hantu", "%00", "x" * 300):
            stranger = Sender(hub, "a secret that nobody agreed on", slug)
            posted, asked = await stranger.post(body, stranger.headers(body)), await stranger.ask()
            late, bare = await stranger.send(body, late=421), await stranger.client.post(stranger.path, content=body)
            for reply in (posted, asked, late, bare):
                assert reply.status_code == 401, slug
            assert "421 s behind the hub's clock" in late.json()["error"]
            told.add(tuple((r.text, tuple(sorted(r.headers))) for r in (posted, asked, late, bare)))
        assert len(told) == 1
        right = Sender(hub, slug="kab-tidur")
        assert (await right.send(body)).status_code == 401
    assert await events(sqlite_url) == []


async def test_either_secret_is_valid_while_one_follows_the_other(hub: Hub) -> None:
    for number, secret in enumerate(SECRETS.values()):
        assert (await Sender(hub, secret).push(record(number)))["results"][0]["status"] == "applied"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "it has no body"),
        (b"{", 400, "not JSON"),
        (b"\xff\xfe{}", 400, "not JSON"),
        (b'{"laporan": NaN}', 400, "not JSON"),
        (b'{"laporan": []', 400, "not JSON"),
        (b"[]", 400, "leads to nothing"),
        (b'{"laporan": null}', 400, "leads to nothing"),
        (b'{"laporan": ' + b"[" * 70 + b"]" * 70 + b"}", 400, "nested deeper"),
        (b'{"laporan": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", 400, "not JSON"),
        (orjson.dumps({"laporan": [record(n) for n in range(501)]}), 400, "501 records, 500 at most"),
        (b'{"laporan": [], "sampai": {}}', 400, "webhook.cursor: is an object"),
        (orjson.dumps({"laporan": [], "sampai": "x" * 600}), 400, "webhook.cursor: is too long"),
        (b'{"laporan": [], "x": "' + b"x" * 2_000_000 + b'"}', 413, "2,000,000 bytes at most"),
    ],
)
async def test_a_push_that_can_not_be_read_says_why(sqlite_hub: Hub, body: bytes, status: int, message: str) -> None:
    sender = Sender(sqlite_hub)
    reply = await sender.send(body)
    assert (reply.status_code, message in reply.json()["error"]) == (status, True), reply.text
    assert (await sender.ask()).json() == {"cursor": None, "lastPushAt": None}


async def test_whatever_comes_is_refused_and_never_a_fault(sqlite_hub: Hub, sqlite_url: str) -> None:
    chance, sender = random.Random(5), Sender(sqlite_hub)
    whole = orjson.dumps({"laporan": [record(n) for n in range(3)], "sampai": "z"})
    seen: Counter[int] = Counter()
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(body))
            body[place : place + chance.randrange(3)] = bytes(
                chance.choices(b'\x00\xff{}[]",:0e', k=chance.randrange(3))
            )
        headers = sender.headers(bytes(body))
        if chance.random() < 0.5:
            name = chance.choice(list(headers))
            headers[name] = headers[name][: chance.randrange(len(headers[name]))] + chance.choice(
                ["", "\x7f", ",", " v1,"]
            )
        reply = await sender.post(bytes(body), headers)
        seen[reply.status_code] += 1
        assert reply.status_code in (200, 400, 401), reply.text
    assert min(seen[200], seen[400], seen[401]) > 10
    assert {origin for *_, origin in await events(sqlite_url)} == {"WEBHOOK"}


async def test_what_a_record_holds_stands_in_no_answer(sqlite_hub: Hub) -> None:
    sender = Sender(sqlite_hub)
    bad = record(1, judul={"nik": "3404012345678901"}) | {"diubah": "3404012345678901"}
    reply = await sender.send({"laporan": [bad, record(2, status=["3404012345678901"])]})
    assert [each["status"] for each in reply.json()["results"]] == ["rejected", "rejected"]
    assert "3404012345678901" not in reply.text


async def test_the_documented_lines_send_a_record(tmp_path: Path, sqlite_url: str) -> None:
    if not all(map(shutil.which, ("bash", "openssl", "curl"))):
        pytest.skip("openssl and curl are not installed")
    readme = (Path(connectors.webhook.__path__[0]) / "README.md").read_text()
    [lines] = re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)
    [answer] = re.findall(r"```json\n(.*?)```", readme, re.DOTALL)
    file = FILE.replace('"laporan"', '"records"').replace('"sampai"', '"cursor"')
    async with open_hub(tmp_path, sqlite_url, manifest(file, "kab-contoh")) as hub, served(hub) as address:
        script = lines.replace("https://simpul.example.go.id", address)
        process = await asyncio.create_subprocess_exec("bash", "-euc", script, stdout=PIPE, stderr=STDOUT)
        told, _ = await process.communicate()
    assert orjson.loads(told) == orjson.loads(answer), told


async def test_what_no_row_can_hold_is_rejected_with_all_that_builds_upon_it(sqlite_hub: Hub, sqlite_url: str) -> None:
    sender = Sender(sqlite_hub)
    told = await sender.push(record(1, 0, id="x" * 450), record(1, 1, id="x" * 450), record(2))
    assert [each["status"] for each in told["results"]] == ["rejected", "rejected", "applied"]
    assert {each["reason"] for each in told["results"]} == {"native_id, tracking_id: too long", None}
    assert [id for id, *_ in await events(sqlite_url)] == ["U-2"]


async def test_who_sends_without_end_or_never_is_not_waited_for(tmp_path: Path, sqlite_url: str) -> None:
    pulled = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pulled
        for _ in range(500):
            pulled += 200_000
            yield b"x" * 200_000

    async with open_hub(tmp_path, sqlite_url) as hub, served(hub) as address, Sender(address) as sender:
        try:
            reply = await sender.client.post(sender.path, content=endless(), headers=sender.headers())
            assert reply.status_code == 413
        except httpx2.NetworkError:
            pass  # cut before the answer was read
        assert pulled < 20_000_000
        assert (await sender.push(record(1)))["results"][0]["status"] == "applied"


async def test_a_push_that_does_not_come_is_given_up() -> None:
    agencies = SimpleNamespace(get=lambda slug: None)
    endpoint = Webhooks(agencies, cast(Any, None), Metrics(), lambda: datetime.now(UTC), patience=0.01)
    app = Starlette(routes=endpoint.routes())

    async def silence() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.get_running_loop().create_future()

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://hub") as client:
        reply = await client.post("/agencies/kab-uji/webhook", content=silence())
    assert (reply.status_code, reply.json()) == (408, {"error": "it did not come within 0.01 s"})


async def test_other_methods_are_told_what_there_is(sqlite_hub: Hub) -> None:
    sender = Sender(sqlite_hub)
    for method in ("PUT", "DELETE", "PATCH"):
        reply = await sender.client.request(method, sender.path, headers=sender.headers())
        assert reply.status_code == 405
    body = orjson.dumps({"laporan": []})
    question = await sender.client.request("GET", sender.path, content=body, headers=sender.headers(body))
    assert (question.status_code, question.json()) == (400, {"error": "a question has no body"})


async def storm(hub: Hub, count: int, seed: int) -> Counter[int]:
    """`count` pushes, each sent three times, out of order and some at once; a tenth of them tampered with."""
    chance, sender = random.Random(seed), Sender(hub)
    sendings: list[tuple[bytes, dict[str, str]]] = []
    for number in range(count):
        body = orjson.dumps({"laporan": [record(number, step) for step in (*chance.sample(range(3), 2), 2)]})
        headers = sender.headers(body, f"msg_{number}")
        tampered = [_tampered(body, headers, chance) if chance.random() < 0.1 else (body, headers) for _ in range(3)]
        if not any(each[0] is body and each[1] is headers for each in tampered):
            tampered[0] = body, headers
        sendings += tampered
    chance.shuffle(sendings)
    codes: Counter[int] = Counter()
    for start in range(0, len(sendings), 16):
        replies = await asyncio.gather(*(sender.post(*each) for each in sendings[start : start + 16]))
        codes.update(reply.status_code for reply in replies)
    return codes


def _tampered(body: bytes, headers: dict[str, str], chance: random.Random) -> tuple[bytes, dict[str, str]]:
    match chance.randrange(4):
        case 0:
            return body.replace(b"Lampu", b"FORGED"), headers
        case 1:
            return body.replace(b"selesai", b"proses"), headers
        case 2:
            return body, {**headers, "webhook-id": "msg_forged"}
        case _:
            return body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}


async def test_a_storm_of_pushes_is_applied_once_each_and_none_is_forged(tmp_path: Path, database_url: str) -> None:
    await weathered(tmp_path, database_url, 60)


async def weathered(folder: Path, url: str, count: int) -> Counter[int]:
    async with open_hub(folder, url) as hub:
        codes = await storm(hub, count, seed=count)
        page: dict[str, Any] = (await ask(hub, "{ complaints(first: 1) { totalCount } }"))["complaints"]
        forged = await ask(hub, '{ complaints(filter: {text: "forged"}, first: 1) { totalCount } }')
    assert set(codes) == {200, 401}
    assert sum(codes.values()) == count * 3
    assert codes[401] > count * 0.15
    assert (page["totalCount"], forged["complaints"]["totalCount"]) == (count, 0)
    told = await events(url)
    assert Counter(id for id, kind, *_ in told if kind == "SUBMITTED") == {f"U-{n}": 1 for n in range(count)}
    steps = Counter((id, status) for id, _, status, _ in told)
    assert set(steps.values()) == {1}
    assert {id for id, status in steps if status == "CLOSED"} == {f"U-{n}" for n in range(count)}
    return codes
