"""Whether those who follow a stream may still see what it tells: asked again, as long as it lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from gateway.access.credentials import Recognise, Unauthenticated
from schema.errors import SimpulError
from schema.ports import Clock
from schema.query import Viewer

log = structlog.get_logger(__name__)

#: Seconds between two looks. What was recognised a moment ago may be believed for some more.
PERIOD: Final = 5.0


class Standing:
    """How it stands with a stream's credentials.

    Attributes:
        ended: they are no longer what they were when it began.
    """

    __slots__ = ("ended", "streams")

    def __init__(self) -> None:
        self.ended = False
        self.streams = 0


class Standings:
    """Credentials of open streams, each once, however many streams it has.

    If whose they are can't be found out, as the ledger is away, streams go on until the credentials expire: nothing new
    can be told meanwhile.

    Args:
        recognise: says whose credentials are.
        end: told of a viewer whose credentials are no longer what they were.
    """

    def __init__(
        self, recognise: Recognise, end: Callable[[Viewer], None], clock: Clock, period: float = PERIOD
    ) -> None:
        self._recognise = recognise
        self._end = end
        self._clock = clock
        self._period = period
        self._held: dict[tuple[str, Viewer], Standing] = {}

    @contextmanager
    def held(self, authorization: str | None, viewer: Viewer) -> Iterator[Standing]:
        """For as long as a stream lasts.

        Args:
            authorization: as `recognise` was shown it when it said that this is the viewer; None: there was none.
        """
        if authorization is None:
            yield Standing()
            return
        held = authorization, viewer
        standing = self._held.setdefault(held, Standing())
        standing.streams += 1
        try:
            yield standing
        finally:
            standing.streams -= 1
            if not standing.streams and self._held.get(held) is standing:
                del self._held[held]

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            await self.look()

    async def look(self) -> None:
        """One look at all of them."""
        for held, standing in list(self._held.items()):
            authorization, viewer = held
            if await self._may_go_on(authorization, viewer):
                continue
            log.info("stream.access_changed", viewer=viewer.credential)
            standing.ended = True
            if self._held.get(held) is standing:
                del self._held[held]
            self._end(viewer)

    async def _may_go_on(self, authorization: str, viewer: Viewer) -> bool:
        try:
            return await self._recognise(authorization) == viewer
        except Unauthenticated:
            return False
        except SimpulError as error:
            log.warning("access.unknown", error=type(error).__name__)
            return viewer.expires_at is None or self._clock() < viewer.expires_at
