"""Seven small agencies on loopback, for demonstrations and tests."""
