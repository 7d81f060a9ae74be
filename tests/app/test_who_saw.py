"""Who was shown what the public is not: in the audit, whatever way it was shown. And who may know who reported."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway import sightings
from gateway.cli import run
from gateway.ledger.audit import open_audit
from gateway.ledger.keys import Keys
from schema.errors import LedgerUnavailable
from schema.query import Role, Viewer
from schema.writes import Action
from tests.app.test_redaction import held
from tests.app.towns import Town, TownHub, town_hub

NAME, PHONE, SHY = "Ni Luh Kartini", "081234567890", "Wayan Tak Bernama"
ROWS = "{ complaints(first: 50) { nodes { id followUps { content } } } }"
TITLES = "{ complaints(first: 50) { nodes { title } } }"
REPORTERS = '{ complaints(first: 50, filter: {agencies: ["kab-uji"]}) { nodes { id reporter { name phone } } } }'


def town() -> Town:
    """Its second complaint is confidential, a part of its third is; all but the first were reported by somebody shy."""
    made = Town("kab-uji", "full", identities=True)
    for number, row in made.rows.items():
        row |= {"pelapor": NAME if number == "1" else SHY, "hp": PHONE, "anonim": number != "1"}
    made.rows["2"]["rahasia"] = True
    made.rows["3"]["tanggapan"][0]["rahasia"] = True
    return made


class Office:
    """A hub, its officers' keys, and its audit."""

    def __init__(self, hub: TownHub, town: Town, keys: Keys, folder: Path) -> None:
        self.hub = hub
        self.town = town
        self._keys = keys
        self._folder = folder

    async def key(self, role: Role, *agencies: str) -> tuple[str, str]:
        """The name of a new credential in the audit, and the credential."""
        key, secret = await self._keys.create(f"{role} of the test", role, agencies)
        return f"key:{key.id}", secret

    async def saw(self, number: int, capsys: Any, *more: str) -> list[dict[str, Any]]:
        """What `simpul privacy who-saw` tells of a complaint."""
        await self.hub.ledger.sightings.flush()
        capsys.readouterr()
        assert await asyncio.to_thread(run, ["privacy", "who-saw", self.town.id(number), "--json", *more]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setenv("SIMPUL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SIMPUL_SECRET", "s" * 32)

    def now() -> datetime:
        return datetime.now(UTC)

    async with town_hub(tmp_path, made := town(), Town("kab-lain", "full", size=1)) as hub:
        with open_audit(tmp_path, hub.ledger.keyring, now) as audit:
            yield Office(hub, made, Keys(hub.ledger.database, hub.ledger.keyring, audit, now), tmp_path)


async def test_what_the_public_can_not_see_is_noted(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    name, officer = await office.key(Role.LIAISON_OFFICER, "kab-uji")
    _, stranger = await office.key(Role.LIAISON_OFFICER, "kab-lain")
    for token in (None, stranger):
        assert len((await office.hub.ask(ROWS, token))["complaints"]["nodes"]) == 3
    assert [await office.saw(number, capsys) for number in (1, 2, 3)] == [[], [], []]
    assert len((await office.hub.ask(ROWS, officer))["complaints"]["nodes"]) == 4
    [hidden], [part] = await office.saw(2, capsys), await office.saw(3, capsys)
    assert (hidden["actor"], hidden["what"]) == (name, "the complaint, which the public can't see")
    assert (hidden["name"], hidden["role"], hidden["agencies"]) == (
        "LIAISON_OFFICER of the test", "LIAISON_OFFICER", ["kab-uji"],
    )  # fmt: skip
    assert (part["actor"], part["what"]) == (name, "parts that the public can't see")
    assert await office.saw(1, capsys) == []
    assert await office.saw(2, capsys, "--since", "2100-01-01") == []
    # Nobody can take a row out without its being noticed.
    assert await asyncio.to_thread(run, ["audit", "verify"]) == 0


@pytest.mark.parametrize(
    "query",
    [
        'query { complaint(trackingId: "2") { status } }',
        "query($id: ID!) { complaint(id: $id) { status } }",
        "query($id: ID!) { node(id: $id) { ... on Complaint { status } } }",
        "query($id: ID!) { nodes(ids: [$id]) { id } }",
        "query($id: ID!) { complaints(filter: {ids: [$id]}) { nodes { a: title } } }",
        "query($id: ID!) { complaints(filter: {ids: [$id]}, orderBy: {field: SUBMITTED_AT, direction: ASC}) "
        "{ totalCount edges { cursor node { __typename } } } }",
        "{ events(filter: {kinds: [SUBMITTED]}) { nodes { complaint { title } } } }",
        'query($id: ID!) { _entities(representations: [{__typename: "Complaint", id: $id}]) { __typename } }',
    ],
)
async def test_whatever_way_it_was_asked(office: Office, query: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, officer = await office.key(Role.AGENCY_COORDINATOR, "kab-uji")
    await office.hub.ask(query, officer, id=office.town.id(2))
    assert [each["actor"] for each in await office.saw(2, capsys)] == [name]


async def test_a_kept_answer_is_noted_for_whoever_is_given_it(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, officer = await office.key(Role.OVERSIGHT)
    await office.hub.ask(TITLES, officer)
    [first] = await office.saw(2, capsys)
    monkeypatch.setattr(sightings, "AGAIN", 0.0)
    await office.hub.ask(TITLES, officer)  # from the cache
    [second] = await office.saw(2, capsys)
    assert (second["actor"], second["first_at"]) == (name, first["first_at"])
    assert second["last_at"] > first["last_at"]


async def test_a_database_that_fails_loses_none() -> None:
    noted: list[Any] = []
    failing = True

    async def keep(some: Any) -> None:
        if failing:
            raise LedgerUnavailable("away")
        noted.extend(some)

    kept = sightings.Sightings(keep)
    viewer = Viewer(role=Role.OVERSIGHT, credential="key:1")
    kept.saw(viewer, [("complaint_1", Action.SEE_COMPLAINT)])
    await kept.flush()
    failing = False
    kept.saw(viewer, [("complaint_1", Action.SEE_COMPLAINT), ("complaint_2", Action.SEE_COMPLAINT)])
    await kept.flush()
    assert [each.complaint for each in noted] == ["complaint_1", "complaint_2"]


async def test_who_reported_is_told_to_those_who_hold_it(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, officer = await office.key(Role.LIAISON_OFFICER, "kab-uji")
    others = [await office.key(Role.LIAISON_OFFICER, "kab-lain"), await office.key(Role.OVERSIGHT)]
    others.append(await office.key(Role.NATIONAL_ADMIN))
    told = {row["id"]: row["reporter"] for row in (await office.hub.ask(REPORTERS, officer))["complaints"]["nodes"]}
    # NIK, telephone numbers and the like are taken out of texts; this is what the agency's file asks for.
    assert told == {
        office.town.id(1): {"name": NAME, "phone": PHONE}, office.town.id(2): None, office.town.id(3): None,
    }  # fmt: skip
    for token in (None, *(secret for _, secret in others)):
        rows = (await office.hub.ask(REPORTERS, token))["complaints"]["nodes"]
        assert {str(row["reporter"]) for row in rows} == {"None"}
    [saw] = await office.saw(1, capsys)
    assert (saw["actor"], saw["what"]) == (name, "who reported it")
    kept = held(tmp_path)
    assert not [canary for canary in (NAME, PHONE, SHY) if canary in kept]
    # Erased, it is gone with the rest.
    await office.hub.ledger.writer.empty([office.town.id(1)])
    rows = (await office.hub.ask(REPORTERS, officer))["complaints"]["nodes"]
    assert {str(row["reporter"]) for row in rows} == {"None"}
    await office.hub.harvest()
    assert await office.hub.ledger.database.fetch("SELECT 1 FROM identities") == []
