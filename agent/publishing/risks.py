"""Find what a reviewer should know of a change and no table shows, in facts on record. Pure."""

from collections.abc import Iterator

from agent.checks.proof import PROSE
from agent.models.review import Remark
from agent.policy.layout import is_test
from agent.publishing.evidence import Evidence
from agent.text.check_summary import format_count, is_of_tests, list_added


def group_other_tests(evidence: Evidence) -> dict[str, list[str]]:
    """Group the new tests that are not in the table of proofs by what they do, in words."""
    without = {row.name: row.without for row in evidence.proof.rows}
    outcomes = {item.item_id: item.outcome for item in evidence.after.tests.items}
    risks: dict[str, list[str]] = {}
    for name in list_added(evidence.compared):
        if name not in without:
            passed = outcomes.get(name) == "passed"
            what = "pass with the change but were not run without it" if passed else "did not pass"
        elif without[name] in ("failed", "error"):
            continue
        else:
            what = "pass without the change too"
        risks.setdefault(what, []).append(name)
    return risks


def list_remarks(evidence: Evidence) -> list[Remark]:
    """List the reviewer's remarks that no finding quotes."""
    notes = evidence.notes
    return [remark for remark in notes.remarks if not remark.blocking or notes.approves]


def list_untried_files(evidence: Evidence) -> list[str]:
    """List the changed files that no test is tried for, since they are no Python."""
    paths = evidence.cleared.change.paths
    return [path for path in paths if not (path.endswith((".py", *PROSE)) or is_test(path))]


def list_unnoticed(evidence: Evidence) -> list[str]:
    """List the parts that no test misses, and no finding names."""
    named = {(finding.path, finding.line) for finding in evidence.findings}
    parts = evidence.proof.unneeded_parts
    return [part.name for part in parts if (part.path, part.line) not in named]


def list_unmeasured(evidence: Evidence) -> Iterator[str]:
    """Say which tests have shown nothing, in sentences; the table has checks as a whole."""
    for check in evidence.compared:
        for words, count in (
            (
                ("not run: the time was up", len(check.unrun)),
                ("newly skipped", check.head_skipped - check.base_skipped),
            )
            if is_of_tests(check)
            else ()
        ):
            if count > 0:
                yield f"{format_count(count, 'test')} {words}."
    if evidence.prepared.contract.config.checks.tests == "off":
        yield "Tests are turned off in the configuration."
