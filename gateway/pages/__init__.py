"""What a person's browser is shown: the dashboard at `/`, the explorer at `/graphql`."""
