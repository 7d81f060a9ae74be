"""A backup that is put back is noticed: the ledger begins a new epoch, so that no old cursor is believed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from schema.events import Position

Copy = Callable[[], Awaitable[Callable[[], Awaitable[None]]]]


async def test_a_ledger_that_only_grew_keeps_its_epoch(database_url: str, ledger_at: Any) -> None:
    heads = []
    for numbers in (range(5), range(5, 9), range(0)):
        heads.append(await _grown(database_url, ledger_at, numbers))
    assert [head.seq for head in heads] == [5, 9, 9]
    assert len({head.epoch for head in heads}) == 1


async def test_a_head_below_what_was_seen(database_url: str, ledger_at: Any, copied_by_hand: Copy) -> None:
    first = await _grown(database_url, ledger_at, range(10))
    put_back = await copied_by_hand(database_url)
    await _grown(database_url, ledger_at, range(10, 15))
    await put_back()
    head = await _grown(database_url, ledger_at, range(0))
    assert head.seq == 10
    assert head.epoch[:8] == "00000002" != first.epoch[:8]


async def test_other_events_under_numbers_that_were_seen(
    database_url: str, ledger_at: Any, copied_by_hand: Copy
) -> None:
    # A client is at 15; the database is put back to 10 and grows to 18 where this hub does not look.
    await _grown(database_url, ledger_at, range(10))
    put_back = await copied_by_hand(database_url)
    client = await _grown(database_url, ledger_at, range(10, 15))
    await put_back()
    elsewhere = await _grown(database_url, ledger_at, range(20, 28), witness="elsewhere")
    assert (client.seq, elsewhere) == (15, Position(client.epoch, 18))
    assert (await _grown(database_url, ledger_at, range(0))).epoch != client.epoch


async def test_two_restores_of_one_backup_are_two_epochs(
    database_url: str, ledger_at: Any, copied_by_hand: Copy
) -> None:
    await _grown(database_url, ledger_at, range(3))
    put_back = await copied_by_hand(database_url)
    epochs = set()
    for turn in range(3):
        head = await _grown(database_url, ledger_at, range(10 * turn + 10, 10 * turn + 15))
        epochs.add(head.epoch)
        await put_back()
    assert len(epochs) == 3


async def test_two_hubs_of_one_database_agree_on_the_new_epoch(
    database_url: str, ledger_at: Any, copied_by_hand: Copy
) -> None:
    await _grown(database_url, ledger_at, range(3))
    put_back = await copied_by_hand(database_url)
    await _grown(database_url, ledger_at, range(3, 6), witness="one")
    await _grown(database_url, ledger_at, range(6, 9), witness="two")
    await put_back()
    one = await _grown(database_url, ledger_at, range(10, 11), witness="one")
    two = await _grown(database_url, ledger_at, range(11, 12), witness="two")
    assert one.epoch == two.epoch
    assert one.epoch[:8] == "00000002"


async def test_a_witness_that_was_damaged_is_not_trusted(database_url: str, ledger_at: Any, tmp_path: Path) -> None:
    head = await _grown(database_url, ledger_at, range(3))
    file = tmp_path / "witness"
    file.write_bytes(file.read_bytes().replace(b'"seq":3', b'"seq":2'))
    assert (await _grown(database_url, ledger_at, range(0))).epoch != head.epoch


async def test_another_server_is_another_epoch(postgres_url: str, ledger_at: Any, tmp_path: Path) -> None:
    async with ledger_at(postgres_url) as ledger:
        head = await ledger.put(ledger.complaint(1))
        seen = ledger.witness.read()
        assert seen.identity.startswith("postgres ")
        ledger.witness._write(type(seen)(epoch=seen.epoch, seq=seen.seq, identity="postgres 1/1"))
    assert (await _grown(postgres_url, ledger_at, range(0))).epoch != head.epoch


async def test_a_cursor_ahead_of_the_head_ends_its_epoch_once(ledger: Any) -> None:
    head = await ledger.put(ledger.complaint(1))
    ahead = Position(head.epoch, 99)
    renewed = await ledger.writer.renew_epoch("a cursor lies ahead", beyond=ahead)
    assert (renewed.seq, renewed.epoch != head.epoch) == (1, True)
    assert await ledger.writer.renew_epoch("a cursor lies ahead", beyond=ahead) == renewed
    assert await ledger.writer.renew_epoch("at the head", beyond=renewed) == renewed
    assert (await ledger.writer.renew_epoch("an operator wants it")).epoch > renewed.epoch
    assert ledger.witness.read().epoch[:8] == "00000003"


async def _grown(url: str, ledger_at: Any, numbers: range, witness: str = "witness") -> Position:
    """Opens the ledger, appends an event per number, and says where it stands."""
    async with ledger_at(url, witness) as ledger:
        if numbers:
            await ledger.put(*map(ledger.complaint, numbers))
        [[epoch, seq]] = await ledger.database.fetch("SELECT epoch, seq FROM head")
    return Position(epoch, seq)
