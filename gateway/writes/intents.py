"""What the ledger is told of a write before anything is read: who, what, and hashes that know it again."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.keyring import Keyring
from gateway.ledger.rows import clean
from schema.query import Viewer
from schema.redaction import redacted
from schema.writes import Action, Asked, Intent

_ID = re.compile(r"(?:complaint|delivery)_[a-z2-7]{26}")


def intent(keyring: Keyring, viewer: Viewer, action: Action, asked: Asked, **read: Any) -> Intent:
    """The intent of what is asked.

    Args:
        read: what the ledger is to read: see `Intent`. Ids that can't be any are left out.
    """
    for name in ("complaints", "deliveries"):
        read[name] = tuple(dict.fromkeys(id for id in read.get(name, ()) if is_id(id)))
    return Intent(
        action=action,
        actor=viewer.credential,
        key=keyring.digest(
            "idempotency", viewer.credential.encode(), action.encode(), _bytes(asked.idempotency_key)
        ).hex(),
        body=keyring.digest("idempotency body", canonical(asked)).hex(),
        **read,
    )


def canonical(asked: Asked) -> bytes:
    """The input without its key, in one form."""
    plain = msgspec.to_builtins(replace(asked, idempotency_key=""))
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def is_id(id: str) -> bool:
    """Whether it has the form of a complaint's or a delivery's id."""
    return _ID.fullmatch(id) is not None


def tidy(text: str | None) -> str | None:
    """A text as it is kept: without what no database holds, and without blanks around it; None for none."""
    return clean(text).strip() or None if text is not None else None


def worded(text: str | None) -> str | None:
    """What somebody wrote, as it is kept, shown and taken to the agency: tidy, and redacted."""
    return redacted(kept) if (kept := tidy(text)) is not None else None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
