"""What an agency answered, whole."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import msgspec
import orjson

from schema.errors import BadPayload

MAX_DEPTH: Final = 64
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,60}")
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE)
_UTF8 = ("utf-8", "ascii")


class Reply(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A successful reply.

    Attributes:
        headers: by lower-case name.
        content: the body, unpacked.
        url: where it came from, after redirects; without credentials.
        seconds: from sending to the last byte.
        ignored: an error rule of the agency's file says that it means: nothing there.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    seconds: float = 0.0
    ignored: bool = False

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.media_type or 'no type'}, {len(self.content)} bytes)"

    @property
    def media_type(self) -> str:
        """The content type without its parameters, lower-case; empty if none, or none that makes sense."""
        match = _MEDIA_TYPE.match(self.headers.get("content-type", "").strip())
        return match[0].lower() if match else ""

    @property
    def looks(self) -> str:
        """What the body is by its first characters: JSON, HTML, XML, text, nothing or binary."""
        start = self.content[:400].removeprefix(codecs.BOM_UTF8).lstrip().lower()
        if not start:
            return "nothing"
        if start[:1] in (b"{", b"["):
            return "JSON"
        if start[:1] == b"<":
            html = b"<!doctype html" in start or b"<html" in start or b"<head" in start or b"<body" in start
            return "HTML" if html else "XML"
        return "binary" if b"\0" in start else "text"

    def refuse(self, expected: str, because: str = "") -> BadPayload:
        """The error for a reply that is not `expected` (JSON, XML, ...); it says what came, never its text."""
        kind = f"{self.looks} ({self.media_type or 'no content type'}, {len(self.content):,} bytes)"
        reason = f": {because}" if because else ""
        return BadPayload(f"the agency answered {kind} where {expected} was agreed{reason}")

    def json(self) -> Any:
        """The body as JSON, read once; not to be changed. None for an ignored reply.

        Raises:
            BadPayload: HTML, cut short, or otherwise no JSON; NaN or Infinity in it; nested deeper than 64.
        """
        return None if self.ignored else self._json

    @cached_property
    def _json(self) -> Any:
        if self.looks in ("HTML", "XML", "nothing", "binary"):
            raise self.refuse("JSON")
        try:
            value = orjson.loads(self.text_bytes())
        except orjson.JSONDecodeError as error:
            cut = error.pos >= len(error.doc.rstrip()) or "unexpected end" in error.msg
            raise self.refuse("JSON", "cut short" if cut else f"broken at character {error.pos:,}") from None
        if deeper_than(value, MAX_DEPTH):
            raise self.refuse("JSON", f"nested deeper than {MAX_DEPTH}")
        return value

    def text_bytes(self) -> bytes:
        """The body in UTF-8 without a byte order mark, from the charset that the reply names.

        Raises:
            BadPayload: it is not in that charset.
        """
        named = _CHARSET.search(self.headers.get("content-type", ""))
        try:
            charset = codecs.lookup(named[1]).name if named else "utf-8"
        except LookupError:
            charset = "utf-8"
        if charset in _UTF8:
            return self.content.removeprefix(codecs.BOM_UTF8)
        try:
            return self.content.decode(charset).encode()
        except (UnicodeError, LookupError):  # LookupError: a codec that is no text encoding
            raise self.refuse("text", "not in the charset it names") from None


def deeper_than(value: object, depth: int) -> bool:
    """Whether lists and objects are nested deeper, level by level, without recursion."""
    level = [value]
    for _ in range(depth):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
