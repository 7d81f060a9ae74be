"""`simpul schema`."""

from __future__ import annotations

import sys


def print_schema() -> None:
    """Print the graph's schema (SDL), as schema/graph/hub.graphql has it."""
    from schema.graph.schema import sdl

    sys.stdout.write(sdl())
