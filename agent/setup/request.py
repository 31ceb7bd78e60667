"""Define the request for an environment: a work tree, and its configuration."""

from pathlib import Path
from typing import Self

from agent.git.tree import WorkTree, open_folder
from agent.models.environment import Checkout, Contract, Environment
from agent.models.record import Record
from repo_config.detect import Project
from repo_config.schema import RepoConfig


class EnvironmentRequest(Record):
    repository: str
    """Path or address; a layer that the repository's code has made is used for no other."""
    tree: str
    """Path, on the host, of the work tree of the base commit or of a change."""
    committed: int = 0
    """Time of the base commit, in seconds since the epoch; 0: not known."""
    config: RepoConfig = RepoConfig()
    """The repository's values, or proposed ones: Python, servers, variables, set-up lines."""
    project: Project | None = None
    """Decides which tools are installed."""
    base: Environment | None = None
    """The environment of base with its layers, if the tree has a change."""
    newer: tuple[str, ...] = ()
    """Requirements that a change declares: of these, releases after base's day are taken, too."""
    tag: str | None = None
    """The newest tag of the base commit, for builds that read their version from it."""

    git_hosts: tuple[str, ...] = ()
    """The repository's own host, from which git may fetch dependencies."""

    def open_tree(self) -> WorkTree:
        """Open the work tree."""
        return open_folder(Path(self.tree))

    @property
    def index_hosts(self) -> tuple[str, ...]:
        """Hosts of package indexes that the base commit names."""
        return tuple(self.project.index_hosts) if self.project else ()

    @classmethod
    def from_tree(cls, contract: Contract, checkout: Checkout, tree: Path) -> Self:
        """Compose the request for a folder with a commit, or with a change of it."""
        return cls(
            repository=checkout.repository,
            tree=str(tree),
            committed=checkout.committed,
            config=contract.config,
            project=contract.project,
            tag=checkout.nearest_tag,
            git_hosts=checkout.git_hosts,
        )
