"""The seven pilots as subjects of the contract: their simulators, with whatever else they have."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import httpx2
import msgspec

import simulators
from connectors.contract.certificate import issue
from connectors.registry import load_agencies
from connectors.secrets import Secrets
from connectors.testing import Arrive, Subject, certify
from simulators.agency import Agency
from simulators.dialects import DIALECTS

ROOT = Path(__file__).parents[2]
#: Their records don't come over HTTP, so that arrivals can't be played on the wire.
OUTSIDE = {"prov-sumbar"}
NOW = datetime(2026, 5, 4, 9, 30, 15, tzinfo=UTC)


@contextmanager
def pilot(slug: str, folder: Path, *, count: int = 60, page: int = 20) -> Iterator[Subject]:
    """A pilot's agency with so many complaints, in pages of so many, where its file names a size."""
    app = simulators.app(slug, seed=4, count=count, now=lambda: NOW)
    agency, values = app.state.agency, {"http.url": "http://127.0.0.1:1" + DIALECTS[slug].base}
    outlet = agency.dialect.outlet(agency, folder) if agency.dialect.outlet is not None else None
    try:
        if outlet is not None:
            outlet.open()
            values |= outlet.values
        manifest = load_agencies(ROOT / "agencies")[slug].with_values(values)
        manifest = msgspec.structs.replace(manifest, settings=_in_pages(manifest.settings, page))
        yield Subject(
            manifest=manifest,
            secrets=Secrets(simulators.ENVIRONMENT),
            transport=httpx2.ASGITransport(app=app),
            at=lambda: NOW,
            arrive=_arriving(agency) if slug in OUTSIDE else None,
            held=lambda reference: len(agency.writings.of(reference)),
        )
    finally:
        if outlet is not None:
            outlet.close()


def _arriving(agency: Agency) -> Arrive:
    async def arrive() -> set[str]:
        before, chance = len(agency.cases), Random(1)
        while len(agency.cases) == before:
            agency.live(chance)
        return {agency.dialect.native_id(case) for case in agency.cases[before:]}

    return arrive


def _in_pages(settings: object, page: int) -> dict[str, object]:
    """A kind's table with pages of another size."""
    assert isinstance(settings, dict)
    sizes = {"page_size": page, "count": page, "page": page}
    return {
        name: _in_pages(value, page) if isinstance(value, dict) else sizes[name] if _is_size(name, value) else value
        for name, value in settings.items()
    }


def _is_size(name: str, value: object) -> bool:
    return name in ("page_size", "count", "page") and isinstance(value, int)


async def main() -> None:
    """Certifies the pilots anew: `python -m tests.contract.pilots`, after a change of their files or of the program."""
    for slug in DIALECTS:
        with tempfile.TemporaryDirectory() as folder, pilot(slug, Path(folder)) as subject:
            certificate = issue(subject.manifest, await certify(subject), "live", datetime.now(UTC))
            print(slug, certificate.tier)


if __name__ == "__main__":
    asyncio.run(main())
