"""How much the hub takes on at once, and who waits.

Three things bound what is executed, as each is short of something else:

- **Turns.** Python runs one thing at a time. What begins in one turn of the event loop may take `SLICE`; then whatever
  came in meanwhile is looked at, and from then on one execution begins in each turn for as long as anybody waits. So
  answers at hand, streams and refusals never wait for more than an execution or two.
- **Reading** at once: the limit adapts. It grows while it is what people wait for (some wait for agencies, and these
  cost nothing meanwhile), and shrinks while the database's connections are all taken or the event loop lags: more at
  once would only wait elsewhere, where nobody goes first. This is TCP Vegas as Netflix' concurrency-limits has it, but
  for the queue behind the limit, which need not be guessed from delays: it can be seen.
- **Writing** at once: the ledger has one writer.

Who finds no place waits in the queue of the own rank. A queue may hold what comes in a moment, but must not stand: once
it has not been empty for `BURST`, whoever comes is refused while the first in it has waited for `STANDING` ("Fail at
Scale", ACM Queue 2015). What is refused at once is cheap, and its client knows at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import structlog

from gateway.guard.rank import Rank
from schema.errors import Overloaded

log = structlog.get_logger(__name__)

#: Seconds of executing in one turn of the event loop.
SLICE = 0.005
#: Queries that are read for at once: at first, at least, and at most.
START, LEAST, MOST = 32, 16, 512
#: Writes that are worked on at once.
WRITES = 32
#: Seconds: see above. A write is worth waiting for.
BURST, STANDING, WRITE_STANDING = 2.0, 1.0, 5.0
#: Seconds after which nobody waits on, whoever went first meanwhile.
LONGEST = {Rank.WRITE: 10.0, Rank.READ: 3.0, Rank.BULK: 3.0}
#: Waiting of one rank at most.
QUEUE = 1_000
#: Seconds after which it makes sense to come again.
RETRY_AFTER = 2.0
#: Seconds between two looks while anybody waits, and by which the event loop must not be late.
PERIOD, LAG = 0.05, 0.05
#: Seconds without any refusal after which the overload is over.
OVER = 5.0


class LoadState(NamedTuple):
    """For the metrics; by rank where there are three."""

    limit: int
    executing: tuple[int, ...]
    waiting: tuple[int, ...]
    shed: tuple[int, ...]


class _Waiter(NamedTuple):
    since: float
    place: asyncio.Future[None]


class Load:
    """The places.

    Args:
        saturated: whether as much is read from the database at once as can be.
        clock: seconds, monotonic; how long somebody has waited.
        ticks: likewise; how long a turn of the event loop takes.
    """

    def __init__(
        self,
        saturated: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        ticks: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.limit = START
        self.shed = [0 for _ in Rank]
        self._saturated = saturated
        self._clock = clock
        self._ticks = ticks
        self._taken = [0 for _ in Rank]
        self._waiting: tuple[deque[_Waiter], ...] = tuple(deque() for _ in Rank)
        self._stands_since = [0.0 for _ in Rank]
        #: When the turn began in which something was executed; 0 before that.
        self._turn_at = 0.0
        self._looks = False
        self._shed_at: float | None = None

    def state(self) -> LoadState:
        return LoadState(self.limit, tuple(self._taken), tuple(map(len, self._waiting)), tuple(self.shed))

    def full(self, rank: Rank) -> bool:
        """Whether whoever comes now is refused."""
        # Not reads because of writes: a writer that is stuck must not take the readers with it.
        return self._is_full(rank) or (rank is Rank.BULK and self._is_full(Rank.READ))

    def enter(self, rank: Rank) -> bool:
        """Takes a place, if there is one at once; `leave` must follow."""
        writes, reads, bulks = self._waiting
        if writes or (rank and reads) or (rank is Rank.BULK and bulks) or not self._is_free(rank):
            return False
        if not self._turn_at:
            self._begin_turn()
        elif self._ticks() - self._turn_at > SLICE:
            return False
        self._taken[rank] += 1
        return True

    async def wait(self, rank: Rank) -> None:
        """Waits for a place; `leave` must follow.

        Raises:
            Overloaded: there is none, nor will there be soon.
        """
        if self.full(rank):
            self.refuse(rank)
            raise overloaded()
        waiter = _Waiter(self._clock(), asyncio.get_running_loop().create_future())
        queue = self._waiting[rank]
        if not queue:
            self._stands_since[rank] = waiter.since
        queue.append(waiter)
        self._begin_turn()
        self._look_later()
        try:
            await waiter.place
        except asyncio.CancelledError:
            if waiter.place.done() and not waiter.place.cancelled():
                # It was given the place, and is gone.
                self.leave(rank)
            raise

    def leave(self, rank: Rank) -> None:
        """Gives a place back."""
        self._taken[rank] -= 1
        if any(self._waiting):
            self._begin_turn()

    def refuse(self, rank: Rank) -> None:
        """Counts whoever is sent away."""
        self.shed[rank] += 1
        if self._shed_at is None:
            log.warning("load.shedding", limit=self.limit)
            self._look_later()
        self._shed_at = self._clock()

    def _is_full(self, rank: Rank) -> bool:
        queue = self._waiting[rank]
        if not queue:
            return False
        now = self._clock()
        standing = WRITE_STANDING if rank is Rank.WRITE else STANDING
        stands = now - self._stands_since[rank] > BURST and now - queue[0].since > standing
        return stands or len(queue) >= QUEUE

    def _is_free(self, rank: Rank) -> bool:
        writes, reads, bulks = self._taken
        if rank is Rank.WRITE:
            return writes < WRITES
        # What takes long must not take all places.
        return reads + bulks < self.limit and (rank is Rank.READ or bulks < self.limit // 2)

    def _begin_turn(self) -> None:
        if not self._turn_at:
            self._turn_at = self._ticks()
            asyncio.get_running_loop().call_soon(self._next_turn)

    def _next_turn(self) -> None:
        self._turn_at = 0.0
        for rank in Rank:
            if self._is_free(rank) and self._hand_out(rank):
                # The next one in the next turn.
                if any(self._waiting):
                    self._begin_turn()
                return

    def _hand_out(self, rank: Rank) -> bool:
        """Gives a place to whoever has waited for longest."""
        queue = self._waiting[rank]
        while queue:
            waiter = queue.popleft()
            if not waiter.place.done():
                self._taken[rank] += 1
                waiter.place.set_result(None)
                return True
        return False

    def _look_later(self) -> None:
        if not self._looks:
            self._looks = True
            asyncio.get_running_loop().call_later(PERIOD, self._look, self._ticks() + PERIOD)

    def _look(self, due: float) -> None:
        self._looks = False
        self._adapt(self._ticks() - due)
        now = self._clock()
        for rank, queue in zip(Rank, self._waiting, strict=True):
            while queue and (queue[0].place.done() or now - queue[0].since > LONGEST[rank]):
                waiter = queue.popleft()
                if not waiter.place.done():
                    self.refuse(rank)
                    waiter.place.set_exception(overloaded())
        if self._shed_at is not None and now - self._shed_at > OVER:
            self._shed_at = None
            log.info("load.recovered", limit=self.limit)
        if any(self._waiting):
            # There may be more places than before.
            self._begin_turn()
        if self._shed_at is not None or any(self._waiting):
            self._look_later()

    def _adapt(self, lag: float) -> None:
        _, reads, bulks = self._taken
        if lag > LAG or self._saturated():
            self.limit = max(LEAST, self.limit * 9 // 10)
        elif reads + bulks >= self.limit:
            self.limit = min(MOST, self.limit + self.limit // 10)


def overloaded() -> Overloaded:
    """What whoever is sent away is told."""
    return Overloaded("The hub has more to do than it can: try again later.", retry_after=RETRY_AFTER)
