"""What an environment is made from: a work tree, and what its configuration says of it."""

from __future__ import annotations

import posixpath
from pathlib import Path

from agent.models.environment import Checkout, Contract, Environment
from agent.models.record import Record
from repo_config import rule_files
from repo_config.detect import Project
from repo_config.schema import PythonSection


class EnvironmentRequest(Record):
    """What an environment is made from."""

    tree: str
    """Work tree of the base commit, on the host, or of a change."""
    committed: int = 0
    """When the base commit was made, in seconds since the epoch; 0: not known."""
    root: str = ""
    """Folder of the project in it."""
    python: PythonSection = PythonSection()
    """The section of the repository's configuration."""
    services: tuple[str, ...] = ()
    """Servers that the checks need, as in the configuration."""
    variables: dict[str, str] = {}
    """The configuration's; they name users and databases of the servers."""
    commands: tuple[str, ...] = ()
    """The configured lines; empty: those of a template."""
    project: Project | None = None
    """Says which tools check it, and which files decide about checks."""
    base: Environment | None = None
    """The environment of base with its layers, where the tree holds a change."""
    tag: str | None = None
    """Newest of the base commit, for builds that read their version from it."""

    @classmethod
    def from_tree(cls, contract: Contract, checkout: Checkout, tree: Path) -> EnvironmentRequest:
        """Compose the request for a commit, or for a change of it that is laid out in a folder."""
        config = contract.config
        return cls(
            tree=str(tree),
            committed=checkout.committed,
            root=config.folder,
            python=config.python,
            services=config.services,
            variables=config.variables,
            commands=config.setup,
            project=contract.project,
            tag=checkout.nearest_tag,
        )

    def is_rule(self, path: str) -> bool:
        """Whether a file decides about checks, so that no change's set-up makes it."""
        named = posixpath.basename(path) in ("pyproject.toml", "setup.cfg")
        return named or (
            self.project is not None and bool(rule_files.explain_file(path, self.project))
        )
