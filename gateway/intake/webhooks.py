"""`/agencies/{slug}/webhook`: signed pushes of an agency's own."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final, Protocol

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.signature import Key, verify
from gateway.sync.poller import Poller
from gateway.telemetry import Metrics
from schema.connector import Receiver
from schema.errors import BadPush, LedgerError, PushError, TooManyPushes, Unsigned
from schema.ports import Clock, Writer

log = structlog.get_logger(__name__)

#: Bytes of a push, and seconds that it may take to come: nothing is known of its sender until it has.
MAX_BODY: Final = 2_000_000
PATIENCE: Final = 30.0

#: Bytes from which a push is read beside the event loop: it takes longer than others should wait.
_LARGE = 50_000

#: Seconds after which a push may be sent again that could not be stored.
_LATER = 5


class Plugged(Protocol):
    """The agencies that are plugged in just now."""

    def get(self, slug: str) -> Poller | None:
        """The agency's poller; None if it is not plugged in, or paused."""


class _Refused(PushError):
    """It can't be taken, for a reason that lies in the request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Webhooks:
    """The endpoint.

    Args:
        writer: knows each agency's newest push.
        clock: what timestamps are compared with.
        patience: seconds that a push may take to come.
    """

    def __init__(
        self, agencies: Plugged, writer: Writer, metrics: Metrics, clock: Clock, patience: float = PATIENCE
    ) -> None:
        self._agencies = agencies
        self._writer = writer
        self._metrics = metrics
        self._clock = clock
        self._patience = patience
        #: Stands for the secret of every agency that is unknown or takes no pushes: nothing tells it from one whose
        #: secret the sender doesn't have.
        self._nobodys = (Key(secrets.token_bytes(32)),)

    def routes(self) -> list[Route]:
        """Where agencies send, and ask how far they have come."""
        return [
            Route("/agencies/{slug}/webhook", self.take, methods=["POST"]),
            Route("/agencies/{slug}/webhook", self.tell, methods=["GET"]),
        ]

    async def take(self, request: Request) -> Response:
        """Takes a push; the answer says of each record what became of it."""
        found = self._sender(request)
        slug = found[0].slug if found else ""
        try:
            body = await _body(request, self._patience)
            id = self._verified(found, request, body)
            assert found is not None  # nobody's key signs nothing
            poller, receiver = found
            read = asyncio.to_thread(receiver.receive, id, body) if len(body) > _LARGE else None
            received = await poller.receive(await read if read else receiver.receive(id, body))
        except (PushError, LedgerError) as error:
            self._metrics.pushed(slug, "refused")
            return _refusal(error, slug)
        self._metrics.pushed(slug, "repeated" if received.again else "accepted")
        return _json(200, received.answer)

    async def tell(self, request: Request) -> Response:
        """Tells a sender its cursor, and when its newest push came."""
        found = self._sender(request)
        try:
            body = await _body(request, self._patience)
            self._verified(found, request, body)
            if body:
                raise BadPush("a question has no body")
            assert found is not None  # nobody's key signs nothing
            last = await self._writer.last_push(found[0].slug)
        except (PushError, LedgerError) as error:
            return _refusal(error, found[0].slug if found else "")
        known = (
            {"cursor": last.cursor, "lastPushAt": last.received_at} if last else {"cursor": None, "lastPushAt": None}
        )
        return _json(200, orjson.dumps(known, option=orjson.OPT_UTC_Z))

    def _sender(self, request: Request) -> tuple[Poller, Receiver] | None:
        poller = self._agencies.get(request.path_params["slug"])
        if poller is None or not poller.takes_pushes or not isinstance(poller.connector, Receiver):
            return None
        return poller, poller.connector

    def _verified(self, found: tuple[Poller, Receiver] | None, request: Request, body: bytes) -> str:
        now = self._clock()
        if found is None:
            return verify(self._nobodys, request.headers, body, now).id
        return found[1].verify(request.headers, body, now)


async def _body(request: Request, patience: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience):
            async for part in request.stream():
                size += len(part)
                if size > MAX_BODY:
                    raise _Refused(413, f"a push is {MAX_BODY:,} bytes at most: send smaller batches")
                parts.append(part)
    except TimeoutError:
        raise _Refused(408, f"it did not come within {patience:g} s") from None
    except ClientDisconnect:
        raise _Refused(400, "it was cut short") from None
    return b"".join(parts)


def _refusal(error: PushError | LedgerError, slug: str) -> Response:
    match error:
        case Unsigned():
            return _error(401, str(error), **{"www-authenticate": "Webhook-Signature"})
        case TooManyPushes():
            log.warning("push.too_many", agency=slug)
            return _error(429, str(error), **{"retry-after": f"{error.retry_after:.0f}"})
        case _Refused():
            return _error(error.status, str(error), connection="close")
        case PushError():
            log.warning("push.unreadable", agency=slug, reason=str(error))
            return _error(400, str(error))
    log.error("push.failed", agency=slug, error=type(error).__name__, reason=str(error))
    return _error(503, "the hub can't store it now: send it again, with the same id", **{"retry-after": str(_LATER)})


def _error(status: int, message: str, **headers: str) -> Response:
    return _json(status, orjson.dumps({"error": message}), **headers)


def _json(status: int, content: bytes, **headers: str) -> Response:
    return Response(content, status, {"content-type": "application/json", "cache-control": "no-store", **headers})
