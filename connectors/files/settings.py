"""`[files]` in an agency's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from connectors.fields import Section
from connectors.open311.settings import UpdatesSettings

#: What a file may hold, by the endings that say so.
ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
}

Format = Literal["csv", "xlsx", "ndjson", "json"]
Bytes = Annotated[int, msgspec.Meta(ge=1_000, le=10_000_000_000)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class InboxSettings(Section, frozen=True, kw_only=True):
    """`[files.inbox]`: the agency drops files by `PUT /agencies/ID/files`.

    Attributes:
        key: reference to the agency's key; several are valid at once while the key is changed.
        max_bytes: of one drop.
        keep_files, keep_days: drops that were read are removed when so many newer ones came, or after so many days.
    """

    key: str | tuple[str, ...]
    max_bytes: Bytes = 50_000_000
    keep_files: Count = 20
    keep_days: NotNegative = 30.0

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key


class FilesSettings(Section, frozen=True, kw_only=True):
    """`[files]`. At least one of `folder`, `url` and `inbox` says where the files come from.

    Attributes:
        folder: where they lie; if relative, beside the agency's file.
        url: path of an export below `http.url`, or several.
        inbox: takes drops.
        preset: a known export, whose columns and words then need not be told.
        pattern: names that count, with `*` and `?`; by default all whose ending is known.
        format: of all files; by default each one's ending says it.
        delimiter: between the cells of a CSV; by default found among , ; tab |.
        encoding: of a CSV; by default UTF-8, or UTF-16 with its mark, else Windows-1252.
        sheet: of an XLSX; by default the first.
        header: number of the row that names the columns; by default the first that names the native id's.
        records: JMESPath to the list of records in a JSON file; by default the file itself.
        joined: columns made of others: the texts with a blank between, or the moment of a day and a time of day.
        newest: which of two files is the newer: the one modified last, or the one whose name comes last.
        settle: seconds for which a file in the folder must not have changed before it is read.
        max_bytes, max_rows: of one file.
        max_unpacked: bytes that an XLSX says it unpacks to.
        updates: a feed of status updates beside the files.
    """

    folder: str | None = None
    url: str | tuple[str, ...] = ()
    inbox: InboxSettings | None = None
    preset: Literal["sp4n-lapor-export"] | None = None
    pattern: str | None = None
    format: Format | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: str | None = None
    sheet: str | None = None
    header: Count | None = None
    records: str | None = None
    joined: Mapping[str, tuple[str, ...]] = {}
    newest: Literal["modified", "name"] = "modified"
    settle: NotNegative = 2.0
    max_bytes: Bytes = 200_000_000
    max_rows: Count = 1_000_000
    max_unpacked: Bytes = 500_000_000
    updates: UpdatesSettings | None = None

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url,) if isinstance(self.url, str) else self.url
