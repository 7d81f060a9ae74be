"""Agencies that send their records by themselves."""
