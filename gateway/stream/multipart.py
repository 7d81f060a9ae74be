"""Multipart subscriptions, as Apollo's clients ask for them: `multipart/mixed` with `subscriptionSpec` 1.0."""

from __future__ import annotations

import orjson

from gateway.execution.answer import Frame

_BOUNDARY = b"\r\n--graphql"


def _part(content: bytes) -> bytes:
    # The boundary that ends a part goes out with it: a client reads no part before it has seen its end.
    return b"\r\ncontent-type: application/json\r\n\r\n%b%b" % (content, _BOUNDARY)


class Multipart:
    """`gateway.stream.framing.Framing`. Without the last boundary Apollo Client sees a network error: it can retry."""

    name = "multipart"
    type = b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
    opening = _BOUNDARY
    heartbeat = _part(b"{}")
    complete = b"--\r\n"

    def next(self, frame: Frame) -> bytes:
        return _part(b'{"payload":%b}' % frame.body)

    def busy(self, message: str) -> bytes:
        # Errors beside a payload that is null are the transport's: Apollo's RetryLink tries again.
        error = {"message": message, "extensions": {"code": "RATE_LIMITED"}}
        return _part(orjson.dumps({"payload": None, "errors": [error]})) + self.complete


MULTIPART = Multipart()
