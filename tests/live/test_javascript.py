"""Clients in JavaScript, as they come from npm."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators import control
from tests.live.demo import Demo

CLIENTS = Path(__file__).parents[2] / "docs" / "clients.md"

AUDIT = """
import { auditServer } from 'graphql-http';
const results = await auditServer({ url: process.argv[2] });
console.log(JSON.stringify(results.map(({ name, status, reason }) => ({ name, status, reason }))));
"""

#: Follows as the documentation says, and loses its connection when it is told to.
FOLLOW = """
import { createInterface } from 'node:readline';
import { follow } from './follow.mjs';
const { client } = follow(process.argv[2], process.argv[3], {}, (frame) => console.log(JSON.stringify(frame)));
createInterface({ input: process.stdin }).on('line', () => client.terminate()).on('close', () => process.exit(0));
"""


def documented(language: str) -> str:
    """The block of that language in the page for clients."""
    [block] = re.findall(rf"(?ms)^```{language}\n(.*?)^```", CLIENTS.read_text())
    return str(block)


def test_all_audits_of_graphql_over_http_pass(demo: Demo, node: Path, npm: Callable[..., Path]) -> None:
    script = npm("graphql-http@1.23.1", "graphql@16") / "audit-demo.mjs"
    script.write_text(AUDIT)
    run = subprocess.run([node, script, f"{demo.hub.address}/graphql"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert [result for result in results if result["status"] != "ok"] == []
    assert len(results) == 61


@pytest.fixture
def script(npm: Callable[..., Path]) -> Path:
    """The documented wrapper and its program, beside npm's graphql-ws."""
    folder = npm("graphql-ws@6", "graphql@16")
    (folder / "follow.mjs").write_text(documented("js"))
    program = folder / "program.mjs"
    program.write_text(FOLLOW)
    return program


async def test_graphql_ws_resumes_where_it_was_as_documented(demo: Demo, node: Path, script: Path) -> None:
    address = demo.hub.address.replace("http", "ws") + "/graphql"
    run = await asyncio.create_subprocess_exec(
        node, script, address, documented("graphql"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert run.stdin is not None
    assert run.stdout is not None
    frames: list[dict[str, Any]] = []

    async def until_told(steps: list[dict[str, Any]]) -> None:
        """Reads frames until each of these moves was among them."""
        missing = {(step["trackingId"], step["to"]) for step in steps}
        while missing:
            frames.append(json.loads(await run.stdout.readline()))  # type: ignore[union-attr]  # asserted above
            complaint = frames[-1].get("complaint") or {}
            missing.discard((complaint.get("trackingId"), frames[-1].get("toStatus")))

    try:
        async with asyncio.timeout(30):
            frames.append(json.loads(await run.stdout.readline()))
            await until_told(control.move(demo.data, "prov-diy", 2))
            run.stdin.write(b"lose it\n")
            await until_told(control.move(demo.data, "prov-diy", 2))
    finally:
        run.stdin.close()
        await asyncio.wait_for(run.wait(), 10)

    positions = [frame for frame in frames if frame["__typename"] == "StreamPosition"]
    assert [position["recovered"] for position in positions] == [True, True]
    events = [frame["cursor"] for frame in frames if frame["__typename"] not in ("StreamPosition", "Checkpoint")]
    assert len(set(events)) == len(events)
    lost = next(i for i, frame in enumerate(frames) if frame is positions[1])
    assert frames[lost]["cursor"] == frames[lost - 1]["cursor"]
