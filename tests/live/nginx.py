"""A hub behind Debian's nginx, set up as docs/operations.md says and otherwise as it is installed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from simulators import control
from tests.live.demo import Demo, wait

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
INSTALLED = Path("/etc/nginx/nginx.conf")
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") if INSTALLED.exists() else None

FOLLOW = "subscription { complaintEvents { __typename ... on StreamFrame { cursor } } }"
#: Seconds for streams to begin, and for what was moved to come.
BEGUN, ARRIVED = 10.0, 15.0

#: When each cursor came, in seconds.
Arrivals = dict[str, float]


def configuration(hub: str, port: int, folder: Path, away: bool) -> str:
    """The installed file, with the documented site in it, and everything that it writes in a folder of the test."""
    site, more = re.findall(r"(?ms)^```nginx\n(.*?)^```", OPERATIONS.read_text())
    if away:
        site = site.rpartition("}")[0] + more + "}"
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("http://127.0.0.1:8000", hub)
    paths = [f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi")]
    lines = INSTALLED.read_text().replace("/run/nginx.pid", f"{folder}/pid").replace("/var/log/nginx", str(folder))
    kept = [line for line in lines.splitlines() if not re.match(r"\s*(user |include /etc/nginx/(?!mime))", line)]
    end = max(place for place, line in enumerate(kept) if line == "}")
    return "\n".join([*kept[:end], *paths, site, "}", ""])


@contextmanager
def nginx(hub: str, *, away: bool = False) -> Iterator[str]:
    """Its address.

    Args:
        away: with what is documented for a hub that is not there.
    """
    assert NGINX is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    # Its workers are another user.
    with tempfile.TemporaryDirectory(prefix="nginx-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        file = folder / "nginx.conf"
        file.write_text(configuration(hub, port, folder, away))
        with (folder / "stderr").open("wb") as errors:
            process = subprocess.Popen([NGINX, "-c", file, "-g", "daemon off;"], stderr=errors)
        try:
            # Written when it listens.
            wait(lambda: process.poll() is not None or (folder / "pid").exists(), BEGUN)
            assert process.poll() is None, (folder / "stderr").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


async def over_sse(address: str) -> AsyncIterator[Any]:
    async for line in _lines(address, "GET", "text/event-stream"):
        if line.startswith("data: "):
            yield json.loads(line[6:])


async def over_multipart(address: str) -> AsyncIterator[Any]:
    async for line in _lines(address, "POST", "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"):
        if line.startswith('{"payload"'):
            yield json.loads(line)["payload"]


async def over_websocket(address: str) -> AsyncIterator[Any]:
    url = address.replace("http", "ws", 1) + "/graphql"
    async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None, origin=address) as socket:  # type: ignore[arg-type]
        await socket.send('{"type": "connection_init"}')
        await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": FOLLOW}}))
        async for message in socket:
            said = json.loads(message)
            if said["type"] == "next":
                yield said["payload"]
            elif said["type"] == "ping":
                await socket.send('{"type": "pong"}')


async def _lines(address: str, method: str, accept: str) -> AsyncIterator[str]:
    asked: dict[str, Any] = {"params" if method == "GET" else "json": {"query": FOLLOW}}
    async with (
        # It takes what browsers take: gzip, too.
        httpx2.AsyncClient(trust_env=False, timeout=None) as client,
        client.stream(method, f"{address}/graphql", headers={"accept": accept}, **asked) as response,
    ):
        assert response.status_code == 200
        async for line in response.aiter_lines():
            yield line


WAYS: Mapping[str, Callable[[str], AsyncIterator[Any]]] = {
    "server-sent events": over_sse,
    "multipart": over_multipart,
    "WebSocket": over_websocket,
}


async def delays(demo: Demo, moves: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]) -> dict[str, float]:
    """The longest that nginx kept an event back, in seconds, by transport; none was lost.

    Args:
        moves: moves statuses, by calling what it is given.
    """
    moved: set[str] = set()

    async def move() -> None:
        steps = await asyncio.to_thread(control.move, demo.data, "prov-diy", 1)
        moved.update(step["trackingId"] for step in steps)

    direct: Arrivals = {}
    arrivals: dict[str, Arrivals] = {name: {} for name in WAYS}
    with nginx(demo.hub.address) as address:
        following = [asyncio.create_task(_follow(over_sse(demo.hub.address), direct))]
        following += [asyncio.create_task(_follow(way(address), arrivals[name])) for name, way in WAYS.items()]
        try:
            await _until(lambda: all((direct, *arrivals.values())), BEGUN, following)
            before = len(direct)
            await moves(move)
            await _until(lambda: len(direct) >= before + len(moved), ARRIVED, following)
            await _until(lambda: all(direct.keys() <= each.keys() for each in arrivals.values()), ARRIVED, following)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    return {name: max(each[cursor] - direct[cursor] for cursor in direct) for name, each in arrivals.items()}


async def _follow(frames: AsyncIterator[Any], arrivals: Arrivals) -> None:
    async for frame in frames:
        arrivals.setdefault(frame["data"]["complaintEvents"]["cursor"], time.monotonic())
    raise AssertionError("a stream ended")


async def _until(there: Callable[[], bool], seconds: float, following: list[asyncio.Task[None]]) -> None:
    async with asyncio.timeout(seconds):
        while not there():
            for task in following:
                if task.done():
                    task.result()
            await asyncio.sleep(0.02)
