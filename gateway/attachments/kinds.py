"""What kind of file it is, by its bytes. What the sender says of it counts for nothing."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

import puremagic

from schema.redaction import redacted

#: Bytes at the beginning that tell the kind.
HEAD: Final = 4_096
#: What is taken, with the ending its name gets. Nothing that a browser would run: no HTML, SVG, XML or script.
KINDS: Final = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "image/gif": ".gif",
    "application/pdf": ".pdf",
    "video/mp4": ".mp4",
}

_STEM: Final = 80
#: Control characters, and what file systems and headers give a meaning.
_UNFIT: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069/\\:*?\"<>|]+")
#: Numbers of people's papers and telephones get into names of files.
_LONG_NUMBER: Final = re.compile(r"\d{10,}")


def kind_of(head: bytes) -> str | None:
    """The media type of a file that begins like this; None for one that is not taken."""
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return None
    best = found[0].mime_type if found else None
    return best if best in KINDS else None


def name_of(url: str, kind: str) -> str:
    """A harmless name for a file of this kind, after its address."""
    last = unquote(urlsplit(url).path, errors="ignore").rpartition("/")[2]
    stem = redacted(_LONG_NUMBER.sub("", _UNFIT.sub(" ", last))).strip(" .")
    stem = stem.rpartition(".")[0].strip(" .") or stem
    return (stem[:_STEM].strip(" .") or "lampiran") + KINDS[kind]
