"""A request: what is asked, how far it is, and what goes onto the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx2
import msgspec

from connectors.auth import Signature
from connectors.secrets import Secret
from connectors.transport import unsent
from schema.errors import BadPayload

USER_AGENT: Final = "Simpul (complaint hub)"
#: Answers to a write that mean no: the same again would be answered the same.
REFUSALS: Final = frozenset({400, 404, 405, 409, 410, 411, 413, 414, 415, 422})

Params = Mapping[str, str | int | float | bool | None]


class Asked(msgspec.Struct, frozen=True):
    """A request before it is signed. `once`: a write, over a connection of its own."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes | None
    once: bool = False

    @property
    def place(self) -> str:
        """For messages. Never the query: it may hold a key."""
        return f"{self.method} {self.url.path}"


class Progress(msgspec.Struct):
    """How far a request is. `begun`: it may have reached the agency, and was not refused for its credentials."""

    begun: bool = False


def address(base: str, path: str, params: Params | None) -> httpx2.URL:
    """The address of a path below a base, or of a full address, with a query.

    Raises:
        BadPayload: it is none.
    """
    try:
        full = path if path.startswith(("http://", "https://")) else _below(base, path)
        url = httpx2.URL(full)
        values = {name: _text(value) for name, value in (params or {}).items() if value is not None}
        return url.copy_merge_params(values) if values else url
    except (httpx2.InvalidURL, ValueError):
        raise unsent(BadPayload("not an address")) from None


def signed(asked: Asked, signature: Signature, seconds: float) -> httpx2.Request:
    """The request as it is sent.

    Args:
        seconds: that it may take at most.
    """
    headers = httpx2.Headers(
        {
            "User-Agent": USER_AGENT,
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            **_shown(signature.headers),
        }
    )
    headers.update(asked.headers)
    query = _shown(signature.query)
    url = asked.url.copy_merge_params(query) if query else asked.url
    timeout = {"connect": seconds / 2, "read": seconds, "write": seconds, "pool": seconds}
    return httpx2.Request(asked.method, url, headers=headers, content=asked.content, extensions={"timeout": timeout})


def _shown(secrets: Mapping[str, Secret]) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in secrets.items()}


def _below(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path.lstrip('/')}" if path else base


def _text(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
