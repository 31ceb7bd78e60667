"""What an environment is made from: a work tree, and its configuration."""

from pathlib import Path
from typing import Self

from agent.models.environment import Checkout, Contract, Environment
from agent.models.record import Record
from repo_config.detect import Project
from repo_config.schema import RepoConfig


class EnvironmentRequest(Record):
    repository: str
    """Where it is, as its checkout says: what its code makes and reports is for it alone."""
    tree: str
    """Work tree of the base commit, on the host, or of a change."""
    committed: int = 0
    """When the base commit was made, in seconds since the epoch; 0: not known."""
    config: RepoConfig = RepoConfig()
    """The repository's, or what a model proposes: Python, servers, variables, set-up lines."""
    project: Project | None = None
    """Says which tools check it."""
    base: Environment | None = None
    """The environment of base with its layers, where the tree has a change."""
    newer: tuple[str, ...] = ()
    """Requirements that a change declares: their releases are taken also from after base's day."""
    tag: str | None = None
    """Newest of the base commit, for builds that read their version from it."""

    git_hosts: tuple[str, ...] = ()
    """The repository's own host, from which its dependencies may be fetched by git."""

    @property
    def index_hosts(self) -> tuple[str, ...]:
        """Hosts of package indexes that the base commit names."""
        return tuple(self.project.index_hosts) if self.project else ()

    @classmethod
    def from_tree(cls, contract: Contract, checkout: Checkout, tree: Path) -> Self:
        """Compose the request for a commit, or for a change of it that is laid out in a folder."""
        return cls(
            repository=checkout.repository,
            tree=str(tree),
            committed=checkout.committed,
            config=contract.config,
            project=contract.project,
            tag=checkout.nearest_tag,
            git_hosts=checkout.git_hosts,
        )
