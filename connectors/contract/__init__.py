"""The contract that each connector keeps: its rules, what they need to be tried, and the tier that comes of it."""
