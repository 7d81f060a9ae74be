"""Canonical states and the moves between them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.status import MOVES, PAUSED, TERMINAL, ComplaintStatus, is_legal

S = ComplaintStatus


def _reachable(start: ComplaintStatus) -> set[ComplaintStatus]:
    seen, waiting = {start}, [start]
    while waiting:
        fresh = MOVES[waiting.pop()] - seen
        seen |= fresh
        waiting += fresh
    return seen


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(S)


def test_every_state_is_reached_from_submitted_but_unmapped() -> None:
    assert _reachable(S.SUBMITTED) == set(S) - {S.UNMAPPED}


@pytest.mark.parametrize("status", sorted(set(S) - TERMINAL - {S.UNMAPPED}))
def test_every_open_state_can_end(status: ComplaintStatus) -> None:
    assert _reachable(status) & TERMINAL


def test_terminal_states_end_but_for_reopening() -> None:
    assert {(before, after) for before in TERMINAL for after in MOVES[before]} == {(S.CLOSED, S.IN_FOLLOW_UP)}


def test_unmapped_is_out_of_the_game() -> None:
    assert not MOVES[S.UNMAPPED]
    assert not any(S.UNMAPPED in moves for moves in MOVES.values())


def test_the_main_way_is_legal() -> None:
    way = (S.SUBMITTED, S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED)
    assert all(is_legal(before, after) for before, after in pairwise(way))


def test_it_is_handed_on_without_leaving_its_state() -> None:
    assert {status for status in S if is_legal(status, status)} == {S.DISPOSED}


@pytest.mark.parametrize("waiting", sorted(PAUSED))
def test_waiting_is_left_the_way_it_was_entered(waiting: ComplaintStatus) -> None:
    entered_from = {status for status in S if is_legal(status, waiting)} - PAUSED
    assert entered_from <= MOVES[waiting]


def test_nothing_is_closed_that_nobody_worked_on() -> None:
    assert {status for status in S if is_legal(status, S.CLOSED)} == {S.IN_FOLLOW_UP, S.ANSWERED}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 100), max_size=40))
def test_any_walk_of_legal_moves_stays_in_the_graph(choices: list[int]) -> None:
    status = S.SUBMITTED
    for choice in choices:
        moves = sorted(MOVES[status])
        if not moves:
            assert status in TERMINAL
            break
        after = moves[choice % len(moves)]
        assert is_legal(status, after)
        status = after
    assert status is not S.UNMAPPED
