"""`simpul simulator`: the simulated agencies, alone or of a running demo."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import orjson
from cyclopts import Parameter

from gateway.demo import DEFAULT_DATA

Fault = Literal[
    "down",
    "slow",
    "error",
    "html",
    "malformed",
    "loop",
    "empty",
    "drop-reply",
    "answer-twice",
    "answer-late",
    "commit-late",
    "reject",
    "lose",
    "swallow",
]


def serve(*, data: Path = DEFAULT_DATA, seed: int | None = None) -> int:
    """Play the seven simulated agencies alone, until Ctrl-C. DATA/simulators.json tells their addresses and keys.

    Parameters
    ----------
    data
        Folder of what they remember.
    seed
        Their complaints follow from it. A folder keeps the seed it was made with.
    """
    from simulators.__main__ import main

    return main(["--data", str(data), *(["--seed", str(seed)] if seed is not None else [])])


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
