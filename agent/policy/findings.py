"""Make findings: one sentence with the place, the reason and the way out."""

from __future__ import annotations

from agent.domain import Finding, Severity


def block(rule: str, path: str, message: str, fix: str, line: int | None = None) -> Finding:
    """Make a finding that holds the change back."""
    return _made(Severity.BLOCK, rule, path, message, fix, line)


def review(rule: str, path: str, message: str, fix: str, line: int | None = None) -> Finding:
    """Make a finding for the reviewer."""
    return _made(Severity.REVIEW, rule, path, message, fix, line)


def _made(
    severity: Severity, rule: str, path: str, message: str, fix: str, line: int | None
) -> Finding:
    return Finding(
        rule=rule,
        severity=severity,
        path=path,
        line=line,
        message=message if message.endswith(".") else f"{message}.",
        fix=fix,
    )
