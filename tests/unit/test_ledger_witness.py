"""The witness, and what it doubts."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.ledger.witness import Sighting, Witness, doubt, fingerprint, next_epoch, ordinal
from schema.events import Position

ONE, TWO = "00000001" + "a" * 24, "00000002" + "b" * 24
SEEN = Sighting(epoch=ONE, seq=5, identity="sqlite", fingerprint="f")


@pytest.mark.parametrize(
    ("seen", "head", "print", "identity", "doubted"),
    [
        (None, Position(ONE, 0), "", "sqlite", None),
        (SEEN, Position(ONE, 5), "f", "sqlite", None),
        (SEEN, Position(ONE, 9), "f", "sqlite", None),
        (replace(SEEN, fingerprint=""), Position(ONE, 5), "g", "sqlite", None),
        (SEEN, Position(TWO, 1), "g", "postgres", None),  # another hub has noticed before
        (SEEN, Position(ONE, 4), "", "sqlite", "ends at 4"),
        (SEEN, Position(ONE, 9), "g", "sqlite", "another"),
        (SEEN, Position(ONE, 9), "", "sqlite", "another"),
        (SEEN, Position(ONE, 9), "f", "postgres 1/2", "postgres 1/2"),
        (replace(SEEN, epoch=TWO), Position(ONE, 9), "f", "sqlite", "older epoch"),
        (SEEN, Position("00000001" + "c" * 24, 9), "f", "sqlite", "older epoch"),
    ],
)
def test_doubts(seen: Sighting | None, head: Position, print: str, identity: str, doubted: str | None) -> None:
    reason = doubt(seen, head, print, identity)
    assert reason is None if doubted is None else reason is not None and doubted in reason


def test_a_new_witness_has_seen_nothing(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "a" / "witness")
    assert witness.read() is None
    witness.saw(Position(ONE, 3), "f")
    assert witness.read() == Sighting(epoch=ONE, seq=3, identity="", fingerprint="f")
    witness.close()


def test_what_was_seen_only_grows(tmp_path: Path) -> None:
    one, two = Witness(tmp_path / "witness"), Witness(tmp_path / "witness")
    one.begin(SEEN)
    two.saw(Position(ONE, 8), "g")
    for position in (Position(ONE, 7), Position(ONE, 8)):
        one.saw(position, "h")
    assert two.read() == Sighting(epoch=ONE, seq=8, identity="sqlite", fingerprint="g")
    one.begin(replace(SEEN, seq=7))  # it asked before the other wrote
    two.saw(Position(TWO, 1))
    one.saw(Position(ONE, 99))
    assert one.read() == Sighting(epoch=TWO, seq=1, identity="sqlite")
    one.close()
    two.close()


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "witness"
    path.write_text("something else")
    witness = Witness(path)
    with pytest.raises(ValueError, match="malformed"):
        witness.read()
    witness.saw(Position(ONE, 1), "f")
    assert witness.read() == Sighting(epoch=ONE, seq=1, identity="", fingerprint="f")
    witness.close()


def test_epochs_count_up_and_differ() -> None:
    assert ordinal(next_epoch(ONE, TWO)) == 3
    assert len({next_epoch(ONE) for _ in range(9)}) == 9
    assert len(next_epoch()) == 32


def test_a_fingerprint_tells_events_apart() -> None:
    one = fingerprint(5, "complaint_a", 1, "SUBMITTED", "2021-01-01T00:00:00.000Z")
    assert one != fingerprint(5, "complaint_a", 2, "SUBMITTED", "2021-01-01T00:00:00.000Z")
    assert one == fingerprint(5, "complaint_a", 1, "SUBMITTED", "2021-01-01T00:00:00.000Z")
