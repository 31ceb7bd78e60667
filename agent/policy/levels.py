"""Set the severity of findings.

A repository may configure the severity of a rule, but not below the rule's minimum. A finding is
less severe if the ticket asks for it, or if people committed the file or line that it names.
"""

import re
from collections.abc import Iterable, Iterator

from packaging.utils import canonicalize_name

from agent.models.change import Change, Finding, Severity
from agent.models.record import replace
from agent.models.ticket import Ticket
from agent.policy.paths import SIZE
from agent.policy.registry import RULES
from repo_config.rule_ids import RETIRED
from repo_config.schema import RepoConfig

#: The path of a file in a ticket.
_PATH = re.compile(r"[\w./-]*\.[\w-]+")
_CODE = re.compile(r"`([^`]{1,500})`")
_WORD = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?")


def find_ineffective_values(config: RepoConfig) -> Iterator[str]:
    """Yield configured values without effect: severities below a rule's minimum, retired keys."""
    if config.gate:
        yield "gate: no longer read: all tests always run on the exact commit."
    if config.fastapi.app:
        yield "fastapi.app: no longer read: endpoints are found in the source. Remove it."
    for name in RETIRED:
        if name in config.rules:
            yield f"rules.{name}: no longer a rule. Remove it."
    for rule in RULES:
        asked, applied = config.rules.get(rule.id), rule.get_level(config)
        if asked is not None and asked != applied:
            yield f"rules.{rule.id}: {asked} is below the rule's minimum; {applied} applies."


def apply_levels(findings: Iterable[Finding], config: RepoConfig) -> tuple[Finding, ...]:
    """Return findings with the severities of this repository, without rules that are off."""
    levels = {rule.id: rule.get_level(config) for rule in RULES}
    return tuple(
        replace(finding, severity=Severity(level))
        for finding in findings
        if (level := levels[finding.rule]) != "off"
    )


def soften_asked_findings(
    findings: tuple[Finding, ...], ticket: Ticket | None
) -> tuple[Finding, ...]:
    """Return findings; those whose file or subject the ticket names become information."""
    text = f"{ticket.title}\n{ticket.body}" if ticket else ""
    paths = {f"/{word.rstrip('.').removeprefix('./')}" for word in _PATH.findall(text)}
    # A subject may be a common word, so it counts only between backquotes.
    code = {canonicalize_name(word) for mark in _CODE.findall(text) for word in _WORD.findall(mark)}
    of_asked = {rule.id for rule in RULES if rule.may_be_asked}

    def soften(finding: Finding) -> Finding:
        is_named = finding.subject in code or (
            not finding.subject and f"/{finding.path}".endswith(tuple(paths))
        )
        may_be = finding.rule in of_asked and finding.severity is Severity.REVIEW
        return replace(finding, severity=Severity.INFO) if is_named and may_be else finding

    return tuple(map(soften, findings))


def soften_human_findings(
    findings: tuple[Finding, ...], change: Change, human_changes: Change | None
) -> tuple[Finding, ...]:
    """Return findings; those that block need review instead if people committed the file or line.

    So do those about the size of the whole change, of which people's commits are a part.

    Args:
        human_changes: The branch's earlier change, with commits of people; None: there is none.
    """
    if human_changes is None:
        return findings
    theirs, ours = ({file.path: file for file in side.files} for side in (human_changes, change))

    def soften(finding: Finding) -> Finding:
        old, new = theirs.get(finding.path), ours.get(finding.path)
        if finding.severity is not Severity.BLOCK:
            return finding
        if finding.rule == SIZE.id and not finding.path:
            return replace(finding, severity=Severity.REVIEW)
        if old is None or new is None:
            return finding
        lines, line = (new.after or b"").splitlines(), finding.line or 0
        is_theirs = (old.after, old.executable) == (new.after, new.executable) or (
            0 < line <= len(lines) and lines[line - 1] in (old.after or b"").splitlines()
        )
        return replace(finding, severity=Severity.REVIEW) if is_theirs else finding

    return tuple(map(soften, findings))
