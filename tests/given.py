"""A whole run with a change that is given: everything but who thinks it up is the product's own.

Stands in the place of the recipes, and of what a model would write: the ticket is taken as it is,
and the edits are those of the test. Policy, checks, decision and publishing are the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from agent.git import worktree
from agent.models.change import Change, ChangedFile, Plan
from agent.models.environment import Prepared
from agent.models.ticket import Category, Ticket
from agent.recipes import registry
from agent.recipes.recipe import Edits, ProducingCommand
from agent.services import Services
from agent.stages import edit
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

Files = Mapping[str, str | None]
"""What files hold after the change; None: they are deleted."""


@dataclass(frozen=True)
class Given:
    """A recipe that fits every ticket; what it writes is handed over elsewhere."""

    name: str = "given"
    category: Category = "refactor"
    example: str = "Whatever a test says."

    def match(self, ticket: Ticket) -> bool:
        return True

    def settle(self, ticket: Ticket, tree: Tree, config: RepoConfig, project: Project) -> str:
        return "{}"

    def steps(self, parameters: str) -> tuple[str, ...]:
        return ("Make the given change.",)

    def list_touched(self, parameters: str) -> tuple[str, ...]:
        return ()

    def apply(self, tree: Tree, parameters: str) -> Edits:
        raise AssertionError("the edits are given")

    def produce(self, parameters: str, project: Project) -> ProducingCommand | None:
        return None

    def accept_produced(
        self, parameters: str, report: bytes, files: Mapping[str, bytes]
    ) -> tuple[str, ...]:
        raise AssertionError("nothing is produced")

    def title(self, parameters: str) -> str:
        return "Make the given change"


def give(patch: pytest.MonkeyPatch, files: Files) -> None:
    """Have every run in this process make this change, until the patch is undone."""

    def carry_out(plan: Plan, prepared: Prepared, svc: Services) -> Change:
        tree = worktree.lay_out(prepared.checkout, svc.head_folder(prepared.run), svc.stopped)
        present = set(tree.paths())
        changed = tuple(
            ChangedFile(
                path=path,
                before=tree.read(path) if path in present else None,
                after=None if after is None else after.encode(),
            )
            for path, after in sorted(files.items())
        )
        return Change(base_commit=prepared.checkout.commit, files=changed)

    patch.setattr(registry, "RECIPES", (Given(),))
    patch.setattr(edit, "carry_out", carry_out)
