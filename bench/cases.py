"""What is asked: nine cases, and how each request of an uncached one differs from all before it."""

from __future__ import annotations

import itertools
import json
import random
import secrets
from collections.abc import Callable, Iterator, Sequence

import msgspec

from bench.complaints import AGENCIES
from bench.stock import cursor as stock_cursor
from gateway.cursor import SealedCursors, key_from_secret
from schema.query import ComplaintOrder, RowKey
from schema.status import ComplaintStatus

_ROW = "id title text status category{code} submittedAt updatedAt agency{id name} incidentLocation{regionCode address}"
_FULL = _ROW + " timeline{toStatus occurredAt}"


def _document(text: str) -> str:
    """A document as it stands in JSON: written once, not per request."""
    return json.dumps(text.replace("ROW", _ROW).replace("FULL", _FULL))


_LIST300 = _document("query List($after:String!){complaints(first:300,after:$after){nodes{ROW}}}")
_TIMELINES = _document("query Moves($after:String!){complaints(first:300,after:$after){nodes{FULL}}}")
_LIST50 = _document(
    "query Table($agency:ID!,$after:String!){complaints(first:50,after:$after,filter:{agencies:[$agency]}){nodes{ROW}}}"
)
_PAGE20 = _document(
    "query Page($after:String!)"
    "{complaints(first:20,after:$after){edges{cursor node{FULL}} pageInfo{hasNextPage endCursor}}}"
)
_BY_ID = _document("query One($id:ID!){complaint(id:$id){FULL}}")
_STATISTICS = _document(
    "query Counts($statuses:[ComplaintStatus!]!,$first:Int!)"
    "{statistics(groupBy:[AGENCY,STATUS],filter:{statuses:$statuses},first:$first){agency{id name} status count}}"
)

#: Half of the states: as many counts in each answer, and 924 ways to choose them.
_CHOICES = list(itertools.combinations([each.value for each in ComplaintStatus], len(ComplaintStatus) // 2))
#: Sizes that are all larger than any answer.
_SIZES = range(1_000, 199, -1)
#: Documents of one run are no other run's.
_RUN = secrets.token_hex(4)


class Pool(msgspec.Struct, frozen=True):
    """What requests are made of, in an order without meaning: ids of complaints, and cursors that stand at them."""

    ids: Sequence[str]
    cursors: Sequence[str]


class Case(msgspec.Struct, frozen=True):
    """A kind of request.

    Attributes:
        ask: the body of the n-th request.
        different: how many bodies differ; None for any number.
    """

    name: str
    ask: Callable[[Pool, int], bytes]
    different: Callable[[Pool], int | None]


class Requests:
    """An endless row of requests for one server: a case's, each as it goes over the wire."""

    def __init__(self, case: Case, pool: Pool, path: str = "/graphql") -> None:
        self.case = case
        self._pool = pool
        self._head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
            "content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        ).encode()
        self.sent = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        body = self.case.ask(self._pool, self.sent)
        self.sent += 1
        return self._head % (len(body), body)

    @property
    def repeated(self) -> bool:
        """Requests that must differ began to come again."""
        different = self.case.different(self._pool)
        return different is not None and 1 < different < self.sent


def pools(positions: Sequence[tuple[str, str]], secret: str) -> dict[str, Pool]:
    """By kind of server, because each writes its cursors otherwise, and constant bytes need none.

    Args:
        positions: `updated_at` and id of complaints, newest change first.
    """
    # Behind each there are rows enough for a full page.
    drawn = list(positions[: max(1, len(positions) * 9 // 10)])
    random.Random(0).shuffle(drawn)
    ids = [id for _, id in drawn]
    seal, order = SealedCursors(key_from_secret(secret)).seal_row, ComplaintOrder()
    return {
        "hub": Pool(ids, [seal(order, RowKey((updated_at,), id)) for updated_at, id in drawn]),
        "stock": Pool(ids, [stock_cursor(updated_at, id) for updated_at, id in drawn]),
        "constant": Pool(ids, ids),
    }


def _asked(document: str, variables: str) -> bytes:
    return f'{{"query":{document},"variables":{variables}}}'.encode()


def _positions(pool: Pool) -> int:
    return len(pool.ids)


def _list300(pool: Pool, n: int) -> bytes:
    return _asked(_LIST300, f'{{"after":"{pool.cursors[n % len(pool.cursors)]}"}}')


def _timelines(pool: Pool, n: int) -> bytes:
    return _asked(_TIMELINES, f'{{"after":"{pool.cursors[n % len(pool.cursors)]}"}}')


def _list50(pool: Pool, n: int) -> bytes:
    agency = AGENCIES[n % len(AGENCIES)].id
    return _asked(_LIST50, f'{{"agency":"{agency}","after":"{pool.cursors[n % len(pool.cursors)]}"}}')


def _page20(pool: Pool, n: int) -> bytes:
    return _asked(_PAGE20, f'{{"after":"{pool.cursors[n % len(pool.cursors)]}"}}')


def _by_id(pool: Pool, n: int) -> bytes:
    return _asked(_BY_ID, f'{{"id":"{pool.ids[n % len(pool.ids)]}"}}')


def _statistics(pool: Pool, n: int) -> bytes:
    round, choice = divmod(n, len(_CHOICES))
    variables = {"statuses": _CHOICES[choice], "first": _SIZES[round % len(_SIZES)]}
    return _asked(_STATISTICS, json.dumps(variables))


def _new_document(pool: Pool, n: int) -> bytes:
    # Another name and another alias: another text, and another plan.
    id = pool.ids[n % len(pool.ids)]
    return _asked(_document(f'query New{_RUN}{n}{{a{n}:complaint(id:"{id}"){{FULL}}}}'), "null")


CASES = (
    Case("list50", _list50, _positions),
    Case("list300", _list300, _positions),
    Case("list300_timeline", _timelines, _positions),
    Case("page20", _page20, _positions),
    Case("by_id", _by_id, _positions),
    Case("statistics", _statistics, lambda pool: len(_CHOICES) * len(_SIZES)),
    Case("cached_small", lambda pool, n: _by_id(pool, 0), lambda pool: 1),
    Case("cached_large", lambda pool, n: _list300(pool, 0), lambda pool: 1),
    Case("new_document", _new_document, lambda pool: None),
)
