"""How many complaints an agency starts with, from when, and what became of them. The same seed, the same rows."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from itertools import count as count_from
from random import Random

import msgspec

from schema.status import ActorRole, ComplaintStatus
from simulators.case import DAY, Case, Filed, steps
from simulators.dice import dice, seed_of
from simulators.matters import BY_AUTHORITY, MATTERS

S = ComplaintStatus
A = ActorRole

Outcome = tuple[ComplaintStatus, ActorRole]

#: Shares in thousandths, as in an export of one city for 2024: closed by the system above all.
SETTLED: dict[Outcome, int] = {
    (S.CLOSED, A.SYSTEM): 610,
    (S.ARCHIVED, A.NATIONAL_ADMIN): 150,
    (S.AWAITING_INFORMATION, A.NATIONAL_ADMIN): 70,
    (S.CLOSED, A.REPORTER): 43,
    (S.CLOSED, A.NATIONAL_ADMIN): 36,
    (S.ARCHIVED, A.SYSTEM): 27,
    (S.ARCHIVED, A.REPORTER): 8,
    (S.CLOSED, A.AGENCY): 8,
    (S.REJECTED, A.NATIONAL_ADMIN): 8,
    (S.DUPLICATE, A.NATIONAL_ADMIN): 8,
    (S.IN_FOLLOW_UP, A.AGENCY): 12,
    (S.DISPOSED, A.NATIONAL_ADMIN): 8,
    (S.POSTPONED, A.AGENCY): 6,
    (S.ANSWERED, A.AGENCY): 6,
}

#: Shares among those of the last three weeks.
YOUNG: dict[Outcome, int] = {
    (S.SUBMITTED, A.REPORTER): 180,
    (S.VERIFIED, A.NATIONAL_ADMIN): 140,
    (S.AWAITING_INFORMATION, A.NATIONAL_ADMIN): 60,
    (S.DISPOSED, A.NATIONAL_ADMIN): 220,
    (S.IN_FOLLOW_UP, A.AGENCY): 220,
    (S.POSTPONED, A.AGENCY): 20,
    (S.ANSWERED, A.AGENCY): 120,
    (S.CLOSED, A.REPORTER): 20,
    (S.ARCHIVED, A.NATIONAL_ADMIN): 20,
}

_YOUNG_DAYS = 21
#: Nothing was forwarded that nobody handed over.
_HANDED = {S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED}


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """What an agency's base looks like.

    Attributes:
        count: how many complaints.
        confidential, anonymous, both: shares of the flags, from 0 to 1, each counted alone.
        hidden: exactly this many confidential ones, in place of the shares.
        years: how far back it goes, when it ends at the anchor.
        period: first and last second of receipt, when it is long over.
        first: the first running number.
        odd: so many complaints in a state that no table knows.
    """

    count: int
    confidential: float = 0.03
    anonymous: float = 0.2
    both: float = 0.03
    hidden: int | None = None
    years: float = 3.0
    period: tuple[int, int] | None = None
    first: int = 1
    odd: int = 0


#: Kabupaten Tangerang's period: September 2018 to 23 March 2021, by the clock of Jakarta (UTC+7).
TANGERANG_PERIOD = (
    int(datetime(2018, 9, 1, 1, 14, 5, tzinfo=UTC).timestamp()),
    int(datetime(2021, 3, 23, 13, 41, 27, tzinfo=UTC).timestamp()),
)

#: Numbers that copies from kab-tangerang get at sp4n-lapor: this plus their own, so both sides know them.
COPIES_FROM = 6_900_000

POPULATIONS: dict[str, Population] = {
    "sp4n-lapor": Population(count=6_600, confidential=0.11, anonymous=0.37, both=0.26, years=5.0, first=7_300_001),
    "prov-bali": Population(count=2_800),
    "prov-sumbar": Population(count=2_500, anonymous=0.3),
    "prov-diy": Population(count=3_000, anonymous=0.25),
    "kab-tangerang": Population(count=3_300, hidden=129, anonymous=0.3, period=TANGERANG_PERIOD),
    "kab-sleman": Population(count=2_900, odd=6),
    "kab-badung": Population(count=1_900, first=1_001),
}


_MASK = (1 << 63) - 1
_SPREAD = 0x9E3779B97F4A7C15


def populate(slug: str, *, seed: int, anchor: int, states: frozenset[ComplaintStatus], count: int | None) -> list[Case]:
    """The rows of an agency, oldest first.

    Args:
        anchor: the moment at which history ends, in seconds since 1970.
        states: those the agency has words for.
        count: how many, in place of the usual number; what is counted exactly shrinks along.
    """
    base = _scaled(POPULATIONS[slug], count)
    copies = _copies(seed, states)[: base.count // 10] if slug == "sp4n-lapor" else []
    rows = _rows(slug, base, base.count - len(copies), seed, anchor, states)
    return sorted(rows + copies, key=lambda case: (case.submitted, case.number))


def newcomer(slug: str, *, seed: int, number: int, at: int) -> Case:
    """A complaint that comes in while the simulator runs. Public, so that everybody sees it arrive."""
    rng = dice(seed_of(seed, slug, number))
    matter = rng.choices(range(len(MATTERS)), weights=[m.weight for m in MATTERS])[0]
    flags = (rng.random() < 0.3, False)
    return _case(slug, number, _seeds(seed, slug, number), matter, at, at, (S.SUBMITTED, A.REPORTER), flags)


def filed_case(slug: str, *, seed: int, number: int, at: int, filed: Filed) -> Case:
    """What came in through the API."""
    matter = next((place for place, matter in enumerate(MATTERS) if matter.key == filed.matter), len(MATTERS) - 1)
    flags = (filed.is_anonymous, filed.is_confidential)
    case = _case(slug, number, _seeds(seed, slug, number), matter, at, at, (S.SUBMITTED, A.REPORTER), flags)
    case.filed = filed
    return case


def _scaled(base: Population, count: int | None) -> Population:
    if count is None or count == base.count:
        return base
    hidden = None if base.hidden is None else count * base.hidden // base.count
    return msgspec.structs.replace(base, count=count, hidden=hidden, odd=min(base.odd, count // 10))


def _rows(
    slug: str, base: Population, count: int, seed: int, anchor: int, states: frozenset[ComplaintStatus]
) -> list[Case]:
    rng = dice(seed_of(seed, slug))
    start, end = base.period or (anchor - int(base.years * 365 * DAY), anchor - 3600)
    times = sorted(start + int((end - start) * rng.random() ** 0.6) for _ in range(count))
    if base.period and count > 1:
        times[0], times[-1] = base.period
    matters = rng.choices(range(len(MATTERS)), weights=[m.weight for m in MATTERS], k=count)
    flags = _flags(rng, base, count)
    settled = bisect_left(times, end - _YOUNG_DAYS * DAY)
    outcomes = _drawn(rng, SETTLED, states, settled) + _drawn(rng, YOUNG, states, count - settled)
    for odd in rng.sample(range(settled), base.odd):
        outcomes[odd], flags[odd] = (S.UNMAPPED, A.AGENCY), (False, False)
    ends = [_end(rng, at, outcome, end) for at, outcome in zip(times, outcomes, strict=True)]
    origin = seed_of(seed, slug, "words")
    return [
        _case(slug, number, origin ^ number * _SPREAD & _MASK, matter, at, until, outcome, flag)
        for number, matter, at, until, outcome, flag in zip(
            count_from(base.first), matters, times, ends, outcomes, flags, strict=False
        )
    ]


def _seeds(seed: int, slug: str, number: int) -> int:
    return seed_of(seed, slug, "words") ^ number * _SPREAD & _MASK


def _flags(rng: Random, base: Population, count: int) -> list[tuple[bool, bool]]:
    """Anonymous and confidential, for each row."""
    shares = [base.anonymous, base.both, base.confidential]
    if base.hidden is None:
        pairs = [(True, False), (True, True), (False, True), (False, False)]
        return rng.choices(pairs, weights=[*shares, 1 - sum(shares)], k=count)
    hidden = set(rng.sample(range(1, count - 1), base.hidden))
    return [(rng.random() < base.anonymous, number in hidden) for number in range(count)]


def _drawn(rng: Random, shares: dict[Outcome, int], states: frozenset[ComplaintStatus], count: int) -> list[Outcome]:
    known = {outcome: share for outcome, share in shares.items() if outcome[0] in states}
    return rng.choices(list(known), weights=list(known.values()), k=count)


def _end(rng: Random, start: int, outcome: Outcome, end: int) -> int:
    """When the seeded course came to its end; the system closes two weeks after the last answer."""
    if outcome[0] is S.SUBMITTED:
        return start
    taken = rng.expovariate(1 / (9 * DAY)) + (14 * DAY if outcome == (S.CLOSED, A.SYSTEM) else 3600)
    room = end - start
    return start + int(taken if taken < room else max(room * rng.random(), 60))


def _case(
    slug: str,
    number: int,
    seed: int,
    matter: int,
    submitted: int,
    settled: int,
    outcome: Outcome,
    flags: tuple[bool, bool],
) -> Case:
    forwarded = slug == "kab-tangerang" and matter not in BY_AUTHORITY["DISTRICT"] and outcome[0] in _HANDED
    return Case(
        number=number,
        seed=seed,
        area=slug,
        course=seed ^ 0xC0FFEE,
        matter=matter,
        submitted=submitted,
        settled=settled,
        outcome=outcome,
        is_anonymous=flags[0],
        is_confidential=flags[1],
        forwarded=forwarded,
    )


def _copies(seed: int, states: frozenset[ComplaintStatus]) -> list[Case]:
    """What kab-tangerang forwarded to central services: the same words, a course of its own."""
    rng = dice(seed_of(seed, "copies"))
    # Drawn with all states, as kab-tangerang itself has them: the numbers must agree.
    rows = _rows("kab-tangerang", POPULATIONS["kab-tangerang"], 3_300, seed, 0, frozenset(S))
    sent = [case for case in rows if case.forwarded and case.matter in BY_AUTHORITY["NATIONAL"]]
    return [_copy(rng, case, _drawn(rng, SETTLED, states, 1)[0]) for case in sent]


def _copy(rng: Random, case: Case, outcome: Outcome) -> Case:
    handed = next(step.at for step in steps(case) if step.status is S.DISPOSED)
    arrived = handed + 60 + int(rng.random() * 7200)
    settled = arrived + 15 * DAY + int(rng.expovariate(1 / (9 * DAY)))
    return msgspec.structs.replace(
        case,
        number=COPIES_FROM + case.number,
        course=case.course ^ 0xFEED,
        submitted=arrived,
        settled=settled,
        outcome=outcome,
        forwarded=False,
        origin=case.number,
    )
