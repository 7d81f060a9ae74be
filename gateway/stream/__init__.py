"""Live: what happens in the ledger, as it happens, to whoever listens."""
