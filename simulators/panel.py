"""The control endpoint of running simulators: faults and moves on request. Loopback, with a token."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.agency import Agency, Moved, life
from simulators.control import FAULTS


class Breaker(Protocol):
    """Makes agencies fail and work again."""

    async def fail(self, slug: str, kind: str, seconds: float | None) -> None: ...

    async def heal(self, slug: str) -> None: ...


class Panel:
    """The app behind `simulators.control`."""

    def __init__(self, agencies: Mapping[str, Agency], breaker: Breaker, token: str, seed: int) -> None:
        self._agencies = agencies
        self._breaker = breaker
        self._token = token
        self._random = life("panel", seed, datetime.now(UTC).timestamp())

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/control", self._show),
                Route("/control/hub", self._meet, methods=["POST"]),
                Route("/control/{slug}/fault", self._fail, methods=["POST"]),
                Route("/control/{slug}/clear", self._heal, methods=["POST"]),
                Route("/control/{slug}/move", self._move, methods=["POST"]),
                Route("/control/{slug}/written", self._written, methods=["POST"]),
            ],
            exception_handlers={HTTPException: _refused},
        )

    async def _show(self, request: Request) -> Response:
        self._admit(request)
        return _json({slug: _state(agency) for slug, agency in self._agencies.items()})

    async def _meet(self, request: Request) -> Response:
        self._admit(request)
        url = (await _body(request)).get("url")
        if not isinstance(url, str) or urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise HTTPException(400, "url must be an address of this machine, like http://127.0.0.1:8000")
        for agency in self._agencies.values():
            agency.meet(url.rstrip("/"))
        return _json({"hub": url})

    async def _fail(self, request: Request) -> Response:
        agency, body = self._agency(request), await _body(request)
        kind, seconds = body.get("kind"), body.get("seconds")
        if kind not in FAULTS:
            raise HTTPException(400, f"there is no fault {kind!r}; there are {', '.join(FAULTS)}")
        if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
            raise HTTPException(400, "seconds must be a number above 0")
        await self._breaker.fail(agency.slug, kind, seconds)
        return _json({"agency": agency.slug, "fault": kind})

    async def _heal(self, request: Request) -> Response:
        agency = self._agency(request)
        await self._breaker.heal(agency.slug)
        return _json({"agency": agency.slug, "fault": None})

    async def _move(self, request: Request) -> Response:
        agency, body = self._agency(request), await _body(request)
        count = body.get("count", 1)
        if not isinstance(count, int) or not 1 <= count <= 10_000:
            raise HTTPException(400, "count must be a whole number from 1 to 10000")
        return _json([_told(agency.slug, moved) for moved in agency.move(count, self._random)])

    async def _written(self, request: Request) -> Response:
        return _json(self._agency(request).writings.held())

    def _agency(self, request: Request) -> Agency:
        self._admit(request)
        slug = request.path_params["slug"]
        if slug not in self._agencies:
            raise HTTPException(404, f"no simulator plays {slug!r}; there are {', '.join(self._agencies)}")
        return self._agencies[slug]

    def _admit(self, request: Request) -> None:
        if not hmac.compare_digest(request.headers.get("x-simulator-token", "").encode(), self._token.encode()):
            raise HTTPException(403, "the token is wrong")


def _state(agency: Agency) -> dict[str, Any]:
    tally = agency.writings.tally()
    counted = {"references": tally.references, "duplicates": tally.duplicates}
    return {"fault": agency.fault, "cases": len(agency.cases), **counted}


def _told(slug: str, moved: Moved) -> dict[str, str]:
    return {
        "agency": slug,
        "nativeId": moved.native_id,
        "trackingId": moved.tracking_id,
        "from": moved.before.value,
        "to": moved.after.value,
        "at": datetime.fromtimestamp(moved.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        raise HTTPException(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not an object")
    return body


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Response(orjson.dumps({"error": error.detail}), error.status_code, media_type="application/json")


def _json(value: object) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
