"""Databases: the inbox, the runs, and the results of each run's steps."""
