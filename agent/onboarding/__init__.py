"""A repository's contract as people see it: what holds and why, and what its files propose."""
