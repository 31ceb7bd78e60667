"""What every part of one build works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.models.package_index import PackageIndex
from agent.models.sandbox import Flag, Hear, Root, Sandbox, SandboxRequest, SandboxResult
from agent.settings import Settings
from agent.setup import storage
from agent.setup.interpreters import Interpreter


@dataclass(frozen=True)
class RootedSandbox:
    """Sandboxes that all have one root file system: that of the interpreter."""

    sandbox: Sandbox
    root: str

    def run(
        self, order: SandboxRequest, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> SandboxResult:
        return self.sandbox.run(order.model_copy(update={"root": self.root}), cancelled, hear)

    def roots(self) -> tuple[Root, ...]:
        """List the one; the usual one may have a name of its own as well."""
        every = self.sandbox.roots()
        return tuple(root for root in every if root.name == self.root) or every[:1]


@dataclass(frozen=True)
class BuildContext:
    """The clients, the Python and the ear of one build."""

    sandbox: Sandbox
    index: PackageIndex
    settings: Settings
    interpreter: Interpreter
    say: Callable[[str], None]
    """Takes one line of progress."""
    system: str = ""
    """Folder with Debian packages, where what is built and run is to have them over /usr."""

    @property
    def mark(self) -> str:
        """Differs wherever what is made for one Python does not fit another."""
        return (
            f"{self.interpreter.version}\0{self.interpreter.path}\0"
            f"{self.interpreter.root_mark}\0{storage.FORMAT}\0"
        )
