"""What people ask for whose data it is: done by commands beside a running hub, and never undone."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.manifest import Manifest
from connectors.settings import PrivacySettings
from gateway.cli import run
from gateway.ledger.audit import open_audit
from gateway.ledger.keys import Keys
from gateway.retention import Retention
from schema.query import Role
from tests.app.test_redaction import held
from tests.app.towns import Town, TownHub, town_hub

NAME, PHONE = "Ni Luh Kartini", "081234567890"
FIELDS = """id status contentState isConfidential title text originalText statusReason tags incidentLocation { address }
  timeline { toStatus note } followUps { content }"""
ROWS = f"{{ complaints(first: 50) {{ nodes {{ {FIELDS} }} }} }}"
EMPTY = {
    "contentState": "ERASED", "isConfidential": False, "title": None, "text": None, "originalText": None,
    "statusReason": None, "tags": [], "incidentLocation": None,
}  # fmt: skip

Act = Callable[..., Any]


class Uji(Town):
    """A town whose file asks who reported, and may say how long that is kept."""

    def __init__(self, size: int = 3, **privacy: Any) -> None:
        super().__init__("kab-uji", "full", size=size, identities=True)
        self._privacy = PrivacySettings(reporter_identity=True, **privacy)
        for number, row in self.rows.items():
            row |= {"resi": f"R-{number}", "pelapor": NAME, "hp": PHONE, "anonim": False}

    def manifest(self, url: str) -> Manifest:
        manifest = super().manifest(url)
        fields = msgspec.structs.replace(manifest.fields, tracking_id="resi")
        return msgspec.structs.replace(manifest, privacy=self._privacy, fields=fields)


class Desk:
    """A hub's folder and database, and commands that are given there."""

    def __init__(self, folder: Path, database: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.database = database
        self._capsys = capsys

    @asynccontextmanager
    async def hub(self, *towns: Town) -> AsyncIterator[TownHub]:
        async with town_hub(self.folder, *towns, database_url=self.database) as hub:
            yield hub

    async def run(self, *words: str, code: int = 0) -> str:
        """What a command prints on standard output."""
        self._capsys.readouterr()
        assert await asyncio.to_thread(run, list(words)) == code
        return self._capsys.readouterr().out


@pytest.fixture
def desk(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    (tmp_path / "none").mkdir()
    for name, value in {
        "DATA_DIR": str(tmp_path), "SECRET": "s" * 32, "DATABASE_URL": database_url,
        "AGENCIES_DIR": str(tmp_path / "none"),
    }.items():  # fmt: skip
        monkeypatch.setenv(f"SIMPUL_{name}", value)
    return Desk(tmp_path, database_url, capsys)


async def rows(hub: TownHub, query: str = ROWS, token: str | None = None) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in (await hub.ask(query, token))["complaints"]["nodes"]}


def is_empty(row: dict[str, Any]) -> bool:
    return row | EMPTY == row and not any(each["note"] for each in row["timeline"]) and not any(
        each["content"] for each in row["followUps"]
    )  # fmt: skip


def put_back(copy: Path, file: Path) -> None:
    for part in ("", "-wal", "-shm"):
        Path(f"{file}{part}").unlink(missing_ok=True)
    shutil.copy(copy, file)


async def key(hub: TownHub, folder: Path, role: Role, *agencies: str) -> str:
    def now() -> datetime:
        return datetime.now(UTC)

    with open_audit(folder, hub.ledger.keyring, now) as audit:
        return (await Keys(hub.ledger.database, hub.ledger.keyring, audit, now).create("kantor", role, agencies))[1]


async def test_what_is_erased_stays_so(desk: Desk) -> None:
    town = Uji()
    id = town.id(2)
    text = "Pagar roboh di belakang balai desa"
    town.rows["2"] |= {"isi": text}
    async with desk.hub(town) as hub:
        officer = await key(hub, desk.folder, Role.LIAISON_OFFICER, "kab-uji")
        reporters = "{ complaints(first: 50) { nodes { id reporter { name } } } }"
        assert (await rows(hub, reporters, officer))[id]["reporter"] == {"name": NAME}
        before = (await rows(hub))[id]
        await desk.run("subject", "erase", id, code=1)
        assert (await rows(hub))[id] == before  # nothing without --yes
        await desk.run("subject", "erase", id, "--yes")
        found = await rows(hub)
        assert is_empty(found[id])
        assert [each["toStatus"] for each in found[id]["timeline"]] == [each["toStatus"] for each in before["timeline"]]
        assert not any(is_empty(row) for other, row in found.items() if other != id)
        assert (await rows(hub, reporters, officer))[id]["reporter"] is None
        by_text = await hub.ask('{ complaints(filter: {text: "pagar roboh"}) { totalCount } }')
        assert by_text == {"complaints": {"totalCount": 0}}
        corrected = await hub.ask("{ events(filter: {kinds: [CORRECTED]}) { nodes { complaint { title } } } }")
        assert corrected == {"events": {"nodes": [{"complaint": None}]}}
        for minute in range(3):  # its agency goes on telling of it
            town.change(2, minute, isi=f"{text}, lagi {minute}", status="proses", judul=text)
            await hub.harvest()
            assert is_empty((await rows(hub))[id])
        assert (await rows(hub))[id]["status"] == "IN_FOLLOW_UP"
        await desk.run("subject", "erase", id, "--yes")
        told = [json.loads(line) for line in (await desk.run("subject", "list", "--json")).splitlines()]
        assert [(each["action"], each["complaint"], each["actor"]) for each in told] == [
            ("ERASE_SUBJECT", id, "operator")
        ] * 2
        await desk.run("audit", "verify")
    if desk.database.startswith("sqlite"):
        assert "balai desa" not in held(desk.folder)


async def test_a_backup_brings_nothing_back(desk: Desk) -> None:
    town = Uji(size=4)
    erased = [town.id(number) for number in (1, 2, 3)]
    hidden = town.id(4)
    late = town.rows.pop("3")
    async with desk.hub(town):
        await desk.run("db", "backup", str(desk.folder / "older.bak"))
    town.rows["3"] = late  # comes after the backup
    async with desk.hub(town) as hub:
        assert len(await rows(hub)) == 4
        await desk.run("subject", "erase", *erased, "--yes")
        await desk.run("subject", "restrict", hidden)
        assert set(await rows(hub)) == set(erased)
    for _ in range(2):
        await desk.run("db", "restore", str(desk.folder / "older.bak"))
        async with desk.hub(town) as hub:  # harvests
            found = await rows(hub)
            assert set(found) == set(erased)
            assert all(is_empty(row) for row in found.values())
    await desk.run("subject", "lift", hidden)
    await desk.run("db", "restore", str(desk.folder / "older.bak"))
    async with desk.hub(town) as hub:
        assert set(await rows(hub)) == {*erased, hidden}
        await desk.run("audit", "verify")


async def test_a_new_number_brings_nothing_back(desk: Desk) -> None:
    town = Uji(size=2)
    async with desk.hub(town) as hub:
        await desk.run("db", "backup", str(desk.folder / "older.bak"))
        await desk.run("subject", "erase", "--tracking-id", "R-1", "--yes")
        again = town.rows.pop("1")
        town.rows["9"] = again | {"no": 9}  # under the citizen's old number
        await hub.harvest()
        assert is_empty((await rows(hub))[town.id(9)])
    await desk.run("db", "restore", str(desk.folder / "older.bak"))
    town.rows["9"] |= {"resi": "R-9"}  # and now under none that it had when it was erased
    async with desk.hub(town) as hub:
        found = await rows(hub)
        assert [is_empty(found[town.id(number)]) for number in (1, 9, 2)] == [True, True, False]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_file_put_back_by_hand_brings_nothing_back(desk: Desk) -> None:
    town, file = Uji(), Path(desk.database.removeprefix("sqlite://"))
    async with desk.hub(town):
        pass
    shutil.copy(file, desk.folder / "older.db")
    async with desk.hub(town):
        await desk.run("subject", "erase", town.id(1), town.id(2), "--yes")
    put_back(desk.folder / "older.db", file)
    async with desk.hub(town) as hub:
        assert [is_empty(row) for row in (await rows(hub)).values()].count(True) == 2


async def test_who_is_restricted_is_hidden_until_it_is_lifted(desk: Desk) -> None:
    town = Uji()
    first, second = town.id(1), town.id(2)
    async with desk.hub(town) as hub:
        officer = await key(hub, desk.folder, Role.LIAISON_OFFICER, "kab-uji")
        await desk.run("subject", "restrict", "--agency", "kab-uji", "--number", "1")
        await desk.run("subject", "restrict", "--tracking-id", "R-2")
        assert set(await rows(hub)) == {town.id(3)}
        assert (await rows(hub, token=officer))[first]["isConfidential"]
        counts = "{ complaints { totalCount } events { nodes { complaint { id } } } }"
        told = await hub.ask(counts)
        assert told["complaints"]["totalCount"] == 1
        assert {each["complaint"]["id"] for each in told["events"]["nodes"] if each["complaint"]} == {town.id(3)}
        town.change(1, 1, judul="Judul baru")
        town.change(2, 1, rahasia=True)
        await hub.harvest()
        assert set(await rows(hub)) == {town.id(3)}
        await desk.run("subject", "lift", first, second)
        assert set(await rows(hub)) == {first, town.id(3)}  # the second's agency has it confidential now
        assert (await rows(hub))[first]["title"] == "Judul baru"
        town.change(2, 2, rahasia=False)
        await hub.harvest()
        assert second in await rows(hub)


async def test_all_that_is_kept_is_shown(desk: Desk) -> None:
    town = Uji()
    async with desk.hub(town) as hub:
        officer = await key(hub, desk.folder, Role.LIAISON_OFFICER, "kab-uji")
        await rows(hub, "{ complaints { nodes { id reporter { name } } } }", officer)
        await hub.ledger.sightings.flush()
        [told] = json.loads(await desk.run("subject", "export", town.id(1)))
        assert told["complaint"]["original_text"] == "Isi kab-uji 1"
        assert told["complaint"]["follow_ups"][0]["content"] == "Tanggapan kab-uji 1"
        assert told["reporter"] == {"name": NAME, "phone": PHONE, "email": None}
        assert next(each["kind"] for each in told["events"]) == "SUBMITTED"
        assert {each["action"] for each in told["audit"]} == {"SEE_REPORTER", "EXPORT_SUBJECT"}
        assert (told["links"], told["deliveries"], told["files"], told["wish"]) == ([], [], [], None)


SUBMIT = """mutation($input: SubmitComplaintInput!) { submitComplaint(input: $input) {
  __typename ... on SubmitComplaintSuccess { complaint { id } reporterToken } } }"""


async def test_a_reporters_token_names_what_he_reported(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk.hub(Uji()) as hub:
        asked = {
            "agency": "kab-uji", "title": "Lampu jalan mati", "text": "Lampu jalan mati di depan pasar sejak Senin.",
            "idempotencyKey": os.urandom(16).hex(),
        }  # fmt: skip
        made = (await hub.ask(SUBMIT, input=asked))["submitComplaint"]
        monkeypatch.setattr("sys.stdin", io.StringIO(made["reporterToken"] + "\n"))
        await desk.run("subject", "erase", "--token", "--yes")
        row = (await rows(hub))[made["complaint"]["id"]]
        assert is_empty(row)
        [told] = json.loads(await desk.run("subject", "export", row["id"]))
        assert [each["sealed"] for each in told["deliveries"]] == [None]


NOBODYS = [
    ("erase", "--yes"),
    ("erase", "K-1", "--yes"),
    ("erase", "complaint_" + "a" * 26, "--yes"),
    ("export", "--number", "1"),
    ("restrict", "--tracking-id", "none-such"),
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_names_nothing_is_refused(desk: Desk) -> None:
    town = Uji()
    async with desk.hub(town) as hub:
        before = await rows(hub)
        for words in NOBODYS:
            await desk.run("subject", *words, code=2)
        assert await rows(hub) == before


async def test_what_is_kept_no_longer(desk: Desk) -> None:
    town = Uji(retention_days=365, identity_days=30)
    long, short, opened = town.id(1), town.id(2), town.id(3)
    for number in ("1", "2"):
        town.rows[number] |= {"status": "selesai"}
    async with desk.hub(town) as hub:
        at = [datetime(2026, 1, 20, tzinfo=UTC)]
        closed = "UPDATE complaints SET closed_at = $1 WHERE id = $2"
        connection = await hub.ledger.database.connect()
        for id, days in ((long, 400), (short, 40)):
            moment = (at[0] - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

            async def put(tx: Any, id: str = id, moment: str = moment) -> None:
                await tx.execute(closed, [moment, id])

            await connection.transaction(put)
        await connection.aclose()
        ledger = hub.ledger
        job = Retention(hub.agencies, ledger.writer, ledger.database, lambda: at[0], lambda: "1")
        await job.round()
        found = await rows(hub)
        assert [is_empty(found[id]) for id in (long, short, opened)] == [True, False, False]
        officer = await key(hub, desk.folder, Role.LIAISON_OFFICER, "kab-uji")
        named = await rows(hub, "{ complaints { nodes { id reporter { name } } } }", officer)
        assert [named[id]["reporter"] is None for id in (long, short, opened)] == [True, True, False]
        assert "EXPIRE_REPORTER" in await desk.run("audit", "list")
        await desk.run("audit", "verify")


async def test_a_backup_put_back_beneath_the_hub(desk: Desk) -> None:
    town, epoch = Uji(), ["1"]
    id = town.id(1)
    async with desk.hub(town) as hub:
        database = hub.ledger.database
        [before] = await database.fetch("SELECT title, content_state FROM complaints WHERE id = $1", [id])
        await desk.run("subject", "erase", id, "--yes")
        job = Retention(hub.agencies, hub.ledger.writer, database, lambda: datetime.now(UTC), lambda: epoch[0])
        await job.look()

        async def put_back(tx: Any) -> None:
            await tx.execute("DELETE FROM subjects")
            await tx.execute("UPDATE complaints SET title = $1, content_state = $2 WHERE id = $3", [*before, id])

        connection = await database.connect()
        await connection.transaction(put_back)
        await connection.aclose()
        state = "SELECT title, content_state FROM complaints WHERE id = $1"
        await job.look()
        assert tuple((await database.fetch(state, [id]))[0]) == tuple(before)  # it looks when the epoch has changed
        epoch[0] = "2"
        await job.look()
        assert tuple((await database.fetch(state, [id]))[0]) == (None, "ERASED")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_register(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    agencies = Path(__file__).parents[2] / "agencies"
    monkeypatch.setenv("SIMPUL_AGENCIES_DIR", str(agencies))
    text = await desk.run("privacy", "report")
    told = json.loads(await desk.run("privacy", "report", "--json"))
    assert {each["agency"] for each in told} == {
        file.stem for file in agencies.glob("*.toml") if file.stem != "routing"
    }
    for each in told:
        assert f"## {each['name']} (`{each['agency']}`)" in text
        assert all(each[name] for name in ("purpose", "legalBasis", "recipients", "measures"))
