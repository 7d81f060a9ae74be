"""Answers that are kept, and never wrong: each stands on versions of the ledger that it is compared by."""
