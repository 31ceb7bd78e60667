"""Hold a lock against what a change declares. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages
from agent.policy.rule import Rule

LOCK_BEHIND = Rule(
    id="lock-behind",
    demands="The lock file installs what a change declares.",
    severity=Severity.REVIEW,
    bad='dependencies = ["httpx", "tablib>=3.6"]  # and uv.lock has tablib 3.0, or none',
    good='dependencies = ["httpx", "tablib>=3.6"]  # and uv.lock comes with the change',
)
OF_PACKAGES = (LOCK_BEHIND,)


def find_package_problems(added: AddedPackages) -> Iterator[Finding]:
    if path := added.refused_lock:
        why = added.refusal.splitlines()[-1:]
        message = f"does not fit what the change declares: {''.join(why)}"
        yield LOCK_BEHIND.make_finding(
            path, message, "Bring it up to date with its own tool before the merge."
        )
