"""`[sql]`: the table of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from connectors.fields import Section
from connectors.settings import Positive


class Since(Section, frozen=True, kw_only=True):
    """`[sql.since]`: the column that tells when a row changed last.

    Attributes:
        column: of the query; None where the query itself has `:since`.
        format: how a column that is no date writes moments: epoch, epoch_ms or a strftime format.
    """

    column: str | None = None
    format: str | None = None


class ChildList(Section, frozen=True, kw_only=True):
    """`[sql.lists.NAME]`: a list that belongs to each row, from a table of its own; it stands in the row as NAME.

    Attributes:
        query: one SELECT, of all entries, or with `:ids` of these rows' entries only.
        parent: column of the query that holds the row's key.
        order: column of the query that the entries are sorted by.
    """

    query: str
    parent: str
    order: str | None = None


class SqlSettings(Section, frozen=True, kw_only=True):
    """`[sql]`.

    Attributes:
        url: `postgres://`, `mysql://` or `sqlite://`, as a secret reference or with one in place of the password.
        query: one SELECT with one row per complaint; may have `:since`, `:after` and `:limit`.
        key: column of the query by which pages are cut, unique; by default the one in `fields.native_id`.
        since: what tells changed rows; without it, and without `:since`, rows are compared with what they were.
        fetch: one SELECT of single complaints by `:ids`; needed where `query` pages by itself.
        lists: child queries by name.
        json: columns that hold JSON as text.
        encoding: `utf8-in-latin1` for texts that a program wrote as UTF-8 into columns declared latin1.
        zone: of dates without one; by default the agency's.
        page: rows in each.
        deadline: seconds in all for a page, connecting included.
        max_bytes: of a page, about.
    """

    url: str
    query: str
    key: str | None = None
    since: Since | None = None
    fetch: str | None = None
    lists: Mapping[str, ChildList] = {}
    json: tuple[str, ...] = ()
    encoding: Literal["utf8-in-latin1"] | None = None
    zone: str | None = None
    page: Annotated[int, msgspec.Meta(ge=1, le=5_000)] = 200
    deadline: Positive = 10.0
    max_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 20_000_000
