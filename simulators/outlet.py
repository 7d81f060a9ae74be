"""What an agency has beside its HTTP endpoints: a database, a folder of exports, calls to the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Outlet(Protocol):
    """Shows an agency's cases in another way than over HTTP.

    It is told of changes by `Agency.on_change`, and heeds `Agency.fault` as far as it can.

    Attributes:
        values: dotted keys of the agency's file and what stands there for the demo, for instance `sql.url`. Complete
            once `open` has returned.
    """

    values: Mapping[str, str]

    def open(self) -> None:
        """Makes what is to be read, with all cases in it."""

    async def run(self) -> None:
        """Follows the agency until cancelled."""

    def close(self) -> None:
        """Lets go of files."""
