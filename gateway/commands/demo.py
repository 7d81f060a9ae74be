"""`simpul demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from connectors.secrets import Secrets
from gateway.commands.progress import Harvesting
from gateway.demo import DEFAULT_DATA, Simulated, agency_files, demo_agencies, simulated_agencies
from gateway.hub import serve
from gateway.ledger.migrate import migrate
from gateway.logs import configure_logs
from gateway.routing import FILE, load_routing
from gateway.server import listen, run
from gateway.settings import LogLevel, Settings, load
from simulators.control import introduce

console = Console(stderr=True)

_QUERIES = (
    (
        "the newest over all agencies, and how fresh each one is",
        "{ complaints(first: 5) { totalCount sources { agency { id } state lagSeconds }"
        " nodes { trackingId title status agency { name } } } }",
    ),
    (
        "who closes complaints: citizens, agencies, or nobody but the clock",
        "{ statistics(filter: {statuses: [CLOSED]}, groupBy: [AGENCY, STATUS_ACTOR])"
        " { agency { id } statusActor count medianDaysToClose } }",
    ),
    (
        "overdue complaints about roads in Tangerang",
        '{ complaints(filter: {regionCode: "36.03", text: "jalan rusak", overdue: true}, first: 3)'
        " { totalCount nodes { trackingId title dueAt clocks { kind dueAt breached } } } }",
    ),
)


def demo(
    *,
    port: int = 8000,
    data: Path = DEFAULT_DATA,
    seed: int | None = None,
    most: Annotated[int | None, Parameter(show=False)] = None,
) -> None:
    """Run seven simulated agencies and the hub over them. Ctrl-C ends it; the same DATA goes on where it ended.

    Parameters
    ----------
    port
        Where the hub listens, on this machine only; 0 takes a free one.
    data
        Folder of the demo: ledger, simulators' state.
    seed
        The simulated complaints follow from it. A folder keeps the seed it was made with.
    most
        Complaints that an agency begins with at most, but for kab-tangerang: a small demo starts sooner.
    """
    settings = load(data_dir=data, host="127.0.0.1", port=port, cors_origins=("localhost",), log_level=LogLevel.WARNING)
    settings = settings.model_copy(update={"database_url": None})
    configure_logs(settings.log_format, settings.log_level)
    listen(settings.host, settings.port).close()  # a port that is taken is told before anything is started
    with simulated_agencies(data, seed, most) as simulated:
        run(_run(settings, simulated))
    console.print("bye")


async def _run(settings: Settings, simulated: Simulated) -> None:
    await migrate(settings.database)
    manifests = demo_agencies(simulated)
    with Harvesting(manifests) as progress:
        await serve(
            settings,
            manifests,
            Secrets(simulated.environment),
            rules=lambda manifests: load_routing(agency_files() / FILE, manifests),
            on_started=lambda address: _started(address, settings.data_dir),
            on_page=progress.on_page,
            on_report=progress.on_report,
        )


def _started(address: str, data: Path) -> None:
    introduce(data, address)  # from here on, what changes is sent
    _welcome(address, data)


def _welcome(address: str, data: Path) -> None:
    console.print(f"\n[bold]Simpul[/bold] answers at [bold]{address}/graphql[/bold]\n")
    for what, query in _QUERIES:
        console.print(f"# {what}", style="dim")
        body = '{"query":' + _quoted(query) + "}"
        line = f"curl -s {address}/graphql -H 'content-type: application/json' -d '{body}'\n"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    folder = "" if data == DEFAULT_DATA else f" --data {data}"
    console.print(
        f"Break an agency: simpul simulator fault prov-bali down --for 30{folder}\n"
        f"Move a status:   simpul simulator move kab-sleman --count 3{folder}\n"
        "Ctrl-C ends everything.\n",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
