"""The connector kit: how agencies' systems are read."""
