"""A hub that is killed while an agency sends: every push is applied once, whatever its sender was told of it."""

from __future__ import annotations

import asyncio
import random
import signal
from collections import Counter
from pathlib import Path

import httpx2
import orjson
import pytest

from tests.app.pushing import FILE, SECRETS, Sender, events, record
from tests.live.demo import Running

PUSHES, AT_ONCE, KILLS = 1_500, 8, 8


@pytest.mark.soak
async def test_pushes_are_applied_once_though_the_hub_is_killed(tmp_path: Path) -> None:
    agencies = tmp_path / "agencies"
    agencies.mkdir()
    (agencies / "kab-uji.toml").write_text(FILE)
    settings = {"SIMPUL_DATA_DIR": str(tmp_path), "SIMPUL_AGENCIES_DIR": str(agencies), "SIMPUL_PORT": "0", **SECRETS}
    hub = Running("serve", "--migrate", log=tmp_path / "0.log", settings=settings)
    settings["SIMPUL_PORT"] = hub.address.rpartition(":")[2]
    work = [(number, step) for number in range(PUSHES // 3) for step in range(3)]
    random.Random(3).shuffle(work)
    told: Counter[str] = Counter()
    sent = Counter[str]()

    async def send(sender: Sender) -> None:
        while work:
            number, step = work.pop()
            body = orjson.dumps({"laporan": [record(number, step)]})
            id, answer = f"msg_{number}_{step}", b""
            for attempt in range(400):
                sent["all"] += 1
                try:
                    reply = await sender.post(body, sender.headers(body, id))
                except httpx2.TransportError:
                    await asyncio.sleep(0.05)
                    continue
                assert reply.status_code == 200, (attempt, reply.text)
                answer = reply.content
                break
            told[orjson.loads(answer)["results"][0]["status"]] += 1

    async def kill() -> None:
        nonlocal hub
        for number in range(1, KILLS + 1):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(hub.process.send_signal, signal.SIGKILL)
            await asyncio.to_thread(hub.kill)
            hub = await asyncio.to_thread(Running, "serve", log=tmp_path / f"{number}.log", settings=settings)

    try:
        async with Sender(hub.address) as sender:
            await asyncio.gather(kill(), *(send(sender) for _ in range(AT_ONCE)))
        assert hub.interrupt() == 0
    finally:
        hub.kill()
    found = await events(f"sqlite://{tmp_path / 'simpul.db'}")
    steps = Counter((id, status) for id, _, status, _ in found)
    assert max(steps.values()) == 1
    assert {id for id, status in steps if status == "CLOSED"} == {f"U-{n}" for n in range(PUSHES // 3)}
    assert told["applied"] == len(found)
    print(f"\n{PUSHES} pushes, {KILLS} kills: {sent['all']:,} attempts, {told['applied']:,} applied, 0 twice, 0 lost;")
    print(f"{told['unchanged']:,} steps came after a newer one of their complaint and changed nothing")
