"""What a request's headers come to: decided once for all requests that carry the same."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from gateway.compression import IDENTITY, PAYS, coding
from gateway.negotiation import EVENT_STREAM, GRAPHQL, JSON, MULTIPART, is_json, negotiate, negotiate_stream
from gateway.origins import Origins
from gateway.reply import Headers
from gateway.stream import multipart, sse
from gateway.stream.framing import Framing
from schema.query import PUBLIC, Viewer

#: How a stream of each media type is written.
_FRAMINGS: dict[str | None, Framing] = {EVENT_STREAM: sse.SSE, MULTIPART: multipart.MULTIPART}

#: What an answer to the same question may differ by.
VARY = (b"vary", b"Accept, Accept-Encoding, Authorization, Origin")

#: Terms that are remembered, and the length of header values in all up to which they are.
_MOST, _LONGEST = 1_024, 2_048


class Rejected(Exception):
    """An HTTP request that is not a GraphQL request, or nobody's: what to answer. `code` for `extensions.code`."""

    def __init__(self, status: int, message: str, *, code: str | None = None, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers


class Terms:
    """How a request is to be answered.

    Attributes:
        accept: as it was given.
        media: of the answer; application/json where nothing acceptable can be sent.
        stream: how a subscription is written; None where the client takes no stream.
        only_stream: the client takes nothing else: a query's answer is a stream of one, too.
        type, headers: what the answer's headers say of it, whatever is in it.
        shape: two terms of one shape get the same reply to the same question.
        acceptable: the client takes what is sent in one piece.
        plain: nor is anything wrong with a body under these terms.
        authorization: the credentials that were shown, if any; until they are recognised, `viewer` is the public.
    """

    __slots__ = (
        "_kind", "_large", "_media", "_packed", "_small", "accept", "acceptable", "authorization", "headers", "media",
        "only_stream", "plain", "shape", "stream", "type", "viewer",
    )  # fmt: skip

    def __init__(self, given: dict[bytes, bytes], origins: Origins, always: Headers = ()) -> None:
        self.viewer: Viewer = PUBLIC
        self.authorization: str | None = None
        self.accept = _text(given, b"accept") or ""
        self._media = negotiate(self.accept)
        self.stream = _FRAMINGS.get(negotiate_stream(self.accept))
        self.only_stream = self._media is None and self.stream is not None
        self._kind = _text(given, b"content-type") or ""
        self._packed = _text(given, b"content-encoding") or IDENTITY
        takes = _text(given, b"accept-encoding")
        self._small, self._large = coding(takes, 0), coding(takes, PAYS)
        self.media = self._media or JSON
        self.type = (b"content-type", f"{self.media}; charset=utf-8".encode())
        allowed = origins.headers(_text(given, b"origin"))
        self.headers: Headers = (VARY, *always, *allowed)
        self.shape = f"{self.only_stream} {self.media} {self._small} {self._large} {allowed}"
        self.acceptable = self._media is not None and self._large is not None
        self.plain = self.acceptable and is_json(self._kind) and self._packed == IDENTITY

    def showing(self, authorization: str) -> Terms:
        """These, with credentials."""
        terms = copy.copy(self)
        terms.authorization = authorization
        return terms

    def coding(self, size: int) -> str:
        """The content coding of an answer of so many bytes."""
        return (self._large if size >= PAYS else self._small) or IDENTITY

    def check(self) -> None:
        """Raises:
        Rejected: nothing that the client takes can be sent.
        """
        if self._media is None and self.stream is None:
            raise Rejected(406, f"Answers come as {GRAPHQL} or {JSON}, subscriptions as {EVENT_STREAM} or {MULTIPART}.")
        if self._large is None:
            raise Rejected(406, "Answers come as they are, or in the codings br and gzip.")

    def check_body(self) -> None:
        """Raises:
        Rejected: a body under these headers is not read.
        """
        if not is_json(self._kind):
            raise Rejected(415, f"The body must be {JSON} in UTF-8.", **{"accept-post": JSON})
        if self._packed != IDENTITY:
            raise Rejected(415, "The body must not be compressed.", **{"accept-encoding": IDENTITY})


class TermsBook:
    """Terms by the values of the headers that count. Credentials are never among what is kept.

    Args:
        always: headers of every answer.
    """

    def __init__(self, origins: Origins, always: Headers = ()) -> None:
        self._origins = origins
        self._always = always
        self._kept: dict[tuple[bytes | None, ...], Terms] = {}

    def of(self, headers: Sequence[tuple[bytes, bytes]]) -> Terms:
        """The terms of a request with these headers, names in lower case."""
        given = dict(headers)
        if len(given) != len(headers):
            # A header that comes twice counts as one list.
            given = {name: b", ".join(value for key, value in headers if key == name) for name in given}
        get = given.get
        values = (
            get(b"accept"), get(b"accept-encoding"), get(b"content-type"), get(b"origin"), get(b"content-encoding"),
        )  # fmt: skip
        terms = self._kept.get(values)
        if terms is None:
            terms = self._made(values, given)
        authorization = get(b"authorization")
        return terms if authorization is None else terms.showing(authorization.decode("latin-1"))

    def _made(self, values: tuple[bytes | None, ...], given: dict[bytes, bytes]) -> Terms:
        terms = Terms(given, self._origins, self._always)
        if sum(len(value or b"") for value in values) <= _LONGEST:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            self._kept[values] = terms
        return terms


def _text(given: dict[bytes, bytes], name: bytes) -> str | None:
    value = given.get(name)
    return None if value is None else value.decode("latin-1")
