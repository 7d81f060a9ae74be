"""A demo as a user runs it: the command in a process of its own, asked through its front door."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from gql import Client, GraphQLRequest
from gql.transport.websockets import WebsocketsTransport

from gateway.demo import agency_files
from simulators import control

T = TypeVar("T")

SIMPUL = Path(sys.executable).with_name("simpul")
SLUGS = ("sp4n-lapor", "prov-bali", "prov-sumbar", "prov-diy", "kab-tangerang", "kab-sleman", "kab-badung")

#: Seconds: for a start on a machine that has other things to do, for an end, and for a fault to show.
START, END, SHOWN = 120.0, 10.0, 15.0
#: Seconds until what moved must be in the graph: the demo polls every second; the rest is for a slow machine.
POLLED = 5.0
#: Complaints of each agency but Kab. Tangerang: a small demo starts sooner.
SMALL = ("--seed", 11, "--most", 200)


def environment(**more: str) -> dict[str, str]:
    """A stranger's environment: no settings of ours, and every warning said aloud."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SIMPUL_")}
    return {**plain, "PYTHONWARNINGS": "default", "NO_COLOR": "1", **more}


def simpul(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself. `more` is set in its environment."""
    command = [str(SIMPUL), *map(str, arguments)]
    return subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=START)


def wait(until: Callable[[], T], within: float) -> T:
    """What `until` says once it says something. Another process has no clock to pass in."""
    end = time.monotonic() + within
    while not (found := until()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)
    return found


class Running:
    """A hub in a process of its own: `simpul demo` or `simpul serve`.

    Args:
        log: where its standard error goes.
        settings: variables of its environment.
    """

    def __init__(self, *arguments: object, log: Path, settings: Mapping[str, str] | None = None) -> None:
        self.log = log
        with log.open("wb") as errors:
            # In a group of its own, so that Ctrl-C can be played: it reaches the whole group.
            self.process = subprocess.Popen(
                [str(SIMPUL), *map(str, arguments)],
                env=environment(**(settings or {})),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        self.client = httpx2.Client(timeout=30)
        try:
            self.address = str(wait(self._address, START))
        except BaseException:
            self.kill()
            raise
        self.client.base_url = httpx2.URL(self.address)

    def _address(self) -> str | None:
        said = self.log.read_text()
        assert self.process.poll() is None, said
        address, graph, _ = said.partition("/graphql")
        return address[address.rindex("http://") :] if graph else None

    def post(self, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer."""
        return dict(self.client.post("/graphql", json={"query": query, "variables": variables}).json())

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        answer = self.post(query, **variables)
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def sources(self) -> dict[str, dict[str, Any]]:
        """Each agency's source."""
        fields = "state asOf lagSeconds stale quarantined unmapped error { code message since retryAt }"
        return {
            row["id"]: row["source"] for row in self.ask(f"{{ agencies {{ id source {{ {fields} }} }} }}")["agencies"]
        }

    def all_well(self) -> bool:
        """Whether no agency fails."""
        return all(source["state"] == "OK" for source in self.sources().values())

    def catch_up(self, within: float) -> None:
        """Waits until every agency has been read, beginning after this call."""
        now = datetime.now(UTC).isoformat()
        wait(lambda: all(s["state"] == "OK" and s["asOf"] > now for s in self.sources().values()), within)

    @asynccontextmanager
    async def subscribed(self, query: str, **variables: Any) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
        """Frames over graphql-transport-ws, as a client of that protocol gets them."""
        address = self.address.replace("http", "ws", 1) + "/graphql"
        request = GraphQLRequest(query, variable_values=variables)
        async with (
            Client(transport=WebsocketsTransport(address)) as session,
            aclosing(session.subscribe(request)) as frames,
        ):
            yield frames

    async def first_frame(self, query: str, **variables: Any) -> dict[str, Any]:
        """What a subscription begins with."""
        async with asyncio.timeout(15), self.subscribed(query, **variables) as frames:
            return await anext(frames)

    def interrupt(self) -> int:
        """Ctrl-C. The exit code; by then no process may be left of it."""
        self.client.close()
        os.killpg(self.process.pid, signal.SIGINT)
        code = self.process.wait(END)
        assert self._gone(), "a process outlived it"
        said = self.log.read_text()
        assert "Traceback" not in said, said
        assert "Warning" not in said, said
        return code

    def _gone(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def kill(self) -> None:
        """Whatever became of it, it ends here."""
        self.client.close()
        if not self._gone():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Demo:
    """A demo's folder, and the demo that runs on it; `hub` is another one after `again`.

    Args:
        size: options that make it smaller.
    """

    def __init__(self, data: Path, *size: object) -> None:
        self.data = data
        self._arguments = ("--port", 0, "--data", data, *size)
        self.hub = self._start()

    def _start(self) -> Running:
        hub = Running("demo", *self._arguments, log=self.data.with_suffix(".log"))
        try:
            wait(hub.all_well, START)
            # Once more: what moved while they were read for the first time.
            hub.catch_up(SHOWN)
        except BaseException:
            hub.kill()
            raise
        return hub

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an answer without errors."""
        return self.hub.ask(query, **variables)

    def again(self, between: Callable[[], object] = lambda: None) -> None:
        """Ends the demo by Ctrl-C and starts it on the same folder."""
        assert self.hub.interrupt() == 0
        between()
        self.hub = self._start()

    def simpul(self, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        """A command about this demo's ledger."""
        return simpul(*arguments, SIMPUL_DATA_DIR=str(self.data), **more)

    def agencies(self, folder: Path, *slugs: str) -> Path:
        """The pilots' files in a new folder, with the addresses of this demo's simulators."""
        folder.mkdir()
        for slug in slugs:
            text = (agency_files() / f"{slug}.toml").read_text()
            address = f'url = "{control.urls(self.data)[slug]}"'
            (folder / f"{slug}.toml").write_text(re.sub(r'(?m)^url = ".*"$', address, text, count=1))
        return folder

    def count(self, **filter: Any) -> int:
        """How many complaints the public sees."""
        query = "query($filter: ComplaintFilter) { complaints(filter: $filter, first: 1) { totalCount } }"
        return int(self.ask(query, filter=filter)["complaints"]["totalCount"])


@contextmanager
def running(*arguments: object, log: Path, settings: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A hub for the length of a block, ended by Ctrl-C."""
    hub = Running(*arguments, log=log, settings=settings)
    try:
        yield hub
        assert hub.interrupt() == 0
    finally:
        hub.kill()
