"""How fast the hub is, beside what the same server and the same libraries can do. See docs/performance.md."""
