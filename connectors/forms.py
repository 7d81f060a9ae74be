"""Bodies of HTML forms, as older systems take writes: names and values, and files (RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import urlencode

from schema.connector import File

Pairs = Iterable[tuple[str, str | int | float | None]]

URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


def urlencoded(pairs: Pairs) -> bytes:
    """Names and values; what is None is left out."""
    return urlencode([(name, value) for name, value in pairs if value is not None]).encode()


def multipart(pairs: Pairs, files: Iterable[tuple[str, File]]) -> tuple[dict[str, str], bytes]:
    """Names and values, then files.

    Args:
        files: with the name of the field of each.

    Returns:
        Headers and body.
    """
    boundary = secrets.token_hex(16)
    parts = [_part(f'name="{_quoted(name)}"', "", str(value).encode()) for name, value in pairs if value is not None]
    parts += [_file(name, file) for name, file in files]
    body = b"".join(f"--{boundary}\r\n".encode() + part for part in parts) + f"--{boundary}--\r\n".encode()
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body


def _file(name: str, file: File) -> bytes:
    filename = file.attachment.filename or "lampiran"
    kind = file.attachment.content_type or "application/octet-stream"
    disposition = f'name="{_quoted(name)}"; filename="{_quoted(filename)}"'
    return _part(disposition, f"Content-Type: {_line(kind)}\r\n", file.content)


def _part(disposition: str, more: str, content: bytes) -> bytes:
    return f"Content-Disposition: form-data; {disposition}\r\n{more}\r\n".encode() + content + b"\r\n"


def _quoted(text: str) -> str:
    """As browsers do it: quotes and ends of lines can't end the header."""
    return _line(text).replace('"', "%22")


def _line(text: str) -> str:
    return text.replace("\r", "%0D").replace("\n", "%0A")
