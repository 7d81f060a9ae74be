"""What schemathesis makes up for the graph, and what else may be sent: no answer is a fault, or shows the inside."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.app.towns import Town, served, town_hub

#: schemathesis, not these tests.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

#: What an answer to anybody must never say.
INSIDE = re.compile(
    r"Traceback|File \"|/site-packages/|\.py\b|sqlite3?\.|asyncpg|OperationalError|KeyError|TypeError|AttributeError"
    r"|object at 0x|SELECT .* FROM |msgspec|graphql-core|strawberry|uvicorn|starlette",
    re.IGNORECASE,
)
_drawn: dict[str, Any] = {
    "deadline": None,
    "database": None,
    "derandomize": True,
    "phases": [Phase.generate],
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub of a few complaints, in a thread: schemathesis asks and waits."""
    loop = asyncio.new_event_loop()
    told: list[str] = []
    stands, over = threading.Event(), asyncio.Event()

    async def stand() -> None:
        async with AsyncExitStack() as stack:
            hub = await stack.enter_async_context(town_hub(tmp_path_factory.mktemp("hub"), Town("prov-bali", "full")))
            told.append(await served(hub.app, stack))
            stands.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(stand(),))
    thread.start()
    try:
        assert stands.wait(30)
        yield told[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def fuzz_graph(address: str, examples: int) -> Counter[str]:
    """Documents that fit the graph, with values of all kinds, for each of its operations. Counts what they came to."""
    outcomes: Counter[str] = Counter()
    graph = schemathesis.graphql.from_url(f"{address}/graphql", wait_for_schema=10)
    with httpx2.Client(base_url=address, trust_env=False, timeout=30) as client:
        for found in graph.get_all_operations():
            operation = found.ok()

            @settings(max_examples=examples, **_drawn)
            @given(case=operation.as_strategy())
            def one(case: Any) -> None:
                reply = client.post("/graphql", json={"query": case.body})
                outcomes[checked(reply)] += 1

            one()
    return outcomes


def checked(reply: httpx2.Response) -> str:
    """Whether it was answered, or what was wrong with the question."""
    assert reply.status_code < 500, (reply.status_code, reply.text)
    assert not INSIDE.search(reply.text), reply.text
    body = reply.json()
    codes = {error["extensions"]["code"] for error in body.get("errors", ())}
    assert "INTERNAL" not in codes, body
    return "answered" if "data" in body else min(codes)


def test_documents_of_the_graph(address: str) -> None:
    outcomes = fuzz_graph(address, 6)
    assert outcomes["answered"] > outcomes.total() // 4, outcomes


@pytest.mark.soak
def test_documents_of_the_graph_at_length(address: str) -> None:
    outcomes = fuzz_graph(address, 400)
    print("\nschemathesis:", dict(outcomes))
    assert outcomes["answered"] > outcomes.total() // 4, outcomes


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=10), some, max_size=3),
    max_leaves=8,
)
_PARAMETERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("query", "variables", "operationName", "extensions", "documentId", "x"), _JSON),
)
_PATHS = st.sampled_from(["graphql", "health/live", "health/ready", "metrics", "session", "attachments/a", "agencies"])
_BODIES = _PARAMETERS.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")) | st.binary(max_size=50)


@settings(max_examples=100, **_drawn)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]),
    path=st.builds(
        "/{}{}".format,
        _PATHS,
        st.just("") | st.text(max_size=20).map("/{}".format).map(partial(quote, errors="replace")),
    ),
    body=_BODIES,
    kind=st.sampled_from(["application/json", "text/plain", "application/graphql", "x"]),
    accept=st.sampled_from(["*/*", "application/json", "application/graphql-response+json", "text/event-stream", "x"]),
)
def test_requests_of_all_kinds(address: str, method: str, path: str, body: bytes, kind: str, accept: str) -> None:
    with httpx2.Client(base_url=address, trust_env=False, timeout=30) as client:
        headers = {"accept": accept, "content-type": kind}
        reply = client.request(method, address + path, content=body, headers=headers)
    assert reply.status_code < 500 or path.startswith("/health"), (reply.status_code, reply.text)
    if path != "/metrics":
        assert not INSIDE.search(reply.text), reply.text
