"""`simpul agency apply`."""

from __future__ import annotations

import sys

import msgspec
from rich.console import Console

from connectors.registry import load_agencies
from gateway.reload import Hub, Outcome, find_hub, here, reload_hub
from gateway.settings import Settings, load
from gateway.sync.agencies import Applied
from schema.errors import ConfigError, SimpulError

console = Console()

#: Seconds that the hub is given to answer.
PATIENCE = 60.0


def apply(*, json: bool = False) -> None:
    """Have the running hub read the agencies' files again, and do at once what they add, change, pause or remove.

    All files are checked first; if one will not do, nothing changes. Exits with 1 if no hub runs on the data folder.

    Parameters
    ----------
    json
        One JSON object with the slugs of what changed, for scripts.
    """
    settings = load()
    load_agencies(settings.agencies_dir)
    hub = _hub(settings)
    try:
        outcome = reload_hub(hub, settings.data_dir, PATIENCE)
    except OSError as error:
        raise SimpulError(f"the hub (process {hub.pid}) can't be told: {error.strerror}") from None
    if outcome is None:
        raise SimpulError(f"the hub (process {hub.pid}) said nothing for {PATIENCE:.0f} s; see its log")
    _tell(_applied(outcome), json=json)


def _hub(settings: Settings) -> Hub:
    hub = find_hub(settings.data_dir)
    if hub is None:
        raise SimpulError(f"no hub runs on the data folder {settings.data_dir} (SIMPUL_DATA_DIR)")
    if hub.place != here():
        raise SimpulError("the hub of this data folder runs on another machine or in a container: run this there")
    folder = str(settings.agencies_dir.resolve())
    if hub.agencies_dir != folder:
        raise ConfigError(f"is {folder}, and the hub reads {hub.agencies_dir}", key="SIMPUL_AGENCIES_DIR")
    return hub


def _applied(outcome: Outcome) -> Applied:
    if outcome.applied is None:
        raise (ConfigError if outcome.misfit else SimpulError)(outcome.error)
    return outcome.applied


def _tell(applied: Applied, *, json: bool) -> None:
    if json:
        sys.stdout.write(msgspec.json.encode(applied).decode() + "\n")
        return
    for what, slugs in msgspec.structs.asdict(applied).items():
        if slugs:
            named = f"{len(slugs)}" if what == "unchanged" else ", ".join(slugs)
            console.print(f"{what:<10}{named}", markup=False, highlight=False, soft_wrap=True)
