"""All rules, in the order in which their findings are listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from agent.domain import Change, Finding
from agent.policy import gate_files, http_client, paths, python_syntax, secrets, size
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig


class Rule(Protocol):
    """A module that holds one rule."""

    RULE: str
    """Short, with dashes; names the rule in findings and in the documentation."""

    def check(
        self, change: Change, config: RepoConfig, project: Project, tree: Tree
    ) -> Iterator[Finding]:
        """Yield what the rule has to say of the change; `tree` is the base, before it."""
        ...


RULES: tuple[Rule, ...] = (paths, size, secrets, gate_files, python_syntax, http_client)
