"""Show the reviewer what a new migration takes away, or does by hand, and to rows. Pure.

By hand is all that is not known to be no more than an operation on tables, as Django loads it. On
rows migrations are tried in a sandbox, where their own code runs: silence proves nothing.
"""

from collections import Counter
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import ApplicationFact, LintRun
from agent.policy import layout
from agent.policy.application import list_edited_code
from agent.policy.history import BY_HAND
from agent.policy.rule import Rule

DESTRUCTIVE = Rule(
    id="migration-destructive",
    demands="Destructive migrations need review: they lose data or break running code.",
    severity=Severity.REVIEW,
)
ON_ROWS = Rule(
    id="migration-on-rows",
    demands="New migrations run on a test database with rows, keep these, and leave the columns"
    " that the models have.",
    severity=Severity.REVIEW,
)

_LOSES = {
    "RemoveField": "drops a column and its data",
    "DeleteModel": "drops a table and its data",
    "RenameField": "renames a column that running code still uses",
    "RenameModel": "renames a table that running code still uses",
    "AlterModelTable": "renames a table that running code still uses",
}
_LOSES_FIX = "Check that nothing uses it any more, and that there is a backup."
_SEE_ROWS = "Check what it does to production data."
_MOST_SHOWN = 3


def find_problems(
    before: tuple[ApplicationFact, ...], after: tuple[ApplicationFact, ...]
) -> Iterator[Finding]:
    """Yield findings of new migrations, and of what the merged ones use."""
    merged = {fact.name for fact in before if fact.kind == "migration"}
    shown = Counter[str]()
    for fact in after:
        if fact.name in merged or layout.is_test(fact.name):
            continue
        kind, _, said = fact.value.partition(": ")
        if fact.kind == "operation" and kind in _LOSES:
            yield DESTRUCTIVE.make_finding(fact.name, f"{_LOSES[kind]}: {said}", _LOSES_FIX)
        elif fact.kind == "by hand" and shown[fact.name] < _MOST_SHOWN:
            shown[fact.name] += 1
            yield BY_HAND.make_finding(fact.name, fact.value, _SEE_ROWS)
    for fact in list_edited_code(before, after):
        if fact.owner in merged:
            says = f"edits {fact.name}, which the merged migration {fact.owner} uses"
            fix = "Copy the old one into the migration, or check that new databases stay the same."
            yield BY_HAND.make_finding(fact.path, says, fix, fact.line)


def find_trial_problems(trial: LintRun) -> Iterator[Finding]:
    """Yield findings of what new migrations did to rows."""
    if trial.reason:
        yield ON_ROWS.make_finding("", f"New migrations were not tried: {trial.reason}", _SEE_ROWS)
    for item in trial.items:
        yield ON_ROWS.make_finding(item.place, item.text.replace("\n", " "), _SEE_ROWS, 1)
