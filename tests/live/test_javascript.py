"""Clients in JavaScript, as they come from npm."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.live.demo import Demo

AUDIT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
"""


def test_all_audits_of_graphql_over_http_pass(demo: Demo, node: Path, npm: Callable[..., Path]) -> None:
    script = npm("graphql-http@1.23.1", "graphql@16") / "audit-demo.mjs"
    script.write_text(AUDIT)
    run = subprocess.run([node, script, f"{demo.hub.address}/graphql"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61
