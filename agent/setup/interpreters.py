"""Choose the Python for a repository, among the installed ones.

uv lists those of this machine. Each candidate is tried in a sandbox, where it has to work.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import Version

from agent.errors import EnvironmentFailed
from agent.models.environment import Interpreter
from agent.models.record import Record, replace
from agent.models.sandbox import Mount, Root, Sandbox, SandboxLimits, SandboxRequest
from agent.settings import Settings
from agent.setup import storage, uv_program
from repo_config import ci_jobs, tasks, versions
from repo_config.project_files import ProjectFiles
from repo_config.tree import Tree

FOLDER = "pythons"
"""Folder in the data folder for interpreters that are fetched, or that the operator installs."""
#: Our own scripts and pinned tools need OLDEST. Unless named, none above 3.NEWEST is chosen.
OLDEST, NEWEST = Version("3.9"), 14
#: Imports modules that checks need and a build of Python may lack; prints version and path.
_TRIAL = """
import ssl, sqlite3, ctypes, lzma, bz2, zlib, hashlib, venv, unittest
import platform, sys
print(platform.python_version())
print("%s/bin/python%d.%d" % (sys.base_prefix, *sys.version_info[:2]))
"""


class PythonHints(Record):
    """Facts of a repository that decide about its Python."""

    version_file: str | None = None
    """The minor version in .python-version."""
    requires: str = ""
    minors: tuple[int, ...] = ()
    """Minor versions that `requires` allows; empty: any."""
    tested: tuple[str, ...] = ()
    """Minor versions of CI's test jobs, else of all its jobs; empty: a version file names one."""
    committed: int = 0
    """Time of the commit, in seconds since the epoch; 0: not known."""

    @property
    def newest(self) -> int:
        """The minor version of the year before the commit: projects support a new one only later.

        One is released each October (PEP 602).
        """
        return datetime.fromtimestamp(self.committed, UTC).year - 2012 if self.committed else NEWEST


def mount_python(python: Interpreter) -> tuple[Mount, ...]:
    return tuple(Mount(source=host, target=sandbox) for host, sandbox in python.mounts)


def read_hints(tree: Tree, folder: str = "", committed: int = 0) -> PythonHints:
    """Read which Python the files of a project, in a folder of a repository, ask for.

    Args:
        committed: Time of the commit, in seconds since the epoch; 0: not known.
    """
    files = ProjectFiles(tree, folder)
    version_file = versions.read_version_file(files)
    requires, minors = versions.find_declared_pythons(files)
    root = ProjectFiles(tree)
    jobs = () if version_file else tasks.list_testing_jobs(root) or ci_jobs.list_jobs(root)
    return PythonHints(
        version_file=version_file,
        requires=requires,
        minors=minors,
        tested=tuple(version for job in jobs for version in job.pythons),
        committed=committed,
    )


def choose_interpreter(
    asked: str | None,
    hints: PythonHints,
    sandbox: Sandbox,
    settings: Settings,
    say: Callable[[str], None],
) -> Interpreter:
    """Return the interpreter that fits best and works in a sandbox; fetch one if none fits.

    Raises:
        EnvironmentFailed: None fits; the message names the wanted version, the available ones,
            and how to install one.
    """
    roots, unfetched = sandbox.roots(), ""
    pythons = find_pythons(settings, roots)
    candidates = rank_interpreters(asked, hints, pythons)
    minor, folder = list_minors(asked, hints)[0], settings.home / FOLDER
    if not candidates and may_fetch(settings, roots) and Version(minor) >= OLDEST:
        say(f"Python {minor} is not installed here: fetching it into {folder}")
        with storage.lock_name(settings, FOLDER):
            unfetched = uv_program.install_python(settings, minor, folder)
        pythons = find_pythons(settings, roots)
        candidates = rank_interpreters(asked, hints, pythons)
    broken: list[str] = []
    for candidate in candidates:
        # Installations of this machine are mounted into the default root, which comes first.
        usual = (root for root in roots if candidate.root in ("", root.name))
        mark = next(usual, Root()).mark or storage.compute_root_fingerprint()
        interpreter = replace(candidate, mounts=_list_mounts(candidate, settings), root_mark=mark)
        tried = _try_interpreter(interpreter, sandbox)
        if isinstance(tried, Interpreter):
            return tried
        broken.append(f"{candidate.path} ({tried})")
    raise EnvironmentFailed(_explain_none(asked, hints, pythons, broken, unfetched, settings))


def may_fetch(settings: Settings, roots: Sequence[Root]) -> bool:
    """Check whether Pythons can be fetched; images contain their own."""
    can_mount = any(root.folder is not None for root in roots)
    return can_mount and settings.python_downloads == "auto"


def list_minors(asked: str | None, hints: PythonHints) -> list[str]:
    """List minor versions, best first.

    Without `asked`: the version file's; those that CI tests; those of the commit's time, newest
    first; then later ones, oldest first, for which packages of that time have no wheels.
    """
    if asked:
        return [asked]
    allowed = hints.minors or range(OLDEST.minor, NEWEST + 1)
    of_time = sorted((minor for minor in allowed if minor <= hints.newest), reverse=True)
    later = sorted(minor for minor in allowed if minor > hints.newest)
    fitting = [f"3.{minor}" for minor in (*of_time, *later)]
    tested = [minor for minor in fitting if minor in hints.tested]
    first = [hints.version_file] if hints.version_file else []
    return [*dict.fromkeys((*first, *tested, *fitting))]


def rank_interpreters(
    asked: str | None, hints: PythonHints, pythons: Sequence[Interpreter]
) -> list[Interpreter]:
    """Order fitting interpreters, best first.

    Of a minor version: releases before pre-releases, the system's before others, newer first.
    """
    minors = list_minors(asked, hints)

    def rate(python: Interpreter) -> tuple[int, bool, bool, bool, Version]:
        version = Version(python.version)
        rank = minors.index(f"3.{version.minor}")
        return -rank, not version.is_prerelease, python.is_system, not python.root, version

    fitting = (
        python
        for python in pythons
        if (version := Version(python.version)) >= OLDEST and f"3.{version.minor}" in minors
    )
    return sorted(fitting, key=rate, reverse=True)


def _explain_none(
    asked: str | None,
    hints: PythonHints,
    pythons: Sequence[Interpreter],
    broken: Sequence[str],
    unfetched: str,
    settings: Settings,
) -> str:
    supported = (python for python in pythons if Version(python.version) >= OLDEST)
    newest_first = sorted(supported, key=lambda python: Version(python.version), reverse=True)
    listed = ", ".join(f"{python.version} ({python.path})" for python in newest_first) or "none"
    wanted = f"a Python {hints.requires or 'of any version'}"
    wanted = f"Python {asked} (python.version)" if asked else wanted
    whole = f" Incomplete in a sandbox: {'; '.join(broken)}." if broken else ""
    minor = list_minors(asked, hints)[0]
    fetched = f" and could not be fetched: {unfetched.rstrip('.')}" if unfetched else ""
    mirror = " Or set UV_PYTHON_INSTALL_MIRROR to a mirror of uv's Pythons." if unfetched else ""
    return (
        f"The repository needs {wanted}, which is not installed here{fetched}. Available: {listed}"
        f" ({OLDEST} and newer are supported).{whole} Install it with `uv python install"
        f" {minor} --install-dir {settings.home / FOLDER}`, or with docker `mergewright images"
        f" build {minor}`. Or set python.version to an available version.{mirror}"
    )


# --- installed ones ----------------------------------------------------------------------------


def find_pythons(settings: Settings, roots: Sequence[Root]) -> tuple[Interpreter, ...]:
    """List the interpreters in sandboxes' images, and those that uv finds on this machine."""
    pythons = [
        Interpreter(version=root.name, path="python3", root=root.name)
        for root in roots
        if root.folder is None
    ]
    shows_machine = any(root.folder == "/" for root in roots)
    folders = os.pathsep.join(_list_interpreter_folders(settings))
    for row in uv_program.list_pythons(settings, folders):
        prefix = Path(os.path.realpath(row["path"])).parent.parent
        path = prefix / "bin" / f"python3.{row['version_parts']['minor']}"
        is_system = prefix.is_relative_to("/usr")
        # Free-threaded and debug builds need other wheels than usual builds of their version.
        is_usual = (row["implementation"], row["variant"]) == ("cpython", "default")
        if is_usual and path.exists() and (shows_machine or not is_system):
            facts = {"version": row["version"], "prefix": str(prefix), "path": str(path)}
            pythons.append(Interpreter(is_system=is_system, **facts))
    return tuple(
        {(python.root, python.version, python.prefix): python for python in pythons}.values()
    )


def _list_interpreter_folders(settings: Settings) -> Iterator[str]:
    """Yield folders that may contain Pythons: of the data folder, pyenv and PATH, without shims."""
    home = Path.home()
    for parent, pattern in (
        (settings.home / FOLDER, "*/bin"),
        (Path(os.environ.get("PYENV_ROOT") or home / ".pyenv"), "versions/*/bin"),
    ):
        try:
            yield from map(str, sorted(parent.glob(pattern)))
        except OSError:
            continue  # this user cannot read it
    yield from ("/usr/bin", "/usr/local/bin")
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        # A shim starts the version that the current folder names; pyenv's own are listed above.
        if Path(folder).is_absolute() and "shims" not in Path(folder).parts:
            yield folder


# --- in a sandbox ------------------------------------------------------------------------------


def _try_interpreter(python: Interpreter, sandbox: Sandbox) -> Interpreter | str:
    """Return an interpreter with the version and path that a sandbox reports, or a problem."""
    order = SandboxRequest(
        argv=(python.path, "-I", "-S", "-c", _TRIAL),
        root=python.root,
        mounts=mount_python(python),
        limits=SandboxLimits(seconds=60),
    )
    result = sandbox.run(order)
    *_, version, path = ["", "", *result.output.strip().splitlines()]
    if result.exit_code != 0:
        return path[:200] or "it does not start"
    # The version of a build between two releases ends in a plus.
    return replace(python, version=version[:200].rstrip("+"), path=path)


def _list_mounts(python: Interpreter, settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the mount of an installation at its original path; none for one of the system.

    An interpreter finds its library by the path it was built for. If we are root, sandboxes run as
    another user: an installation that this user cannot read is copied.
    """
    if python.is_system:
        return ()
    prefix = Path(python.prefix)
    # An installation has the same permissions throughout, so a few of its paths are enough.
    library = prefix / "lib" / Path(python.path).name
    parts = (prefix, *prefix.parents, Path(python.path), library, library / "os.py")
    wanted = ((part, 0o1 if part.is_dir() else 0o4) for part in parts)
    is_open = os.geteuid() != 0 or all(part.stat().st_mode & bit for part, bit in wanted)
    return ((str(prefix if is_open else _copy(prefix, python.version, settings)), python.prefix),)


def _copy(prefix: Path, version: str, settings: Settings) -> Path:
    """Copy an installation to our own store, without its installed packages."""
    mark = f"{prefix}\0{prefix.stat().st_mtime_ns}\0{version}"
    name = f"{version}-{hashlib.sha256(mark.encode()).hexdigest()[:12]}"

    def make(part: Path) -> None:
        shutil.copytree(
            prefix, part, symlinks=True, dirs_exist_ok=True,
            ignore=lambda folder, names: names if folder.endswith("-packages") else (),
        )  # fmt: skip
        for copied in (part, *part.rglob("*")):
            if not copied.is_symlink():
                mode = copied.stat().st_mode & 0o700
                copied.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)

    return storage.provide_folder(settings, storage.folder(settings) / "interpreters" / name, make)
