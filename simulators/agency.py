"""One agency's system while it runs: its cases, what changed last, and what it does wrong on request."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import islice, takewhile
from random import Random

import msgspec

from schema.complaint import FollowUpKind
from schema.status import MOVES, ActorRole, ComplaintStatus
from simulators.case import ACTORS, Case, Filed, Move
from simulators.content import story
from simulators.dialect import Dialect
from simulators.dice import dice, seed_of
from simulators.journal import Entry, Journal
from simulators.population import POPULATIONS, filed_case, newcomer, populate
from simulators.writings import Writings

S = ComplaintStatus
Now = Callable[[], float]

#: Rendered records kept for polls that look back; a whole harvest renders anew.
_KEPT = 400
_OVER = frozenset({S.CLOSED, S.ARCHIVED, S.REJECTED, S.DUPLICATE, S.UNMAPPED})
_FORWARD = frozenset({S.VERIFIED, S.DISPOSED, S.IN_FOLLOW_UP, S.ANSWERED, S.CLOSED})
_REPLY_AT = {S.IN_FOLLOW_UP: FollowUpKind.PROGRESS, S.ANSWERED: FollowUpKind.FINAL_ANSWER}


class Moved(msgspec.Struct, frozen=True):
    """A step that was taken. `at` in seconds since 1970."""

    native_id: str
    tracking_id: str
    before: ComplaintStatus
    after: ComplaintStatus
    at: int


class Cut(msgspec.Struct, frozen=True):
    """A page: rendered records, how many there are in all, where in the order it ended, whether more follow."""

    records: list[bytes]
    total: int
    end: int
    more: bool


class Agency:
    """The state behind one dialect.

    Args:
        now: tells the time, in seconds since 1970.
        anchor: when history ends and life begins, in seconds since 1970.
        journal: None keeps nothing.
        count: how many cases, in place of the usual number.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        seed: int,
        anchor: int,
        now: Now,
        journal: Journal | None = None,
        count: int | None = None,
    ) -> None:
        self.dialect = dialect
        self.slug = dialect.slug
        self._seed = seed
        self._now = now
        self._journal = journal
        self.fault: str | None = None
        #: Told the place of each case that is new or has moved.
        self.on_change: list[Callable[[int], None]] = []
        #: Told that a fault began or ended.
        self.on_fault: list[Callable[[], None]] = []
        #: Where the hub is, once somebody told.
        self.hub: str | None = None
        self.introduced = asyncio.Event()
        self.healed = asyncio.Event()
        self.healed.set()
        #: Seconds after which `answer-late` and `commit-late` answer.
        self.lateness = 12.0
        self.writings = Writings()
        self.cases = populate(dialect.slug, seed=seed, anchor=anchor, states=dialect.states, count=count)
        self._ids: dict[str, int] = {}
        self._free = max((case.number for case in self.cases), default=0) + 1
        self._places = {case.number: place for place, case in enumerate(self.cases)}
        # Places of cases, oldest change first: a move takes its case out and puts it at the end.
        self._changed = dict.fromkeys(sorted(range(len(self.cases)), key=lambda i: self.cases[i].updated))
        self._open = {i for i, case in enumerate(self.cases) if case.status not in _OVER}
        self._rendered: dict[int, bytes] = {}
        for entry in journal.read() if journal else ():
            self._replay(entry)

    # ------------------------------------------------------------- being written to

    def file(self, filed: Filed) -> Case:
        """Makes a case of what somebody wrote, each time it is written. `lose` gives a number to nothing."""
        entry = Entry(self._free, self._tick(), filed=filed, lost=self.fault == "lose")
        self._keep(entry)
        return self._filed(entry)

    def write(
        self,
        native_id: str,
        *,
        to: ComplaintStatus | None = None,
        actor: ActorRole = ActorRole.AGENCY,
        note: str | None = None,
        unit: str | None = None,
        not_authority: bool = False,
        follow_up: FollowUpKind | None = None,
        content: str | None = None,
        is_confidential: bool = False,
        score: int | None = None,
        reference: str | None = None,
    ) -> int | None:
        """Adds what somebody wrote to a case, as often as it is written: a status, a handing-over, an answer, stars.

        Args:
            to: any state that the dialect has a word for; without one the status stays as it is.
            unit: who it is handed to; `to` is then DISPOSED.
            content: of the follow-up, or the comment on the stars.

        Returns:
            The place of the case; None if there is none.
        """
        place = self.find(native_id)
        if place is None or self.fault == "lose":
            return place
        case = self.cases[place]
        quiet = to is None and unit is None
        move = Move(
            case.status if quiet else to or S.DISPOSED,
            self._tick(),
            actor,
            follow_up,
            disposes=unit is not None,
            written=True,
            note=note,
            unit=unit,
            not_authority=not_authority,
            quiet=quiet,
            content=content,
            is_confidential=is_confidential,
            score=score,
            reference=reference,
        )
        self._keep(Entry(case.number, move.at, move))
        self._apply(place, move)
        return place

    def _filed(self, entry: Entry) -> Case:
        assert entry.filed is not None
        case = filed_case(self.slug, seed=self._seed, number=entry.number, at=entry.at, filed=entry.filed)
        self._free = max(self._free, entry.number + 1)
        if not entry.lost:
            self._admit(case)
            self.writings.note(entry.filed.reference, self.dialect.native_id(case))
        return case

    def _keep(self, entry: Entry) -> None:
        if self._journal:
            self._journal.append(entry)

    # ------------------------------------------------------------- reading

    def clock(self) -> int:
        """Now, in seconds since 1970."""
        return int(self._now())

    @property
    def last_change(self) -> int:
        return self.cases[next(reversed(self._changed))].updated

    def newest_first(self, since: int | None = None) -> list[int]:
        """Places of cases by last change, the newest first; only those changed at or after `since`."""
        if since is None:
            return list(reversed(self._changed))
        return list(takewhile(lambda place: self.cases[place].updated >= since, reversed(self._changed)))

    def received(self, start: int | None = None, end: int | None = None) -> range:
        """Places of cases by receipt, the oldest first, from `start` on and before or at `end`."""
        low = 0 if start is None else bisect_left(self.cases, start, key=_submitted)
        high = len(self.cases) if end is None else bisect_left(self.cases, end + 1, key=_submitted)
        return range(low, high)

    def find(self, native_id: str) -> int | None:
        """The place of the case with this id."""
        for place in range(len(self._ids), len(self.cases)):
            self._ids[self.dialect.native_id(self.cases[place])] = place
        return self._ids.get(native_id)

    def referred(self, reference: str) -> list[int]:
        """The places of the cases that were written with this reference, or have such an entry, the oldest first."""
        found = (self.find(native_id) for native_id in dict.fromkeys(self.writings.of(reference)))
        return [place for place in found if place is not None]

    def record(self, place: int) -> bytes:
        """A case as the dialect tells it."""
        kept = self._rendered.get(place)
        if kept is None:
            kept = self._rendered[place] = self.dialect.render(story(self.cases[place]))
            if len(self._rendered) > _KEPT:
                del self._rendered[next(iter(self._rendered))]
        return kept

    def cut(self, order: Sequence[int], start: int, size: int, *, keyed: bool = False) -> Cut:
        """A page of an order, as the present fault has it.

        Args:
            start: where it begins: a multiple of `size`, or where the page before ended if `keyed`.
        """
        if self.fault == "empty":
            return Cut([], 0, 0, False)
        if self.fault == "loop":
            return self._stuck(min(size, len(order)), size)
        if self.fault == "malformed" and size > 1:
            return self._flawed(order, start if keyed else start - start // size, size)
        end = min(start + size, len(order))
        records = [self.record(place) for place in order[start:end]]
        return Cut(records, len(order), end, end < len(order))

    def _stuck(self, end: int, size: int) -> Cut:
        """The first page of everything, whatever was asked for: a filter that worked would hide that it repeats."""
        whole = self.newest_first()
        return Cut([self.record(place) for place in whole[:size]], len(whole), end, True)

    def _flawed(self, order: Sequence[int], start: int, size: int) -> Cut:
        """A page with one broken record more, which takes the room of a good one; that one opens the next page."""
        end = min(start + size - 1, len(order))
        records = [self.record(place) for place in order[start:end]]
        # Not past the end: a reader that goes on until a page is empty must come to one.
        if records or start == 0:
            broken = self.dialect.spoil(self.record(order[start] if order else 0))
            records.insert(len(records) // 2, broken)
        pages = max(-(-len(order) // (size - 1)), 1)
        return Cut(records, len(order) + pages, end, end < len(order))

    # ------------------------------------------------------------- living

    def move(self, count: int, rng: Random) -> list[Moved]:
        """Takes distinct public cases one legal step each; nothing else comes with it."""
        places = {place for place in self._open if not self.cases[place].is_confidential}
        chosen = rng.sample(sorted(places), min(count, len(places)))
        # What was closed last is reopened first, as citizens do.
        closed = (place for place in self.newest_first() if self._can_reopen(place))
        spare = (place for place in closed if not self.cases[place].is_confidential)
        chosen += islice(spare, count - len(chosen))
        return [self._step(place, rng, plain=True) for place in chosen]

    def live(self, rng: Random) -> None:
        """One thing that happens in an office: mostly a step of a case, at times with an answer, at times a new one."""
        chance = rng.random()
        if chance < 0.08 and POPULATIONS[self.slug].period is None:
            self._arrive()
        elif self._open and chance < 0.88:
            self._step(rng.choice(sorted(self._open)), rng, plain=False)
        else:
            place = rng.randrange(len(self.cases))
            if self._can_reopen(place):
                self._step(place, rng, plain=False)

    def _can_reopen(self, place: int) -> bool:
        return self.cases[place].status is S.CLOSED

    def _step(self, place: int, rng: Random, *, plain: bool) -> Moved:
        case = self.cases[place]
        before = case.status
        after = self._next(before, rng, plain)
        actor = ActorRole.REPORTER if before is S.CLOSED else rng.choice(ACTORS[after])
        reply = _REPLY_AT.get(after) if not plain and rng.random() < 0.7 else None
        move = Move(after, self._tick(), actor, reply, after is S.DISPOSED and not plain)
        self._keep(Entry(case.number, move.at, move))
        self._apply(place, move)
        return Moved(self.dialect.native_id(case), self.dialect.tracking_id(case), before, after, move.at)

    def _next(self, before: ComplaintStatus, rng: Random, plain: bool) -> ComplaintStatus:
        """Mostly forward. A plain step hands nothing over, so nothing but the status changes."""
        legal = sorted((MOVES[before] & self.dialect.states) - ({before, S.DISPOSED} if plain else {before}))
        likely = [status for status in legal if status in _FORWARD] or [s for s in legal if s not in _OVER]
        return rng.choice(likely if likely and rng.random() < 0.8 else legal)

    def _tick(self) -> int:
        """Now, but never before the last change: the order of changes is the order of stamps."""
        return max(self.clock(), self.last_change)

    def _arrive(self) -> None:
        case = newcomer(self.slug, seed=self._seed, number=self._free, at=self._tick())
        self._keep(Entry(case.number, case.submitted))
        self._admit(case)

    def _replay(self, entry: Entry) -> None:
        if entry.filed is not None:
            self._filed(entry)
        elif entry.move is None:
            self._admit(newcomer(self.slug, seed=self._seed, number=entry.number, at=entry.at))
        else:
            self._apply(self._places[entry.number], entry.move)

    def _admit(self, case: Case) -> None:
        place = len(self.cases)
        self.cases.append(case)
        self._places[case.number] = place
        self._free = max(self._free, case.number + 1)
        self._changed[place] = None
        self._open.add(place)
        self._tell(place)

    def _apply(self, place: int, move: Move) -> None:
        case = self.cases[place]
        case.moves = (*case.moves, move)
        self._changed[place] = self._changed.pop(place)
        self._rendered.pop(place, None)
        if move.written:
            self.writings.note(move.reference, self.dialect.native_id(case))
        (self._open.discard if move.to in _OVER else self._open.add)(place)
        self._tell(place)

    def _tell(self, place: int) -> None:
        for listener in self.on_change:
            listener(place)

    def meet(self, hub: str) -> None:
        """Is told where the hub is."""
        self.hub = hub
        self.introduced.set()

    # ------------------------------------------------------------- failing

    def fail(self, kind: str) -> None:
        self.fault = kind
        self.healed.clear()
        self._tell_fault()

    def heal(self) -> None:
        self.fault = None
        self.healed.set()
        self._tell_fault()

    def _tell_fault(self) -> None:
        for listener in self.on_fault:
            listener()

    def close(self) -> None:
        if self._journal:
            self._journal.close()


def _submitted(case: Case) -> int:
    return case.submitted


def life(slug: str, seed: int, now: float) -> Random:
    """Chance for what happens live; other each time the simulator starts, or the same moves would come again."""
    return dice(seed_of(seed, slug, int(now)))
