"""`GET discovery`: the page of a GeoReport server that says where its endpoints are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.http import Http
from connectors.open311.payload import read
from connectors.open311.spans import charset
from schema.errors import BadPayload

_GEOREPORT = re.compile(r"georeport[_ -]?v?2", re.IGNORECASE)


async def find_endpoint(http: Http, path: str, params: Mapping[str, Any], kind: str) -> str:
    """The address of the GeoReport v2 endpoint.

    Args:
        path: of the discovery page, below `http.url`.
        kind: `production`, `test`, ... as the page calls it.

    Raises:
        BadPayload: it names none of that kind, or one on another host.
        SourceError: the page could not be read.
    """
    accept = {"Accept": "application/json, text/xml, application/xml"}
    reply = await http.request("GET", path, params=params, headers=accept)
    found = [each for each in _endpoints(read(reply.content, charset(reply))) if _speaks_georeport(each)]
    chosen = next((each for each in found if each.get("type") == kind), None)
    if chosen is None:  # many servers leave the type out
        chosen = next((each for each in found if not each.get("type")), None)
    if chosen is None or not isinstance(chosen.get("url"), str):
        raise BadPayload(f"the discovery page names no GeoReport v2 endpoint for {kind}")
    url = str(chosen["url"]).strip().rstrip("/")
    if urlsplit(url).netloc != urlsplit(http.settings.url).netloc:
        raise BadPayload("the discovery page names an endpoint on another host; if that is meant, it is http.url")
    return url


def _endpoints(page: object) -> list[dict[str, Any]]:
    found = page.get("discovery", page) if isinstance(page, dict) else None
    listed = found.get("endpoints") if isinstance(found, dict) else None
    if isinstance(listed, dict):
        listed = listed.get("endpoint", listed)
    entries = listed if isinstance(listed, list) else [listed]
    return [entry.get("endpoint", entry) for entry in entries if isinstance(entry, dict)]


def _speaks_georeport(endpoint: object) -> bool:
    if not isinstance(endpoint, dict):
        return False
    return bool(_GEOREPORT.search(f"{endpoint.get('specification')} {endpoint.get('url')}"))
