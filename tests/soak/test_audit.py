"""The audit in full size: touched 1,000 times in the database itself, on each; and 100,000 rows of it read through."""

from __future__ import annotations

import random
import resource
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gateway.audit import DONE, NOTHING, Entry, Head, Row, Signer, Verifier, verify
from gateway.keyring import Keyring
from gateway.ledger.audit import COLUMNS, rows, values
from gateway.ledger.database import Database, Transaction, WritingConnection, open_database

TRIALS, ROWS, MANY = 1_000, 60, 100_000

_HUB, _STRANGER = Signer(Keyring(b"h" * 32)), Signer(Keyring(b"s" * 32))
_INSERT = f"INSERT INTO audit ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${n + 1}' for n in range(len(COLUMNS)))})"

#: Statements, and the number of the row that they touch.
Touched = tuple[list[str], int]


def _entry(seq: int) -> Entry:
    return Entry(
        seq=seq,
        at="2026-11-24T03:00:00.000Z",
        actor="reporter:0123456789abcdef",
        action="ADD_FOLLOW_UP",
        outcome=DONE,
        complaint=f"complaint_{seq:026}",
        position=2 * seq,
        body="ab" * 32,
    )


def _chain(count: int) -> list[Row]:
    made: list[Row] = []
    for seq in range(1, count + 1):
        made.append(_HUB.row(_entry(seq), made[-1].hash if made else NOTHING))
    return made


def _alter(dice: random.Random, chain: list[Row]) -> Touched:
    seq = dice.randrange(1, ROWS + 1)
    column = dice.choice([column for column in COLUMNS if column != "seq"])
    value = "7" if column == "ledger_seq" else f"'{chain[seq - 2].signature[:24]}'"
    return [f"UPDATE audit SET {column} = {value} WHERE seq = {seq}"], seq


def _forge(dice: random.Random, chain: list[Row]) -> Touched:
    seq = dice.randrange(1, ROWS + 1)
    row = _STRANGER.row(_entry(seq + 1_000), chain[seq - 1].previous)
    return [f"UPDATE audit SET hash = '{row.hash}', signature = '{row.signature}' WHERE seq = {seq}"], seq


def _delete(dice: random.Random, chain: list[Row]) -> Touched:
    seq = dice.randrange(1, ROWS)
    close = [f"UPDATE audit SET seq = {n - 1} WHERE seq = {n}" for n in range(seq + 1, ROWS + 1)]
    return [f"DELETE FROM audit WHERE seq = {seq}", *(close if dice.random() < 0.5 else ())], seq


def _reorder(dice: random.Random, chain: list[Row]) -> Touched:
    one, other = dice.sample(range(1, ROWS + 1), 2)
    moves = ((one, 0), (other, one), (0, other))
    return [f"UPDATE audit SET seq = {there} WHERE seq = {here}" for here, there in moves], one


def _insert(dice: random.Random, chain: list[Row]) -> Touched:
    seq, source = dice.sample(range(1, ROWS + 1), 2)  # not a copy of itself: then the one behind it would be too many
    room = [f"UPDATE audit SET seq = {n + 1} WHERE seq = {n}" for n in range(ROWS, seq - 1, -1)]
    source += source > seq
    others = ", ".join(COLUMNS[1:])
    return [*room, f"INSERT INTO audit (seq, {others}) SELECT {seq}, {others} FROM audit WHERE seq = {source}"], seq


def _truncate(dice: random.Random, chain: list[Row]) -> Touched:
    seq = dice.randrange(1, ROWS + 1)
    return [f"DELETE FROM audit WHERE seq >= {seq}"], seq


_WAYS: tuple[Callable[[random.Random, list[Row]], Touched], ...] = (
    _alter, _forge, _delete, _reorder, _insert, _truncate,
)  # fmt: skip


@pytest.mark.soak
async def test_whatever_is_done_in_the_database_is_named(database_url: str) -> None:
    chain = _chain(ROWS)
    head = Head(seq=ROWS, hash=chain[-1].hash, signature=chain[-1].signature)
    dice, tried = random.Random(6), Counter[str]()
    async with open_database(database_url) as database:
        connection = await database.connect()
        try:
            for _ in range(TRIALS):
                way = dice.choice(_WAYS)
                statements, seq = way(dice, chain)
                await _put(connection, chain, statements)
                found = verify([row async for row in rows(database)], [_HUB.public_key], head)
                assert any(each.seq <= seq <= max(each.to, each.seq) for each in found), (statements, found)
                tried[way.__name__[1:]] += 1
            await _put(connection, chain)
            assert verify([row async for row in rows(database)], [_HUB.public_key], head) == []
        finally:
            await connection.aclose()
    print(f"\naudit, {database.dialect.value}: {TRIALS:,} of {TRIALS:,} found and named: {dict(tried)}")


async def _put(connection: WritingConnection, chain: list[Row], statements: list[str] | tuple[()] = ()) -> None:
    async def body(tx: Transaction) -> None:
        await tx.execute("DELETE FROM audit")
        await tx.executemany(_INSERT, [values(row) for row in chain])
        for statement in statements:
            await tx.execute(statement)

    await connection.transaction(body)


@pytest.mark.soak
async def test_it_is_read_through_in_constant_memory(database_url: str) -> None:
    async with open_database(database_url) as database:
        connection = await database.connect()
        try:
            await connection.transaction(_many)
        finally:
            await connection.aclose()
        await _read_through(database, 2_000)
        before, started = _memory(), time.perf_counter()
        assert await _read_through(database) == MANY
        seconds, grown = time.perf_counter() - started, _memory() - before
    print(
        f"\naudit, {database.dialect.value}: {MANY:,} rows, {MANY / seconds:,.0f} a second, {grown:.1f} MB more memory"
    )
    assert grown < 10


async def _many(tx: Transaction) -> None:
    last, page = NOTHING, list[Any]()
    for seq in range(1, MANY + 1):
        row = _HUB.row(_entry(seq), last)
        last = row.hash
        page.append(values(row))
        if len(page) == 5_000:
            await tx.executemany(_INSERT, page)
            page.clear()


async def _read_through(database: Database, most: int = MANY) -> int:
    verifier = Verifier([_HUB.public_key])
    async for row in rows(database):
        assert list(verifier.check(row)) == []
        if verifier.rows == most:
            break
    return verifier.rows


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
