"""`simpul serve`."""

from __future__ import annotations

import os
import sys

import structlog

from connectors.registry import load_agencies
from connectors.secrets import Secrets
from gateway.hub import serve as run_hub
from gateway.ledger.migrate import migrate as bring_up
from gateway.logs import configure_logs
from gateway.routing import load_routing
from gateway.server import run
from gateway.settings import load

log = structlog.get_logger("simpul")


def serve(*, migrate: bool = False) -> None:
    """Serve the graph and keep the mirror of all agencies fresh, until SIGTERM or Ctrl-C.

    Parameters
    ----------
    migrate
        Bring the database up to this program first; without it, pending migrations end the start with exit code 3.
    """
    settings = load()
    configure_logs(settings.log_format, settings.log_level)
    manifests = load_agencies(settings.agencies_dir)
    if migrate:
        run(bring_up(settings.database))
    log.info("hub.starting", agencies=len(manifests), python=sys.version.split()[0])
    run(
        run_hub(
            settings,
            manifests,
            Secrets(os.environ),
            read_again=lambda: load_agencies(settings.agencies_dir),
            rules=lambda manifests: load_routing(settings.routing, manifests),
            on_started=lambda address: log.info("hub.started", graph=f"{address}/graphql"),
        )
    )
