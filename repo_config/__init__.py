"""A repository's configuration, and what its files declare. Pure; imports nothing of `agent`."""
