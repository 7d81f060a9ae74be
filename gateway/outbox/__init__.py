"""What was written here, on its way to agencies."""
