"""The checks: how they run in the sandbox, how results are read, and how a change is judged."""
