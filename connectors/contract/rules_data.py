"""Rules about what comes when all is well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from connectors.contract.bench import Bench
from connectors.contract.harvest import SAMPLE, SECOND, middle
from connectors.contract.lists import another, read_body, rewritten
from connectors.contract.rule import Broken, NotApplicable, Untried, rule
from connectors.contract.wire import Answer, Asked
from schema.agency import ConnectorTier
from schema.complaint import ComplaintRecord
from schema.errors import PagingLoop
from schema.status import ComplaintStatus

BRONZE, SILVER, GOLD = ConnectorTier.BRONZE, ConnectorTier.SILVER, ConnectorTier.GOLD

#: A clock may be wrong by so much; a time zone is wrong by more.
_AHEAD = timedelta(minutes=45)
_STRANGE = "Kata Yang Belum Dikenal"


@rule("ids-round-trip", BRONZE, "The graph's ids are made of the agency's. One that changes makes a second complaint.")
async def ids_round_trip(bench: Bench) -> str | None:
    """Each record has a key; `fetch` with five of these keys brings those five, in the same state; a key that nobody
    has brings nothing and is no error.
    """
    records = await bench.records()
    if blank := [id for id in records if not id.strip() or id != id.strip()]:
        raise Broken(f"a record's key is blank or has blanks around it: {blank[0]!r}")
    if (await bench.harvest()).pushed:
        return f"{len(records):,} records were sent; nothing can be fetched"
    wanted = list(records)[:SAMPLE]
    async with bench.connector() as (connector, _):
        fetched = {record.native_id: record for record in (await connector.fetch(wanted)).records}
        if strangers := set(fetched) - set(wanted):
            raise Broken(f"fetch brought {sorted(strangers)[0]}, which was not asked for")
        if lost := set(wanted) - set(fetched):
            raise Broken(f"fetch did not bring {sorted(lost)[0]}, which the harvest had")
        for key in wanted:
            if fetched[key].status is not records[key].status and fetched[key].updated_at == records[key].updated_at:
                raise Broken(f"{key} is {records[key].status} in the list and {fetched[key].status} by itself")
        nobody = another(wanted[0], records)
        if found := (await connector.fetch([nobody])).records:
            raise Broken(f"fetch with a key that nobody has brought {found[0].native_id}")
    return f"{len(records):,} records, {len(wanted)} fetched again"


@rule("statuses-total", BRONZE, "A new word at the agency must neither lose the complaint nor pass for a known state.")
async def statuses_total(bench: Bench) -> str | None:
    """Each record has a status, and one whose word is mapped nowhere is UNMAPPED with that word kept. Over HTTP, one
    record's word is replaced by one that nobody knows: it must come so, beside all others as they were.
    """
    records = await bench.records()
    for key, record in records.items():
        if record.native_status is None or not record.native_status.label.strip():
            raise Broken(f"{key} has no native status")
    unmapped = sorted({_word(r) for r in records.values() if r.status is ComplaintStatus.UNMAPPED})
    strange = await _strange(bench, records)
    told = f"mapped nowhere: {', '.join(unmapped[:5])}" if unmapped else "every word is mapped"
    return f"{told}; {strange}" if strange else told


async def _strange(bench: Bench, records: dict[str, ComplaintRecord]) -> str | None:
    """Shows one record with a status word that nobody knows."""
    harvest = await bench.harvest()
    victim = min(records.values(), key=lambda record: record.status is ComplaintStatus.UNMAPPED)
    native = victim.native_status
    words = {word for word in (native.label, native.code) if word} if native else set()
    changed = 0

    async def upstream(asked: Asked) -> Answer:
        nonlocal changed
        answer = await bench.upstream(asked)
        found = read_body(answer, records)
        if found is None:
            return answer if victim.native_id not in asked.path.split("/") else rewritten(answer, replace)
        body = found[0]
        body.items = [body.changed(i, replace) if victim.native_id in body.keys(i) else i for i in body.items]
        return body.answer()

    def replace(name: str, value: object) -> object:
        nonlocal changed
        if str(value).strip() not in words or isinstance(value, bool):
            return value
        changed += 1
        return _STRANGE

    if not harvest.exchanges:
        return None
    async with bench.connector(upstream) as (connector, _):
        found = await bench.read(connector)
    if lost := set(records) - set(found.records):
        raise Broken(f"with an unknown status word in one record, {sorted(lost)[0]} was lost")
    if not changed:
        return "the word does not stand in the reply as it is, so no unknown one was tried"
    seen = found.records[victim.native_id]
    if seen.status is ComplaintStatus.UNMAPPED and _word(seen) != _STRANGE:
        raise Broken(f"an unknown status word was not kept as it came, but as {_word(seen)!r}")
    if seen.status is not ComplaintStatus.UNMAPPED and _word(seen) == _STRANGE:
        raise Broken(f"an unknown status word passes for {seen.status}")
    return "an unknown one is kept"


def _word(record: ComplaintRecord) -> str:
    return record.native_status.label if record.native_status else ""


@rule("times-aware", BRONZE, "A moment without its zone is wrong by up to nine hours, and clocks run on moments.")
async def times_aware(bench: Bench) -> str | None:
    """Each moment of each record has a zone; none lies ahead of the harvest by more than 45 minutes, which is what a
    wrong `time_zone` does to fresh records.
    """
    records, latest = await bench.records(), bench.subject.at() + _AHEAD
    count = 0
    for key, record in records.items():
        for where, moment in moments(record):
            count += 1
            if moment.tzinfo is None:
                raise Broken(f"{key}: {where} has no zone")
            if moment > latest:
                raise Broken(f"{key}: {where} lies in the future ({moment:%Y-%m-%d %H:%M %Z}): is time_zone right?")
    if not count:
        raise Untried("no record has a moment in it")
    return f"{count:,} moments"


def moments(record: ComplaintRecord) -> Iterator[tuple[str, datetime]]:
    """Every moment of a record, with its place; planned ones don't exist."""

    def inside(value: object, place: str) -> Iterator[tuple[str, datetime]]:
        if isinstance(value, datetime):
            yield place, value
        elif isinstance(value, msgspec.Struct):
            for name in value.__struct_fields__:
                yield from inside(getattr(value, name), f"{place}.{name}" if place else name)
        elif isinstance(value, tuple):
            for index, part in enumerate(value):
                yield from inside(part, f"{place}.{index}")

    return inside(record, "")


@rule("paging-ends", BRONZE, "A list that never ends keeps the mirror from ever being whole, and hurts the agency.")
async def paging_ends(bench: Bench) -> str | None:
    """The harvest ends. Over HTTP, the agency then answers each request for a list with its first page: the harvest
    must end too, as a PagingLoop or of itself, after at most three times as many requests as before.
    """
    harvest = await bench.harvest()
    if not harvest.exchanges:
        return f"{harvest.pages} pages"
    records = await bench.records()
    first: Answer | None = None
    path = ""

    async def upstream(asked: Asked) -> Answer:
        nonlocal first, path
        if wire.asked > most:
            raise Broken(f"{most} requests and no end, when each page is the first one again")
        if first is not None and asked.path == path:
            return first
        answer = await bench.upstream(asked)
        if first is None and read_body(answer, records) is not None:
            first, path = answer, asked.path
        return answer

    most = 3 * len(harvest.exchanges) + 20
    async with bench.connector(upstream) as (connector, wire):
        try:
            await bench.read(connector)
        except PagingLoop:
            return f"{harvest.pages} pages; a loop is noticed"
    return f"{harvest.pages} pages; the same page again ends"


@rule("changes-repeatable", BRONZE, "What is read again must be the same again, or each poll makes events of nothing.")
async def changes_repeatable(bench: Bench) -> str | None:
    """A second harvest, with a connector of its own, brings the same records, equal field by field, unless the agency
    says itself that one has changed since.
    """
    records = await bench.records()
    async with bench.connector() as (connector, _):
        again = (await bench.read(connector)).records
    if lost := set(records) - set(again):
        raise Broken(f"{sorted(lost)[0]} did not come the second time")
    for key, record in records.items():
        if again[key] != record and (record.updated_at is None or again[key].updated_at == record.updated_at):
            fields = [name for name in record.__struct_fields__ if getattr(record, name) != getattr(again[key], name)]
            raise Broken(f"{key} came otherwise the second time: {', '.join(fields)}")
    return f"{len(again):,} records"


@rule("since-misses-nothing", GOLD, "The hub asks for what changed since; what isn't told then is never learned of.")
async def since_misses_nothing(bench: Bench) -> str | None:
    """`changes` since the moment by which half of the records had changed brings each of the other half."""
    records = await bench.records(2)
    if (await bench.harvest()).pushed:
        raise Untried("the agency only sends: what a push missed can't be asked for without a backfill")
    if (since := middle(records)) is None:
        raise NotApplicable("no record says when it changed: the hub reads everything each time")
    expected = {key for key, r in records.items() if r.updated_at is not None and r.updated_at >= since}
    found = (await bench.changes(since)).records
    if lost := expected - set(found):
        moment = records[min(lost)].updated_at
        raise Broken(f"{min(lost)} changed at {moment}, and is not told when asked for changes since {since}")
    return f"{len(expected):,} of {len(records):,} changed since; {len(found):,} came"


@rule("reads-only-what-changed", GOLD, "Reading everything each minute is what gets a hub locked out.")
async def reads_only_what_changed(bench: Bench) -> str | None:
    """`changes` since the newest change brings not all that is older again, and asks for no more than the full harvest
    did. Not applicable where everything is read each time: some agencies can't tell what changed.
    """
    harvest, _ = await bench.harvest(), await bench.records()
    if harvest.pushed:
        raise NotApplicable("the agency only sends")
    if (newest := harvest.resume()) is None:
        raise NotApplicable("no record says when it changed")
    found = await bench.changes(newest - SECOND)
    if len(found.exchanges) > len(harvest.exchanges) + 1:
        raise Broken(f"{len(found.exchanges)} requests for what changed, {len(harvest.exchanges)} for everything")
    start = newest - SECOND - timedelta(seconds=bench.manifest.poll.lookback)
    older = {key for key, r in harvest.records.items() if r.updated_at is not None and r.updated_at < start}
    if older and older <= set(found.records):
        raise NotApplicable(f"all {len(harvest.records):,} records are read each time")
    return f"{len(found.records):,} of {len(harvest.records):,} records read again"
