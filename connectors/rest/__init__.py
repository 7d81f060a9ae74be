"""Any REST system with JSON replies, described in its agency's file alone."""
