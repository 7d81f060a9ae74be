"""Where people's writes are taken: checked, routed, decided under the ledger's lock."""
