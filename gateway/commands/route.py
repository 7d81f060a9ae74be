"""`simpul route`."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console

from connectors.registry import load_agencies
from gateway.routing import Router, load_routing
from gateway.settings import load
from schema.categories import category as category_of
from schema.complaint import Channel, Classification, Routed
from schema.errors import ConfigError
from schema.query import Language
from schema.regions import parse_code
from schema.writes import Place, SubmitComplaint

console = Console()


def route(
    *,
    region: str | None = None,
    category: str | None = None,
    text: str = "",
    agency: str | None = None,
    classification: Classification | None = None,
    channel: Channel = Channel.WEBSITE,
    file: Path | None = None,
    json: bool = False,
) -> None:
    """Show which agency a complaint would go to, by which rule, and what the citizen is told. Nothing is written.

    Parameters
    ----------
    region
        Kemendagri code of where it happened, for instance 36.71.
    category
        Code of its category, for instance infrastruktur.jalan-berlubang.
    text
        Its words: title and text.
    agency
        Slug of the agency that the citizen chose.
    classification
        Its classification.
    channel
        Channel that it came by.
    file
        The routing file; by default the one that the hub reads.
    json
        One JSON object, for scripts.
    """
    settings = load()
    agencies = {slug: manifest.agency() for slug, manifest in load_agencies(settings.agencies_dir).items()}
    rules = load_routing(file or settings.routing, agencies)
    if region is not None and parse_code(region) is None:
        raise ConfigError("is not a Kemendagri code", key="--region", allowed=("like 36", "like 36.71"))
    if category is not None and category_of(category) is None:
        raise ConfigError("is not a category's code", key="--category", allowed=("see schema/categories.tsv",))
    if agency is not None and agency not in agencies:
        raise ConfigError("no such agency here", key="--agency", allowed=sorted(agencies))
    place = Place(region_code=region) if region is not None else None
    asked = SubmitComplaint(
        idempotency_key="",
        title="",
        text=text,
        category=category,
        incident_location=place,
        agency=agency,
        classification=classification,
        channel=channel,
    )
    _show(Router(rules).route(asked, agencies), json=json)


def _show(routed: Routed, *, json: bool) -> None:
    if json:
        sys.stdout.write(msgspec.json.encode(routed).decode() + "\n")
        return
    texts = [(str(language), routed.explanation[language]) for language in Language]
    for name, value in [("agency", routed.agency), ("rule", routed.rule), *texts]:
        console.print(f"{name:<8}{value}", markup=False, highlight=False, soft_wrap=True)
