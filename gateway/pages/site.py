"""The pages of a hub: their addresses, and what a browser may do with them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from gateway.hygiene import told
from gateway.negotiation import wants_page
from gateway.pages.files import File, Files, digest, read
from gateway.reply import Headers, Reply

_HERE = Path(__file__).parent

#: What a page may do: nothing but run and ask what comes from the hub itself.
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_DASHBOARD = _POLICY | {"require-trusted-types-for": "'script'", "trusted-types": "'none'"}
#: GraphiQL's editor writes style sheets into the page, and its sheet brings its fonts along.
_EXPLORER = _POLICY | {"style-src": "'self' 'unsafe-inline'", "font-src": "data:"}

_NOT_FOUND = b"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simpul: not found</title>
<h1>There is no such page</h1>
<p><a href="/">Dashboard</a> &middot; <a href="/graphql">Graph</a></p>
</html>
"""
_PLAIN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Simpul: GraphQL</title>
<h1>This is a GraphQL endpoint</h1>
<p>Ask it with a program, for instance from a terminal:</p>
<pre>curl {address} -H 'content-type: application/json' \\
  -d '{{"query": "{{ agencies {{ id name level source {{ state }} }} }}"}}'</pre>
<p>Subscriptions come over a WebSocket at the same address (protocol graphql-transport-ws).</p>
<p>This installation was made without the explorer: <code>make explorer</code> in a checkout brings it.</p>
</html>
"""


class Site:
    """Dashboard and explorer.

    Args:
        folder: where the files are; another one in tests.
        explorer: whether there is one.

    Attributes:
        graphql: what a person's browser is shown at `/graphql`; None: nothing but answers.
    """

    def __init__(self, folder: Path = _HERE, *, explorer: bool = True) -> None:
        self.graphql = self._graphql if explorer else None
        files = read(folder / "explorer", _guarded(_EXPLORER)) if explorer else {}
        self._explorer = files
        self._page = _explorer_page(files)
        dashboard = read(folder / "dashboard", _guarded(_DASHBOARD))
        told = orjson.dumps({"version": digest(version("simpul"), dashboard)})
        self._dashboard = dashboard | {"version.json": File(told, b"application/json", _guarded(_DASHBOARD))}
        self._missing = _html(404, _NOT_FOUND, _guarded(_POLICY))

    def routes(self) -> list[BaseRoute]:
        """The addresses of the pages and of what they load."""
        dashboard = Files(self._dashboard, self._missing)
        return [
            Route("/", dashboard, methods=["GET"]),
            Route("/dashboard/{name:path}", dashboard, methods=["GET"]),
            Route("/explorer/{name:path}", Files(self._explorer, self._missing), methods=["GET"]),
        ]

    def _graphql(self, scope: Scope, headers: Headers) -> Reply:
        """What a person's browser is shown at `/graphql`.

        Args:
            headers: beside the page's own.
        """
        if self._page is None:
            page = _PLAIN.format(address=_address(Request(scope))).encode()
            return _html(200, page, [*_guarded(_POLICY), *headers])
        return _html(200, self._page.body, [*_guarded(_EXPLORER), *headers])

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Answers for every address that there is none of."""
        if not wants_page(request.headers.get("accept", "")):
            return await told(request, HTTPException(404, "Not Found"))
        return Response(_NOT_FOUND, 404, {name.decode(): value.decode() for name, value in self._missing.headers})


def _explorer_page(files: dict[str, File]) -> File | None:
    """The explorer's page, if everything that it loads is there: npm's part comes at build time, or not at all."""
    page = files.get("index.html")
    return page if page and "npm/graphiql.min.js" in files else None


def _html(status: int, page: bytes, headers: Headers) -> Reply:
    return Reply(
        status, [(b"content-type", b"text/html; charset=utf-8"), (b"cache-control", b"no-cache"), *headers], page
    )


def _guarded(policy: dict[str, str]) -> Headers:
    directives = "; ".join(f"{name} {sources}" for name, sources in policy.items())
    return [
        (b"content-security-policy", directives.encode()),
        (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


def _address(request: Request) -> str:
    # Only the characters that an address is made of: the Host header is the client's word.
    address = str(request.url.replace(query=""))
    return "".join(each for each in address if each.isalnum() or each in ":/.-_[]")
