"""What an agency does that sends by itself: signed pushes of what changed, again until they are taken."""

from __future__ import annotations

import asyncio
import hmac
import http.client
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from random import Random
from urllib.parse import urlsplit
from uuid import uuid4

import orjson

from simulators.agency import Agency
from simulators.control import WRITE_FAULTS

#: Records of one push, and its bytes.
BATCH, BYTES = 500, 1_500_000

#: Seconds: for an answer; between two attempts at first, and at most.
TIMEOUT, FIRST, LONGEST = 10.0, 0.1, 5.0


class Refused(Exception):
    """The hub did not take it."""


class Push:
    """The outlet of an agency that sends: `simulators.outlet.Outlet`.

    A change waits until it is taken, however long the hub is away. While the agency fails nothing is sent, but for
    `malformed`, which adds a broken record, and `loop`, which says everything twice.

    Args:
        secret: `whsec_` and Base64.
        records: what the list of records is called in the body.
        cursor: what the moment of the newest change is called in the body.
    """

    def __init__(self, agency: Agency, secret: str, *, records: str, cursor: str) -> None:
        self.values: Mapping[str, str] = {}
        self._agency = agency
        self._key = b64decode(secret.removeprefix("whsec_"))
        self._records, self._cursor = records, cursor
        # Places of cases, each once: what is sent is how a case is then.
        self._waiting: dict[int, None] = {}
        self._something = asyncio.Event()
        self._chance = Random()  # noqa: S311 - spreads attempts, hides nothing

    def open(self) -> None:
        """What there is already, the hub asks for."""
        self._agency.on_change.append(self._note)

    async def run(self) -> None:
        """Sends what changes until cancelled."""
        await self._agency.introduced.wait()
        failures = 0
        while True:
            await self._something.wait()
            if self._agency.fault not in (None, "malformed", "loop", *WRITE_FAULTS):
                await self._agency.healed.wait()
            try:
                await self._send()
                failures = 0
            except (OSError, http.client.HTTPException, Refused):
                failures += 1
                longest = min(FIRST * 2 ** min(failures, 10), LONGEST)
                await asyncio.sleep(self._chance.uniform(FIRST, longest))

    def close(self) -> None:
        """Nothing is open."""

    def _note(self, place: int) -> None:
        self._waiting.pop(place, None)
        self._waiting[place] = None
        self._something.set()

    async def _send(self) -> None:
        places = list(self._waiting)[:BATCH]
        records = self._fitting([self._agency.record(place) for place in places])
        places = places[: len(records)]
        for place in places:
            del self._waiting[place]
        try:
            await self._deliver(places, records)
        except BaseException:
            # Behind nothing: what changed meanwhile stands in it already.
            self._waiting = {**dict.fromkeys(places), **self._waiting}
            raise
        if not self._waiting:
            self._something.clear()

    async def _deliver(self, places: list[int], records: list[bytes]) -> None:
        newest = max(self._agency.cases[place].updated for place in places)
        if self._agency.fault == "malformed":
            records = [*records, self._agency.dialect.spoil(records[0])]
        body = orjson.dumps({self._records: [orjson.Fragment(r) for r in records], self._cursor: str(newest)})
        id = f"msg_{uuid4().hex}"
        for _ in range(2 if self._agency.fault == "loop" else 1):
            await asyncio.to_thread(self._post, id, body)

    def _post(self, id: str, body: bytes) -> None:
        address = urlsplit(f"{self._agency.hub}/agencies/{self._agency.slug}/webhook")
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=TIMEOUT)
        try:
            connection.request("POST", address.path, body, self._headers(id, body))
            reply = connection.getresponse()
            reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            raise Refused(reply.status)

    def _headers(self, id: str, body: bytes) -> dict[str, str]:
        now = str(int(time.time()))
        signature = b64encode(hmac.digest(self._key, f"{id}.{now}.".encode() + body, "sha256")).decode()
        return {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": now,
            "webhook-signature": f"v1,{signature}",
        }

    def _fitting(self, records: list[bytes]) -> list[bytes]:
        """As many as a push may hold, at least one."""
        size = 0
        for count, record in enumerate(records):
            size += len(record) + 1
            if size > BYTES:
                return records[: max(count, 1)]
        return records
