"""Sealed cursors."""

from __future__ import annotations

import os
import stat
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cursor import LONGEST, SealedCursors, key_from_file, key_from_secret
from schema.errors import BadCursor, ConfigError
from schema.events import Position
from schema.query import ComplaintOrder, ComplaintOrderField, OrderDirection, RowKey

CURSORS = SealedCursors(key_from_secret("a secret that nobody else has, really"))
EPOCH = "00000001" + "ab" * 12

orders = st.builds(ComplaintOrder, st.sampled_from(ComplaintOrderField), st.sampled_from(OrderDirection))
values = st.none() | st.text(max_size=30) | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False)
keys = st.builds(RowKey, st.lists(values, max_size=3).map(tuple), st.text(max_size=40))
positions = st.builds(Position, st.just(EPOCH), st.integers(0, 2**62))


@given(positions)
@settings(deadline=None, max_examples=50)
def test_an_event_cursor_says_where_it_stands_and_nothing_else(position: Position) -> None:
    cursor = CURSORS.seal_event(position)
    assert CURSORS.open_event(cursor) == position
    assert CURSORS.seal_event(position) == cursor
    # Not even its length tells how far the ledger has come.
    assert len(cursor) == len(CURSORS.seal_event(Position(EPOCH, 0)))
    assert str(position.seq).encode() not in urlsafe_b64decode(cursor + "==") or position.seq < 1_000
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(orders, keys)
@settings(deadline=None, max_examples=50)
def test_a_row_cursor_belongs_to_its_order(order: ComplaintOrder, key: RowKey) -> None:
    cursor = CURSORS.seal_row(order, key)
    assert CURSORS.open_row(order, cursor) == key
    turned = OrderDirection.ASC if order.direction is OrderDirection.DESC else OrderDirection.DESC
    with pytest.raises(BadCursor):
        CURSORS.open_row(ComplaintOrder(order.field, turned), cursor)
    with pytest.raises(BadCursor):
        CURSORS.open_event(cursor)


@given(positions, st.data())
@settings(deadline=None, max_examples=50)
def test_a_changed_cursor_is_none(position: Position, data: st.DataObject) -> None:
    cursor = CURSORS.seal_event(position)
    at = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("ABab01-_ =+é").filter(lambda letter: letter != cursor[at]))
    with pytest.raises(BadCursor):
        CURSORS.open_event(cursor[:at] + other + cursor[at + 1 :])


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=100)
def test_no_text_is_a_cursor_by_chance(text: str) -> None:
    with pytest.raises(BadCursor):
        CURSORS.open_event(text)
    with pytest.raises(BadCursor):
        CURSORS.open_row(ComplaintOrder(), text)


def test_strange_texts_are_refused() -> None:
    good = CURSORS.seal_event(Position(EPOCH, 1))
    for text in (f"{good}=", f"{good}==", f" {good}", f"{good}\n", good + "A" * LONGEST, ""):
        with pytest.raises(BadCursor):
            CURSORS.open_event(text)


def test_another_secret_opens_nothing() -> None:
    other = SealedCursors(key_from_secret("another secret of at least 32 characters"))
    with pytest.raises(BadCursor):
        other.open_event(CURSORS.seal_event(Position(EPOCH, 1)))


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "cursor.key"
    old = os.umask(0)
    try:
        key = key_from_file(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key_from_file(path) == key
    assert [each.name for each in path.parent.iterdir()] == ["cursor.key"]
    path.write_bytes(b"short")
    with pytest.raises(ConfigError, match="not a key"):
        key_from_file(path)


def test_a_delivery_has_a_cursor_of_its_own() -> None:
    cursor = CURSORS.seal_delivery(7)
    assert CURSORS.open_delivery(cursor) == 7
    assert len(cursor) == len(CURSORS.seal_delivery(2**40))
    for other in (CURSORS.seal_event(Position(EPOCH, 7)), "junk"):
        with pytest.raises(BadCursor):
            CURSORS.open_delivery(other)
    with pytest.raises(BadCursor):
        CURSORS.open_event(cursor)
