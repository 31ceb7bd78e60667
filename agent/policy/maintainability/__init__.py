"""What keeps a repository easy to change: names that are there, code that is used and shown."""
