"""The shared vocabulary of the hub: records, legal moves, clocks, events, what is asked and answered."""
