"""`simpul schema` and `simpul agency schema`."""

from __future__ import annotations

import sys


def print_schema() -> None:
    """Print the graph's schema (SDL), as schema/graph/hub.graphql has it."""
    from schema.graph.schema import sdl

    sys.stdout.write(sdl())


def print_agency_schema() -> None:
    """Print the JSON Schema of an agency's file, for editors of TOML, as docs/agency.schema.json has it."""
    from connectors.json_schema import agency_schema_text

    sys.stdout.write(agency_schema_text())
