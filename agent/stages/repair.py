"""Repair: what to try next after red checks.

A recipe is deterministic: run again it would make the same change. So without a model there is
nothing to try, and the first result stands.
"""

from __future__ import annotations

from agent.domain import Change, CheckReport, ClearedChange


def revise(cleared: ClearedChange, before: CheckReport, after: CheckReport) -> Change | None:
    """Return the next Change to try, or None when there is nothing left to try."""
    return None
