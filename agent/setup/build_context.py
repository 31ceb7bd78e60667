"""Define the clients and facts that every part of one build uses."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import Root, Sandbox, SandboxRequest, SandboxResult
from agent.settings import Settings
from agent.setup import storage
from agent.setup.interpreters import mount_python
from agent.setup.package_index import PackageIndex
from agent.text import sanitise


@dataclass(frozen=True)
class BuildContext:
    """Clients, Python and progress of one build."""

    sandbox: Sandbox
    index: PackageIndex
    settings: Settings
    interpreter: Interpreter
    say: Callable[[str], None]
    """Takes one line of progress."""
    system: str = ""
    """Folder with Debian packages that commands of this build see over /usr; empty: none."""

    @property
    def mark(self) -> str:
        """A text that differs between Pythons which cannot share built files."""
        return (
            f"{self.interpreter.version}\0{self.interpreter.path}\0"
            f"{self.interpreter.root_mark}\0{storage.FORMAT}\0"
        )

    @property
    def root(self) -> Root:
        """The root file system that the interpreter belongs to."""
        roots = self.sandbox.roots()
        matching = (root for root in roots if root.name == self.interpreter.root)
        return next(matching, roots[0] if roots else Root())

    def run(self, order: SandboxRequest) -> SandboxResult:
        """Run a command in the interpreter's root file system, with the interpreter mounted."""
        mounts = (*mount_python(self.interpreter), *order.mounts)
        return self.sandbox.run(replace(order, root=self.interpreter.root, mounts=mounts))


def describe_failure(result: SandboxResult) -> str:
    """Describe how a command failed, with its last output."""
    ended = f"reached the {result.limit} limit" if result.limit else "failed"
    words = sanitise.strip_terminal_codes(result.output).strip()[-2000:]
    return f"{ended}:\n{words}"
