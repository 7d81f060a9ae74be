"""How one agency's system speaks: its words, numbers, keys and endpoints, as plain functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema.complaint import Channel, Classification, FollowUpKind, RatingSource
from schema.status import ActorRole, ComplaintStatus
from simulators.case import Case
from simulators.content import Story
from simulators.outlet import Outlet
from simulators.taking import take

if TYPE_CHECKING:
    from simulators.agency import Agency

WIB = timezone(timedelta(hours=7), "WIB")
WITA = timezone(timedelta(hours=8), "WITA")

Statuses = Mapping[ComplaintStatus, tuple[str, ...]]
Answer = Callable[["Agency", Request], Response]
#: Answers a request by its body alone.
BodyAnswer = Callable[["Agency", bytes], Response]


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint that takes writes; the faults of `simulators.taking` stand around it.

    Attributes:
        path: below the dialect's `base`.
        answer: does what the body says, and acknowledges it.
        refusal: how the agency says no (the `reject` fault).
        writes: whether a body writes at all; where it does not, no fault of writes applies.
    """

    path: str
    answer: Callable[[Agency, Request, bytes], Response]
    refusal: Callable[[], Response]
    method: str = "POST"
    writes: Callable[[bytes], bool] = lambda body: True


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """An agency's words for what all agencies know. `channels` may lack some: WEBSITE's word stands in."""

    classes: Mapping[Classification, str]
    channels: Mapping[Channel, str]
    actors: Mapping[ActorRole, str]
    replies: Mapping[FollowUpKind, str]
    stars: Mapping[RatingSource, str]

    def channel(self, channel: Channel) -> str:
        return self.channels.get(channel) or self.channels[Channel.WEBSITE]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One agency's system.

    Attributes:
        statuses: its words for each state it knows; several mean the same.
        native_id, tracking_id: of a case, as the records carry them, as text.
        render: a record, as a fragment of JSON or XML.
        spoil: the same fragment, made unreadable (the `malformed` fault).
        keys: request headers that must be there, name in lower case to value.
        environment: what the agency's file calls those keys.
        endpoints: path below `base` to what answers it.
        posts: the same for what is posted and changes nothing.
        writes: what takes writes.
        base: where the address that clients are given ends, for instance `/open311/v2`.
        outlet: makes what the agency has beside HTTP, in a folder of its own.
    """

    slug: str
    statuses: Statuses
    native_id: Callable[[Case], str]
    tracking_id: Callable[[Case], str]
    render: Callable[[Story], bytes]
    spoil: Callable[[bytes], bytes]
    keys: Mapping[str, str]
    environment: Mapping[str, str]
    endpoints: Sequence[tuple[str, Answer]]
    posts: Sequence[tuple[str, BodyAnswer]] = ()
    writes: Sequence[Taking] = ()
    base: str = ""
    outlet: Callable[[Agency, Path], Outlet] | None = None

    @property
    def states(self) -> frozenset[ComplaintStatus]:
        return frozenset(self.statuses)

    def routes(self, agency: Agency) -> list[Route]:
        reads = [Route(self.base + path, _bound(answer, agency)) for path, answer in self.endpoints]
        posts = [Route(self.base + path, _posted(answer, agency), methods=["POST"]) for path, answer in self.posts]
        takings = [
            Route(self.base + taking.path, _taken(taking, agency), methods=[taking.method]) for taking in self.writes
        ]
        # Words before patterns: `/complaints/{id}/reject` is not the complaint `process`.
        return takings + reads + posts


def _bound(answer: Answer, agency: Agency) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        return answer(agency, request)

    return endpoint


def _posted(answer: BodyAnswer, agency: Agency) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        return answer(agency, await request.body())

    return endpoint


def _taken(taking: Taking, agency: Agency) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        if not taking.writes(body):
            return taking.answer(agency, request, body)
        return await take(agency, lambda: taking.answer(agency, request, body), taking.refusal)

    return endpoint


def word(statuses: Statuses, status: ComplaintStatus, salt: int) -> str:
    """One of the words for a state; the same for the same salt."""
    words = statuses[status]
    return words[salt % len(words)]


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query, kept within bounds; nonsense counts as not given."""
    try:
        return min(max(int(request.query_params.get(name, default)), low), high)
    except ValueError:
        return default


def stamp(at: int, zone: timezone, format: str) -> str:
    return datetime.fromtimestamp(at, zone).strftime(format)


def moment(text: str, zone: timezone, *formats: str) -> int | None:
    """Seconds since 1970 of a date in one of these formats or ISO 8601; None if it is neither."""
    for format in formats:
        try:
            return int(datetime.strptime(text, format).replace(tzinfo=zone).timestamp())
        except ValueError:
            continue
    try:
        # A `+` of an offset that a client did not escape arrives as a space.
        read = datetime.fromisoformat(text.replace(" +", "+").replace(" 0", "T0", 1) if "T" not in text else text)
    except ValueError:
        return None
    return int((read if read.tzinfo else read.replace(tzinfo=zone)).timestamp())
