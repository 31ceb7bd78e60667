"""What every part of one build works with."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import Root, Sandbox, SandboxRequest, SandboxResult
from agent.settings import Settings
from agent.setup import storage
from agent.setup.package_index import PackageIndex
from agent.text import sanitise


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

    @property
    def root(self) -> Root:
        """The root file system that the interpreter belongs to."""
        roots = self.sandbox.roots()
        own = (root for root in roots if root.name == self.interpreter.root)
        return next(own, roots[0] if roots else Root())

    def run(self, order: SandboxRequest) -> SandboxResult:
        """Run a command in that root file system."""
        return self.sandbox.run(replace(order, root=self.interpreter.root))


def describe_failure(result: SandboxResult) -> str:
    """Say how a command ended that did not succeed, and its last words."""
    ended = f"reached the {result.limit} limit" if result.limit else "failed"
    words = sanitise.strip_terminal_codes(result.output).strip()[-2000:]
    return f"{ended}:\n{words}"
