"""Likely duplicates of a complaint (`docs/duplicates.md`)."""

from gateway.duplicates.suggest import suggest

__all__ = ["suggest"]
