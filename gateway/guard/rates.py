"""How much was spent of what, and when there is more."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

#: What a client may ask for: cost in a minute. Behind one address may be an office, or a carrier's whole city.
PER_MINUTE = 60_000
#: What the public may write from one address: cost in an hour, at any moment of it. 2,000 phones behind one address
#: that submit once an hour take half of it.
WRITES_PER_HOUR = 200_000
#: Budgets that are remembered. Who was not heard of for longest is forgotten, and may spend anew.
MOST = 50_000


class Budget(msgspec.Struct, frozen=True):
    """What may be spent at once, and the seconds in which all of it comes back, little by little."""

    most: float
    seconds: float

    @property
    def pace(self) -> float:
        """Seconds in which one comes back."""
        return self.seconds / self.most


class Rates:
    """Budgets by whose they are: the generic cell rate algorithm, which needs one number for each.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        #: When each budget that was spent from is whole again.
        self._whole_at: OrderedDict[str, float] = OrderedDict()
        #: Told of what is spent, in seconds until it is back.
        self.on_spent: Callable[[str, float], None] | None = None

    def __len__(self) -> int:
        return len(self._whole_at)

    def take(self, whose: str, budget: Budget, cost: float) -> float:
        """Takes the cost, and returns 0; or takes nothing, and returns the seconds until it could.

        What costs more than the whole budget is taken from a whole one, and then it takes longer until it is back.
        """
        now = self._clock()
        debt = max(self._whole_at.get(whose, now) - now, 0.0)
        wait = debt + cost * budget.pace - budget.seconds
        if wait > 0 < debt:
            return min(wait, debt)
        self._spend(whose, now, debt, cost * budget.pace)
        return 0.0

    def charge(self, whose: str, budget: Budget, cost: float) -> None:
        """Takes the cost, whether it is there or not."""
        now = self._clock()
        debt = max(self._whole_at.get(whose, now) - now, 0.0)
        self._spend(whose, now, debt, min(cost * budget.pace, 2 * budget.seconds - debt))

    def wait(self, whose: str, budget: Budget) -> float:
        """Seconds until anything is left; 0: something is."""
        whole_at = self._whole_at.get(whose)
        if whole_at is None:
            return 0.0
        return max(whole_at - self._clock() + budget.pace - budget.seconds, 0.0)

    def learn(self, whose: str, debt: float) -> None:
        """Others spent from it too: it is whole again in so many seconds, if not later."""
        whole_at = self._clock() + debt
        if whole_at > self._whole_at.get(whose, 0.0):
            self._keep(whose, whole_at)

    def _spend(self, whose: str, now: float, debt: float, seconds: float) -> None:
        self._keep(whose, now + debt + seconds)
        if self.on_spent is not None:
            self.on_spent(whose, seconds)

    def _keep(self, whose: str, whole_at: float) -> None:
        self._whole_at[whose] = whole_at
        self._whole_at.move_to_end(whose)
        if len(self._whole_at) > self._most:
            self._whole_at.popitem(last=False)
