"""The rule about rows that arrive while a list is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from connectors.contract.arrivals import Arrivals, Lists
from connectors.contract.bench import Bench
from connectors.contract.harvest import SECOND, Harvest, read
from connectors.contract.lists import another
from connectors.contract.rule import Broken, Untried, rule
from schema.agency import ConnectorTier
from schema.complaint import ComplaintRecord


@rule(
    "arrivals-not-missed",
    ConnectorTier.GOLD,
    "Agencies don't stand still while their list is read; what slips from page to page must not slip away.",
)
async def arrivals_not_missed(bench: Bench) -> str | None:
    """After the first page a row arrives: at the agency itself where the factory can make one arrive; else on the
    wire, as a twin of the newest record, which moves all rows behind it by one place. This harvest and the next, which
    begins where the hub would begin it, bring every record and the new one.
    """
    if bench.subject.arrive is not None:
        return await _at_the_agency(bench)
    harvest = await bench.lists_over_http()
    records = await bench.records(2)
    since = harvest.resume()
    newest = max(records.values(), key=lambda r: (r.updated_at is not None, r.updated_at or 0))
    names = {key: another(key, records) for key in (newest.native_id, newest.tracking_id)}
    full = Lists(harvest.exchanges, records)
    if not full.count:
        raise Untried("no list of records was found in the replies")
    arrivals = Arrivals(bench.upstream, full, records, names)
    async with bench.connector(arrivals) as (connector, _):
        first = await bench.read(connector)
    if lost := set(records) - set(first.records):
        raise Broken(f"a row arrived after the first page, and {min(lost)} was never read")
    later = await _the_next(bench, records, names, since)
    seen = {*first.records, *later.records}
    if names[newest.native_id] not in seen:
        raise Broken("a row that arrived after the first page was read neither then nor by the next harvest")
    pages = full.count
    return f"a row arrived after the first of {pages} lists" + (", and moved the rows behind it" if pages > 1 else "")


async def _the_next(
    bench: Bench, records: Mapping[str, ComplaintRecord], names: dict[str, str], since: datetime | None
) -> Harvest:
    begin = since - SECOND if since else bench.subject.since
    clean = await bench.changes(begin) if begin and since else await bench.harvest()
    again = Arrivals(bench.upstream, Lists(clean.exchanges, records), records, names, arrived=True)
    async with bench.connector(again) as (connector, wire):
        return await read(connector, begin, wire)


async def _at_the_agency(bench: Bench) -> str:
    arrive, records = bench.subject.arrive, await bench.records()
    assert arrive is not None
    arrived: set[str] = set()

    async def after_page() -> set[str]:
        arrived.update(await arrive())
        return arrived

    async with bench.connector() as (connector, wire):
        first = await read(connector, bench.subject.since, wire, after_page)
        if lost := set(records) - set(first.records):
            raise Broken(f"{len(arrived)} rows arrived after the first page, and {min(lost)} was never read")
        resume = first.resume()
        later = await read(connector, resume - SECOND if resume else bench.subject.since, wire)
    if lost := arrived - {*first.records, *later.records}:
        raise Broken(f"{min(lost)} arrived after the first page, and was read neither then nor by the next harvest")
    return f"{len(arrived)} rows arrived after the first of {first.pages} pages"
