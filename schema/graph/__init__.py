"""The graph: the only folder that knows Strawberry."""
