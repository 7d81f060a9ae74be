"""An agency's system as an ASGI app, and the faults that stand before its endpoints."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schema.ports import Clock
from simulators.agency import Agency
from simulators.case import DAY
from simulators.dialects import DIALECTS

#: Keys that the agencies want, by the name under which the agencies' files refer to them.
ENVIRONMENT: dict[str, str] = {
    name: value for dialect in DIALECTS.values() for name, value in dialect.environment.items()
}

_LOGIN = """<!DOCTYPE html><html lang="id"><head><title>Masuk</title></head><body>
<h1>Sesi Anda telah berakhir</h1><form method="post" action="/login"><input name="pengguna"><input type="password"
name="sandi"><button>Masuk</button></form></body></html>"""


def app(
    slug: str, *, seed: int = 1, count: int | None = None, now: Clock | None = None, seconds_per_byte: float = 1.0
) -> Starlette:
    """One agency's system with a seeded base; nothing moves unless told to, nothing is written to disk.

    Its state is `app.state.agency`: `fail(kind)`, `heal()`, `move(count, random)`, `cases`. Where a server would be
    down, the app raises ConnectionResetError. Requests need the headers of `DIALECTS[slug].keys`.

    Args:
        count: how many complaints, in place of the usual number.
        now: the clock; history ends at its last midnight (UTC).
        seconds_per_byte: how slow `slow` is.
    """
    clock = now or partial(datetime.now, UTC)
    agency = Agency(
        DIALECTS[slug],
        seed=seed,
        anchor=midnight(clock().timestamp()),
        now=lambda: clock().timestamp(),
        count=count,
    )
    return serve(agency, seconds_per_byte)


def midnight(now: float) -> int:
    """The last midnight (UTC) before a moment: the same base all day long."""
    return int(now) // DAY * DAY


def serve(agency: Agency, seconds_per_byte: float = 1.0) -> Starlette:
    """The app of an agency."""
    served = Starlette(routes=agency.dialect.routes(agency))
    served.add_middleware(Door, agency=agency, seconds_per_byte=seconds_per_byte)
    served.state.agency = agency
    return served


class Door:
    """What a request meets before an endpoint: the present fault, then the check of keys."""

    def __init__(self, inside: ASGIApp, agency: Agency, seconds_per_byte: float) -> None:
        self._inside = inside
        self._agency = agency
        self._pause = seconds_per_byte

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inside(scope, receive, send)
            return
        refusal = self._refusal(Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send)
        elif self._agency.fault == "slow":
            await self._drip(scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        match self._agency.fault:
            case "down":
                raise ConnectionResetError("this agency is down")
            case "error":
                return PlainTextResponse("Internal Server Error", 500)
            case "html":
                return HTMLResponse(_LOGIN)
        keys = self._agency.dialect.keys.items()
        if any(headers.get(name) != value for name, value in keys):
            return PlainTextResponse("Unauthorized", 401, headers={"WWW-Authenticate": "Bearer"})
        return None

    async def _drip(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The right answer, one byte at a time, until the client goes or the fault is cleared."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self._inside(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        await send(messages[0])
        gone = asyncio.create_task(_gone(receive))
        healed = asyncio.create_task(self._agency.healed.wait())
        try:
            await self._trickle(body, gone, healed, send)
        finally:
            gone.cancel()
            healed.cancel()

    async def _trickle(self, body: bytes, gone: asyncio.Task[Any], healed: asyncio.Task[Any], send: Send) -> None:
        for position in range(len(body)):
            await asyncio.wait({gone, healed}, timeout=self._pause, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                return
            if healed.done():
                await send({"type": "http.response.body", "body": body[position:]})
                return
            more = position + 1 < len(body)
            await send({"type": "http.response.body", "body": body[position : position + 1], "more_body": more})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
