"""Which reference updates are refused: workflows, protected branches, rulesets, signatures.

Used by the API for its own updates and, run as a program, by git as the `pre-receive` hook of
every push: the rules then come as JSON in the environment.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.demo.simulator import git_history, git_store
from agent.demo.simulator.git_store import ZERO
from agent.demo.simulator.records import Repository, pattern_covers

VARIABLE = "SIMULATOR_PUSH_RULES"
_WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True)
class Update:
    """One reference to be moved; ZERO stands for absent."""

    old: str
    new: str
    name: str


@dataclass(frozen=True)
class PushRules:
    """What holds for one pusher in one repository."""

    workflows_refused_to: str | None
    """The words for who may not touch workflow files; None: may."""
    rules: tuple[tuple[str, tuple[str, ...], bool], ...] = ()
    """(branch pattern, kinds, classic) of every rule that holds for the pusher."""
    through_pull_request: bool = False
    """The update is a merge of a pull request: `pull_request` rules are met."""

    def to_json(self) -> str:
        """Give the rules as text for the environment of the hook."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PushRules:
        """Read what `to_json` wrote."""
        read = json.loads(text)
        rules = tuple((p, tuple(kinds), classic) for p, kinds, classic in read["rules"])
        return cls(read["workflows_refused_to"], rules, read["through_pull_request"])


def of(
    repository: Repository,
    login: str,
    workflows_refused_to: str | None,
    *,
    through_pull_request: bool = False,
) -> PushRules:
    """Collect the rules of a repository for one pusher."""
    rules = tuple(
        (rule.pattern, tuple(rule.kinds), rule.classic)
        for rule in repository.rules
        if not rule.spares(login)
    )
    return PushRules(workflows_refused_to, rules, through_pull_request)


def judge(git_dir: Path, updates: Sequence[Update], rules: PushRules) -> list[str]:
    """Give the reasons why updates are refused, in GitHub's words; empty if they may go on."""
    refused: list[str] = []
    for update in updates:
        refused += _workflow_problems(git_dir, update, rules.workflows_refused_to)
        if update.name.startswith("refs/heads/"):
            refused += _rule_problems(git_dir, update, rules)
    return refused


def _new_commits(git_dir: Path, update: Update) -> list[str]:
    """Give the commits that no branch has yet, newest first."""
    if update.new == ZERO:
        return []
    out = git_store.text(git_dir, "rev-list", update.new, "--not", "--branches")
    return out.split()


def _workflow_problems(git_dir: Path, update: Update, who: str | None) -> list[str]:
    if who is None or update.new == ZERO:
        return []
    for sha in _new_commits(git_dir, update):
        parents = git_store.read_commit(git_dir, sha).parents
        before = parents[0] if parents else git_store.EMPTY_TREE
        for change in git_history.changes(git_dir, before, sha):
            touched = (change.path, change.previous or "")
            if any(path.startswith(_WORKFLOWS) for path in touched):
                said = f"refusing to allow {who} to create or update workflow `{change.path}`"
                return [f"{said} without `workflows` permission"]
    return []


def _rule_problems(git_dir: Path, update: Update, rules: PushRules) -> list[str]:
    branch = update.name.removeprefix("refs/heads/")
    said: list[str] = []
    classic = False
    for pattern, kinds, is_classic in rules.rules:
        if not pattern_covers(pattern, branch):
            continue
        merging = rules.through_pull_request
        found = [_broken(git_dir, update, kind, through_pull_request=merging) for kind in kinds]
        problems = [words for words in found if words]
        classic = classic or (is_classic and bool(problems))
        said += problems
    if not said:
        return []
    head = (
        f"GH006: Protected branch update failed for {update.name}."
        if classic
        else f"GH013: Repository rule violations found for {update.name}."
    )
    return [head, *(f"- {words}" for words in dict.fromkeys(said))]


def _broken(git_dir: Path, update: Update, kind: str, *, through_pull_request: bool) -> str | None:
    """Give the words of one rule that an update breaks; None if it is kept."""
    created, deleted = update.old == ZERO, update.new == ZERO
    if kind == "creation" and created:
        return "Cannot create ref due to creations being restricted."
    if kind == "update" and not created and not deleted:
        return "Cannot update this protected ref."
    if kind == "deletion" and deleted:
        return "Cannot delete this protected branch"
    if kind == "non_fast_forward" and not created and not deleted:
        if not git_history.contains(git_dir, update.new, update.old):
            return "Cannot force-push to this branch"
    if kind == "pull_request" and not deleted and not through_pull_request:
        return "Changes must be made through a pull request."
    if kind == "required_signatures":
        unsigned = [
            sha
            for sha in _new_commits(git_dir, update)
            if not git_store.read_commit(git_dir, sha).verified
        ]
        if unsigned:
            return "Commits must have verified signatures. Found: " + ", ".join(unsigned[:3])
    return None


def main() -> int:
    """Judge the push whose updates are on standard input, as git calls its pre-receive hook."""
    rules = PushRules.from_json(os.environ[VARIABLE])
    updates = [Update(*line.split(" ", 2)) for line in sys.stdin.read().splitlines()]
    problems = judge(Path.cwd(), updates, rules)
    for problem in problems:
        print(f"error: {problem}" if problem.startswith("GH0") else problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
