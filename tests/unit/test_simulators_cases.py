"""The seeded base: how many, from when, in which states, and that a seed says it all."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.status import MOVES, ActorRole, ComplaintStatus
from simulators.agency import Agency, life
from simulators.case import PATHS, Case, steps
from simulators.content import story
from simulators.dialects import DIALECTS
from simulators.journal import Journal
from simulators.population import COPIES_FROM, POPULATIONS, populate

S = ComplaintStatus
WIB = timezone(timedelta(hours=7))
ANCHOR = int(datetime(2026, 5, 4, tzinfo=UTC).timestamp())


def base(slug: str, seed: int = 1, count: int | None = None) -> list[Case]:
    return populate(slug, seed=seed, anchor=ANCHOR, states=DIALECTS[slug].states, count=count)


def agency(slug: str, *, count: int = 60, journal: Journal | None = None, now: float = ANCHOR + 100) -> Agency:
    return Agency(DIALECTS[slug], seed=1, anchor=ANCHOR, now=lambda: now, journal=journal, count=count)


def test_tangerang_has_3171_public_complaints_of_its_period() -> None:
    public = [case for case in base("kab-tangerang") if not case.is_confidential]
    received = [datetime.fromtimestamp(case.submitted, WIB) for case in public]
    assert len(public) == 3171
    assert (received[0].year, received[0].month) == (2018, 9)
    assert received[-1].date().isoformat() == "2021-03-23"


@pytest.mark.parametrize("seed", [2, 77])
def test_tangerang_has_them_under_every_seed(seed: int) -> None:
    cases = base("kab-tangerang", seed)
    assert sum(not case.is_confidential for case in cases) == 3171
    assert len(cases) > 3171


def test_about_twenty_thousand_can_be_seen_in_all() -> None:
    assert 19_000 < sum(not case.is_confidential for slug in DIALECTS for case in base(slug)) < 21_000


def test_most_of_the_national_ones_are_closed_by_the_system() -> None:
    cases = base("sp4n-lapor")
    outcomes = Counter(case.outcome for case in cases)
    assert outcomes.most_common(1)[0][0] == (S.CLOSED, ActorRole.SYSTEM)
    assert 0.55 < outcomes[S.CLOSED, ActorRole.SYSTEM] / len(cases) < 0.7
    assert 0.3 < sum(case.is_confidential for case in cases) / len(cases) < 0.45


def test_what_tangerang_forwarded_to_central_services_is_at_the_national_system() -> None:
    copies = {case.origin: case for case in base("sp4n-lapor") if case.origin is not None}
    sent = {
        case.number: case for case in base("kab-tangerang") if case.forwarded and case.about.authority == "NATIONAL"
    }
    assert len(sent) > 100
    assert copies.keys() == sent.keys()
    for number, copy in copies.items():
        assert copy.number == COPIES_FROM + number
        assert story(copy).title == story(sent[number]).title
        assert copy.submitted > sent[number].submitted


def test_one_agency_has_a_handful_in_a_state_that_no_table_knows() -> None:
    odd = {slug: sum(case.status is S.UNMAPPED for case in base(slug)) for slug in DIALECTS}
    assert {slug: count for slug, count in odd.items() if count} == {"kab-sleman": 6}


@pytest.mark.parametrize("slug", DIALECTS)
def test_a_seed_says_it_all(slug: str) -> None:
    ours = agency(slug, count=30)
    again = agency(slug, count=30)
    assert [ours.record(place) for place in range(30)] == [again.record(place) for place in range(30)]
    assert [case.seed for case in base(slug, 1, 30)] != [case.seed for case in base(slug, 2, 30)]


@given(seed=st.integers(0, 10**9), slug=st.sampled_from(list(DIALECTS)))
@settings(deadline=None, max_examples=25)
def test_logs_rise_from_receipt_to_the_present_state(seed: int, slug: str) -> None:
    for case in base(slug, seed, 25):
        log = steps(case)
        stamps = [step.at for step in log]
        assert stamps == sorted(set(stamps))
        assert (log[0].status, log[0].at) == (S.SUBMITTED, case.submitted)
        assert (log[-1].status, log[-1].at, log[-1].actor) == (case.status, case.updated, case.actor)
        assert case.updated <= ANCHOR or POPULATIONS[slug].period
        assert case.area != "kab-tangerang" or story(case).place.code.startswith("36.03")


def test_the_ways_lead_over_legal_moves() -> None:
    for target, paths in PATHS.items():
        for path in paths:
            assert path[-1] is target
            moves = pairwise(path)
            assert all(after in MOVES[before] or after is S.UNMAPPED for before, after in moves)


@given(seed=st.integers(0, 10**9), slug=st.sampled_from(list(DIALECTS)))
@settings(deadline=None, max_examples=15)
def test_life_makes_legal_moves_and_never_goes_back_in_time(seed: int, slug: str) -> None:
    ours = agency(slug, count=40)
    chance = life(slug, seed, 0)
    before = {place: case.status for place, case in enumerate(ours.cases)}
    for _ in range(120):
        stamp = ours.last_change
        ours.live(chance)
        place = next(iter(ours.newest_first()))
        case = ours.cases[place]
        if case.status is not before.get(place):
            assert place not in before or case.status in MOVES[before[place]]
            before[place] = case.status
        assert ours.last_change >= stamp
    assert [case.updated for case in map(ours.cases.__getitem__, ours.newest_first())] == sorted(
        (case.updated for case in ours.cases), reverse=True
    )


def test_nothing_is_added_at_tangerang_and_nothing_hidden_anywhere() -> None:
    for slug in DIALECTS:
        ours = agency(slug)
        hidden = sum(case.is_confidential for case in ours.cases)
        for _ in range(300):
            ours.live(life(slug, _, 0))
        assert sum(case.is_confidential for case in ours.cases) == hidden
        assert slug != "kab-tangerang" or len(ours.cases) == 60


def test_moves_take_distinct_public_cases_one_plain_step() -> None:
    ours = agency("kab-badung", count=80)
    told = {place: story(case) for place, case in enumerate(ours.cases)}
    moved = ours.move(40, life("test", 1, 0))
    assert len({step.native_id for step in moved}) == 40
    for step in moved:
        place = ours.find(step.native_id)
        assert place is not None
        after = story(ours.cases[place])
        assert not ours.cases[place].is_confidential
        assert step.after in MOVES[step.before]
        assert (after.log[-1].status, after.log[-1].at) == (step.after, step.at)
        assert len(after.log) == len(told[place].log) + 1
        assert (after.replies, after.handed, after.stars) == (
            told[place].replies,
            told[place].handed,
            told[place].stars,
        )


def test_there_is_always_something_to_move() -> None:
    ours = agency("kab-sleman", count=60)
    for _ in range(30):
        assert len(ours.move(10, life("test", _, 0))) == 10
