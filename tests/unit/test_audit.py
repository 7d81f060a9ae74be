"""The audit's chain: whatever is done to its rows is found, and named by the row's number."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.audit import ACCEPTED, DONE, FOUND, NOTHING, RESTORED, Entry, Fault, Head, Row, Signer, row_of, verify
from gateway.keyring import Keyring

_HUB = Signer(Keyring(b"h" * 32))
_STRANGER = Signer(Keyring(b"s" * 32))
_ROWS = 24


def _entry(seq: int, **fields: str) -> Entry:
    given = {"action": "CHANGE_STATUS", "outcome": DONE, "complaint": f"complaint_{seq % 7}", **fields}
    return Entry(seq=seq, at=f"2026-11-24T03:00:{seq % 60:02}.000Z", actor="key:key_1", position=100 + seq, **given)


def _chain(count: int = _ROWS, signer: Signer = _HUB, after: Row | None = None) -> list[Row]:
    rows: list[Row] = [] if after is None else [after]
    first = 1 if after is None else after.entry.seq + 1
    for seq in range(first, first + count):
        rows.append(signer.row(_entry(seq), rows[-1].hash if rows else NOTHING))
    return rows[1:] if after is not None else rows


_CHAIN = _chain()
_HEAD = Head(seq=_ROWS, hash=_CHAIN[-1].hash, signature=_CHAIN[-1].signature)


def _renumbered(row: Row, seq: int) -> Row:
    return Row(replace(row.entry, seq=seq), row.previous, row.hash, row.signature)


def _alter(rows: list[Row], dice: random.Random) -> set[int]:
    """One value of one row; half the time with everything that can be mended without the secret."""
    at = dice.randrange(_ROWS)
    row = rows[at]
    match dice.randrange(4):
        case 0:
            field = dice.choice([f for f in Entry.__struct_fields__ if f not in ("seq", "position")])
            row = Row(replace(row.entry, **{field: "altered"}), row.previous, row.hash, row.signature)
        case 1:
            row = _STRANGER.row(replace(row.entry, outcome="NOT_PERMITTED"), row.previous)
        case 2:
            row = Row(row.entry, row.previous, row.hash, rows[at - 1].signature)
        case _:
            row = Row(row.entry, rows[at - 2].hash, row.hash, row.signature)
    rows[at] = row
    return {at + 1}


def _delete(rows: list[Row], dice: random.Random) -> set[int]:
    at = dice.randrange(_ROWS - 1)
    del rows[at]
    if dice.random() < 0.5:  # and the gap is closed
        rows[at:] = [_renumbered(row, row.entry.seq - 1) for row in rows[at:]]
    return {at + 1}


def _reorder(rows: list[Row], dice: random.Random) -> set[int]:
    one, other = sorted(dice.sample(range(_ROWS), 2))
    rows[one], rows[other] = rows[other], rows[one]
    if dice.random() < 0.5:  # as a database does it: the numbers are exchanged
        rows[one], rows[other] = _renumbered(rows[one], one + 1), _renumbered(rows[other], other + 1)
        return {one + 1, other + 1}
    return {one + 1}


def _insert(rows: list[Row], dice: random.Random) -> set[int]:
    at = dice.randrange(1, _ROWS)
    made = dice.choice(
        [_STRANGER.row(_entry(at + 1), rows[at - 1].hash), _renumbered(rows[dice.randrange(at)], at + 1)]
    )
    behind = rows[at:] if dice.random() < 0.5 else [_renumbered(row, row.entry.seq + 1) for row in rows[at:]]
    rows[at:] = [made, *behind]
    return {at + 1}


def _truncate(rows: list[Row], dice: random.Random) -> set[int]:
    at = dice.randrange(_ROWS)
    del rows[at:]
    return {at + 1}


def test_an_untouched_chain_is_well() -> None:
    assert verify(_CHAIN, [_HUB.public_key], _HEAD) == []
    assert verify([], [_HUB.public_key]) == []


@pytest.mark.parametrize("tamper", [_alter, _delete, _reorder, _insert, _truncate])
def test_whatever_is_done_to_a_row_is_found_and_named(tamper: Callable[[list[Row], random.Random], set[int]]) -> None:
    for seed in range(200):
        rows = list(_CHAIN)
        touched = tamper(rows, random.Random(seed))
        named = {n for f in verify(rows, [_HUB.public_key], _HEAD) for n in range(f.seq, max(f.to, f.seq) + 1)}
        assert touched <= named, (seed, touched)


def test_a_touched_row_is_named_alone() -> None:
    rows = list(_CHAIN)
    rows[11] = Row(replace(rows[11].entry, actor="public"), rows[11].previous, rows[11].hash, rows[11].signature)
    rows[20] = _STRANGER.row(rows[20].entry, rows[20].previous)
    assert [(f.seq, f.fault) for f in verify(rows, [_HUB.public_key], _HEAD)] == [
        (12, Fault.ALTERED),
        (21, Fault.FORGED),
    ]


def test_a_moved_row_is_named_with_its_old_number() -> None:
    rows = [*_CHAIN[:9], *(_renumbered(row, row.entry.seq - 1) for row in _CHAIN[10:])]
    findings = verify(rows, [_HUB.public_key])
    assert [(f.seq, f.fault, f.to) for f in findings[:2]] == [(10, Fault.MOVED, 11), (11, Fault.MOVED, 12)]


def test_a_backup_that_was_put_back_is_told_by_its_row() -> None:
    kept = _CHAIN[:15]
    told = _HUB.row(_entry(16, action=RESTORED, outcome=FOUND, other=str(_ROWS), body=_HEAD.hash), kept[-1].hash)
    again = _chain(30, after=told)
    head = Head(seq=46, hash=again[-1].hash, signature=again[-1].signature, generation=1)
    assert verify(kept, [_HUB.public_key], _HEAD)[0].fault is Fault.CUT
    [finding] = verify([*kept, told, *again], [_HUB.public_key], head)
    assert (finding.seq, finding.to, finding.fault, finding.excused) == (16, _ROWS, Fault.RESTORED, False)
    assert str(finding) == "row 16 tells: the hub found the audit shorter than before; rows 16..24 of before: gone"
    accepted = _HUB.row(_entry(47, action=ACCEPTED, other="16"), again[-1].hash)
    [finding] = verify([*kept, told, *again, accepted], [_HUB.public_key], head)
    assert finding.excused
    # Without that row: the number is there, and another row stands under it.
    [finding] = verify([*kept, *_chain(30, after=kept[-1])], [_HUB.public_key], replace(_HEAD, hash=head.hash))
    assert (finding.seq, finding.fault) == (_ROWS, Fault.REPLACED)


def test_rows_of_another_time_do_not_follow() -> None:
    other = _chain(20, after=_HUB.row(_entry(11, outcome="NOT_FOUND"), _CHAIN[9].hash))
    rows = [*_CHAIN[:16], *other[5:]]
    assert [(f.seq, f.fault) for f in verify(rows, [_HUB.public_key])] == [(17, Fault.UNLINKED)]


def test_one_of_several_keys_signs() -> None:
    rows = [*_CHAIN, *_chain(3, _STRANGER, after=_CHAIN[-1])]
    assert verify(rows, [_STRANGER.public_key, _HUB.public_key]) == []


def test_what_no_hub_writes_is_no_row_of_ours() -> None:
    values = [7, b"\xff", None, "a", "b", None, None, None, 1.5, None, None, None, 3]
    rows = [*_CHAIN[:6], row_of(values, 6), row_of(["x", *values[1:]], 7), *_CHAIN[8:]]
    assert [f.seq for f in verify(rows, [_HUB.public_key])] == [7, 8]
