"""Recipe: the prints of a library become log messages."""
