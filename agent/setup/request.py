"""What an environment is made from: a work tree, and what its configuration says of it."""

from __future__ import annotations

from pathlib import Path

from agent.models.environment import Checkout, Contract
from agent.models.record import Record
from agent.setup.setup_commands import SetUp
from repo_config.schema import PythonSection


class EnvironmentRequest(Record):
    """What an environment is made from."""

    tree: str
    """Work tree of the base commit, on the host."""
    committed: int = 0
    """When the base commit was made, in seconds since the epoch; 0: not known."""
    root: str = ""
    """Folder of the project in it."""
    python: PythonSection = PythonSection()
    """The section of the repository's configuration."""
    services: tuple[str, ...] = ()
    """Servers that the checks need, as in the configuration."""
    env: dict[str, str] = {}
    """The configuration's variables; they name users and databases of the servers."""
    pyright: bool = False
    """Whether pyright or basedpyright is among the checks."""
    tools: dict[str, tuple[str, ...]] = {}
    """By tool: the requirements of its version that the repository pins, and of its plugins."""
    setup: SetUp = SetUp()
    """What is run once the environment is there."""

    @classmethod
    def from_tree(cls, contract: Contract, checkout: Checkout, tree: Path) -> EnvironmentRequest:
        """Compose the request for a commit, or for a change of it that is laid out in a folder."""
        config, project = contract.config, contract.project
        return cls(
            tree=str(tree),
            committed=checkout.committed,
            root=config.folder,
            python=config.python,
            services=config.services,
            env=config.env,
            setup=SetUp(
                commands=config.setup,
                environ=config.variables,
                project=project,
                tag=checkout.nearest_tag,
            ),
            pyright=project.uses_pyright,
            tools=project.tool_pins,
        )
