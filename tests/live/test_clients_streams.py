"""Stock clients whose streams are cut in the middle of a frame: used as documented, they get everything once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser

from simulators import control
from tests.live.browser import browser, visiting
from tests.live.demo import Demo
from tests.live.documented import block, document
from tests.live.proxy import Proxy

__all__ = ["browser"]

MOVES = 5
_CHANCE = random.Random(0)
PACKAGES = ("graphql-sse@2", "graphql-ws@6", "@urql/core@6", "@apollo/client@4", "rxjs@7", "graphql@16")
#: As they are called in the program.
STREAMS = ("graphql-ws", "graphql-sse", "urql, fetch", "urql, graphql-ws", "apollo, multipart", "apollo, graphql-ws")
QUERIES = ("urql, POST", "urql, GET", "apollo")
QUESTION = "query($first: Int) { complaints(first: $first) { nodes { id trackingId } } }"

PROGRAM = """
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { Client, fetchExchange } from '@urql/core';
import { resumed } from './apollo.js';
import { apolloLink, overEvents, overSocket, urqlExchange } from './clients.js';
import { follow } from './urql.js';

const { hub, urls, query, after, question } = JSON.parse(process.argv[2]);
const variables = { after };
const tell = (client, what) => process.stdout.write(JSON.stringify({ client, ...what }) + '\\n');
const sink = (client) => ({
  next: ({ data }) => tell(client, { frame: data.complaintEvents }),
  error: (error) => tell(client, { error: String(error) }),
  complete: () => tell(client, { error: 'completed' }),
});
const ws = (name) => urls[name].replace('http', 'ws');
const urql = (url, options) => new Client({ url, exchanges: [fetchExchange], ...options });
const apollo = (link) => new ApolloClient({ link, cache: new InMemoryCache() });
const byApollo = (name, link) =>
  apollo(link).subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache' }).subscribe(sink(name));
const streams = {
  'graphql-ws': (name) => overSocket(ws(name)).subscribe({ query, variables }, sink(name)),
  'graphql-sse': (name) => overEvents(urls[name]).subscribe({ query, variables }, sink(name)),
  'urql, fetch': (name) =>
    follow(urql(urls[name], { fetchSubscriptions: true }), query, variables, (frame) => tell(name, { frame })),
  'urql, graphql-ws': (name) => {
    const client = urql(hub, { exchanges: [urqlExchange(overSocket(ws(name)))] });
    client.subscription(query, variables).subscribe(sink(name).next);
  },
  'apollo, multipart': (name) => {
    const http = new HttpLink({ uri: urls[name] });
    const isSubscription = ({ operationType }) => operationType === 'subscription';
    byApollo(name, ApolloLink.split(isSubscription, resumed.concat(http), http));
  },
  'apollo, graphql-ws': (name) => byApollo(name, apolloLink(ws(name))),
};
const answered = (client) => ({ data, error }) => tell(client, { answer: data, error: error && String(error) });
urql(hub, { preferGetMethod: false }).query(question, { first: 3 }).toPromise().then(answered('urql, POST'));
urql(hub, { preferGetMethod: 'force' }).query(question, { first: 3 }).toPromise().then(answered('urql, GET'));
apollo(new HttpLink({ uri: hub })).query({ query: gql(question), variables: { first: 3 } }).then(answered('apollo'));
for (const name of Object.keys(urls)) streams[name](name);
process.stdin.resume().on('end', () => process.exit(0));
"""


class Heard:
    """What the clients were told.

    Attributes:
        frames: each client's.
        answers: to each client's question.
    """

    def __init__(self) -> None:
        self.frames: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.answers: dict[str, Any] = {}
        self._more = asyncio.Event()

    def frame(self, client: str, frame: dict[str, Any]) -> None:
        self.frames[client].append(frame)
        self._more.set()

    def line(self, line: bytes) -> None:
        """As the program writes them."""
        said = json.loads(line)
        assert not said.get("error"), said
        if "answer" in said:
            self.answers[said["client"]] = said["answer"]
            self._more.set()
        else:
            self.frame(said["client"], said["frame"])

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            self._more.clear()
            await self._more.wait()

    def events(self, client: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames[client] if "complaintId" in frame]

    def knows(self, client: str, steps: Sequence[Mapping[str, str]]) -> bool:
        """Whether it was told of all these moves."""
        told = {
            (event["complaint"]["trackingId"], event["toStatus"])
            for event in self.events(client)
            if event["__typename"] == "StatusChanged" and event["complaint"]
        }
        return all((step["trackingId"], step["to"]) in told for step in steps)


#: Makes moves at an agency.
Move = Callable[[], Awaitable[None]]
#: What befalls clients that are behind proxies.
Disturb = Callable[[Demo, Mapping[str, Proxy], Move], Awaitable[None]]


async def cut(demo: Demo, proxies: Mapping[str, Proxy], move: Move) -> None:
    """Each connection ends in the middle of a frame."""
    # A frame is longer than that.
    cuts = (proxy.streams()[0].cut(after=_CHANCE.randint(1, 150)) for proxy in proxies.values())
    cutting = asyncio.gather(*cuts)
    await move()
    assert all(await cutting)


async def restart(demo: Demo, proxies: Mapping[str, Proxy], move: Move) -> None:
    """The hub is ended as an operator does, and started again."""
    await asyncio.to_thread(demo.again)
    for proxy in proxies.values():
        proxy.target = port(demo)
    await move()


def port(demo: Demo) -> int:
    return int(demo.hub.address.rpartition(":")[2])


@asynccontextmanager
async def disturbed(
    demo: Demo, heard: Heard, clients: Sequence[str], by: Sequence[Disturb]
) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Clients are begun within the block; when it ends, they are disturbed and compared with the ledger.

    Yields:
        Where all begin, and the address for each.
    """
    after = demo.ask("{ asOf }")["asOf"]
    async with AsyncExitStack() as stack:
        proxies = {name: await stack.enter_async_context(Proxy(port(demo)).listening()) for name in clients}
        yield after, {name: f"{proxy.address}/graphql" for name, proxy in proxies.items()}
        steps: list[dict[str, Any]] = []

        async def move() -> None:
            steps.extend(await asyncio.to_thread(control.move, demo.data, "prov-diy", MOVES))

        def told() -> bool:
            return all(heard.knows(name, steps) for name in clients)

        async with asyncio.timeout(300):
            await move()
            await heard.until(told)
            for disturb in by:
                await disturb(demo, proxies, move)
                await heard.until(told)
        ledger = events(demo, after)
        for name in clients:
            got = [event["cursor"] for event in heard.events(name)]
            # What happened since may not have come to all of them.
            assert got == ledger[: len(got)], name
            again = [frame for frame in heard.frames[name] if frame["__typename"] == "StreamPosition"]
            assert all(position["recovered"] for position in again)


def events(demo: Demo, after: str) -> list[str]:
    """The cursors that the ledger has for everybody."""
    query = "query($after: String) { events(after: $after, first: 500) { nodes { cursor } pageInfo { hasNextPage } } }"
    page = demo.ask(query, after=after)["events"]
    assert not page["pageInfo"]["hasNextPage"]
    return [event["cursor"] for event in page["nodes"]]


@pytest.fixture(scope="module")
def program(npm: Callable[..., Path]) -> Path:
    """The program and the documented wrappers, beside the packages."""
    folder = npm(*PACKAGES)
    folder = folder / "program"
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}')
    for name in ("apollo", "clients", "resuming", "urql"):
        (folder / f"{name}.js").write_text(block("js", name))
    program = folder / "program.js"
    program.write_text(PROGRAM)
    return program


@pytest.fixture(
    params=[
        pytest.param([cut, cut], id="cut"),
        pytest.param([restart, cut, restart], id="restarts", marks=pytest.mark.soak),
    ]
)
def disturbances(request: pytest.FixtureRequest) -> list[Disturb]:
    """What befalls them."""
    return list(request.param)


async def test_clients_in_javascript_and_python_go_on_where_they_were(
    demo: Demo, node: Path, program: Path, disturbances: list[Disturb]
) -> None:
    heard = Heard()
    documented: dict[str, Any] = {}
    exec(block("python"), documented)
    async with AsyncExitStack() as stack:
        async with disturbed(demo, heard, [*STREAMS, "gql"], disturbances) as (after, urls):
            asked = {"hub": f"{demo.hub.address}/graphql", "query": document(), "after": after, "question": QUESTION}
            mine = urls.pop("gql").replace("http", "ws")
            following = documented["follow"](mine, document(), {"after": after})
            await stack.enter_async_context(running(node, program, asked | {"urls": urls}, heard))
            await stack.enter_async_context(listening(following, heard))
        expected = demo.ask(QUESTION, first=3)["complaints"]["nodes"]
        async with asyncio.timeout(10):
            await heard.until(lambda: len(heard.answers) == len(QUERIES))
    for client in QUERIES:
        assert len(heard.answers[client]["complaints"]["nodes"]) == len(expected), client


@asynccontextmanager
async def running(node: Path, program: Path, asked: Mapping[str, Any], heard: Heard) -> AsyncIterator[None]:
    """The program; what it says is heard."""
    process = await asyncio.create_subprocess_exec(
        node, program, json.dumps(asked), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    output = process.stdout

    async def listen() -> None:
        async for line in output:
            heard.line(line)

    async with asyncio.TaskGroup() as group:
        group.create_task(listen())
        try:
            yield
        finally:
            process.stdin.close()
            await asyncio.wait_for(process.wait(), 10)


@asynccontextmanager
async def listening(frames: Any, heard: Heard) -> AsyncIterator[None]:
    """The documented generator; what it yields is heard."""

    async def listen() -> None:
        async with aclosing(frames):
            async for frame in frames:
                heard.frame("gql", frame)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(listen())
        try:
            yield
        finally:
            task.cancel()


@pytest.mark.browser
async def test_a_browsers_event_source_goes_on_by_itself(
    demo: Demo, browser: Browser, disturbances: list[Disturb]
) -> None:
    heard = Heard()
    async with AsyncExitStack() as stack, disturbed(demo, heard, ["EventSource"], disturbances) as (after, urls):
        visit = await stack.enter_async_context(visiting(browser, urls["EventSource"].removesuffix("/graphql")))
        page = await visit.open("/dashboard/favicon.svg")
        await page.expose_function("told", lambda frame: heard.frame("EventSource", frame))
        follow = block("js", "eventsource").partition("follow = ")[2].rstrip().removesuffix(";")
        await page.evaluate(
            f"([query, after]) => {{ ({follow})('/graphql', query, {{ after }}, window.told); }}", [document(), after]
        )
    positions = [frame for frame in heard.frames["EventSource"] if frame["__typename"] == "StreamPosition"]
    assert len(positions) == 1 + len(disturbances)
