"""Whose pages may ask the hub from a browser: CORS for HTTP, the Origin check for sockets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from gateway.reply import Headers

ANY, LOCALHOST = "*", "localhost"

#: Response headers that a page of another origin may read.
EXPOSED = ("etag", "retry-after")
_EXPOSED = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())

_LOCAL = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class Origins:
    """The origins that are allowed beside the hub's own.

    Args:
        allowed: origins; `localhost` stands for every port of this machine, `*` for all.
    """

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._any = ANY in allowed
        self._listed = [origin.lower() for origin in allowed if origin not in (ANY, LOCALHOST)]
        self._local = _LOCAL if LOCALHOST in allowed else None

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may open a socket to the hub at `host` (the request's Host header)."""
        origin = origin.lower()
        return self._any or self._is_allowed(origin) or _is_own(origin, host.lower())

    def headers(self, origin: str | None) -> Headers:
        """The cross-origin headers of a response to a request of a page of `origin`; none if it came of no page."""
        if origin is None:
            return ()
        if self._any:
            return ((b"access-control-allow-origin", b"*"), _EXPOSED)
        if not self._is_allowed(origin.lower()):
            return ()
        allowed = (b"access-control-allow-origin", origin.encode("latin-1", "replace"))
        return (allowed, (b"access-control-allow-credentials", b"true"), _EXPOSED)

    def middleware(self) -> Middleware:
        """CORS for what Starlette answers: preflights, and all but the graph."""
        settings: dict[str, Any] = {
            "allow_origins": [ANY] if self._any else self._listed,
            "allow_origin_regex": self._local,
            # Any page of the world together with a visitor's cookies is never right.
            "allow_credentials": not self._any,
            "allow_methods": ["GET", "POST", "OPTIONS"],
            "allow_headers": ["content-type", "authorization", "last-event-id", "apollo-require-preflight"],
            "expose_headers": EXPOSED,
            "max_age": 600,
        }
        return Middleware(CORSMiddleware, **settings)

    def _is_allowed(self, origin: str) -> bool:
        return origin in self._listed or bool(self._local and re.fullmatch(self._local, origin))


def _is_own(origin: str, host: str) -> bool:
    """Same host and port. The scheme is not compared: a proxy may have taken TLS off on the way."""
    scheme, _, authority = origin.partition("://")
    port = _DEFAULT_PORTS.get(scheme)
    return port is not None and authority.removesuffix(port) == host.removesuffix(port)
