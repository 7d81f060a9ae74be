"""What the kinds of connectors share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import msgspec

from connectors.http import Http
from connectors.manifest import Manifest
from connectors.quarantine import reject
from connectors.secrets import Resolve
from schema.complaint import ComplaintRecord, Rejected
from schema.connector import Connector, Page
from schema.delivery import DeliveryKind
from schema.errors import ConfigError, RecordError


@dataclass(frozen=True, slots=True)
class Means:
    """What a connector may use.

    Attributes:
        secrets: resolves references in the agency's file.
        client: the agency's HTTP client; None where its file has no `[http]`.
        folder: of this agency alone, in the data folder; it need not exist yet. None: nothing may be kept on disk.
    """

    secrets: Resolve
    client: Http | None = None
    folder: Path | None = None

    @property
    def http(self) -> Http:
        """The agency's HTTP client.

        Raises:
            ConfigError: its file has no `[http]`; never where the kind needs it.
        """
        if self.client is None:
            raise ConfigError("is missing", key="http")
        return self.client


class Connect(Protocol):
    """Makes a connector. It owns `means.http` and closes it in `aclose`; nothing is opened before the first request.

    Raises:
        ConfigError: the agency's file lacks something that the kind needs.
    """

    def __call__(self, manifest: Manifest, means: Means) -> Connector: ...


class Kind(msgspec.Struct, frozen=True):
    """A way of speaking to agencies: what an entry point of the group `simpul.connectors` names.

    Attributes:
        settings: struct of the file's table that is named like the kind.
        connect: makes the connector of one agency.
        http: the file must have `[http]`.
        address: dotted key of where the agency is, for demos and tests that put it elsewhere.
        check: finds what is wrong in the file's table beyond its types; raises ConfigError.
    """

    settings: type[msgspec.Struct]
    connect: Connect
    http: bool = True
    address: str = "http.url"
    takes: Callable[[Manifest], frozenset[DeliveryKind]] | None = None
    check: Callable[[Manifest], None] = lambda manifest: None


def page_of(
    raws: Iterable[object],
    parse: Callable[[object], ComplaintRecord],
    total: int | None = None,
    native_id: Callable[[object], str | None] = lambda raw: None,
) -> Page:
    """Parses each record alone: the good ones are kept, the bad ones rejected, none of them harms another.

    Args:
        parse: raises RecordError.
        native_id: reads the key of a record that `parse` refused, for the quarantine.
    """
    records: list[ComplaintRecord] = []
    rejected: list[Rejected] = []
    for raw in raws:
        try:
            records.append(parse(raw))
        except RecordError as error:
            rejected.append(reject(raw, error, native_id(raw)))
    return Page(records=tuple(records), rejected=tuple(rejected), total=total)


def look_back(since: datetime | None, seconds: float) -> datetime | None:
    """Where to read from: some time before `since`, for what the agency filed late under an earlier moment."""
    return since - timedelta(seconds=seconds) if since else None
