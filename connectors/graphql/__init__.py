"""The kind `graphql`: any upstream graph, by query and paths."""
