"""A hub whose agencies come, change, pause and go, as an operator has them do it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

from simulators import control
from tests.live.demo import SHOWN, Demo, Running, simpul, wait

#: Pilots whose files lie ready.
SPARE = ("kab-tangerang", "prov-bali", "sp4n-lapor")

FOLLOW = "subscription { complaintEvents { __typename ... on StreamFrame { cursor } } }"


class Installation:
    """A hub of its own over some of the demo's simulators.

    Args:
        slugs: of the agencies that are plugged in at its start.
    """

    def __init__(self, demo: Demo, folder: Path, *slugs: str) -> None:
        self.demo = demo
        self.spare = demo.agencies(folder / "spare", *SPARE)
        self.agencies = folder / "agencies"
        self.agencies.mkdir()
        self.settings = {
            "SIMPUL_DATA_DIR": str(folder / "data"),
            "SIMPUL_AGENCIES_DIR": str(self.agencies),
            "SIMPUL_PORT": "0",
            **control.environment(demo.data),
        }
        for slug in slugs:
            self.plug(slug)
        self.hub = Running("serve", "--migrate", log=folder / "serve.log", settings=self.settings)

    def plug(self, slug: str) -> Path:
        return Path(shutil.copy(self.spare / f"{slug}.toml", self.agencies))

    def edit(self, slug: str, old: str, new: str) -> None:
        file = self.agencies / f"{slug}.toml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    def apply(self, code: int = 0) -> dict[str, list[str]]:
        """What the command says that changed."""
        done = simpul("agency", "apply", "--json", **self.settings)
        assert done.returncode == code, done.stderr
        return {what: slugs for what, slugs in json.loads(done.stdout).items() if slugs}

    def refused(self) -> str:
        done = simpul("agency", "apply", **self.settings)
        assert (done.returncode, done.stdout) == (2, ""), done.stderr
        return done.stderr

    def state(self, slug: str) -> str:
        return str(self.hub.sources()[slug]["state"])

    def is_read(self, slug: str) -> bool:
        return slug in self.hub.sources() and self.state(slug) == "OK"

    def counts(self) -> dict[str, int]:
        rows = self.hub.ask("{ statistics(groupBy: [AGENCY]) { agency { id } count } }")["statistics"]
        return {row["agency"]["id"]: row["count"] for row in rows}


class Stream:
    """An event stream that is read as it comes.

    Attributes:
        body: all that came.
    """

    def __init__(self) -> None:
        self.body = b""
        self._grown = asyncio.Condition()

    @property
    def events(self) -> int:
        """How many complaints it was told of for the first time."""
        return self.body.count(b"ComplaintSubmitted")

    async def begun(self) -> None:
        """Waits for its first frame."""
        async with self._grown:
            await self._grown.wait_for(lambda: b"StreamPosition" in self.body)

    async def told(self, events: int) -> None:
        """Waits until it was told of so many."""
        async with self._grown:
            await self._grown.wait_for(lambda: self.events >= events)

    async def read(self, port: int) -> None:
        """Until it ends, which it should not."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        address = f"/graphql?{urlencode({'query': FOLLOW})}"
        writer.write(f"GET {address} HTTP/1.1\r\nhost: hub\r\naccept: text/event-stream\r\n\r\n".encode())
        try:
            while part := await reader.read(65_536):
                async with self._grown:
                    self.body += part
                    self._grown.notify_all()
        finally:
            writer.close()


@asynccontextmanager
async def streams(hub: Running, count: int) -> AsyncIterator[list[Stream]]:
    """So many open streams. Fails if one of them ended within the block."""
    port = int(hub.address.rpartition(":")[2])
    opened = [Stream() for _ in range(count)]
    async with AsyncExitStack() as stack:
        tasks = [asyncio.create_task(stream.read(port)) for stream in opened]
        stack.callback(lambda: [task.cancel() for task in tasks])
        async with asyncio.timeout(60):
            for stream in opened:
                await stream.begun()
        yield opened
        assert not [task for task in tasks if task.done()], "streams ended"
        assert all(stream.body.count(b"HTTP/1.1 ") == 1 for stream in opened)


async def come_and_go(installed: Installation, count: int) -> None:
    """Everything that can be done to an agency, with so many streams open."""
    async with streams(installed.hub, count) as opened:
        events = await asyncio.to_thread(_come_and_go, installed)
        async with asyncio.timeout(SHOWN):
            for stream in opened:
                await stream.told(events)
    assert len({stream.events for stream in opened}) == 1, "not all were told the same"


def _come_and_go(installed: Installation) -> int:
    """How many complaints the new agency brought."""
    assert installed.apply() == {"unchanged": ["prov-bali"]}

    installed.plug("sp4n-lapor")
    assert installed.apply() == {"added": ["sp4n-lapor"], "unchanged": ["prov-bali"]}
    wait(lambda: installed.is_read("sp4n-lapor"), SHOWN)
    before = installed.counts()
    assert before["sp4n-lapor"] > 100

    installed.edit("sp4n-lapor", "every = 60.0", "every = 1.0")
    installed.edit("prov-bali", "\n", "\n# a remark changes nothing\n")
    assert installed.apply() == {"changed": ["sp4n-lapor"], "unchanged": ["prov-bali"]}
    read = installed.hub.sources()["sp4n-lapor"]["asOf"]
    wait(lambda: installed.hub.sources()["sp4n-lapor"]["asOf"] > read, SHOWN)

    installed.edit("sp4n-lapor", "name =", "paused = true\nname =")
    assert installed.apply() == {"paused": ["sp4n-lapor"], "unchanged": ["prov-bali"]}
    assert installed.state("sp4n-lapor") == "PAUSED"
    assert installed.apply() == {"unchanged": ["prov-bali", "sp4n-lapor"]}

    (installed.agencies / "sp4n-lapor.toml").unlink()
    (installed.agencies / "prov-bali.toml").rename(installed.spare / "prov-bali.toml")
    assert installed.apply() == {"removed": ["prov-bali", "sp4n-lapor"]}
    assert [installed.state(slug) for slug in before] == ["PAUSED", "PAUSED"]
    assert installed.counts() == before

    installed.plug("prov-bali")
    assert installed.apply() == {"added": ["prov-bali"]}
    wait(lambda: installed.is_read("prov-bali"), SHOWN)
    return before["sp4n-lapor"]
