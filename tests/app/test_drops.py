"""An agency's inbox: `curl -T` fills it, what was read leaves it, and it can't fill the disk."""

from __future__ import annotations

import asyncio
import os
import shutil
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.files.inbox import MAX_WAITING, Full, Inbox
from connectors.files.settings import InboxSettings
from connectors.secrets import Secret
from tests.app.pushing import ask, manifest, open_hub, served

FILE = """
name = "Kabupaten Ekspor"
level = "DISTRICT"
region = "34.02"
time_zone = "Asia/Jakarta"
kind = "files"
[files.inbox]
key = "env:KEY"
[fields]
native_id = "No"
status = "Status"
[status]
baru = "SUBMITTED"
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
async def test_curl_t_does_it(tmp_path: Path, sqlite_url: str) -> None:
    path = tmp_path / "export.csv"
    path.write_bytes(b"No,Status\n7,baru\n")
    agency = manifest(FILE, "kab-ekspor")
    async with open_hub(tmp_path, sqlite_url, agency, environment={"KEY": "kunci"}) as hub, served(hub) as address:
        place = f"{address}/agencies/kab-ekspor/files"
        for url, code in ((f"{place}/", b"201"), (place, b"200")):
            command = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", "-T", str(path)]
            process = await asyncio.create_subprocess_exec(
                *command, "-H", "Authorization: Bearer kunci", url, stdout=PIPE
            )
            told, _ = await process.communicate()
            assert told == code
        async with asyncio.timeout(20):
            while not (await ask(hub, "{ complaints(first: 1) { nodes { id } } }"))["complaints"]["nodes"]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the poller is a task of its own
    [dropped] = os.listdir(tmp_path / "agencies" / "kab-ekspor" / "inbox")
    assert dropped.endswith("-export.csv")


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_old_drops_go_but_none_that_was_not_read(tmp_path: Path) -> None:
    days = [0.0]
    settings = InboxSettings(key="env:KEY", keep_files=3, keep_days=30)
    inbox = Inbox(tmp_path, settings, [Secret("k")], now=lambda: 1e9 + days[0] * 86_400)
    for number in range(8):
        await inbox.drop(f"{number}.csv", _chunks(b"%d" % number))
    names = sorted(os.listdir(tmp_path))
    inbox.tidy(names[1:])
    assert sorted(os.listdir(tmp_path)) == [names[0], *names[5:]]
    days[0] = 31
    inbox.tidy(names)
    assert os.listdir(tmp_path) == []


async def test_an_inbox_that_nobody_reads_is_full_some_day(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path, InboxSettings(key="env:KEY", keep_files=1), [Secret("k")])
    for number in range(MAX_WAITING + 1):
        await inbox.drop("a.csv", _chunks(b"%d" % number))
    with pytest.raises(Full, match="wait to be read"):
        await inbox.drop("a.csv", _chunks(b"one more"))
