"""Who goes first when there is too much to do."""

from __future__ import annotations

from enum import IntEnum


class Rank(IntEnum):
    """Smaller goes first."""

    #: A mutation.
    WRITE = 0
    #: A query as a page asks it, and the beginning of a stream.
    READ = 1
    #: A query that costs a lot: exports, long lists.
    BULK = 2


#: What a query costs from which on it is BULK.
BULK_COST = 1_000
