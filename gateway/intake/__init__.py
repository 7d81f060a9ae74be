"""What agencies send by themselves: routes under `/agencies/{slug}/`, checked before the ledger hears of it."""
