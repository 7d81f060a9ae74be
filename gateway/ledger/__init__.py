"""The ledger: one gapless sequence of events, and the snapshot of every complaint."""
