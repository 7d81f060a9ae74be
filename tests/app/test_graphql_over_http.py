"""The audits of npm's `graphql-http`: the GraphQL-over-HTTP specification, executed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
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
def audits(npm: Callable[..., Path]) -> Path:
    """The script that runs the audits, beside the packages that it needs."""
    script = npm(f"graphql-http@{VERSION}", "graphql@16") / "audit.mjs"
    script.write_text(AUDIT)
    return script


@pytest.mark.parametrize("fast", [False, True], ids=["asgi", "fast lane"])
async def test_all_audits_pass(front: Any, node: Path, audits: Path, fast: bool) -> None:
    async with front(cached=fast).served(fast=fast) as server:
        run = await asyncio.create_subprocess_exec(
            node, audits, f"{server.address}/graphql", stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        out, err = await asyncio.wait_for(run.communicate(), 60)
    assert run.returncode == 0, err.decode()
    results = json.loads(out)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
