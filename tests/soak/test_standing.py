"""Credentials that end while streams are open, in a demo as an operator runs it: who is told what, and until when."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.live.demo import SMALL, Running, simpul, wait

pytestmark = pytest.mark.soak

#: Seconds that a stream is watched for after its credentials have ended; and within which it must be over.
WATCHED, WITHIN = 45.0, 30.0
STREAM = "subscription { complaintEvents { __typename ... on StreamFrame { cursor } ... on Lagged { reason } } }"
RSA = RSAKey.generate_key(2048, {"kid": "one"})


@contextmanager
def provider() -> Iterator[str]:
    """An identity provider."""

    class Told(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer = f"http://127.0.0.1:{self.server.server_port}"  # type: ignore[attr-defined]  # a server has one
            keys = {"keys": [RSA.as_dict(private=False)]}
            told = keys if self.path == "/keys" else {"issuer": issuer, "jwks_uri": f"{issuer}/keys"}
            body = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Told) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Followed:
    """What a stream told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self.ended: float | None = None

    def take(self, text: str) -> None:
        self.told.append((time.monotonic(), text))

    def after(self, moment: float) -> list[str]:
        """Events of complaints that were told after a moment."""
        return [
            text for at, text in self.told if at > moment and '"Lagged"' not in text and "StreamPosition" not in text
        ]


async def by_socket(address: str, token: str, into: Followed) -> None:
    """Follows over a WebSocket until it is closed."""
    url = address.replace("http", "ws", 1) + "/graphql"
    try:
        async with connect(url, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
            shown = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
            await socket.send(json.dumps(shown))
            await socket.recv()
            await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": STREAM}}))
            async for message in socket:
                if '"next"' in str(message):
                    into.take(str(message))
                elif '"ping"' in str(message):
                    await socket.send('{"type": "pong"}')
    except ConnectionClosed:
        pass
    into.ended = time.monotonic()


async def by_events(address: str, token: str, into: Followed) -> None:
    """Follows server-sent events until they end."""
    headers = {"authorization": f"Bearer {token}", "accept": "text/event-stream"}
    async with (
        httpx2.AsyncClient(trust_env=False, timeout=None) as client,
        client.stream("POST", f"{address}/graphql", json={"query": STREAM}, headers=headers) as response,
    ):
        try:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    into.take(line)
        except httpx2.HTTPError:
            pass
    into.ended = time.monotonic()


async def test_nothing_is_told_thirty_seconds_after(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    with provider() as issuer:
        settings = {"SIMPUL_OIDC_ISSUER": issuer, "SIMPUL_OIDC_AUDIENCE": "simpul", "SIMPUL_OIDC_SKEW_SECONDS": "0"}
        hub = Running("demo", "--port", 0, "--data", data, *SMALL, log=tmp_path / "log", settings=settings)
        try:
            await asyncio.to_thread(wait, hub.all_well, 60.0)
            await _told(hub, data, issuer)
            assert hub.interrupt() == 0
        finally:
            hub.kill()


async def _told(hub: Running, data: Path, issuer: str) -> None:
    def command(*words: str) -> str:
        done = simpul(*words, SIMPUL_DATA_DIR=str(data))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key() -> tuple[str, str]:
        made = json.loads(command("key", "create", "--name", "Ani", "--role", "oversight", "--json"))
        return made["id"], made["key"]

    def token(seconds: int) -> str:
        now = int(time.time())
        claims = {"iss": issuer, "aud": "simpul", "sub": "budi", "exp": now + seconds, "roles": ["OVERSIGHT"]}
        return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSA)

    revoked, changed, kept = await asyncio.to_thread(lambda: (key(), key(), key()))
    cases = {"key revoked": revoked[1], "grant changed": changed[1], "token expired": token(20), "nothing": kept[1]}
    streams = {(name, way.__name__): Followed() for name in cases for way in (by_socket, by_events)}
    following = [
        asyncio.create_task(way(hub.address, cases[name], streams[name, way.__name__]))
        for name in cases
        for way in (by_socket, by_events)
    ]
    ends = {"token expired": time.monotonic() + 20}
    await asyncio.sleep(15)
    await asyncio.to_thread(command, "key", "revoke", revoked[0])
    ends["key revoked"] = time.monotonic()
    with closing(sqlite3.connect(data / "simpul.db", timeout=10)) as database, database:
        database.execute("UPDATE keys SET role = 'INTEGRATOR', agencies = '[\"prov-bali\"]' WHERE id = ?", [changed[0]])
    ends["grant changed"] = time.monotonic()
    await asyncio.sleep(5 + WATCHED)
    for (name, way), followed in streams.items():
        if name == "nothing":
            assert followed.ended is None
            assert followed.after(max(ends.values()) + WITHIN), "the demo moved nothing"
            continue
        late = followed.after(ends[name] + WITHIN)
        last = max((at for at, _ in followed.told), default=ends[name])
        print(f"\n{name}, {way}: {len(followed.told)} told, {len(late)} of them later than {WITHIN:g} s, ", end="")
        assert followed.ended is not None, (name, way)
        print(f"the last {last - ends[name]:.1f} s after, the end {followed.ended - ends[name]:.1f} s after")
        assert late == []
        assert followed.ended - ends[name] < WITHIN
    for each in following:
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)
