"""Phase A: let uv resolve and install, wheels only, in a sandbox whose only way out is our proxy.

Runs no code of the repository and none of a package: `--no-build` throughout, and a virtual
environment is filled by one single installation while it is still empty, so that not even a
`.pth` file of a package is executed next to the network or to uv's shared cache. What exists only
as source is named to the caller, who supplies a wheel (`wheels`), and the resolution is repeated.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import shlex
import shutil
import socket
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent.environments import egress, host_proxy, interpreter_start, storage, uv_program
from agent.environments.build_context import BuildContext
from agent.environments.index_gateway import Gateway
from agent.environments.requirement_files import Line
from agent.errors import EnvironmentFailed, IndexUnavailable, StorageFull
from agent.models.package_index import IndexAccess, PackageIndex
from agent.models.record import Record
from agent.models.sandbox import (
    SANDBOX_TREE,
    Mount,
    SandboxFile,
    SandboxLimits,
    SandboxRequest,
    SandboxResult,
)
from agent.settings import Settings

#: Where the shared folder is in the sandbox.
STORE = "/store"
_UV = "/uv"
_WHEELS = "wheels"
_TMP = "/tmp"  # noqa: S108 - a sandbox's own
_MOST_ROUNDS = 60
_LIMITS = SandboxLimits(seconds=900, processes=256, disk_bytes=24 * 1024**3)
_NETWORK = re.compile(
    r"error sending request|Failed to fetch|Request failed after|tunnel error|dns error"
    r"|Connection re(?:fused|set)|operation timed out|client error \(Connect\)",
    re.IGNORECASE,
)

#: Supplies a wheel of a project that exists only as source, given its name and the resolver's
#: words; each call for one name gives an older version.
Supply = Callable[[str, str], Path]


class Wanted(Record):
    lines: tuple[Line, ...]
    constraints: tuple[Line, ...] = ()
    wheels: tuple[str, ...] = ()
    """Requirements on wheels of the wheelhouse, as `name[extras] @ file name`."""
    prereleases: bool = False
    exact: bool = False
    """The lines are a full resolution; nothing is added to them."""
    known: tuple[str, ...] = ()
    """As `name==version`: versions that are kept where the lines let them be."""
    exclude_newer: str | None = None
    """The last day whose releases are taken."""
    is_tolerant: bool = False
    """What exists only as source and cannot be built is left out."""


class Unresolvable(EnvironmentFailed):
    """The resolver finds no versions; its own words are in the message."""


@contextmanager
def open_fetcher(build_context: BuildContext) -> Iterator[Fetcher]:
    """Give a fetcher with a working folder, both gone at the end of the block."""
    with storage.workplace(build_context.settings) as workplace:
        fetcher = Fetcher(build_context, workplace)
        try:
            yield fetcher
        finally:
            fetcher.close()


class Fetcher:
    """Fills virtual environments below one working folder."""

    def __init__(self, build_context: BuildContext, workplace: Path) -> None:
        self._build_context = build_context
        self.workplace = workplace
        (workplace / _WHEELS).mkdir()
        self.left_out: set[str] = set()
        """Projects that are not installed where that is tolerated."""
        self.unbuilt: dict[str, str] = {}
        """Those of them that cannot be built, each with the reason."""
        self._network = ExitStack()
        self._proxy: egress.EgressProxy | None = None
        self._gateways = {
            access.url: Gateway(access)
            for access in build_context.index.list_accesses()
            if access.login
        }

    def close(self) -> None:
        """Shut the way out, and say what else was tried on it."""
        self._network.close()
        for attempt in self._proxy.refused_attempts if self._proxy else ():
            self._build_context.say(f"refused on the way to the package index: {attempt}")

    def install(
        self, name: str, wanted: Wanted, supply: Supply, *, only_resolve: bool = False
    ) -> Path:
        """Make the virtual environment `name` below the working folder and fill it.

        Args:
            name: Of a folder.
            wanted: What to fill it with.
            supply: Builds what exists only as source.
            only_resolve: Nothing is installed.

        Raises:
            Unresolvable: With the resolver's own words.
            EnvironmentFailed: What exists only as source cannot be built, or a limit was reached.
            IndexUnavailable: The index did not answer.
            StorageFull: The disk is full.
        """
        supplied: set[str] = set()
        for _ in range(_MOST_ROUNDS):
            result = self._attempt(name, wanted, supplied, only_resolve=only_resolve)
            if result.exit_code == 0:
                if not only_resolve:
                    interpreter_start.refuse_replaced(self.workplace / name)
                return self.workplace / name
            missing = uv_program.needing_wheels(result.output)
            if not missing or self._failed_to_reach(result):
                raise self._failure(result, wanted)
            for project in missing:
                self._build_context.say(
                    f"{project} exists only as source; its wheel is built without network"
                )
                try:
                    self.take_in(name, supply(project, self._words(result.output)))
                except EnvironmentFailed as problem:
                    if not wanted.is_tolerant or project in self.left_out:
                        raise
                    self.left_out.add(project)
                    self.unbuilt[project] = problem.message
                    self._build_context.say(problem.message)
                supplied.add(project)
        raise EnvironmentFailed(
            f"More than {_MOST_ROUNDS} packages exist only as source; this is not gone on with."
        )

    def take_in(self, name: str, wheel: Path) -> str:
        """Lay a wheel where the resolver finds it for that one virtual environment.

        What the repository builds must not be found when an environment is made that others use.

        Returns:
            Its place in the sandbox.
        """
        house = self._wheelhouse(name)
        shutil.copyfile(wheel, house / wheel.name)
        return f"{STORE}/{house.relative_to(self.workplace.parent)}/{wheel.name}"

    def list_wheel_digests(self, name: str) -> tuple[str, ...]:
        """Digests of the wheels that a virtual environment was offered beside the index."""
        return tuple(
            hashlib.sha256(wheel.read_bytes()).hexdigest()
            for wheel in sorted(self._wheelhouse(name).iterdir())
        )

    def _wheelhouse(self, name: str) -> Path:
        house = self.workplace / _WHEELS / name
        house.mkdir(exist_ok=True)
        return house

    def lock(self, path: str, files: dict[str, bytes], folder: str) -> bytes | None:
        """Bring a uv.lock up to date with the files that it is made of; None: it is.

        Args:
            path: Of the lock, relative to the folder, as those of the files.
            folder: Of the project in its repository.

        Raises:
            EnvironmentFailed: uv cannot, or packages would change the index that they come from.
        """
        directory = posixpath.join(SANDBOX_TREE, folder).rstrip("/")
        places = {one: posixpath.normpath(posixpath.join(directory, one)) for one in files}
        python = self._build_context.interpreter.path
        order = SandboxRequest(
            argv=(f"{_UV}/uv", "lock", "--no-build", "--python", python),
            # Neither git nor ssh is started for an address that the project names.
            environ={"PATH": _UV},
            directory=directory,
            limits=_LIMITS,
            collect=(places[path],),
        )
        result = self._run_online(order, {places[one]: text for one, text in files.items()})
        if result.exit_code != 0:
            raise self._failure(result, Wanted(lines=()))
        content = result.files.get(places[path])
        if content is None or content == files[path]:
            return None
        if not _is_made_alike(files[path], content):
            raise EnvironmentFailed(f"{path} has other indexes or options than are asked here.")
        return content

    # --- one attempt -------------------------------------------------------------------------

    def _attempt(
        self, name: str, wanted: Wanted, supplied: set[str], *, only_resolve: bool
    ) -> SandboxResult:
        venv = f"{STORE}/{self.workplace.name}/{name}"
        house = f"{STORE}/{self._wheelhouse(name).relative_to(self.workplace.parent)}"
        make = [
            f"{_UV}/uv", "venv", "--quiet", "--clear", "--relocatable", "--no-project",
            "--python", self._build_context.interpreter.path, venv,
        ]  # fmt: skip
        keep = [
            "cp",
            f"{venv}/{interpreter_start.SETTINGS}",
            str(interpreter_start.locate_stored_settings(Path(venv))),
        ]
        options = [
            "--quiet", "--no-build", "--python", f"{venv}/bin/python", "--find-links", house,
            "-c", f"{_TMP}/constraints.txt", *(["--prerelease", "allow"] * wanted.prereleases),
            "--override", f"{_TMP}/left-out.txt",
        ]  # fmt: skip
        if wanted.exclude_newer:
            options += ["--exclude-newer", f"{wanted.exclude_newer}T23:59:59Z"]
        # A resolution prefers the versions that its own output has from an earlier one.
        known, requirements = f"{_TMP}/known.txt", f"{_TMP}/requirements.txt"
        resolve = [f"{_UV}/uv", "pip", "compile", *options, requirements, "-o", known]
        install = [f"{_UV}/uv", "pip", "install", *options, "-r", requirements]
        commands = [make, keep, install]
        if wanted.exact:
            install.append("--no-deps")
        elif wanted.known:
            commands = [make, keep, resolve, [*install, "-c", known]]
        if only_resolve:
            commands[-1].append("--dry-run")
        left_out = sorted(self.left_out) if wanted.is_tolerant else []
        lines = tuple(line for line in wanted.lines if line.name not in left_out)
        files = {
            requirements: self._format_lines(lines, wanted.wheels, house, supplied),
            f"{_TMP}/constraints.txt": self._format_lines(wanted.constraints, (), house, supplied),
            known: "".join(f"{one}\n" for one in wanted.known).encode(),
            # A requirement of a package stays one unless it is overridden.
            f"{_TMP}/left-out.txt": "".join(
                f"{one} ; sys_platform == 'never'\n" for one in left_out
            ).encode(),
        }
        environ = {"UV_LINK_MODE": "hardlink", "UV_CONCURRENT_DOWNLOADS": "16"}
        if len(self._build_context.index.list_accesses()) > 1 and all(
            line.hashes for line in wanted.lines
        ):
            # The hashes say what it has to be, so that it may come from whoever has it.
            environ["UV_INDEX_STRATEGY"] = "unsafe-best-match"
        argv = ("sh", "-ec", "\n".join(map(shlex.join, commands)))
        return self._run_online(SandboxRequest(argv=argv, environ=environ, limits=_LIMITS), files)

    def _run_online(self, order: SandboxRequest, files: dict[str, bytes]) -> SandboxResult:
        """Run a command with uv, its cache and the way to the indexes."""
        *others, default = self._build_context.index.list_accesses()
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "UV_NO_CONFIG": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
            "NO_COLOR": "1",
            "UV_CACHE_DIR": f"{STORE}/{storage.CACHE}",
            "UV_DEFAULT_INDEX": self._in_sandbox(default),
            "UV_INDEX": " ".join(map(self._in_sandbox, others)),
            "UV_HTTP_TIMEOUT": "60",
        }
        if default.ca_bundle is not None:
            certificates = f"{_TMP}/certificates.pem"
            files = {**files, certificates: Path(default.ca_bundle).read_bytes()}
            environ["SSL_CERT_FILE"] = certificates
        update = {
            "environ": {**environ, **order.environ},
            "mounts": self._make_mounts(),
            "files": tuple(SandboxFile(path=path, content=text) for path, text in files.items()),
            "proxy_socket": str(self._way_out()),
        }
        with (
            storage.lock_name(self._build_context.settings, storage.FETCH),
            storage.no_space("packages"),
        ):
            return self._build_context.sandbox.run(order.model_copy(update=update))

    def _format_lines(
        self, lines: Iterable[Line], wheels: Iterable[str], house: str, supplied: set[str]
    ) -> bytes:
        """The lines as uv reads them; a wheel that was built here has hashes of its own."""
        text = []
        for line in lines:
            kept = () if line.name in supplied else line.hashes
            text.append(" ".join([line.text, *(f"--hash={digest}" for digest in kept)]))
        text += [re.sub(r" @ (.+)$", rf" @ file://{house}/\1", entry) for entry in wheels]
        return "".join(f"{entry}\n" for entry in text).encode()

    def _make_mounts(self) -> tuple[Mount, ...]:
        settings = self._build_context.settings
        place = str(storage.locate_shared_folder(settings))
        return (
            *self._build_context.interpreter.sandbox_mounts(),
            Mount(source=str(uv_program.program(settings).parent), target=_UV),
            # uv's cache, which no code of a package ever runs beside.
            Mount(source=place, target=STORE, writable=True, retained_folder=storage.CACHE),
        )

    # --- the way out -------------------------------------------------------------------------

    def _way_out(self) -> Path:
        if self._proxy is None:
            self._proxy = self._network.enter_context(
                open_proxy(
                    self._build_context.index, self._build_context.settings, self._gateways.values()
                )
            )
        return self._proxy.socket_path

    def _in_sandbox(self, access: IndexAccess) -> str:
        """The address by which a sandbox asks an index: none with credentials."""
        gateway = self._gateways.get(access.url)
        return gateway.url if gateway else access.url

    def _words(self, output: str) -> str:
        for gateway in self._gateways.values():
            output = gateway.restore_addresses(output)
        return uv_program.extract_essential_output(output)

    # --- when it fails -----------------------------------------------------------------------

    def _faults(self) -> tuple[str, ...]:
        return self._proxy.faults if self._proxy else ()

    def _failed_to_reach(self, result: SandboxResult) -> bool:
        return _NETWORK.search(result.output) is not None

    def _failure(self, result: SandboxResult, wanted: Wanted) -> Exception:
        words = self._words(result.output)
        refused = self._proxy.refused_attempts if self._proxy else ()
        if "No space left on device" in result.output or result.limit == "disk":
            return StorageFull(
                "The disk that holds Mergewright's data is full: the packages do not fit. "
                "Free some with `mergewright env prune --older-than 7`."
            )
        if result.limit is not None:
            return EnvironmentFailed(
                f"Fetching the packages reached the limit on {result.limit} "
                f"after {result.seconds:.0f} s. {words}"
            )
        if refused and self._failed_to_reach(result):
            return EnvironmentFailed(
                f"The packages are kept where nothing may be fetched from: {', '.join(refused)}. "
                f"An operator may allow it with MERGEWRIGHT_ALLOW_HOSTS.\n{words}"
            )
        if self._failed_to_reach(result):
            faults = "".join(f"\nThe proxy {one}." for one in self._faults())
            return IndexUnavailable(
                f"The package index at {self._build_context.index.url} did not answer:\n"
                f"{words}{faults}"
            )
        if (shown := uv_program.shorten_output(words)) != words:
            self._build_context.say(words)
        origins = _origins(words, (*wanted.lines, *wanted.constraints))
        left = "".join(f"\n{note}." for note in self._build_context.index.notes)
        return Unresolvable(
            f"{shown}{origins}{left}\n"
            f"This is the resolver's answer for Python {self._build_context.interpreter.version}. "
            "Change the requirement that is named, or choose others with `python.install`, "
            "`python.extras` or `python.groups` in .github/mergewright.yml."
        )


@contextmanager
def open_proxy(
    index: PackageIndex,
    settings: Settings,
    gateways: Iterable[Gateway] = (),
    more: Iterable[str] = (),
) -> Iterator[egress.EgressProxy]:
    """Open the way to the indexes, `more` hosts and nothing else, for the length of the block."""
    hosts = list(map(egress.parse_target, index.list_addresses()))
    indexes = [egress.parse_target(access.url) for access in index.list_accesses()]
    named = [egress.parse_target(host) for host in settings.allow_hosts]
    internal = [host for host in indexes if _is_internal(host)]
    # The default index, last in its list, has its files within a private network if it is there
    # itself; one outside never has.
    inside = [*named, *internal, *(hosts if indexes[-1] in internal else ())]
    with open_proxy_to(
        [*hosts, *named, *map(egress.parse_target, more)], inside, gateways
    ) as proxy:
        yield proxy


@contextmanager
def open_proxy_to(
    allowed: Iterable[egress.Target],
    inside: Iterable[egress.Target],
    gateways: Iterable[Gateway] = (),
) -> Iterator[egress.EgressProxy]:
    """Open the way to these hosts alone, `inside` also where they are in a private network."""
    with tempfile.TemporaryDirectory(prefix="mergewright-", ignore_cleanup_errors=True) as place:
        Path(place).chmod(0o711)
        proxy = egress.EgressProxy(
            Path(place) / "out.sock",
            allowed,
            inside=inside,
            gateways=gateways,
            proxies=host_proxy.read_proxies(),
        )
        try:
            yield proxy
        finally:
            proxy.close()


def _is_internal(host: egress.Target) -> bool:
    try:
        found = socket.getaddrinfo(host.host, host.port, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(egress.is_internal(str(entry[4][0])) for entry in found)


def _origins(words: str, lines: Iterable[Line]) -> str:
    """Where the requirements that the resolver names are written."""
    said = words.lower()
    named = [
        f"  {line.text}  ({line.origin})"
        for line in lines
        if re.search(rf"(?<![\w-]){re.escape(line.name)}(?![\w-])", said.replace("_", "-"))
    ]
    return "\nThey are written here:\n" + "\n".join(named[:10]) if named else ""


def _is_made_alike(before: bytes, after: bytes) -> bool:
    """Whether two uv.locks have the same options, and their packages come from the same indexes."""
    try:
        old, new = (tomllib.loads(text.decode()) for text in (before, after))
        had = {one["name"]: one["source"] for one in old.get("package", ())}
        has = {one["name"]: one["source"] for one in new.get("package", ())}
        indexes = {source["registry"] for source in had.values() if "registry" in source}
        return old.get("options") == new.get("options") and all(
            source == had[name] if name in had else {source.get("registry")} == indexes
            for name, source in has.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False  # uv makes a lock anew that it cannot read
