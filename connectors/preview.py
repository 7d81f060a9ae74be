"""The beginning of a reply for an operator who looks why an agency can't be read: its form, without people in it."""

from __future__ import annotations

import re
from typing import Any, Final

import orjson

from connectors.reply import Reply
from schema.errors import BadPayload

MAX_PREVIEW: Final = 2_000
_ENTRIES: Final = 3
_WORDS: Final = 60

_PERSONAL = re.compile(
    r"^(nama|name|nama_lengkap|full_?name)$|pelapor|reporter|telp|telepon|phone|ponsel|\bno_?hp|handphone|whatsapp|e-?mail|nik\b|kk\b|ktp|alamat|address"
    r"|token|secret|password|lat|lon|koordinat",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d(?:[ .-]?\d){7,}")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")


def preview(reply: Reply) -> str:
    """At most 2,000 characters: of each list three entries, of texts 60 characters; what looks personal is `***`."""
    try:
        shown = orjson.dumps(_masked(reply.json()), option=orjson.OPT_INDENT_2).decode()
    except (BadPayload, orjson.JSONEncodeError):
        shown = without_people(reply.content[: MAX_PREVIEW * 2].decode("utf-8", "replace"))
    return shown[:MAX_PREVIEW]


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _masked(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, key) for part in value[:_ENTRIES]]
    if value is None or isinstance(value, bool):
        return value
    if _PERSONAL.search(key):
        return "***"
    if isinstance(value, str):
        shown = without_people(value)  # before it is cut: half a number is no longer seen to be one
        return shown if len(shown) <= _WORDS else shown[:_WORDS] + "…"
    return value if len(str(value)) < 12 or _is_epoch(value) else "***"


def _is_epoch(value: float) -> bool:
    """Milliseconds since 1970, of this century: no phone or identity number begins so."""
    return 10**12 <= value < 2 * 10**12 and isinstance(value, int)


def without_people(text: str) -> str:
    """A text in which long numbers and mail addresses are `***`."""
    return _DIGITS.sub(_mask_unless_date, _MAIL.sub("***", text))


def _mask_unless_date(match: re.Match[str]) -> str:
    return match[0] if re.match(r"\d{4}-\d\d-\d\d|\d\d-\d\d-\d{4}", match[0]) else "***"
