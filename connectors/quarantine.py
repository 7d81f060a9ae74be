"""What is kept of a record that can't be read: its shape and a digest, no value."""

from __future__ import annotations

import hashlib

import orjson

from schema.complaint import Rejected
from schema.errors import RecordError


def reject(raw: object, error: RecordError, native_id: str | None = None) -> Rejected:
    """What the quarantine keeps of a bad record: no value of it."""
    return Rejected(reason=str(error), digest=digest(raw), native_id=native_id, shape=shape(raw)[:4_000])


def digest(raw: object) -> str:
    """SHA-256 over a raw record, hex; the order of keys does not count."""
    try:
        content = orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONEncodeError, RecursionError):
        content = repr(raw).encode("utf-8", "backslashreplace")
    return hashlib.sha256(content).hexdigest()


def shape(value: object, depth: int = 6) -> str:
    """Keys, types and lengths: `{id: text(7), logs: [2 x {note: text(31)}]}`. A list is told by its first entry."""
    if isinstance(value, dict) and depth:
        inside = (f"{str(name)[:40]}: {shape(part, depth - 1)}" for name, part in list(value.items())[:100])
        return "{" + ", ".join(inside) + "}"
    if isinstance(value, list) and depth:
        return f"[{len(value)} x {shape(value[0], depth - 1)}]" if value else "[]"
    if isinstance(value, str | bytes | dict | list):
        return f"{type(value).__name__.replace('str', 'text')}({len(value)})"
    return "null" if value is None else type(value).__name__
