"""One run, carried from its beginning to its end."""
