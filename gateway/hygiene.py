"""What every answer carries so that a browser makes nothing else of it, and answers of addresses that are no graph."""

from __future__ import annotations

import secrets

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.reply import Headers

log = structlog.get_logger(__name__)

#: Nothing is to be guessed of an answer, and no page that a link leads to learns where it came from.
SAFE: Headers = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))
#: What is no page may do nothing, wherever somebody puts it.
_NO_PAGE = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_CODES = {401: "UNAUTHENTICATED", 403: "FORBIDDEN", 404: "NOT_FOUND", 503: "OVERLOADED"}
#: A year, as browsers ask for it.
_SECURE = (b"strict-transport-security", b"max-age=31536000")


def safe_headers(public_url: str | None) -> Headers:
    """For every answer. Browsers are told to come by TLS alone where the hub's own address says so."""
    return (*SAFE, _SECURE) if public_url and public_url.startswith("https:") else SAFE


class Hygiene:
    """Adds to an application's answers what they lack of the headers.

    Args:
        headers: `safe_headers`.
    """

    def __init__(self, app: ASGIApp, headers: Headers) -> None:
        self._app = app
        self._headers = (*headers, _NO_PAGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", ())}
                # With a 304 a browser would put them in the place of those that the kept page came with.
                wanted = self._headers if message["status"] != 304 else ()
                missing = [each for each in wanted if each[0] not in given]
                message = {**message, "headers": [*message.get("headers", ()), *missing]}
            await send(message)

        return await self._app(scope, receive, guarded)


async def told(request: Request, error: Exception) -> Response:
    """An HTTP error, in the shape that the graph's own have."""
    assert isinstance(error, HTTPException)
    return _answer(
        error.status_code, error.detail, _CODES.get(error.status_code, "BAD_REQUEST"), dict(error.headers or {})
    )


async def failed(request: Request, error: Exception) -> Response:
    """What was not foreseen: a reference leads to it in the log."""
    reference = secrets.token_hex(5)
    log.error("request.failed", reference=reference, exc_info=error)
    return _answer(500, "Internal error", "INTERNAL", {}, reference)


def _answer(status: int, message: str, code: str, headers: dict[str, str], reference: str | None = None) -> Response:
    extensions = {"code": code, "reference": reference or secrets.token_hex(5)}
    return JSONResponse({"errors": [{"message": message, "extensions": extensions}]}, status, headers)
