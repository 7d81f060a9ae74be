"""Keeping the mirror: one owned poller per agency, and the difference that a record makes."""
