"""Who is asking: credentials, and the viewers that they make."""
