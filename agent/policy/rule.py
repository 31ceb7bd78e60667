"""What a rule is: an id, what it demands, and how much it weighs.

A module of the policy declares its rules in `RULES`, and one `check_change` that yields
their findings. What softens a finding is left to `levels`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from agent.models.change import Finding, Level, Severity
from agent.policy.change_context import ChangeContext
from repo_config.schema import RepoConfig


@dataclass(frozen=True)
class Rule:
    """One thing that is demanded of every change."""

    id: str
    """Short, with dashes; names the rule in findings and in the configuration."""
    demands: str
    """One sentence in the present: what is true of a change that keeps the rule."""
    severity: Severity
    """What its findings do, unless a repository says otherwise."""
    floor: Severity | None = None
    """No repository can weigh it less; None: it may be off."""
    is_reading: bool = False
    """Whether the reviewing model may settle it from ticket and diff."""
    may_be_asked: bool = False
    """Whether a ticket that names the file, or the finding's subject, asks for it."""

    def get_level(self, config: RepoConfig) -> Level:
        """Return what it weighs in a repository: no less than its floor."""
        asked: Level = config.rules.get(self.id, self.severity.value)
        floor: Level = self.floor.value if self.floor else "off"
        return max(asked, floor, key=get_args(Level).index)

    def make_finding(
        self, path: str, message: str, fix: str, line: int | None = None, **more: Any
    ) -> Finding:
        """Make a finding.

        Args:
            path: Of the file; "" for the change as a whole.
            message: Continues the path: a clause in the present, without the final point.
            fix: A sentence that says the way out.
            line: In the new file, 1-based; None for the file as a whole.
        """
        return Finding(
            rule=self.id,
            severity=self.severity,
            path=path,
            line=line,
            message=message if message.endswith(".") else f"{message}.",
            fix=fix,
            **{"is_reading": self.is_reading, **more},
        )


class RuleModule(Protocol):
    """A module with one rule, or a few that differ only in their weight."""

    @property
    def RULES(self) -> tuple[Rule, ...]:  # noqa: N802 - a constant of the module
        """Its rules, in the order of the reference."""
        ...

    def check_change(self, change_context: ChangeContext) -> Iterator[Finding]: ...
