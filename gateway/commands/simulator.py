"""`simpul simulator`: the simulated agencies of a running demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from gateway.demo import DEFAULT_DATA

Fault = Literal["down", "slow", "error", "html", "malformed", "loop", "empty"]


def fault(
    agency: str,
    kind: Fault,
    *,
    seconds: Annotated[float | None, Parameter(name="--for")] = None,
    data: Path = DEFAULT_DATA,
) -> None:
    """Make a simulated agency fail.

    Parameters
    ----------
    agency
        Its slug, for instance prov-bali.
    kind
        What goes wrong.
    seconds
        Ends by itself after so long; without it, by `simpul simulator clear`.
    data
        The demo's folder.
    """
    from simulators.control import fault as begin

    begin(data, agency, kind, seconds)


def clear(agency: str, *, data: Path = DEFAULT_DATA) -> None:
    """End the fault of a simulated agency.

    Parameters
    ----------
    agency
        Its slug.
    data
        The demo's folder.
    """
    from simulators.control import clear as end

    end(data, agency)


def move(agency: str, *, count: int = 1, data: Path = DEFAULT_DATA) -> int:
    """Move statuses at a simulated agency now, and print what moved as JSON. Exits with 1 if nothing did.

    Parameters
    ----------
    agency
        Its slug.
    count
        How many complaints to move by one step each.
    data
        The demo's folder.
    """
    from simulators.control import move as step

    moved = step(data, agency, count)
    sys.stdout.write(orjson.dumps(moved, option=orjson.OPT_INDENT_2).decode() + "\n")
    return 0 if moved else 1
