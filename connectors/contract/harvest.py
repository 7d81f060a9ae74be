"""One reading of an agency, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from connectors.contract.wire import Exchange, Wire
from schema.complaint import ComplaintRecord, Rejected
from schema.connector import Connector, Receiver
from schema.errors import ConfigError

SECOND: Final = timedelta(seconds=1)
#: How many records are asked for one by one.
SAMPLE: Final = 5

#: Makes rows arrive at the agency, and tells their native ids.
Arrive = Callable[[], Awaitable[set[str]]]


class Harvest(msgspec.Struct, kw_only=True):
    """What came of reading an agency once.

    Attributes:
        records: by native id, the last one that came.
        pushed: they were sent; the agency can't be asked.
        until: where the connector says that the next harvest may begin, if it says so.
    """

    records: dict[str, ComplaintRecord] = msgspec.field(default_factory=dict)
    until: datetime | None = None
    rejected: list[Rejected] = msgspec.field(default_factory=list)
    pages: int = 0
    pushed: bool = False
    exchanges: list[Exchange] = msgspec.field(default_factory=list)

    def resume(self) -> datetime | None:
        """Where the hub would begin to read the next time."""
        if self.until is not None:
            return self.until
        return max((r.updated_at for r in self.records.values() if r.updated_at is not None), default=None)


async def read(
    connector: Connector,
    since: datetime | None,
    wire: Wire | None = None,
    after_page: Arrive | None = None,
    most: int | None = None,
    pushes: Sequence[bytes] = (),
) -> Harvest:
    """One harvest.

    Args:
        after_page: called once, after the first page that holds something.
        pushes: taken in the place of what can't be asked for.

    Raises:
        SourceError: it could not be finished.
        ConfigError: there are more than `most` records.
    """
    found, start = Harvest(), len(wire.exchanges) if wire else 0
    async with aclosing(_generator(connector.changes(since))) as pages:
        async for page in pages:
            found.pages += 1
            found.rejected += page.rejected
            found.until = page.until or found.until
            for record in page.records:
                found.records[record.native_id] = record
            if most is not None and len(found.records) > most:
                raise ConfigError(f"there are more than {most:,} records; take a shorter stretch with --since")
            if after_page is not None and page.records:
                await after_page()
                after_page = None
    if isinstance(connector, Receiver) and not connector.polled:
        found.pushed = True
        for number, body in enumerate(pushes):
            _take(found, connector.receive(f"contract-{number}", body).items)
    if wire is not None:
        found.exchanges = wire.exchanges[start:]
    return found


def _take(found: Harvest, items: Sequence[ComplaintRecord | Rejected]) -> None:
    found.pages += 1
    for item in items:
        if isinstance(item, Rejected):
            found.rejected.append(item)
        else:
            found.records[item.native_id] = item


def _generator(pages: Any) -> Any:
    """The protocol asks for an iterator; only a generator has an end that can be brought about."""
    return pages if hasattr(pages, "aclose") else _through(pages)


async def _through(pages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for page in pages:
        yield page


def middle(records: Mapping[str, ComplaintRecord]) -> datetime | None:
    """The moment by which half of the records had changed last."""
    moments = sorted(record.updated_at for record in records.values() if record.updated_at is not None)
    return moments[len(moments) // 2] if moments else None
