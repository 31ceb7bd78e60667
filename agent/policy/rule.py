"""Define a rule: its id, what it demands, and the severity of its findings.

A module of the policy declares its rules in `RULES`, and a function `check_change` that yields
their findings. `levels` may make a finding less severe.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from agent.models.change import Finding, Level, Severity
from agent.policy.change_context import ChangeContext
from repo_config.schema import RepoConfig


@dataclass(frozen=True)
class Rule:
    """A demand on every change."""

    id: str
    """Short, with dashes; names the rule in findings and in the configuration."""
    demands: str
    """A sentence in the present tense that is true of a change that keeps the rule."""
    severity: Severity
    """Severity of its findings, unless a repository configures another."""
    minimum: Severity | None = None
    """The least severity that a repository can configure; None: the rule may be off."""
    is_reading: bool = False
    """Whether the reviewing model may resolve a finding, from ticket and diff."""
    may_be_asked: bool = False
    """Whether a finding is only information if the ticket names its file or subject."""

    def get_level(self, config: RepoConfig) -> Level:
        """Return its severity in a repository, at least its minimum, or `off`."""
        asked: Level = config.rules.get(self.id, self.severity.value)
        minimum: Level = self.minimum.value if self.minimum else "off"
        return max(asked, minimum, key=get_args(Level).index)

    def make_finding(
        self, path: str, message: str, fix: str, line: int | None = None, **more: Any
    ) -> Finding:
        """Make a finding.

        Args:
            path: Path of the file; "": the finding is about the change as a whole.
            message: A clause in the present tense, with the path as subject; without a full stop.
            fix: A sentence that tells how to resolve it.
            line: 1-based, in the new file; None: the finding is about the file as a whole.
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
    """A module with one or more rules, and the function that checks them."""

    @property
    def RULES(self) -> tuple[Rule, ...]:  # noqa: N802 - a constant of the module
        """Its rules."""
        ...

    def check_change(self, change_context: ChangeContext) -> Iterator[Finding]: ...
