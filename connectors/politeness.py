"""What keeps the hub from hurting an agency's system: pace, circuit breaker and retry budget. All time is passed in."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

from schema.errors import HttpFailure, RateLimited, SourceError

#: Seconds of a clock that never goes back, for instance `time.monotonic`.
Seconds = Callable[[], float]
Sleep = Callable[[float], Awaitable[object]]


class Pace:
    """At most `rate` starts per second on average, at most `burst` at once.

    The generic cell rate algorithm: one number, the moment at which the bucket would be empty again. `wait` books the
    start before it sleeps, so callers that arrive together are spread out in their order.
    """

    def __init__(self, rate: float, burst: int, clock: Seconds, sleep: Sleep) -> None:
        self._gap, self._burst, self._clock, self._sleep = 1 / rate, burst, clock, sleep
        self._empty_at = clock()

    async def wait(self) -> None:
        now = self._clock()
        start = max(self._empty_at - (self._burst - 1) * self._gap, now)
        self._empty_at = max(self._empty_at, now) + self._gap
        if start > now:
            await self._sleep(start - now)


class RetryBudget:
    """Retries are at most `share` of the first attempts of the last `window` seconds.

    So a harvest of many pages survives a hiccup, and an agency that is down is not asked more than once per attempt.
    """

    def __init__(self, clock: Seconds, share: float = 0.10, window: float = 60.0) -> None:
        self._clock, self._share, self._window = clock, share, window
        self._attempts: deque[float] = deque()
        self._retries: deque[float] = deque()

    def attempt(self) -> None:
        """Counts a first attempt."""
        self._forget()
        self._attempts.append(self._clock())

    def take(self) -> bool:
        """Books one retry, if the budget has it."""
        self._forget()
        affordable = len(self._retries) + 1 <= self._share * len(self._attempts)
        if affordable:
            self._retries.append(self._clock())
        return affordable

    def _forget(self) -> None:
        oldest = self._clock() - self._window
        for times in (self._attempts, self._retries):
            while times and times[0] <= oldest:
                times.popleft()


class RequestBudget:
    """At most `requests` in any stretch of `window` seconds, by the agency's count as well.

    When a request reaches the agency is not known, only that it did so between its start and its end; so it counts
    from its start until `window` after its end.
    """

    def __init__(self, requests: int, window: float, clock: Seconds) -> None:
        self._most, self._window, self._clock = requests, window, clock
        self._ended: deque[float] = deque()
        self._under_way = 0

    def allow(self, requests: int, window: float) -> None:
        """Sets other limits; what was asked stays counted."""
        self._most, self._window = requests, window

    def check(self) -> None:
        """Raises:
        RateLimited: it is used up; `retry_after` says until when.
        """
        now = self._clock()
        while self._ended and self._ended[0] <= now - self._window:
            self._ended.popleft()
        if self._under_way + len(self._ended) >= self._most:
            wait = self._ended[0] + self._window - now if self._ended else self._window
            raise RateLimited(f"the budget of {self._most:,} requests is used up", retry_after=wait)

    def begin(self) -> None:
        """Books one request; `end` must follow.

        Raises:
            RateLimited: there is none left.
        """
        self.check()
        self._under_way += 1

    def end(self) -> None:
        self._under_way -= 1
        self._ended.append(self._clock())


class Breaker:
    """Opens after `failures` failures in a row; after `cooldown` seconds lets exactly one probe through.

    The probe's outcome closes it or opens it again. A probe that ends without an outcome (its caller was cancelled)
    gives its place back.
    """

    def __init__(self, clock: Seconds, failures: int = 5, cooldown: float = 5.0) -> None:
        self._clock, self._limit, self._cooldown = clock, failures, cooldown
        self._failed = 0
        self._probing = False
        self._until = 0.0
        self._because: SourceError | None = None

    @property
    def is_open(self) -> bool:
        return self._failed >= self._limit

    def admit(self) -> bool:
        """Lets a request through; True for the probe, which must be reported as such.

        Raises:
            SourceError: of the kind that opened the breaker; `retry_after` says when the next probe may go.
        """
        if not self.is_open:
            return False
        wait = self._until - self._clock()
        if self._probing or wait > 0:
            raise again(self._because, max(wait, 0.0))
        self._probing = True
        return True

    def succeeded(self) -> None:
        self._failed, self._because = 0, None

    def failed(self, error: SourceError) -> None:
        self._failed += 1
        self._because = error
        self._until = self._clock() + self._cooldown

    def release(self, probe: bool) -> None:
        """Ends a request that `admit` let through, whatever came of it."""
        if probe:
            self._probing = False


def again(because: SourceError | None, wait: float) -> SourceError:
    """The same kind of error, for a request that was not made because of it."""
    message = f"not asked again so soon; last time: {because}"
    if isinstance(because, HttpFailure):
        error: SourceError = HttpFailure(message, status=because.status, retry_after=wait)
    else:
        error = type(because)(message, retry_after=wait) if because else SourceError(message, retry_after=wait)
    error.arrived = False
    return error
