"""Redo past changes of a repository, and measure the results by the merged tests."""
