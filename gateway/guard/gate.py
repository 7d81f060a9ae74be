"""How much each client may ask, and how much the hub takes on at once."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from math import ceil
from typing import NamedTuple

from gateway.execution.operation import MUTATION, Operation
from gateway.guard.client import is_own, line_of
from gateway.guard.load import Load, LoadState
from gateway.guard.rank import BULK_COST, Rank
from gateway.guard.rates import PER_MINUTE, WRITES_PER_HOUR, Budget, Rates
from schema.errors import RateExceeded
from schema.query import Role, Viewer

__all__ = ["OPEN", "Gate", "Rank", "rank_of"]

#: What a document costs that was read and refused. Nobody is refused many by mistake.
REFUSED_COST = 100

#: They can make themselves credentials: whoever submits anything gets a token. So their address counts.
_BY_ADDRESS = frozenset({Role.PUBLIC, Role.REPORTER})


class GateState(NamedTuple):
    """For the metrics.

    Attributes:
        load: None without any limit of what is done at once.
        limited: operations that were refused because of what their clients had spent, by rank.
    """

    load: LoadState | None
    limited: tuple[int, ...]


def rank_of(operation: Operation) -> Rank:
    """Where an operation stands when there is too much to do."""
    if operation.kind is MUTATION:
        return Rank.WRITE
    return Rank.BULK if operation.cost > BULK_COST else Rank.READ


class Gate:
    """Between what a client asks and its execution. Answers at hand pass beside it.

    A client is whoever shows credentials that an operator or an identity provider gave him, or else an address.

    Args:
        rates: what each client has spent; None counts nothing.
        per_minute: the cost that a client may ask for in a minute; 0 sets no limit.
        writes_per_hour: the cost that the public may write from one address in an hour; 0 sets no limit.
        load: None takes on everything at once.
    """

    def __init__(
        self,
        rates: Rates | None = None,
        per_minute: int = PER_MINUTE,
        writes_per_hour: int = WRITES_PER_HOUR,
        load: Load | None = None,
    ) -> None:
        self.load = load
        self._limited = [0 for _ in Rank]
        self._rates = rates
        self._usual = Budget(per_minute, 60.0) if per_minute else None
        self._writes = Budget(writes_per_hour, 3_600.0) if writes_per_hour else None

    def state(self) -> GateState:
        """What it is like now."""
        return GateState(self.load.state() if self.load is not None else None, tuple(self._limited))

    async def admit(self, viewer: Viewer, client: str, cost: int, rank: Rank = Rank.READ) -> None:
        """Takes the cost of an operation from what its client may ask; not called for answers that are at hand.

        Args:
            client: the address it comes from, as `gateway.guard.client` tells it; "" if unknown.

        Raises:
            RateExceeded: it has not that much left.
        """
        whose, budget = self._purse(viewer, client, rank)
        if self._rates is not None and budget is not None and whose:
            # What asks for no rows is work, too.
            wait = self._rates.take(whose, budget, max(cost, 1))
            if wait:
                raise self._refuse(wait, rank)

    def check(self, viewer: Viewer, client: str) -> None:
        """Before a document is read that nobody answers for, and that may take long to read.

        Raises:
            RateExceeded: nothing is left of what the address may ask for.
        """
        whose, budget = self._purse(viewer, client, Rank.READ)
        if self._rates is not None and budget is not None and whose and viewer.role in _BY_ADDRESS:
            wait = self._rates.wait(whose, budget)
            if wait:
                raise self._refuse(wait, Rank.READ)

    def refused(self, viewer: Viewer, client: str) -> None:
        """A document was read in vain: that cost something, too."""
        whose, budget = self._purse(viewer, client, Rank.READ)
        if self._rates is not None and budget is not None and whose:
            self._rates.charge(whose, budget, REFUSED_COST)

    def place(self, rank: Rank) -> AbstractAsyncContextManager[None]:
        """A place among what is executed at once, for as long as the block lasts.

        Raises:
            Overloaded: on entry; there is none, nor will there be soon.
        """
        return _NO_PLACE if self.load is None else _Place(self.load, rank)

    def full(self) -> bool:
        """Whether every query is refused for now that has to be executed."""
        return self.load is not None and self.load.full(Rank.READ)

    def shed(self, rank: Rank) -> None:
        """Counts whoever is sent away as it is `full`."""
        if self.load is not None:
            self.load.refuse(rank)

    def _purse(self, viewer: Viewer, client: str, rank: Rank) -> tuple[str, Budget | None]:
        """Whose budget pays, and which; "": nobody's, as it is the machine itself that asks."""
        if viewer.role not in _BY_ADDRESS:
            return viewer.credential, self._usual
        if is_own(client):
            return "", None
        writes = rank is Rank.WRITE
        return f"{'writes' if writes else 'reads'}:{line_of(client)}", self._writes if writes else self._usual

    def _refuse(self, wait: float, rank: Rank) -> RateExceeded:
        self._limited[rank] += 1
        return RateExceeded(
            "You have asked for more than your share: try again later, or ask for less.", retry_after=ceil(wait)
        )


class _Place:
    __slots__ = ("_load", "_rank")

    def __init__(self, load: Load, rank: Rank) -> None:
        self._load = load
        self._rank = rank

    async def __aenter__(self) -> None:
        if not self._load.enter(self._rank):
            await self._load.wait(self._rank)

    async def __aexit__(self, *_: object) -> None:
        self._load.leave(self._rank)


_NO_PLACE: AbstractAsyncContextManager[None] = nullcontext()

#: For a hub without limits.
OPEN = Gate()
