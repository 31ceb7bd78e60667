"""Outcomes of runs by plain facts, whichever part of the record has each."""

from agent.models.outcome import JudgedChange, Outcome, ReviewState, RunFigures, RunFiles
from agent.models.record import replace

_PARTS = {
    "files": RunFiles, "judged": JudgedChange, "review_state": ReviewState, "figures": RunFigures
}  # fmt: skip


def make_outcome(run_id: str, state, reason, sentence: str, **facts: object) -> Outcome:
    return change_outcome(
        Outcome(run_id=run_id, state=state, reason=reason, sentence=sentence), **facts
    )


def change_outcome(outcome: Outcome, **facts: object) -> Outcome:
    for name, part in _PARTS.items():
        fields = {key: facts.pop(key) for key in part.model_fields if key in facts}
        outcome = replace(outcome, **{name: replace(getattr(outcome, name), **fields)})
    assert not facts.keys() - Outcome.model_fields.keys(), facts
    return replace(outcome, **facts)
