"""The contract as a page for people: `docs/contract.md`."""

from __future__ import annotations

from connectors.contract.rule import TIERS
from connectors.contract.suite import rules

_HEAD = """# The contract of a connector

*Made from the rules themselves: `python -m connectors.contract > docs/contract.md`.*

A connector is trusted for what it was seen to do. Each rule below is tried on an agency, or on a recording of one,
with things going wrong on the wire between them, by `simpul agency certify` and by
[three lines of pytest](connectors.md#a-package-of-your-own).

| outcome | means |
|---|---|
| passed | it was tried, and held |
| failed | it was tried, and did not hold; the line says how |
| untried | what was there didn't suffice to try it, for instance because no record came. It counts as not passed |
| not applicable | it is about something that this connector doesn't do (429 from a database). It counts neither way |

**The tier** is the highest of which, and of all below which, no rule failed or stayed untried. It is computed and
written to `certificate.json` in the folder beside the agency's file, with a digest of that file and of the connector's
version; the hub shows it as `Agency.tier` only while that digest is right. Change the file, and certify again.

| tier | a connector that | rules |
|---|---|---|
"""

_TIERS = {
    "BRONZE": "reads the agency rightly, and betrays nobody",
    "SILVER": "also behaves when the agency doesn't",
    "GOLD": "also misses nothing while the agency lives on, and asks for no more than it must",
}


def page() -> str:
    """The page, in Markdown."""
    found = rules()
    text = _HEAD
    for tier in TIERS:
        links = ", ".join(f"[{rule.id}](#{rule.id})" for rule in found if rule.tier is tier)
        text += f"| {tier.value.lower()} | {_TIERS[tier.value]} | {links} |\n"
    for rule in found:
        text += f"\n## {rule.id}\n\n*{rule.tier.value.lower()}.* {rule.reason}\n\n**How it is tried.** {rule.tried}\n"
    return text
