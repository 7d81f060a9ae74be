"""docs/examples/push.php as Debian's php runs it, with a database behind PDO and a hub that listens."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.app.pushing import SECRETS, Sender, events, manifest, open_hub, served

SCRIPT = Path(__file__).parents[2] / "docs" / "examples" / "push.php"
FILE = """
name = "Kabupaten Uji"
level = "DISTRICT"
region = "34.04"
time_zone = "Asia/Jakarta"
kind = "webhook"
[webhook]
secrets = ["env:UJI_NEW"]
records = "records"
cursor = "cursor"
[fields]
native_id = "id"
tracking_id = "nomor"
title = "judul"
original_text = "isi"
status = "status"
is_confidential = "rahasia"
submitted_at = "dibuat"
updated_at = "diubah"
[status]
masuk = "SUBMITTED"
selesai = "CLOSED"
"""
TABLE = """CREATE TABLE aduan (id INTEGER PRIMARY KEY, nomor VARCHAR(20), judul VARCHAR(200), isi TEXT,
status VARCHAR(20), kategori VARCHAR(50), rahasia TINYINT, dibuat DATETIME, diubah DATETIME)"""
FIRST = datetime(2024, 3, 4, 8)  # noqa: DTZ001 - as in a DATETIME


class Done(NamedTuple):
    code: int | None
    out: str
    errors: str


class District:
    """A database, and the script beside it."""

    def __init__(self, folder: Path, hub: str) -> None:
        self.folder = folder
        shutil.copy(SCRIPT, folder)
        self.database = sqlite3.connect(folder / "aduan.db")
        self.database.execute(TABLE)
        self.settings = {
            "SIMPUL_HUB": hub,
            "SIMPUL_AGENCY": "kab-uji",
            "SIMPUL_SECRET": SECRETS["UJI_NEW"],
            "DB_DSN": f"sqlite:{folder / 'aduan.db'}",
        }

    def put(self, number: int, minutes: float = 0, status: str = "masuk", **more: Any) -> None:
        made, changed = FIRST + timedelta(seconds=number), FIRST + timedelta(seconds=number, minutes=minutes)
        row = {"nomor": f"N-{number}", "judul": f"Jalan {number} rusak", "isi": "Sejak Senin.", "status": status}
        row |= {"kategori": "Jalan", "rahasia": 0, "dibuat": f"{made}", "diubah": f"{changed}", "id": number, **more}
        marks = ", ".join(f":{name}" for name in row)
        with self.database:
            self.database.execute(f"INSERT OR REPLACE INTO aduan ({', '.join(row)}) VALUES ({marks})", row)

    async def run(self, *arguments: str, **settings: str) -> Done:
        environment = {"PATH": os.environ["PATH"], **self.settings, **settings}
        process = await asyncio.create_subprocess_exec(
            "php", "push.php", *arguments, cwd=self.folder, env=environment, stdout=PIPE, stderr=PIPE
        )
        out, errors = await process.communicate()
        return Done(process.returncode, out.decode(), errors.decode())


@pytest.fixture(autouse=True)
def php() -> None:
    if shutil.which("php") is None:
        assert not os.environ.get("SIMPUL_REQUIRE_PHP"), "php-cli, php-curl and php-sqlite3 are not installed"
        pytest.skip("php is not installed")


@pytest.fixture
async def district(tmp_path: Path, sqlite_url: str) -> AsyncIterator[District]:
    folder = tmp_path / "district"
    folder.mkdir()
    async with open_hub(tmp_path / "hub", sqlite_url, manifest(FILE)) as hub, served(hub) as address:
        district = District(folder, address)
        yield district
        district.database.close()


async def test_it_sends_all_then_what_changed_then_a_sign_of_life(district: District, sqlite_url: str) -> None:
    empty = await district.run()
    assert empty == Done(0, "0 applied, 0 unchanged, 0 refused\n", "")
    for number in range(1, 1201):
        district.put(number)
    assert await district.run() == Done(0, "1200 applied, 0 unchanged, 0 refused\n", "")
    district.put(7, minutes=90, status="selesai", judul="Jalan “tujuh” rusak 😮")
    district.put(8, minutes=90, isi=b"bukan \xff UTF-8")
    done = await district.run()
    assert (done.code, done.errors) == (0, "")
    assert done.out.startswith("2 applied, ")
    told = Counter(kind for _, kind, *_ in await events(sqlite_url))
    assert told == {"SUBMITTED": 1200, "STATUS_CHANGED": 1, "CORRECTED": 2}
    again = await district.run()
    assert (again.code, again.out.split(",")[0]) == (0, "0 applied")
    async with Sender(district.settings["SIMPUL_HUB"]) as sender:
        assert (await sender.ask()).json()["cursor"] == f"{FIRST + timedelta(seconds=8, minutes=90)}|8"


async def test_what_was_saved_late_is_found_and_a_row_of_tomorrow_hides_nothing(
    district: District, sqlite_url: str
) -> None:
    district.put(100)
    assert (await district.run()).out.startswith("1 applied")
    district.put(40)  # its moment lies before the newest that was sent
    district.put(200, diubah=f"{datetime.now() + timedelta(days=90):%Y-%m-%d %H:%M:%S}")  # noqa: DTZ005 - as a server's
    assert (await district.run()).out.startswith("2 applied")
    district.put(300)
    assert (await district.run()).out.startswith("1 applied")
    assert {id for id, *_ in await events(sqlite_url)} == {"100", "40", "200", "300"}


async def test_refused_records_are_named_and_the_others_are_taken(district: District, sqlite_url: str) -> None:
    for number in range(1, 6):
        district.put(number)
    district.put(3, rahasia="mungkin")
    done = await district.run()
    assert (done.code, done.out) == (1, "4 applied, 0 unchanged, 1 refused\n")
    assert done.errors == "refused 3: rahasia: is neither yes nor no\n"
    district.put(3, minutes=1)
    assert (await district.run()).code == 0
    assert len(await events(sqlite_url)) == 5


async def test_large_rows_go_in_smaller_batches(district: District, sqlite_url: str) -> None:
    for number in range(1, 41):
        district.put(number, isi="x" * 100_000)
    assert await district.run() == Done(0, "40 applied, 0 unchanged, 0 refused\n", "")


async def test_what_is_wrong_shows_in_message_and_exit_code(district: District) -> None:
    district.put(1)
    wrong = await district.run(SIMPUL_SECRET="whsec_bm90LXRoZS1zZWNyZXQtdGhhdC13YXMtYWdyZWVkLW9u")
    assert wrong.code == 2
    assert "push.php: the hub answered 401: webhook-signature does not fit" in wrong.errors
    unknown = await district.run(SIMPUL_AGENCY="kab-lain")
    assert (unknown.code, "the hub answered 401" in unknown.errors) == (2, True)
    unset = await district.run(SIMPUL_HUB="")
    assert unset == Done(2, "", "push.php: SIMPUL_HUB is not set, neither in settings.php nor in the environment\n")
    garbled = await district.run(SIMPUL_SECRET="whsec_***")
    assert (garbled.code, garbled.errors) == (2, "push.php: SIMPUL_SECRET is not Base64 after whsec_\n")
    away = await district.run(SIMPUL_HUB="http://127.0.0.1:1")
    assert (away.code, "the hub can't be reached" in away.errors) == (3, True)
    gone = await district.run(DB_DSN="sqlite:/nowhere/aduan.db")
    assert (gone.code, gone.errors.startswith("push.php: the database: ")) == (3, True)
    district.database.execute("ALTER TABLE aduan RENAME TO keluhan")
    moved = await district.run()
    assert (moved.code, moved.errors.startswith("push.php: the query: ")) == (2, True)
    assert not any(
        SECRETS["UJI_NEW"] in part for done in (wrong, unknown, garbled, away, gone, moved) for part in done[1:]
    )


async def test_show_prints_and_sends_nothing(district: District, sqlite_url: str) -> None:
    district.put(1)
    done = await district.run("--show")
    assert (done.code, '"nomor": "N-1"' in done.out) == (0, True)
    assert await events(sqlite_url) == []
