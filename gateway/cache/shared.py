"""Answers that several hubs share, in Valkey or Redis."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from redis.asyncio import Redis

from gateway.cache.entry import Stored
from gateway.valkey import Valkey

#: Seconds that an answer is kept which nobody makes anew; most are outdated long before.
KEPT = 3_600
#: Bytes of the largest answer that is shared, and of all that wait to be sent.
LARGEST, UNSENT = 1_000_000, 8_000_000
#: Answers asked for, or sent, at once; and seconds that an answer waits for others to be sent with it.
AT_ONCE, LINGER = 64, 0.005

_SEAL = 16


class SharedAnswers:
    """Many askers are one MGET, many answers one pipeline: a round trip costs more CPU than a small answer.

    What comes back counts only if it carries our seal and the key that was asked for. So neither a reply meant for
    another call, nor another hub's answer, nor what somebody else wrote there, is ever given out.

    Args:
        secret: seals the answers; the same on every replica.
        graph: stands for the program: two versions of it may answer the same question differently.
        clock: seconds since 1970.
    """

    def __init__(self, valkey: Valkey, secret: bytes, graph: str, clock: Callable[[], float] = time.time) -> None:
        self._valkey = valkey
        self._seal_key = hashlib.blake2b(b"answers " + graph.encode(), key=secret[:64], digest_size=32).digest()
        self._prefix = b"simpul:answer:" + hashlib.sha256(self._seal_key).hexdigest()[:12].encode() + b":"
        self._clock = clock
        self._wanted: dict[bytes, asyncio.Future[Stored | None]] = {}
        self._unsent: dict[bytes, Stored] = {}
        self._unsent_bytes = 0
        self._working: dict[str, asyncio.Task[None]] = {}

    async def get(self, key: bytes) -> Stored | None:
        """The answer that some hub made; None when there is none, or none in time."""
        if not self._valkey.up:
            return None
        found = self._wanted.get(key)
        if found is None:
            found = self._wanted[key] = asyncio.get_running_loop().create_future()
            self._work("get", self._get_wanted)
        return await asyncio.shield(found)

    def put(self, stored: Stored) -> None:
        """Shares an answer, soon. It is dropped when the server is too slow to take it."""
        size = len(stored.body)
        if not self._valkey.up or size > LARGEST or self._unsent_bytes + size > UNSENT:
            return
        replaced = self._unsent.get(stored.key)
        self._unsent[stored.key] = stored
        self._unsent_bytes += size - (len(replaced.body) if replaced else 0)
        self._work("put", self._put_unsent)

    async def aclose(self) -> None:
        """Sends what is unsent, as far as the server takes it."""
        if self._working:
            await asyncio.wait(self._working.values())

    def _work(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        if name not in self._working:
            self._working[name] = asyncio.create_task(self._until_done(name, work))

    async def _until_done(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        finally:
            # Not by a callback of the task: it would come later, and who asks in between would start nothing.
            del self._working[name]

    async def _get_wanted(self) -> None:
        while self._wanted:
            batch = dict(list(self._wanted.items())[:AT_ONCE])
            for key in batch:
                del self._wanted[key]
            found: Mapping[bytes, Stored | None] = {}
            try:
                found = await self._found(list(batch))
            finally:
                # Whatever happened: nobody must wait for ever.
                for key, future in batch.items():
                    if not future.done():
                        future.set_result(found.get(key))

    async def _found(self, keys: list[bytes]) -> Mapping[bytes, Stored | None]:
        values = await self._valkey.ask(lambda redis: redis.mget([self._name(key) for key in keys]))
        return {key: self._opened(key, value) for key, value in zip(keys, values or (), strict=False)}

    async def _put_unsent(self) -> None:
        while self._unsent:
            await asyncio.sleep(LINGER)
            batch = [self._unsent.pop(key) for key in list(self._unsent)[:AT_ONCE]]
            self._unsent_bytes -= sum(len(stored.body) for stored in batch)
            await self._sent(batch)

    async def _sent(self, batch: list[Stored]) -> None:
        async def send(redis: Redis) -> None:
            pipeline = redis.pipeline(transaction=False)
            for stored in batch:
                pipeline.set(self._name(stored.key), self._sealed(stored), ex=self._seconds(stored))
            # A full server refuses to write, and reads on: that is no failure.
            await pipeline.execute(raise_on_error=False)

        await self._valkey.ask(send)

    def _name(self, key: bytes) -> bytes:
        return self._prefix + key.hex().encode()

    def _seconds(self, stored: Stored) -> int:
        return KEPT if stored.expires_at is None else max(1, min(KEPT, int(stored.expires_at - self._clock())))

    def _sealed(self, stored: Stored) -> bytes:
        content = msgspec.msgpack.encode(stored)
        return self._seal(content) + content

    def _opened(self, key: bytes, value: bytes | str | None) -> Stored | None:
        if not isinstance(value, bytes) or not hmac.compare_digest(value[:_SEAL], self._seal(value[_SEAL:])):
            return None
        stored = _decoder.decode(value[_SEAL:])
        return stored if stored.key == key else None

    def _seal(self, content: bytes) -> bytes:
        return hashlib.blake2b(content, key=self._seal_key, digest_size=_SEAL).digest()


_decoder = msgspec.msgpack.Decoder(Stored)
