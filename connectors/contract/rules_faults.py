"""Rules about an agency that fails."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Final

from connectors.contract.bench import Bench
from connectors.contract.elsewhere import dead, silent
from connectors.contract.harvest import Harvest, read
from connectors.contract.lists import Body, read_body
from connectors.contract.logs import listening
from connectors.contract.rule import Broken, Untried, rule
from connectors.contract.wire import Answer, Asked, nobody
from schema.agency import ConnectorTier
from schema.connector import Connector
from schema.errors import AuthenticationFailed, RateLimited, SourceError, SourceTimeout

BRONZE, SILVER = ConnectorTier.BRONZE, ConnectorTier.SILVER

LOGIN: Final = b"""<!DOCTYPE html><html><head><title>Masuk</title></head><body><form method="post">
<input name="pengguna"><input type="password" name="sandi"></form></body></html>"""

#: Seconds: of the file's deadline while this is tried, and what a busy machine may add.
_DEADLINE, _SLACK = 0.3, 0.5


@rule("deadline-kept", SILVER, "An agency that hangs must not take the hub's patience with it, nor other agencies'.")
async def deadline_kept(bench: Bench) -> str | None:
    """The agency takes the request and never answers, with a deadline of 0.3 s in its file: `check` ends within
    half a second after that, as a SourceTimeout. Databases: the connection is taken and nothing said.
    """

    async def hang(asked: Asked) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    if not await bench.speaks_http():
        async with silent(bench, _DEADLINE) as place, bench.connector(place=place) as (connector, _):
            return await _in_time(connector.check, _DEADLINE)
    ask = await _asking(bench)
    async with bench.connector(hang, bench.with_deadline(_DEADLINE)) as (connector, _):
        return await _in_time(partial(ask, connector), _DEADLINE)


async def _asking(bench: Bench) -> Callable[[Connector], Awaitable[object]]:
    """What sends requests: `check`, or the harvest where that one looks at files alone."""
    await bench.over_http()
    async with bench.connector() as (connector, wire):
        await connector.check()
        return _checked if wire.asked else bench.read


async def _in_time(ask: Callable[[], Awaitable[object]], deadline: float) -> str:
    started = time.monotonic()
    try:
        async with asyncio.timeout(deadline + 5):
            await ask()
    except SourceTimeout:
        took = time.monotonic() - started
        if took > deadline + _SLACK:
            raise Broken(f"it took {took:.2f} s where the deadline was {deadline:g} s") from None
        return f"ended after {took:.2f} s"
    except SourceError as error:
        raise Broken(f"an agency that never answers is told as {error.code}, not as TIMEOUT") from None
    except TimeoutError:
        raise Broken(f"five seconds after a deadline of {deadline:g} s it was still waiting") from None
    raise Broken("an agency that never answers was read without an error")


@rule("rate-limit-honoured", SILVER, "Who asks on after a 429 is locked out for good.")
async def rate_limit_honoured(bench: Bench) -> str | None:
    """The agency answers 429 with `Retry-After: 30`. `check` is RateLimited with those 30 s, after one request; asked
    again at once, it is RateLimited without any request being sent.
    """
    ask = await _asking(bench)

    async def limited(asked: Asked) -> Answer:
        return Answer(status=429, headers={"retry-after": "30"})

    async with bench.connector(limited) as (connector, wire):
        error = await _raised(partial(ask, connector), RateLimited, "429")
        if error.retry_after is None or not 25 <= error.retry_after <= 30:
            raise Broken(f"Retry-After was 30 s, the error says {error.retry_after}")
        sent = wire.asked
        if sent > 1:
            raise Broken(f"{sent} requests were sent where the first was answered 429")
        await _raised(partial(ask, connector), RateLimited, "429")
        if wire.asked > sent:
            raise Broken("asked again within Retry-After, a request was sent")
    return "not asked again within 30 s"


@rule("auth-failure-distinct", SILVER, "A wrong key needs a person, an outage patience. They must not look alike.")
async def auth_failure_distinct(bench: Bench) -> str | None:
    """The agency answers 401, then 403, to everything: `check` and the harvest are AuthenticationFailed, after at most
    four requests (one retry with a fresh token is fine).
    """
    asking = (await _asking(bench), bench.read)
    for status in (401, 403):

        async def refuse(asked: Asked, status: int = status) -> Answer:
            return Answer(status=status, headers={"content-type": "text/plain"}, content=b"Unauthorized")

        for ask in asking:
            async with bench.connector(refuse) as (connector, wire):
                await _raised(partial(ask, connector), AuthenticationFailed, str(status))
                if wire.asked > 4:
                    raise Broken(f"{wire.asked} requests were sent where each was answered {status}")
    return "401 and 403"


async def _checked(connector: Connector) -> object:
    return await connector.check()


async def _raised(ask: Callable[[], Awaitable[object]], wanted: type[SourceError], status: str) -> SourceError:
    try:
        await ask()
    except wanted as error:
        return error
    except SourceError as error:
        raise Broken(f"{status} is told as {error.code}, not as {wanted.code}") from None
    raise Broken(f"{status} was read without an error")


@rule("failure-is-not-empty", BRONZE, "An error that is read as an empty list would be believed.")
async def failure_is_not_empty(bench: Bench) -> str | None:
    """Instead of each list the agency answers 500; a login page with 200; the first half of the reply; nothing. In each
    case the harvest raises a SourceError, or sets aside what it could not read; never does it end as if all were well.
    """
    harvest, records = await bench.over_http(), await bench.records()
    cases = {
        "HTTP 500": Answer(status=500, headers={"content-type": "text/plain"}, content=b"Internal Server Error"),
        "a login page with 200": Answer(headers={"content-type": "text/html"}, content=LOGIN),
    }
    if whole := next((e.answer for e in harvest.exchanges if read_body(e.answer, records)), None):
        half = whole.content[: len(whole.content) // 2]
        cases["half of a reply"] = Answer(headers=whole.headers, content=half)
        cases["an empty reply"] = Answer(headers=whole.headers)
    for name, answer in cases.items():
        await _not_empty(bench, name, answer)
    return ", ".join(cases)


async def _not_empty(bench: Bench, name: str, answer: Answer) -> None:
    async def upstream(asked: Asked) -> Answer:
        return answer

    async with bench.connector(upstream) as (connector, _):
        try:
            found = await bench.read(connector)
        except SourceError:
            return
    if not found.rejected:
        raise Broken(f"{name} was read as {len(found.records)} records, without an error")


@rule("outage-told-once", SILVER, "A log that tells an outage every minute is a log that nobody reads.")
async def outage_told_once(bench: Bench) -> str | None:
    """Nothing answers at the agency's address. Three harvests with one connector each raise a SourceError and bring
    nothing, and the connector itself logs at most one line of a warning or worse: the hub tells the outage, once.
    """

    place = None if await bench.speaks_http() else dead(bench)
    with listening() as lines:
        async with bench.connector(nobody, place) as (connector, _):
            for _ in range(3):
                await _an_outage(bench, connector)
    loud = [line for line in lines if line.level >= logging.WARNING]
    if len(loud) > 1:
        raise Broken(f"three attempts logged {len(loud)} warnings, for instance: {loud[0].text.splitlines()[0]}")
    return "three attempts"


async def _an_outage(bench: Bench, connector: Connector) -> None:
    try:
        found = await bench.read(connector)
    except SourceError:
        return
    raise Broken(f"with nothing at the agency's address, a harvest brought {len(found.records)} records and no error")


@rule("close-is-clean", BRONZE, "Agencies are added, changed and removed while the hub runs; each time one is closed.")
async def close_is_clean(bench: Bench) -> str | None:
    """A connector is closed unused, after a harvest, and in the middle of one. No task and no open thing is left, and
    closing it again is no error.
    """
    await bench.records()
    gc.collect()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        before = asyncio.all_tasks()
        for use in (_unused, _used, _abandoned):
            async with bench.connector() as (connector, wire):
                await use(bench, connector)
                await connector.aclose()
                if bench.manifest.http is not None and not wire.closed:
                    raise Broken("the HTTP client was not closed")
            if left := await _left(asyncio.all_tasks() - before):
                raise Broken(f"closed {use.__name__.strip('_')}, it left a task: {min(t.get_name() for t in left)}")
        gc.collect()
    if told:
        raise Broken(f"it left something open: {told[0].message}")
    return "unused, used, abandoned"


async def _left(tasks: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    """Those that don't end by themselves: an agency in the same process needs a moment to notice."""
    return (await asyncio.wait(tasks, timeout=_SLACK))[1] if tasks else tasks


async def _unused(bench: Bench, connector: Connector) -> None:
    pass


async def _used(bench: Bench, connector: Connector) -> None:
    await bench.read(connector)


async def _abandoned(bench: Bench, connector: Connector) -> None:
    pages = connector.changes(bench.subject.since)
    async for _ in pages:
        break
    if (aclose := getattr(pages, "aclose", None)) is not None:
        await aclose()


@rule("quarantine-isolates", SILVER, "One bad record must not cost the others.")
async def quarantine_isolates(bench: Bench) -> str | None:
    """Two records of a list are replaced, one by a piece of text and one by an empty object. All others come as
    before, and what can't be read is set aside with a reason.
    """
    if (await bench.harvest()).pushed:
        return await _isolated_in_pushes(bench)
    harvest, records = await bench.lists_over_http(), await bench.records(3)
    victims: set[str] = set()

    async def upstream(asked: Asked) -> Answer:
        answer = await bench.upstream(asked)
        found = read_body(answer, records)
        if found is None or len(found[0].items) < 3 or (victims and not hit):
            return answer
        victims.update(_spoil(found[0], records))
        hit.clear()
        return found[0].answer()

    hit = [True]
    async with bench.connector(upstream) as (connector, _):
        found = await bench.read(connector)
    if not victims:
        raise Untried("no reply holds a list of three records or more")
    return _isolated(harvest, found, victims)


def _spoil(body: Body, records: Collection[str]) -> set[str]:
    """Replaces the first and the last record by what is none; returns whose they were."""
    victims: set[str] = set()
    for place, bad in zip((0, -1), body.garbage(), strict=True):
        victims |= body.keys(body.items[place]) & set(records)
        body.items[place] = bad
    return victims


async def _isolated_in_pushes(bench: Bench) -> str:
    harvest, records = await bench.harvest(), await bench.records(3)
    victims: set[str] = set()
    pushes = list(bench.subject.pushes)
    for number, push in enumerate(pushes):
        found = read_body(Answer(content=push), records)
        if found is not None and len(found[0].items) >= 3:
            victims |= _spoil(found[0], records)
            pushes[number] = found[0].answer().content
    if not victims:
        raise Untried("no push holds a list of three records or more")
    async with bench.connector() as (connector, _):
        return _isolated(harvest, await read(connector, None, pushes=pushes), victims)


def _isolated(harvest: Harvest, found: Harvest, victims: set[str]) -> str:
    if lost := set(harvest.records) - victims - set(found.records):
        raise Broken(f"beside two records that could not be read, {min(lost)} was lost")
    if len(found.rejected) <= len(harvest.rejected):
        raise Broken("records that can't be read were dropped without a word")
    if blank := [r for r in found.rejected if not r.reason.strip()]:
        raise Broken(f"a record was set aside without a reason ({blank[0].shape})")
    return found.rejected[-1].reason
