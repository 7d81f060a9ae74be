"""The code in the page for clients, as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "clients.md"


def block(language: str, name: str = "") -> str:
    """The one block of that language whose first line names that file."""
    blocks = re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE.read_text())
    [found] = [each for each in blocks if not name or each.startswith(f"// {name}.js")]
    return str(found)


def document() -> str:
    """The subscription."""
    return block("graphql")
