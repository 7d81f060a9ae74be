"""`/agencies/{slug}/files`: files that agencies drop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Protocol

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.files.inbox import BadName, Dropped, Full, Inbox, Refused, TooLarge
from gateway.sync.poller import Poller

log = structlog.get_logger(__name__)

#: Seconds within which the next piece of a file must come.
PATIENCE: Final = 30.0

#: Seconds after which a file may be sent again that could not be stored.
_LATER: Final = 60
_METHODS: Final = ("PUT", "POST")
_STATUS: Final[dict[type[Refused], int]] = {BadName: 400, TooLarge: 413, Full: 503}


class Plugged(Protocol):
    """The agencies that are plugged in just now."""

    def get(self, slug: str) -> Poller | None:
        """The agency's poller; None if it is not plugged in, or paused."""


class Drops:
    """The endpoint. A file stands in the agency's inbox whole before it is answered; then the agency is read."""

    def __init__(self, agencies: Plugged) -> None:
        self._agencies = agencies

    def routes(self) -> list[Route]:
        """With and without a name: `curl -T` adds it where the address ends in a slash."""
        return [
            Route("/agencies/{slug}/files", self.take, methods=_METHODS),
            Route("/agencies/{slug}/files/{name:path}", self.take, methods=_METHODS),
        ]

    async def take(self, request: Request) -> Response:
        """Takes a file."""
        poller = self._agencies.get(request.path_params["slug"])
        inbox = getattr(poller.connector, "inbox", None) if poller is not None else None
        if poller is None or not isinstance(inbox, Inbox):
            return _error(404, "no agency takes files here")
        if not inbox.admits(_key(request)):
            return _error(401, "the key is not the agency's", **{"www-authenticate": "Bearer"})
        if request.headers.get("content-type", "").lower().startswith("multipart/"):
            return _error(415, "send the file itself, not a form: curl -T FILE URL")
        try:
            _weigh(request, inbox)
            dropped = await inbox.drop(request.path_params.get("name") or None, _patiently(request))
        except Refused as error:
            if isinstance(error, Full):
                log.error("drop.failed", agency=poller.slug, reason=str(error))
            later = {"retry-after": str(_LATER)} if isinstance(error, Full) else {}
            return _error(_STATUS[type(error)], str(error), connection="close", **later)
        except TimeoutError:
            return _error(408, f"nothing came for {PATIENCE:.0f} s", connection="close")
        except ClientDisconnect:
            return _error(400, "it was cut short")
        if not dropped.again:
            poller.wake()
        return _told(dropped)


def _key(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")


def _weigh(request: Request, inbox: Inbox) -> None:
    """What says beforehand that it is too large is not awaited."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdecimal() and int(said[:20]) > inbox.max_bytes:
        raise TooLarge(f"a file may have {inbox.max_bytes:,} bytes")


async def _patiently(request: Request) -> AsyncIterator[bytes]:
    chunks = request.stream()
    while True:
        async with asyncio.timeout(PATIENCE):
            chunk = await anext(chunks, None)
        if chunk is None:
            return
        yield chunk


def _told(dropped: Dropped) -> Response:
    body = {"file": dropped.file, "bytes": dropped.bytes, "sha256": dropped.sha256, "rows": None}
    return _json(200 if dropped.again else 201, body)


def _error(status: int, message: str, **headers: str) -> Response:
    return _json(status, {"error": message}, **headers)


def _json(status: int, content: object, **headers: str) -> Response:
    sent = {"content-type": "application/json", "cache-control": "no-store", **headers}
    return Response(orjson.dumps(content), status, sent)
