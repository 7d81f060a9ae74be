"""Prints `docs/contract.md`: `python -m connectors.contract > docs/contract.md`."""

from __future__ import annotations

import sys

from connectors.contract.page import page

sys.stdout.write(page())
