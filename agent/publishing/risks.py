"""Tell a reviewer what to look at, from facts on record; say so where there is nothing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent.checks.hunks import PROSE
from agent.models.checks import Comparison, Status
from agent.policy.layout import is_test
from agent.publishing.evidence import Evidence
from agent.text import sanitise
from agent.text.check_summary import format_count, list_added

_MEASURED = (Status.PASSED, Status.FAILED)


def list_risks(evidence: Evidence, most: int) -> tuple[tuple[str, str], ...]:
    """Answer the questions of a reviewer, each with its heading, as Markdown.

    Args:
        most: So many things of a kind are named.
    """
    proof = " ".join(_tell_unproved(evidence, most))
    measured = " ".join(_tell_unmeasured(evidence, most))
    review = sanitise.format_sentence(evidence.notes.sentence)
    if evidence.notes.remarks:
        review += " What it remarks stands below, or under Models."
    return (
        ("Files to read first", _tell_sensitive(evidence, most)),
        ("Not noticed by tests", proof),
        ("Not measured", measured or "Nothing. Each check gave a result before and after."),
        ("Second opinion", review),
    )


def list_other_tests(evidence: Evidence, most: int) -> tuple[str, ...]:
    """Name the new tests that are not in the table of proofs, in sentences of Markdown."""
    without = {row.name: row.without for row in evidence.proof.rows}
    outcomes = {one.item_id: one.outcome for each in evidence.after.results for one in each.items}
    told: dict[str, list[str]] = {}
    for name in list_added(evidence.compared):
        if name not in without:
            passed = outcomes.get(name) == "passed"
            what = "pass with the change, and were not run without it" if passed else "did not pass"
        elif without[name] in ("failed", "error"):
            continue
        else:
            what = "do not fail without the change"
        told.setdefault(what, []).append(name)
    return tuple(f"New tests that {what}: {_list_codes(told[what], most)}." for what in told)


def _tell_sensitive(evidence: Evidence, most: int) -> str:
    if not evidence.sensitive:
        return "None. No migration, Django setting, dependency, check or CI file is touched."
    named = (
        f"{sanitise.format_code(path)} ({sanitise.format_words(why)})"
        for path, why in evidence.sensitive
    )
    return f"{sanitise.list_some(named, most)}."


def _tell_unproved(evidence: Evidence, most: int) -> Iterator[str]:
    proof, hunks = evidence.proof, evidence.proof.hunks
    if evidence.plan.recipe:
        yield "Not tried. A fixed program made the edits."
        return
    if proof.unneeded:
        yield f"Not tried: {sanitise.format_words(proof.unneeded)}."
    elif proof.missing and not hunks.noticed:
        yield f"The whole change: {sanitise.format_words(proof.missing)}."
    elif hunks.unnoticed:
        yield f"{_list_codes((part.name for part in hunks.unnoticed), most)}."
    elif hunks.noticed:
        yield "Nothing. Tests notice each part that was undone."
    else:
        yield "No part was tried alone."
    if hunks.untried:
        yield f"No time was left for {_list_codes((part.name for part in hunks.untried), most)}."
    changed = (one for one in evidence.cleared.change.paths if not is_test(one))
    if others := [path for path in changed if not path.endswith((".py", *PROSE))]:
        yield f"Not tried, since it is no Python: {_list_codes(others, most)}."


def _tell_unmeasured(evidence: Evidence, most: int) -> Iterator[str]:
    doubtful = [
        check.name for check in evidence.compared if not {check.base, check.head} <= {*_MEASURED}
    ]
    if doubtful:
        yield f"{sanitise.format_words(', '.join(doubtful))} (the reason stands under Checks)."
    for check, why in evidence.prepared.contract.project.not_run.items():
        yield f"{sanitise.format_words(check)}: {sanitise.format_words(why.rstrip('.'))}."
    if evidence.prepared.contract.config.checks.tests.runner == "off":
        yield "Tests: they are switched off in the configuration."
    for words, count in _count_tests(evidence.compared):
        if count > 0:
            yield f"{format_count(count, 'test')} {words}."


def _count_tests(checks: Iterable[Comparison]) -> Iterator[tuple[str, int]]:
    for check in checks:
        yield "for which no time was left", len(check.unrun)
        yield "skipped more than before", check.head_skipped - check.base_skipped


def _list_codes(names: Iterable[str], most: int) -> str:
    return sanitise.list_some(map(sanitise.format_code, names), most)
