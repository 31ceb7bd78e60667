"""Mergewright's agent: from a written ticket to a branch that passed the project's own checks.

Read `workflow.py` first, then `stages/` in the order in which the workflow names them.
"""
