"""Unpacks a reply piece by piece and stops at a cap: a small bomb never becomes big."""

from __future__ import annotations

import zlib

from schema.errors import BadPayload

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Inflate:
    """Decodes one `Content-Encoding`.

    Args:
        encoding: gzip, deflate, identity, or empty.
        limit: most bytes that may come out.

    Raises:
        BadPayload: another encoding; also from `feed` and `finish`, when it is broken, cut or too big.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        self._encoding = encoding.strip().lower() or "identity"
        if self._encoding != "identity" and self._encoding not in _WINDOWS:
            raise BadPayload("the reply came in a compression that was not asked for")
        self._limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._stream = self._new() if self._encoding in _WINDOWS else None
        self._started = False

    def _new(self) -> zlib._Decompress:
        return zlib.decompressobj(_WINDOWS[self._encoding])

    def feed(self, chunk: bytes) -> None:
        """Takes the next piece from the wire."""
        if self._stream is None:
            self._keep(chunk)
            return
        self._started = self._started or bool(chunk)
        try:
            self._unpack(chunk)
        except zlib.error:
            raise BadPayload("the reply's compression is broken") from None

    def _unpack(self, chunk: bytes) -> None:
        while chunk:
            if self._stream is None or self._stream.eof:  # gzip may hold several members
                self._stream = self._new()
            self._keep(self._stream.decompress(chunk, self._limit - self._size + 1))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise BadPayload(f"the reply is larger than {self._limit:,} bytes")
        self._parts.append(piece)

    def finish(self) -> bytes:
        """All that came out."""
        if self._stream is not None and self._started and not self._stream.eof:
            raise BadPayload("the reply was cut short inside its compression")
        return b"".join(self._parts)
