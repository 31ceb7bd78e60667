"""Hold back a change that would publish a credential.

What is pushed cannot be taken back, in a public repository least of all. Only values that the
base does not hold already: those are no news to anybody who may read it.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent import secret_shapes
from agent.domain import Change, ChangedFile, Finding
from agent.policy import findings
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

RULE = "secrets"

_FIX = "Take the value out of the ticket, and read it from the environment or a secret store."


def check(
    change: Change,
    config: RepoConfig,
    project: Project,
    tree: Tree,
) -> Iterator[Finding]:
    """Yield a finding for every line that brings in what looks like a credential."""
    for file in change.files:
        for line, value in _fresh(file):
            if not _held(value.encode(), tree):
                # The value itself stays unsaid: findings are shown to everyone.
                yield findings.block(
                    RULE, file.path, "brings in what looks like a credential", _FIX, line
                )
        if secret_shapes.find(file.path) and file.before is None:
            yield findings.block(RULE, "", "A new path holds what looks like a credential", _FIX)


def _fresh(file: ChangedFile) -> Iterator[tuple[int, str]]:
    """Lines and values that are in the new content and not in the old."""
    after = (file.after or b"").decode("utf-8", "replace")
    for start, end in secret_shapes.find(after):
        value = after[start:end]
        if value.encode() not in (file.before or b""):
            yield after.count("\n", 0, start) + 1, value


def _held(value: bytes, tree: Tree) -> bool:
    """Whether some file of the base has the value; read only where there is something to ask."""
    return any(value in tree.read(path) for path in tree.paths())
