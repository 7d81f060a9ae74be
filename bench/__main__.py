"""`python -m bench`: measures, prints a table of ratios and writes `bench/results.json`. Linux only."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from bench.cases import CASES, pools
from bench.measure import Bench, Outcome, Plan
from bench.mirror import fill, sqlite_mirror
from bench.postgres import postgres_mirror
from bench.process import serving
from bench.report import context, results, streams_table, table, write
from bench.streams import QUICK, StreamPlan, measured_streams
from gateway.ledger.database import open_database

HERE = Path(__file__).parent
DATABASES = ("sqlite", "postgres")

_POSITIONS = "SELECT updated_at, id FROM complaints WHERE public ORDER BY updated_at DESC, id DESC"

app = App(
    name="bench", help="How fast the hub is, beside stock Strawberry and constant bytes. See docs/performance.md."
)


@app.default
def bench(
    *,
    quick: bool = False,
    rows: int | None = None,
    rounds: int | None = None,
    seconds: float | None = None,
    connections: int | None = None,
    databases: Annotated[Sequence[str], Parameter(consume_multiple=True)] = DATABASES,
    cases: Annotated[Sequence[str], Parameter(consume_multiple=True)] = tuple(case.name for case in CASES),
    streams: bool = True,
    postgres: str | None = None,
    data: Path = HERE.parent / ".bench",
    out: Path = HERE / "results.json",
) -> None:
    """Measure.

    Parameters
    ----------
    quick
        A smoke test: 2,000 complaints, few connections, one round of short windows.
    rows
        Complaints in each database; 200,000 by default.
    rounds
        Rounds that are counted; 3 by default.
    seconds
        Length of a window: one server, one case; 2 by default.
    connections
        Keep-alive connections of the load; the hub is also measured with four times as many.
    databases
        Which of sqlite and postgres.
    cases
        Which cases, by name.
    streams
        Whether live streams are measured too.
    postgres
        Address of a database to measure instead of a PostgreSQL of its own. It must be empty, or filled by this.
    data
        Where filled databases are kept between runs.
    out
        Where the results go.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave every block: children end by it
    rows = rows or (2_000 if quick else 200_000)
    plan = Plan(
        rounds=rounds or (1 if quick else 3),
        seconds=seconds or (0.2 if quick else 2.0),
        connections=connections or (2 if quick else 16),
        crowd=4 * (connections or (2 if quick else 16)),
        databases=databases,
        cases=[case.name for case in CASES if case.name in cases],
    )
    core = _reserved_core()
    about = context(plan, rows, core)
    outcome = _measured(plan, rows, core, data, postgres)
    crowds = measured_streams(_stream_plan(quick, rounds), core) if streams else []
    content = results(plan, outcome, {**about, "load_average_after": os.getloadavg()[0]}) | {"streams": crowds}
    write(out, content)
    print("\n\n".join(["", table(content), *([streams_table(crowds)] if crowds else []), f"written to {out}"]))


@app.command(name="streams")
def bench_streams(*, quick: bool = False, rounds: int | None = None) -> None:
    """Measure live streams alone, and write nothing.

    Parameters
    ----------
    quick
        A smoke test: few subscribers, few events.
    rounds
        Rounds that are counted; 5 by default.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    crowds = measured_streams(_stream_plan(quick, rounds), _reserved_core())
    print(f"\n{streams_table(crowds)}\nload average: {os.getloadavg()[0]:.2f}")


def _stream_plan(quick: bool, rounds: int | None) -> StreamPlan:
    plan = QUICK if quick else StreamPlan()
    return msgspec.structs.replace(plan, rounds=rounds or plan.rounds)


def _measured(plan: Plan, rows: int, core: int, data: Path, postgres: str | None) -> Outcome:
    data.mkdir(parents=True, exist_ok=True)
    secret = os.urandom(32).hex()
    with ExitStack() as stack:
        urls = {database: _url(stack, database, data, rows, postgres) for database in plan.databases}
        positions = asyncio.run(_positions(next(iter(urls.values()))))
        servers = [stack.enter_context(serving("constant", core))]
        for database, url in urls.items():
            folder = Path(url.removeprefix("sqlite://")).parent if database == "sqlite" else _folder(stack)
            servers.append(stack.enter_context(serving(f"hub {database}", core, url, str(folder), secret)))
            servers.append(stack.enter_context(serving(f"stock {database}", core, url)))
        return Bench(plan, {server.name: server for server in servers}, pools(positions, secret)).run()


def _url(stack: ExitStack, database: str, data: Path, rows: int, postgres: str | None) -> str:
    print(f"{rows:,} complaints in {database}", flush=True)
    if database == "sqlite":
        return sqlite_mirror(data, rows)
    if postgres is None:
        return stack.enter_context(postgres_mirror(data, rows))
    asyncio.run(fill(postgres, _folder(stack), rows))
    return postgres


async def _positions(url: str) -> list[tuple[str, str]]:
    async with open_database(url) as database:
        rows = await database.fetch(_POSITIONS)
    return [(row[0], row[1]) for row in rows]


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))


def _reserved_core() -> int:
    """Takes one core for the measured servers; load and PostgreSQL get the others."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, cores[1:])
    return cores[0]


if __name__ == "__main__":
    app()
