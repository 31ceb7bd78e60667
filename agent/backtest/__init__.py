"""Redo past changes of a repository, and judge each by the tests that were merged with it."""
