"""What others write to an agency, read without trust: the values of one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import orjson

from simulators.case import FiledFile

Value = TypeVar("Value")
_LONGEST = 20_000


class Refusal(Exception):
    """The agency says no; the message is its own."""


class Body:
    """A JSON object.

    Args:
        missing: what the agency says of a value that must be there, with its name in `{}`.
    """

    def __init__(self, values: object, missing: str = "{} wajib diisi") -> None:
        if not isinstance(values, dict):
            raise Refusal("Isi permintaan bukan objek")
        self._values: dict[str, Any] = values
        self._missing = missing

    @classmethod
    def read(cls, content: bytes) -> Body:
        """The body of a request."""
        try:
            return cls(orjson.loads(content))
        except orjson.JSONDecodeError:
            raise Refusal("Isi permintaan bukan JSON") from None

    def text(self, name: str) -> str | None:
        """A text; None where there is none."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, str) or len(value) > _LONGEST):
            raise Refusal(f"{name} bukan teks")
        return value.strip() or None if value else None

    def need(self, name: str) -> str:
        """A text that must be there."""
        found = self.text(name)
        if found is None:
            raise Refusal(self._missing.format(name))
        return found

    def number(self, name: str) -> float | None:
        value = self._values.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise Refusal(f"{name} bukan angka")
        return value

    def yes(self, name: str) -> bool:
        return self._values.get(name) is True

    def inner(self, name: str) -> Body:
        """The object of that name; an empty one where there is none."""
        return Body(self._values.get(name) or {}, self._missing)

    def stars(self, name: str) -> int:
        score = self.number(name)
        if score is None or score not in (1, 2, 3, 4, 5):
            raise Refusal(f"{name} harus 1 sampai 5")
        return int(score)

    def files(self, name: str) -> tuple[FiledFile, ...]:
        """Files with `nama`, `tipe` and `isi` in base64, of which only the size is kept."""
        entries = self._values.get(name) or []
        if not isinstance(entries, list):
            raise Refusal(f"{name} bukan daftar")
        bodies = [Body(entry) for entry in entries]
        return tuple(
            FiledFile(body.text("nama") or "berkas", body.text("tipe") or "application/octet-stream", body.size("isi"))
            for body in bodies
        )

    def size(self, name: str) -> int:
        """Bytes of a value in base64."""
        return len(str(self._values.get(name) or "")) * 3 // 4


def turned(words: Mapping[Value, str]) -> dict[str, Value]:
    """Words and what they stand for."""
    return {word: value for value, word in words.items()}


def known(words: Mapping[str, Value], word: str | None, name: str) -> Value | None:
    """What a word stands for; None for none.

    Raises:
        Refusal: the agency has no such word.
    """
    if word is None:
        return None
    if word not in words:
        raise Refusal(f"{name} tidak dikenal")
    return words[word]
