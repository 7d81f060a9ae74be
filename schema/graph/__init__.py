"""The graph: the only folder that knows Strawberry."""

# The vocabulary's enums are registered before any type of the graph names one.
from schema.graph import enums as enums
