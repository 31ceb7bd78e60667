"""The base commit that was checked out, its configuration and its environment."""

from urllib.parse import urlsplit

from agent.models.change import Finding
from agent.models.record import Record
from agent.models.run import Run
from repo_config.detect import Project
from repo_config.schema import RepoConfig


class Checkout(Record):
    """A fixed commit of a repository, kept in our mirror; the work tree is a cache of it."""

    repository: str
    mirror: str
    """Absolute path of the bare mirror; foreign code cannot reach its git directory."""
    commit: str
    base_branch: str | None
    """Short name of the branch that the commit is from; None: it is from a tag or a commit id."""
    nearest_tag: str | None
    """Newest tag that is reachable from the commit; some builds read their version from it."""
    subjects: tuple[str, ...] = ()
    """Subjects of the latest commits (newest first, at most 50), to follow their convention."""
    signs_off: bool = False
    committed: int = 0
    """When the commit was made, in seconds since 1970."""

    @property
    def git_hosts(self) -> tuple[str, ...]:
        """Host of the repository; none if it is on this machine."""
        parts = urlsplit(self.repository)
        return (parts.netloc.rpartition("@")[2],) if parts.scheme == "https" else ()


LEFT_OUT = "tests left out"
"""Rule of the finding that names test files of which no test ran."""


class Contract(Record):
    """The repository's configuration and detected facts, read once at the base commit."""

    config: RepoConfig
    project: Project
    source: str | None
    """File of the configuration; None: all keys have their defaults."""
    scouted: tuple[Finding, ...] = ()
    """Findings for people: lines that a model proposed, and test files that these leave out."""


class SandboxService(Record):
    """A server that is started in each sandbox of a repository's checks."""

    name: str
    title: str
    """For people, with its version."""
    argv: tuple[str, ...]
    is_own: bool = False
    """Whether it is a command line of the repository, which runs as a check does."""
    ports: tuple[int, ...]
    """Ports to wait for; none: the server only notes connections to missing servers."""
    ready: str = ""
    """Pattern in its log when it is ready; empty: it is ready when its ports are open."""
    stop: str = "SIGTERM"
    template: str = ""
    """File on the host with its initial data; empty: none."""
    filled: str = ""
    """File with its data after base's set-up commands; empty: these wrote none."""
    hosts: tuple[str, ...] = ()
    variables: dict[str, str] = {}


class Layer(Record):
    """Read-only files over which the tree and the home of every sandbox are laid."""

    folder: str
    """Folder on the host, with `tree`, `home` and `bulk/<number>` for each large folder."""
    bulk: tuple[str, ...] = ()
    """Paths of the large folders in the tree; the tree has no other files there."""


class Interpreter(Record):
    version: str
    """As in 3.11.2."""
    path: str
    prefix: str = "/usr"
    """Folder of the installation, on the host and in the sandbox."""
    is_system: bool = True
    root: str = ""
    """Name of its root file system; empty: the usual one. See `agent.models.sandbox.Root`."""
    root_mark: str = ""
    """Text that changes when the root file system does."""
    mounts: tuple[tuple[str, str], ...] = ()
    """Further mounts: (host folder, path in the sandbox)."""


class Environment(Record):
    """A built environment of the repository, read-only in every sandbox."""

    key: str
    """Name of its folder in the store; equal inputs have an equal key."""
    path: str
    """Folder on the host, mounted as `/env` in a sandbox."""
    gate_path: str
    """Folder of our own pinned tools for the same Python, mounted as `/gate`."""
    tools: tuple[tuple[str, str], ...] = ()
    """Tools in the versions that the repository pins, each with its folder on the host, which is
    mounted as `/tools/<name>`."""
    scripts_path: str
    """Our scripts (`checks/`, `setup/`), readable by a sandbox's user; mounted as
    `/mergewright`."""
    interpreter: Interpreter
    """Interpreter of the environments that the set-up lines made."""
    sources: tuple[str, ...]
    packages: tuple[str, ...]
    """`name==version`, sorted."""
    why: str = ""
    left_out: tuple[str, ...] = ()
    """Packages that could not be installed, each with the reason."""
    hosts: tuple[str, ...] = ()
    """Hosts that the set-up lines read from."""
    seconds: float = 0.0
    services: tuple[SandboxService, ...] = ()
    layers: tuple[Layer, ...] = ()
    system: str = ""
    """Folder with Debian packages for /usr; empty: none."""

    @property
    def versions(self) -> dict[str, str]:
        return dict(package.split("==", 1) for package in self.packages)

    def get_packages(self, place: str) -> str:
        minor = ".".join(self.interpreter.version.split(".")[:2])
        return f"{place}/lib/python{minor}/site-packages"


class OpenedRepository(Record):
    run: Run
    checkout: Checkout
    contract: Contract


class Prepared(OpenedRepository):
    environment: Environment
