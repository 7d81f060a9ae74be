"""Constant bytes: what the server's own libraries cost, GraphQL and database left out."""

from __future__ import annotations

from functools import lru_cache

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the request's body and answers as many bytes as the path says."""
    while (await receive()).get("more_body"):
        pass
    body = _body(scope["path_params"]["length"])
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Constant:
    """`answer`, as what Starlette takes for an application and not for a function of a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(scope, receive, send)


def constant_app() -> Starlette:
    """Answers `/constant/LENGTH`."""
    return Starlette(routes=[Route("/constant/{length:int}", Constant())])


@lru_cache(maxsize=64)
def _body(length: int) -> bytes:
    return b"x" * length
