"""The command line. Commands are named here and loaded when called, so that a server holds no other's code."""

from __future__ import annotations

import sys
from importlib.metadata import version

from cyclopts import App, CycloptsError

from schema.errors import ConfigError, LedgerUnavailable, MigrationsPending, SimpulError

#: Exit codes, told in docs/operations.md. 0: done. 1: what was asked about is not well.
FAILED, USAGE, MIGRATE, DATABASE = 1, 2, 3, 4

app = App(
    name="simpul",
    help="One GraphQL graph over the complaint systems of district, provincial and national agencies.",
    version=lambda: version("simpul"),
    help_epilogue="Settings are environment variables that begin with SIMPUL_: see docs/operations.md.",
)
agency = App(name="agency", help="Agencies that are plugged in, and their files.")
db = App(name="db", help="The ledger's database.")
graph = App(name="schema", help="The graph's schema.")
simulator = App(name="simulator", help="The simulated agencies of a running demo.")

app.command("gateway.commands.demo:demo")
app.command("gateway.commands.serve:serve")
app.command("gateway.commands.sync:sync")
for group in (agency, db, graph, simulator):
    app.command(group)
agency.command("gateway.commands.agency:list_agencies", name="list")
agency.command("gateway.commands.agency:check")
db.command("gateway.commands.db:migrate")
db.command("gateway.commands.db:backup")
db.command("gateway.commands.db:restore")
graph.command("gateway.commands.schema:print_schema", name="print")
simulator.command("gateway.commands.simulator:serve")
simulator.command("gateway.commands.simulator:fault")
simulator.command("gateway.commands.simulator:clear")
simulator.command("gateway.commands.simulator:move")


def main(arguments: list[str] | None = None) -> None:
    """Runs a command and exits with its code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Runs a command. Returns its exit code; errors are one line on standard error."""
    try:
        return app(arguments, result_action="return_int_as_exit_code_else_zero", exit_on_error=False) or 0
    except CycloptsError:
        return USAGE  # cyclopts has printed it
    except SimpulError as error:
        print(f"simpul: {error}", file=sys.stderr)  # noqa: T201
        return _code(error)
    except KeyboardInterrupt:
        return 130


def _code(error: SimpulError) -> int:
    if isinstance(error, MigrationsPending):
        return MIGRATE
    if isinstance(error, LedgerUnavailable):
        return DATABASE
    return USAGE if isinstance(error, ConfigError) else FAILED
