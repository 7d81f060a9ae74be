"""What was measured, as a file for programs and a table for people."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from bench.measure import Figures, Outcome, Plan

_PACKAGES = ("strawberry-graphql", "graphql-core", "starlette", "uvicorn", "uvloop", "tortoise-orm", "asyncpg")


def results(plan: Plan, outcome: Outcome, context: dict[str, Any]) -> dict[str, Any]:
    """The content of `results.json`: `cases`, then what they were measured on and with."""
    found = {(each.case, each.server): each for each in outcome.figures}
    return {
        "cases": [
            {
                **_numbers(found[case, f"hub {database}"], database),
                "constant_rps": round(found[case, "constant"].rps, 1),
                "stock_rps": round(found[case, f"stock {database}"].rps, 2),
            }
            for database in plan.databases
            for case in plan.cases
        ],
        "crowd": [_numbers(each, each.server.split()[1]) for each in outcome.crowd],
        "memory_mb": {
            name.split()[1]: {"rss": round(rss, 1), "anonymous": round(own, 1)}
            for name, (rss, own) in outcome.memory_mb.items()
        },
        "answer_bytes": outcome.answer_bytes,
        "servers": [
            {"name": each.case, "server": each.server, "rps": round(each.rps, 2), "cpu_ms": round(each.cpu_ms, 4)}
            for each in outcome.figures
        ],
        "remarks": outcome.remarks,
        "context": context,
    }


def context(plan: Plan, rows: int, core: int) -> dict[str, Any]:
    """Machine, programs and how it was measured, as far as they bear on the figures."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "server_core": core,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in _PACKAGES},
        "load_average_before": os.getloadavg()[0],
        "complaints": rows,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "connections": plan.connections,
        "crowd": plan.crowd,
        # Names alone: a value may be a secret.
        "settings": sorted(name for name in os.environ if name.startswith("SIMPUL_")),
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Writes `results.json`."""
    path.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def table(content: dict[str, Any]) -> str:
    """Ratios to what was measured beside it in the same run."""
    crowd = {(each["name"], each["database"]): each for each in content["crowd"]}
    spent = {(each["name"], each["server"]): each["cpu_ms"] for each in content["servers"]}
    lines = [(*_HEADS, f"p50 ms at {content['context']['crowd']}", "p99/p50", "bytes")]
    for case in content["cases"]:
        many = crowd[case["name"], case["database"]]
        stock, constant = spent[case["name"], f"stock {case['database']}"], spent[case["name"], "constant"]
        lines.append(
            (
                case["name"],
                case["database"],
                f"{case['rps']:,.0f}",
                f"{case['cpu_ms']:.3f}",
                f"{case['p50_ms']:.2f}",
                f"{case['p99_ms']:.2f}",
                f"{case['rps'] / case['stock_rps']:.1f}",
                _ratio(stock, case["cpu_ms"]),
                f"{case['rps'] / case['constant_rps']:.3f}",
                _ratio(constant, case["cpu_ms"]),
                f"{many['p50_ms']:.1f}",
                f"{many['p99_ms'] / many['p50_ms']:.1f}",
                f"{content['answer_bytes'][case['name']]:,}",
            )
        )
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    return "\n".join([*(_line(line, widths) for line in lines), "", *_notes(content)])


def streams_table(crowds: Sequence[dict[str, Any]]) -> str:
    """Deliveries of live streams, with ratios to constant bytes."""
    lines = [_STREAM_HEADS]
    for each in crowds:
        hub, ratio = each["hub"], each["ratio"]
        lines.append(
            (
                f"{each['subscribers']:,}",
                f"{each['documents']:,}",
                f"{hub['per_second']:,.0f}",
                f"{ratio['per_second']:.2f}",
                f"{hub['cpu_us']:.1f}",
                f"{ratio['by_cpu']:.2f}",
                f"{hub['paced_per_second']:,.0f}",
                f"{ratio['paced_per_second']:.2f}",
                f"{hub['paced_cpu_us']:.1f}",
                f"{ratio['paced_by_cpu']:.2f}",
                f"{hub['p50_ms']:.1f}",
                f"{hub['p99_ms']:.1f}",
                f"{ratio['p99_delay']:.2f}",
                f"{each['frame_bytes']:,}",
            )
        )
    widths = [max(len(line[k]) for line in lines) for k in range(len(_STREAM_HEADS))]
    return "\n".join(_line(line, widths) for line in lines)


_STREAM_HEADS = (
    "subscribers", "documents", "deliveries/s", "x constant", "CPU us", "by CPU", "one by one: /s", "x constant",
    "CPU us", "by CPU", "p50 ms", "p99 ms", "x constant", "bytes",
)  # fmt: skip
_HEADS = ("case", "database", "req/s", "CPU ms", "p50 ms", "p99 ms", "x stock", "by CPU", "x constant", "by CPU")


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    named = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    counted = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
    return "  ".join([*named, *counted]).rstrip()


def _ratio(spent: float, spent_here: float) -> str:
    # A short window may have cost less than the kernel counts.
    return f"{spent / spent_here:.3g}" if spent_here else "-"


def _notes(content: dict[str, Any]) -> list[str]:
    memory = (f"{name} {held['rss']:.0f} MB" for name, held in content["memory_mb"].items())
    before, after = (content["context"][f"load_average_{when}"] for when in ("before", "after"))
    return [
        f"resident memory after the run: {', '.join(memory)}",
        f"load average: {before:.2f} before, {after:.2f} after",
        *content["remarks"],
    ]


def _numbers(figures: Figures, database: str) -> dict[str, Any]:
    return {
        "name": figures.case,
        "database": database,
        "rps": round(figures.rps, 1),
        "cpu_ms": round(figures.cpu_ms, 4),
        "p50_ms": round(figures.p50_ms, 3),
        "p99_ms": round(figures.p99_ms, 3),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
