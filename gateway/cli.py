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
delivery = App(name="delivery", help="What was written here, on its way to agencies.")
db = App(name="db", help="The ledger's database.")
graph = App(name="schema", help="The graph's schema.")
audit = App(name="audit", help="What was written and refused, and the proof that nobody changed it since.")
key = App(name="key", help="Operators' keys: who may handle complaints.")
documents = App(name="documents", help="Documents that may be asked for by name.")
privacy = App(name="privacy", help="What the law asks of whoever keeps personal data.")
subject = App(name="subject", help="What people ask of whoever keeps data of theirs.")
simulator = App(name="simulator", help="The simulated agencies, alone or of a running demo.")

# Their help stands here too, since an overview loads none of them.
app.command(
    "gateway.commands.demo:demo",
    help="Run seven simulated agencies and the hub over them. Ctrl-C ends it; the same DATA goes on where it ended.",
)
app.command(
    "gateway.commands.serve:serve",
    help="Serve the graph and keep the mirror of all agencies fresh, until SIGTERM or Ctrl-C.",
)
app.command(
    "gateway.commands.sync:sync",
    help="Read once what changed at all agencies, or at some, without serving. Exits with 1 if one can't be read.",
)
app.command(
    "gateway.commands.route:route",
    help="Show which agency a complaint would go to, by which rule, and what the citizen is told. Nothing is written.",
)
for group in (agency, audit, db, delivery, documents, key, graph, privacy, simulator, subject):
    app.command(group)
agency.command(
    "gateway.commands.agency_new:new",
    help="Begin an agency: its file with everything explained, a test of three lines, and a folder for its recording.",
)
agency.command(
    "gateway.commands.agency_check:check",
    help="Ask an agency for one page, and show what its file makes of it. Exits with 1 if the agency can't be read.",
)
agency.command(
    "gateway.commands.agency_record:record_agency",
    name="record",
    help="Read an agency and keep what it answered, without people in it, in the folder beside its file.",
)
agency.command(
    "gateway.commands.agency_record:replay",
    help="Read an agency from its recording, offline, and show what the file makes of it now, and what that changed.",
)
agency.command(
    "gateway.commands.agency_certify:certify",
    help="Try each rule of the contract on an agency's recording, or live, and write down the tier. "
    "Exits with 1 for none.",
)
agency.command(
    "gateway.commands.agency_list:list_agencies",
    name="list",
    help="List the agencies that are plugged in, with the health of their sources and their connectors' tiers.",
)
agency.command(
    "gateway.commands.schema:print_agency_schema",
    name="schema",
    help="Print the JSON Schema of an agency's file, for editors of TOML, as docs/agency.schema.json has it.",
)
agency.command(
    "gateway.commands.apply:apply",
    help="Have the running hub read the agencies' files again, and do at once what they add, change, pause or remove.",
)
db.command(
    "gateway.commands.db:migrate",
    help="Bring the database up to this program. Safe to run again, and before every start.",
)
db.command(
    "gateway.commands.db:backup",
    help="Write a consistent copy of the ledger to FILE, while the hub runs.",
)
db.command(
    "gateway.commands.db:restore",
    help="Put a backup in place of the ledger. The hub must be stopped; clients learn that history was rewritten.",
)
audit.command(
    "gateway.commands.audit:verify",
    help="Verify the audit, also while the hub runs. Exits with 1 if a row was altered, deleted, moved or put in.",
)
audit.command("gateway.commands.audit:list_audit", name="list", help="List the audit: who did what, by ids.")
audit.command(
    "gateway.commands.audit:print_key",
    name="key",
    help="Print the public key that the audit is verified with. It may be told to anybody.",
)
audit.command(
    "gateway.commands.audit:accept",
    help="Answer for a backup that was put back without `simpul db restore`: `verify` then excuses that row.",
)
key.command(
    "gateway.commands.key:create",
    help="Make an operator's key. It is printed once, on standard output, and kept nowhere.",
)
key.command("gateway.commands.key:list_keys", name="list", help="List the operators' keys, without the keys.")
key.command("gateway.commands.key:revoke", help="End a key. A running hub heeds it within 5 seconds.")
delivery.command(
    "gateway.commands.delivery_list:list_deliveries",
    name="list",
    help="List writes on their way to agencies, oldest first: those that have not come to an end, or a state.",
)
delivery.command(
    "gateway.commands.delivery_list:show_delivery",
    name="show",
    help="Show one write on its way to an agency: everything but what it says.",
)
delivery.command(
    "gateway.commands.delivery_retry:retry",
    help="Have a REJECTED or DEAD write sent again, an UNKNOWN one looked up. Exits with 1 if it is in another state.",
)
graph.command(
    "gateway.commands.schema:print_schema",
    name="print",
    help="Print the graph's schema (SDL), as schema/graph/hub.graphql has it.",
)
documents.command(
    "gateway.commands.documents:check",
    help="Check a list of trusted documents against the graph and its limits. Exits with 1 if one would be refused.",
)
privacy.command(
    "gateway.commands.privacy:who_saw",
    help="Tell who was shown of a complaint what the public is not, and who wrote to it, from the audit.",
)
privacy.command(
    "gateway.commands.privacy_report:report",
    help="Print the register of processing: of each agency what is kept, why, how long, and who sees it.",
)
subject.command(
    "gateway.commands.subject:export",
    help="Print everything that the hub keeps of complaints, as JSON: for whoever asks what is kept of them.",
)
subject.command(
    "gateway.commands.subject:erase",
    help="Take every text, name, place and file out of complaints, for good. "
    "Without --yes, show which, and exit with 1.",
)
subject.command(
    "gateway.commands.subject:restrict",
    help="Hide complaints from the public and from other agencies, until `simpul subject lift`.",
)
subject.command(
    "gateway.commands.subject:lift",
    help="Show complaints again that were restricted, as their agencies have it.",
)
subject.command(
    "gateway.commands.subject:list_subjects",
    name="list",
    help="List what was done for people whose data it is, newest last: when, what, of which complaint.",
)
simulator.command(
    "gateway.commands.simulator:serve",
    help="Play the seven simulated agencies alone, until Ctrl-C. DATA/simulators.json tells their addresses and keys.",
)
simulator.command("gateway.commands.simulator:fault", help="Make a simulated agency fail.")
simulator.command("gateway.commands.simulator:clear", help="End the fault of a simulated agency.")
simulator.command(
    "gateway.commands.simulator:move",
    help="Move statuses at a simulated agency now, and print what moved as JSON. Exits with 1 if nothing did.",
)


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
    except OSError as error:
        if error.filename is None:
            raise
        print(f"simpul: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return FAILED
    except KeyboardInterrupt:
        return 130


def _code(error: SimpulError) -> int:
    if isinstance(error, MigrationsPending):
        return MIGRATE
    if isinstance(error, LedgerUnavailable):
        return DATABASE
    return USAGE if isinstance(error, ConfigError) else FAILED
