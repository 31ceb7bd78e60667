"""Review: a second model's look at the change; without a model, the word that there was none."""

from __future__ import annotations

from agent.domain import ClearedChange, Plan, ReviewNotes


def examine(cleared: ClearedChange, plan: Plan) -> ReviewNotes:
    """Say what a second pair of eyes makes of the change."""
    return ReviewNotes(ran=False, sentence="Not run: no model is configured.")
