"""What goes wrong when an agency is written to: it does the thing and is not heard, or is heard and did nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

if TYPE_CHECKING:
    from simulators.agency import Agency

#: The key of a connection's state under which the server keeps what cuts it.
HANG_UP = "hang_up"


class HungUp(Response):
    """No answer: the connection is cut. Where there is none to cut, ConnectionResetError."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cut = scope.get("state", {}).get(HANG_UP)
        if cut is None:
            raise ConnectionResetError("this agency hung up")
        cut()
        while (await receive())["type"] != "http.disconnect":
            pass


async def take(agency: Agency, answer: Callable[[], Response], refusal: Callable[[], Response]) -> Response:
    """Takes a write as the agency's present fault has it.

    `lose` is not seen here: the agency itself gives a number to nothing.

    Args:
        answer: writes, and says so.
        refusal: says no.
    """
    match agency.fault:
        case "drop-reply":
            answer()
            return HungUp()
        case "swallow":
            return HungUp()
        case "reject":
            return refusal()
        case "answer-twice":
            return _twice(answer())
        case "answer-late":
            response = answer()
            await asyncio.sleep(agency.lateness)
            return response
        case "commit-late":
            await asyncio.sleep(agency.lateness)
            return answer()
    return answer()


def _twice(response: Response) -> Response:
    """The same answer with its body said twice, as from two layers that both believe they must answer."""
    body = bytes(response.body) * 2
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(body, response.status_code, headers)
