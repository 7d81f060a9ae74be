"""Budgets that several hubs count together, by way of Valkey."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from gateway.guard.rates import Rates
from gateway.valkey import Valkey

#: Seconds between two tellings: for so long, each hub lets a client spend what the others don't know of yet.
PERIOD = 0.2
#: Budgets told at once. Valkey does nothing else meanwhile, for about a millisecond.
_AT_ONCE = 500

#: Adds what was spent to when each budget is whole again, in microseconds of the server's clock, and tells how far off
#: that is. Numbers of this size must not be written by Lua's own `tostring`: it rounds.
_ADD = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debts = {}
for i, key in ipairs(KEYS) do
  local whole_at = math.max(tonumber(redis.call('GET', key) or 0), now) + tonumber(ARGV[i])
  redis.call('SET', key, string.format('%.0f', whole_at), 'PX', math.ceil((whole_at - now) / 1000) + 1)
  debts[i] = math.floor(whole_at - now)
end
return debts
"""


class SharedRates:
    """Tells other hubs what was spent here, and learns what was spent there, a few times a second.

    So no request ever waits for Valkey, and without it each hub goes on counting by itself.

    Args:
        secret: addresses don't stand in another server's keys: hashes do, that nobody makes without it.
    """

    def __init__(self, rates: Rates, valkey: Valkey, secret: bytes) -> None:
        self._rates = rates
        self._valkey = valkey
        self._secret = hashlib.sha256(b"rates" + secret).digest()
        self._untold: defaultdict[str, float] = defaultdict(float)
        rates.on_spent = self._spent

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PERIOD)
            await self.tell()

    async def tell(self) -> None:
        """Tells all that was spent since the last time. What can't be told is counted here alone."""
        told, self._untold = [*self._untold.items()], defaultdict(float)
        for start in range(0, len(told), _AT_ONCE):
            await self._tell(told[start : start + _AT_ONCE])

    def _spent(self, whose: str, seconds: float) -> None:
        self._untold[whose] += seconds

    async def _tell(self, told: Sequence[tuple[str, float]]) -> None:
        keys = [self._key(whose) for whose, _ in told]
        spent = [max(int(seconds * 1e6), 0) for _, seconds in told]

        async def add(redis: Redis) -> Any:
            return await redis.eval(_ADD, len(keys), *keys, *spent)

        debts = await self._valkey.ask(add)
        for (whose, _), debt in zip(told, debts or (), strict=False):
            self._rates.learn(whose, debt / 1e6 + self._untold.get(whose, 0.0))

    def _key(self, whose: str) -> str:
        return "simpul:rate:" + hashlib.blake2b(whose.encode(), key=self._secret, digest_size=16).hexdigest()
