"""Keys, the viewers that they make, and the audit of it, on both databases; and the commands of an operator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.access.credentials import Unauthenticated, reporter_token, token_hash
from gateway.access.viewers import BAD_FOR, GOOD_FOR, Viewers
from gateway.audit import Fault, Signer, verify
from gateway.cli import run
from gateway.keyring import Keyring
from gateway.ledger.audit import AuditLog, open_audit, read_head, rows
from gateway.ledger.database import Database, Transaction, open_database
from gateway.ledger.keys import Keys, all_keys
from gateway.ledger.restored import accept, after_restoring, before_restoring
from schema.errors import ConfigError, LedgerError, LedgerUnavailable
from schema.query import PUBLIC, Role

_START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
_KEYRING = Keyring(b"k" * 32)


class _Clock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return _START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


class _Access(NamedTuple):
    database: Database
    audit: AuditLog
    keys: Keys
    viewers: Viewers
    clock: _Clock

    async def execute(self, *statements: str) -> None:
        """What somebody does who has the database."""
        connection = await self.database.connect()

        async def body(tx: Transaction) -> None:
            for statement in statements:
                await tx.execute(statement)

        try:
            await connection.transaction(body)
        finally:
            await connection.aclose()

    async def verified(self, folder: Path) -> list[str]:
        found = verify(
            [row async for row in rows(self.database)], [Signer(_KEYRING).public_key], read_head(folder / "audit.json")
        )
        return [f"{each.seq} {each.fault.value}" for each in found]


@asynccontextmanager
async def _opened(url: str, folder: Path) -> AsyncIterator[_Access]:
    clock = _Clock()
    with open_audit(folder, _KEYRING, clock.now) as audit:
        async with open_database(url) as database:
            keys = Keys(database, _KEYRING, audit, clock.now)
            yield _Access(database, audit, keys, Viewers(database, _KEYRING, clock.now, clock.monotonic), clock)


@pytest.fixture
async def access(database_url: str, tmp_path: Path) -> AsyncIterator[_Access]:
    async with _opened(database_url, tmp_path) as opened:
        await opened.execute("INSERT INTO agencies (id, facts) VALUES ('prov-bali', '{}'), ('prov-diy', '{}')")
        yield opened


async def test_a_key_makes_its_viewer_until_it_is_revoked_or_expires(access: _Access, tmp_path: Path) -> None:
    key, secret = await access.keys.create(" Bu Ani ", Role.LIAISON_OFFICER, ["prov-diy", "prov-bali", "prov-bali"])
    viewer = await access.viewers.of(f"bearer {secret}")
    assert (viewer.role, viewer.agencies) == (Role.LIAISON_OFFICER, ("prov-bali", "prov-diy"))
    assert (viewer.credential, viewer.name, viewer.expires_at) == (f"key:{key.id}", "Bu Ani", None)
    assert secret not in repr(await access.database.fetch("SELECT * FROM keys"))
    assert (await access.keys.revoke(key.id)).revoked_at == _START
    assert await access.keys.revoke(key.id) == (await all_keys(access.database))[0]  # again: nothing is done
    access.clock.seconds += GOOD_FOR
    with pytest.raises(Unauthenticated):
        await access.viewers.of(f"Bearer {secret}")

    until = access.clock.now() + timedelta(seconds=1)
    _, secret = await access.keys.create("Sistem", Role.NATIONAL_ADMIN, expires_at=until)
    assert (await access.viewers.of(f"Bearer {secret}")).expires_at == until
    access.clock.seconds += 1  # it is remembered, and over none the less
    with pytest.raises(Unauthenticated):
        await access.viewers.of(f"Bearer {secret}")
    told = [(row.entry.action, row.entry.actor, row.entry.other) async for row in rows(access.database)]
    assert [(action, actor) for action, actor, _ in told] == [
        ("CREATE_KEY", "operator"), ("REVOKE_KEY", "operator"), ("CREATE_KEY", "operator"),
    ]  # fmt: skip
    assert told[0][2] == told[1][2] == key.id
    assert await access.verified(tmp_path) == []


async def test_a_token_makes_the_reporter_of_its_complaints(access: _Access) -> None:
    token = reporter_token(_KEYRING, "complaint_a")
    assert token == reporter_token(_KEYRING, "complaint_a") != reporter_token(_KEYRING, "complaint_b")
    with pytest.raises(Unauthenticated):
        await access.viewers.of(f"Bearer {token}")
    hash = token_hash(token)
    values = ", ".join(f"('{hash}/{id}', '{hash}', '{id}')" for id in ("complaint_z", "complaint_a"))
    await access.execute(f"INSERT INTO reporters (id, hash, complaint_id) VALUES {values}")
    access.clock.seconds += BAD_FOR
    viewer = await access.viewers.of(f"Bearer {token}")
    assert (viewer.role, viewer.complaints) == (Role.REPORTER, ("complaint_a", "complaint_z"))
    assert viewer.credential == f"reporter:{hash[:16]}"


async def test_no_key_is_made_that_could_not_be_meant(access: _Access) -> None:
    wrong: list[tuple[Any, ...]] = [
        ("", Role.OVERSIGHT), ("a\nb", Role.OVERSIGHT), ("x" * 201, Role.OVERSIGHT), ("a", Role.PUBLIC),
        ("a", Role.REPORTER), ("a", Role.OVERSIGHT, ["prov-bali"]), ("a", Role.INTEGRATOR),
        ("a", Role.AGENCY_COORDINATOR, ["prov-bali", "nowhere"]),
    ]  # fmt: skip
    for asked in wrong:
        with pytest.raises(ConfigError):
            await access.keys.create(*asked)
    with pytest.raises(ConfigError):
        await access.keys.revoke("key_x")
    assert [row async for row in rows(access.database)] == []


async def test_no_audit_no_key(access: _Access) -> None:
    await access.execute("ALTER TABLE audit RENAME TO gone")
    with pytest.raises(LedgerError):
        await access.keys.create("a", Role.OVERSIGHT)
    assert await all_keys(access.database) == []


async def test_several_processes_append_to_one_chain(access: _Access, database_url: str, tmp_path: Path) -> None:
    async def process(n: int) -> None:
        async with _opened(database_url, tmp_path) as other:
            for m in range(4):
                await other.keys.create(f"key {n} {m}", Role.OVERSIGHT)

    await asyncio.gather(*(process(n) for n in range(3)))
    assert [row.entry.seq async for row in rows(access.database)] == list(range(1, 13))
    assert await access.verified(tmp_path) == []


async def test_another_secret_is_noticed_before_it_signs(access: _Access, database_url: str, tmp_path: Path) -> None:
    await access.keys.create("a", Role.OVERSIGHT)
    stranger = Keyring(b"s" * 32)
    with (
        open_audit(tmp_path / "other", stranger, access.clock.now) as audit,
        pytest.raises(ConfigError, match="another secret"),
    ):
        await Keys(access.database, stranger, audit, access.clock.now).create("b", Role.OVERSIGHT)


async def test_what_was_touched_in_the_database_is_named(access: _Access, tmp_path: Path) -> None:
    for n in range(8):
        await access.keys.create(f"key {n}", Role.OVERSIGHT)
    await access.execute(
        "UPDATE audit SET actor = 'key:key_x' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 4",
        "UPDATE audit SET seq = seq + 100 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 6",
        "UPDATE audit SET seq = 6 WHERE seq = 105",
        "DELETE FROM audit WHERE seq = 8",
    )
    assert await access.verified(tmp_path) == ["2 ALTERED", "4 MISSING", "5 MOVED", "6 MOVED", "8 CUT"]


async def test_a_backup_is_told_of_and_brings_no_revoked_key_back(access: _Access, tmp_path: Path) -> None:
    first, secret = await access.keys.create("first", Role.OVERSIGHT)
    await access.keys.revoke(first.id)
    revoked = await before_restoring(access.database, access.audit)
    assert revoked == [first.id]
    back = ("DELETE FROM audit WHERE seq > 1", "UPDATE keys SET revoked_at = NULL")
    await access.execute(*back)
    assert await access.verified(tmp_path) == ["2 CUT"]
    assert await after_restoring(access.database, access.audit, access.keys, revoked) == 1
    assert [row.entry.action async for row in rows(access.database)] == ["CREATE_KEY", "RESTORE_BACKUP", "REVOKE_KEY"]
    with pytest.raises(Unauthenticated):
        await access.viewers.of(f"Bearer {secret}")
    assert await access.verified(tmp_path) == ["2 RESTORED"]
    # Nobody told: whoever writes next finds it, and goes on.
    await access.execute(*back)
    await access.keys.create("second", Role.OVERSIGHT)
    told = [(row.entry.action, row.entry.outcome, row.entry.other) async for row in rows(access.database)]
    assert told[1] == ("RESTORE_BACKUP", "FOUND", "3")
    assert await access.verified(tmp_path) == ["2 RESTORED"]
    with pytest.raises(ConfigError):
        await accept(access.database, access.audit, 1)
    await accept(access.database, access.audit, 2)
    [finding] = verify([row async for row in rows(access.database)], [Signer(_KEYRING).public_key])
    assert finding.excused


async def test_what_is_no_id_is_not_kept(access: _Access, tmp_path: Path) -> None:
    async def body(tx: Transaction) -> None:
        given: dict[str, Any] = {
            "complaint": "Bu Ani, 0812\0",
            "other": "complaint_" + "x" * 90,
            "delivery": "delivery_a2",
        }
        await access.audit.note(tx, actor="public", action="ADD_FOLLOW_UP", outcome="NOT_FOUND", **given)

    connection = await access.database.connect()
    await connection.transaction(body)
    await connection.aclose()
    [row] = [row async for row in rows(access.database)]
    assert (row.entry.complaint, row.entry.other, row.entry.delivery) == (None, None, "delivery_a2")
    assert await access.verified(tmp_path) == []


class _Failing:
    async def fetch(self, *_: Any) -> Any:
        raise LedgerUnavailable("away")


async def test_a_database_that_is_away_makes_nobody_a_stranger() -> None:
    clock = _Clock()
    viewers = Viewers(_Failing(), _KEYRING, clock.now, clock.monotonic)  # type: ignore[arg-type]  # all that is asked
    assert await viewers.of(None) is PUBLIC
    for malformed in ("", "Basic abc", "Bearer", "Bearer x", "Bearer smpk_" + "x" * 44, "Bearer smpr_" + "A" * 52):
        with pytest.raises(Unauthenticated):
            await viewers.of(malformed)
    with pytest.raises(LedgerUnavailable):
        await viewers.of(f"Bearer {reporter_token(_KEYRING, 'complaint_a')}")


async def test_an_operators_commands(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIMPUL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SIMPUL_DATABASE_URL", database_url)
    monkeypatch.setenv("SIMPUL_SECRET", "s" * 32)

    async def said(*words: str, code: int = 0) -> str:
        assert await asyncio.to_thread(run, list(words)) == code
        return capsys.readouterr().out

    made = json.loads(await said("key", "create", "--name", "Ani", "--role", "oversight", "--expires", "7", "--json"))
    listed = await said("key", "list")
    assert made["id"] in listed
    assert made["key"] not in listed
    await said("key", "create", "--name", "Ani", "--role", "public", code=2)
    await said("key", "create", "--name", "Ani", "--role", "oversight", "--operation", "complaint", code=0)
    await said("key", "create", "--name", "Ani", "--role", "oversight", "--operation", "komplain", code=2)
    assert "Ani (complaint)" in await said("key", "list")
    backup = str(tmp_path / "backup")
    await said("db", "backup", backup)
    await said("key", "revoke", made["id"])
    key = (await said("audit", "key")).strip()
    assert "3 rows checked, 3 signed" in await said("audit", "verify", "--public-key", key)
    assert "REVOKE_KEY" in await said("audit", "list", "--since", "2026-01-01")

    await said("db", "restore", backup)
    assert "revoked" in await said("key", "list")
    assert "row 3 tells: an operator put a backup back; row 3 of before: gone" in await said("audit", "verify")
    async with _opened(database_url, tmp_path) as access:
        await access.execute("UPDATE audit SET outcome = 'NOT_PERMITTED' WHERE seq = 1")
    report = json.loads(await said("audit", "verify", "--json", code=1))
    assert [(each["seq"], each["fault"]) for each in report["findings"]] == [(1, Fault.ALTERED), (3, Fault.RESTORED)]
    await said("audit", "accept", "1", code=2)
