"""`simpul privacy report`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from connectors.manifest import Manifest
from connectors.registry import kind_of, load_agencies
from gateway.settings import load
from schema.agency import StoreMode
from schema.connector import Keeper

#: Where an agency's file says nothing.
PURPOSE: Final = "handling complaints about public services, and telling citizens and the public how they fare"
LEGAL_BASIS: Final = "UU 25/2009 and Perpres 76/2013 (handling of complaints); UU 27/2022 article 20 (2) e"

_TEXT: Final = (
    "texts, places and files of complaints; status history, answers, ratings; personal numbers in texts are redacted"
)
_STATUS: Final = "number, status, category and region of complaints; texts are asked of the agency and not kept"
_NO_IDENTITY: Final = "none: they are not even read"
_IDENTITY: Final = "name, telephone, e-mail of reporters who are not anonymous, sealed"
_RECIPIENTS: Final = (
    "the public (what is not confidential)",
    "the reporter of a complaint",
    "officers of agencies concerned with it",
    "oversight and national administrators",
)
_IDENTITY_RECIPIENTS: Final = ("the reporter", "officers of the agency that holds the complaint")
_MEASURES: Final = (
    "access by policy, default deny, declared on every field (docs/security.md)",
    "personal numbers are redacted before anything is stored (docs/privacy.md)",
    "identities and unsent texts are sealed (AES-256-GCM); credentials are kept as hashes (docs/keys.md)",
    "what is written and shown beyond the public's is audited, chained and signed (docs/audit.md, docs/who-saw.md)",
    "erasure, restriction and export on request, which outlast harvests and backups (docs/data-subjects.md)",
)


class Processing(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is done with the personal data of one agency's complaints.

    Attributes:
        retention_days: after a complaint was closed; None: its content stays.
        identity_days: after a complaint was closed; None: identities are not read.
        takes_writes: whether what people write here is sent to the agency.
        keeps_copies: whether its connector keeps copies of its own.
    """

    agency: str
    name: str
    purpose: str
    legal_basis: str
    categories: str
    identities: str
    recipients: tuple[str, ...]
    identity_recipients: tuple[str, ...]
    source: str
    takes_writes: bool
    keeps_copies: bool
    retention_days: int | None
    identity_days: int | None
    measures: tuple[str, ...] = _MEASURES


def report(*, json: bool = False) -> None:
    """Print the register of processing: of each agency what is kept, why, how long, and who sees it.

    Parameters
    ----------
    json
        One JSON array, for scripts. Default: Markdown.
    """
    found = [processing(manifest) for manifest in load_agencies(load().agencies_dir).values()]
    if json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
        return
    sys.stdout.write("\n".join(_markdown(found)) + "\n")


def processing(manifest: Manifest) -> Processing:
    """What an agency's file says of it."""
    privacy, asks = manifest.privacy, manifest.privacy.reporter_identity
    return Processing(
        agency=manifest.slug,
        name=manifest.name,
        purpose=privacy.purpose or PURPOSE,
        legal_basis=privacy.legal_basis or LEGAL_BASIS,
        categories=_TEXT if manifest.store is StoreMode.FULL else _STATUS,
        identities=_IDENTITY if asks else _NO_IDENTITY,
        recipients=_RECIPIENTS,
        identity_recipients=_IDENTITY_RECIPIENTS if asks else (),
        source=f"the agency's own system ({manifest.kind}), and what is written here for it",
        takes_writes=manifest.writes is not None,
        keeps_copies=_keeps_copies(manifest),
        retention_days=privacy.retention_days,
        identity_days=privacy.identity_days if asks else None,
    )


def _keeps_copies(manifest: Manifest) -> bool:
    connects = kind_of(manifest).connect
    return isinstance(connects, type) and issubclass(connects, Keeper)


def _markdown(found: list[Processing]) -> Iterator[str]:
    yield "# Register of processing"
    for each in found:
        yield f"\n## {each.name} (`{each.agency}`)\n\n| | |\n|---|---|"
        yield f"| purpose | {_cell(each.purpose)} |"
        yield f"| legal basis | {_cell(each.legal_basis)} |"
        yield f"| data | {each.categories} |"
        yield f"| identities of reporters | {each.identities} |"
        yield f"| where it comes from | {each.source} |"
        yield f"| who is shown it | {'; '.join(each.recipients)} |"
        if each.identity_recipients:
            yield f"| who is shown identities | {'; '.join(each.identity_recipients)} |"
        if each.takes_writes:
            yield "| who it is sent to | the agency: what people write here for it |"
        yield f"| content is erased | {_days(each.retention_days)} |"
        if each.identity_days is not None:
            yield f"| identities are forgotten | {_days(each.identity_days)} |"
        copies = ", and in the connector's own folder" if each.keeps_copies else ""
        yield f"| where it is kept | in the ledger's database and its backups{copies} |"
    yield "\n## Measures\n"
    yield from (f"- {measure}" for measure in _MEASURES)


def _days(days: int | None) -> str:
    return "on request" if days is None else f"{days} days after the complaint was closed, and on request"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
