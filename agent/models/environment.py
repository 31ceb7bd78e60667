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
    """Absolute path of the bare mirror, whose git directory no foreign code can reach."""
    commit: str
    base_branch: str | None
    """Short name of the branch the base was taken from, where it was one."""
    nearest_tag: str | None
    """Newest tag reachable from the commit, for builds that read their version from it."""
    subjects: tuple[str, ...] = ()
    """Subjects of the latest commits (newest first, at most 50): the commit convention."""
    signs_off: bool = False
    committed: int = 0
    """When the commit was made, in seconds since 1970."""

    @property
    def git_hosts(self) -> tuple[str, ...]:
        """The host that the repository is on; none where that is this machine."""
        parts = urlsplit(self.repository)
        return (parts.netloc.rpartition("@")[2],) if parts.scheme == "https" else ()


LEFT_OUT = "tests left out"
"""In place of a rule's id, in the finding that names tests which do not run."""


class Contract(Record):
    """What the repository demands: read once, at the base commit, before any edit."""

    config: RepoConfig
    project: Project
    source: str | None
    """The file the configuration was read from; None: all defaults."""
    scouted: tuple[Finding, ...] = ()
    """For a person: the lines of it that a model found, and test files that these leave out."""


class SandboxService(Record):
    """A server that a repository's checks need, started in each of their sandboxes."""

    name: str
    title: str
    """For people, with its version."""
    argv: tuple[str, ...]
    is_own: bool = False
    """Whether it is the repository's own: a command line that runs as a check does."""
    ports: tuple[int, ...]
    """Where it is awaited; none: it listens in the place of others."""
    ready: str = ""
    """Pattern in its log once it answers; empty: it answers once its ports are open."""
    stop: str = "SIGTERM"
    template: str = ""
    """File on the host with the data that it begins with; empty: none."""
    filled: str = ""
    """The same behind the set-up commands of base; empty: these have written nothing."""
    hosts: tuple[str, ...] = ()
    variables: dict[str, str] = {}


class Layer(Record):
    """Files that lie below a tree and the home of every sandbox."""

    folder: str
    """On the host, with `tree`, `home`, and `bulk/<number>` for each large folder."""
    bulk: tuple[str, ...] = ()
    """Paths of large folders in the tree, which has nothing else there."""


class Interpreter(Record):
    version: str
    """As in 3.11.2."""
    path: str
    prefix: str = "/usr"
    """Where it is installed; also its place in the sandbox."""
    is_system: bool = True
    root: str = ""
    """Name of that one; empty: the usual one. See `agent.models.sandbox.Root`."""
    root_mark: str = ""
    """Changes whenever that root file system does."""
    mounts: tuple[tuple[str, str], ...] = ()
    """(host folder, path in the sandbox) beyond the root."""


class Environment(Record):
    """A built environment of the repository, read-only in every sandbox."""

    key: str
    """Names the folder in the store; equal inputs give an equal key."""
    path: str
    """Folder on the host, mounted as `/env` in a sandbox."""
    gate_path: str
    """Folder of our own pinned tools for the same Python, mounted as `/gate`."""
    tools: tuple[tuple[str, str], ...] = ()
    """Tools in the version that the repository pins, each with its folder, mounted as
    `/tools/<name>`."""
    scripts_path: str
    """Our scripts (`checks/`, `setup/`), copied to where a sandbox's user can
    reach them; mounted as `/mergewright`."""
    interpreter: Interpreter
    """The one that the set-up lines have made their environments of."""
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
    """Folder with Debian packages that are laid over /usr; empty: none are."""

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
