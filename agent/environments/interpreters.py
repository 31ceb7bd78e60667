"""Choose the Python that a repository asks for, among those that sandboxes can be given.

What the repository asks for is read by `declare`, what there is by `found_pythons`. Interpreters
are the operator's and are trusted; whether one is whole is nevertheless tried out in a sandbox,
because that is where it has to work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from agent.environments import found_pythons, interpreter_store, storage
from agent.environments.found_pythons import FoundPython
from agent.environments.python_hints import PythonHints
from agent.errors import EnvironmentFailed
from agent.models.record import Record
from agent.models.sandbox import SANDBOX_OURS, Mount, Root, Sandbox, SandboxLimits, SandboxRequest
from agent.settings import Settings

#: Our own scripts and pinned tools run on nothing older.
OLDEST = Version("3.9")
_MINORS = tuple(f"3.{minor}" for minor in range(14, OLDEST.minor - 1, -1))


class Interpreter(Record):
    """An interpreter that works in a sandbox."""

    version: str
    path: str
    mounts: tuple[tuple[str, str], ...] = ()
    """(host folder, path in the sandbox) beyond the root."""
    root: str = ""
    """Name of the root file system that sandboxes need for it; see `agent.models.sandbox.Root`."""
    root_mark: str = ""
    """Changes whenever that root file system does."""
    why: str
    """Why it was chosen, in words."""

    def sandbox_mounts(self) -> tuple[Mount, ...]:
        """What a sandbox has to show for it."""
        return tuple(Mount(source=host, target=sandbox) for host, sandbox in self.mounts)


def choose_interpreter(
    asked: str | None, hints: PythonHints, sandbox: Sandbox, settings: Settings
) -> Interpreter:
    """Choose the interpreter that fits best and works in a sandbox.

    Raises:
        EnvironmentFailed: None fits; the message says what was asked, what is there and what
            would provide it.
    """
    roots = sandbox.roots()
    found = found_pythons.find_pythons(settings, roots)
    broken: list[str] = []
    for candidate, why in rank_interpreters(asked, hints, found):
        # What is mounted goes with the usual root, which stands first.
        usual = (one for one in roots if not candidate.root or one.name == candidate.root)
        root = next(usual, Root())
        mark = root.mark or storage.root_mark(root.folder)
        mounts = interpreter_store.list_mounts(candidate, settings)
        on_host = (candidate.system and root.folder) or ""
        changed = _read_change_time(Path(f"{on_host}{candidate.path}").parent)
        trial = f"{mark} {candidate.path} {candidate.version} {changed}"
        if (missing := _find_missing_modules(trial, candidate, mounts, sandbox, settings)) is None:
            continue
        if missing:
            broken.append(f"{candidate.path} lacks {', '.join(missing)}")
            continue
        return Interpreter(
            version=candidate.version,
            path=candidate.path,
            mounts=mounts,
            root=candidate.root,
            root_mark=mark,
            why=why,
        )
    raise EnvironmentFailed(_not_to_be_had(asked, hints, found, broken, settings, roots))


def find_other(hints: PythonHints, used: str, sandbox: Sandbox, settings: Settings) -> str:
    """Find another Python that CI tests, or else that a classifier names; empty if none is there.

    The oldest, since packages stop to support it first: it gets those of its time.
    """
    found = found_pythons.find_pythons(settings, sandbox.roots())
    return _choose_other(hints, used, found)


def _choose_other(hints: PythonHints, used: str, found: Sequence[FoundPython]) -> str:
    there = {_minor(one) for one, _ in rank_interpreters(None, hints, found)} - {_shorten(used)}
    for named in (hints.ci, hints.classifiers):
        if others := there & {*named}:
            return min(others, key=Version)
    return ""


def rank_interpreters(
    asked: str | None, hints: PythonHints, found: Sequence[FoundPython]
) -> list[tuple[FoundPython, str]]:
    """Order the interpreters that fit, best first, each with the reason in words. Pure."""
    usable = [one for one in found if Version(one.version) >= OLDEST]
    if asked is not None:
        fitting = [one for one in usable if _minor(one) == asked]
        return [(one, f"python.version asks for {asked}") for one in _best_first(fitting)]
    allowed = _specifiers(hints)
    fitting = [one for one in usable if allowed.contains(one.version, prereleases=True)]
    because = f"{hints.requires_origin}: {hints.requires}" if hints.requires else "nothing is asked"
    order: dict[tuple[str, str], tuple[FoundPython, str]] = {}

    def add(some: Iterable[FoundPython], reason: str) -> None:
        for one in _best_first(some):
            order.setdefault((one.root, one.path), (one, reason.replace("{}", _minor(one))))

    match = re.match(r"(?:cpython[-@]?)?(\d+\.\d+)(?:\.|$)", hints.version_file or "")
    named = [one for one in usable if match and _minor(one) == match[1]]
    because_named = f".python-version asks for {hints.version_file}"
    add([one for one in named if not hints.ci or _minor(one) in hints.ci], because_named)
    add([one for one in fitting if _minor(one) in hints.ci], because + "; and CI tests {}")
    add(named, because_named)
    supported = [one for one in fitting if _minor(one) in hints.classifiers]
    add(supported, because + "; and a classifier names {}")
    add(fitting, because)
    return list(order.values())


def _best_first(found: Iterable[FoundPython]) -> list[FoundPython]:
    """What is no preview goes first, then what sandboxes have anyway, then what is newest."""

    def rank(one: FoundPython) -> tuple[bool, bool, bool, Version]:
        version = Version(one.version)
        return not version.is_prerelease, one.system, not one.root, version

    return sorted(found, key=rank, reverse=True)


def _minor(one: FoundPython) -> str:
    return _shorten(one.version)


def _shorten(text: str) -> str:
    version = Version(text)
    return f"{version.major}.{version.minor}"


def _specifiers(hints: PythonHints) -> SpecifierSet:
    try:
        return SpecifierSet(hints.requires or "")
    except InvalidSpecifier as problem:
        raise EnvironmentFailed(
            f"{hints.requires_origin}: `{hints.requires}` is not a version constraint."
        ) from problem


def _not_to_be_had(
    asked: str | None,
    hints: PythonHints,
    found: Sequence[FoundPython],
    broken: Sequence[str],
    settings: Settings,
    roots: Sequence[Root],
) -> str:
    usable = [one for one in _best_first(found) if Version(one.version) >= OLDEST]
    there = ", ".join(map(_format_interpreter, usable)) or "none"
    allowed = _specifiers(hints)
    fitting = (one for one in _MINORS if any(allowed.contains(f"{one}.{n}") for n in range(40)))
    example = asked or next(fitting, None)
    wanted = f"a Python for {hints.requires or 'it'} ({hints.requires_origin or 'any version'})"
    wanted = f"Python {asked} (python.version)" if asked else wanted
    if example is None or Version(example) < OLDEST:
        return (
            f"The repository asks for {wanted}. Supported are {_MINORS[-1]} to {_MINORS[0]}. "
            f"There is: {there}; set python.version to one of them."
        )
    way = f"`uv python install {example} --install-dir {settings.home / found_pythons.FOLDER}`"
    if not any(root.folder for root in roots):
        way += f" or an image for sandboxes (`mergewright images build {example}`)"
    whole = f" Not whole in a sandbox: {'; '.join(broken)}." if broken else ""
    return (
        f"The repository asks for {wanted}, which is not to be had here. There is: {there}.{whole} "
        f"To provide one: {way}; or set python.version to one that is there."
    )


def _format_interpreter(one: FoundPython) -> str:
    where = f" of the root file system {one.root}" if one.root else ""
    return f"{one.version} ({one.path}{where})"


def _read_change_time(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0  # in an image, whose mark says as much


def _find_missing_modules(
    trial: str,
    one: FoundPython,
    shown: tuple[tuple[str, str], ...],
    sandbox: Sandbox,
    settings: Settings,
) -> list[str] | None:
    """List what of the standard library it lacks in a sandbox; None when it does not run there.

    What a sandbox has shown is remembered under the name of the trial.
    """
    place = storage.folder(settings) / "interpreters.json"
    try:
        known: dict[str, list[str] | None] = json.loads(place.read_bytes())
    except (OSError, ValueError):
        known = {}
    if trial not in known:
        known[trial] = _try_in_sandbox(one, shown, sandbox, settings)
        storage.write_whole(place, json.dumps(known, indent=1).encode())
    return known[trial]


def _try_in_sandbox(
    one: FoundPython, shown: Iterable[tuple[str, str]], sandbox: Sandbox, settings: Settings
) -> list[str] | None:
    mounts = [Mount(source=host, target=sandbox) for host, sandbox in shown]
    mounts.append(Mount(source=str(storage.scripts(settings)), target=SANDBOX_OURS))
    result = sandbox.run(
        SandboxRequest(
            argv=(one.path, "-I", "-S", f"{SANDBOX_OURS}/environments/check_interpreter.py"),
            root=one.root,
            mounts=tuple(mounts),
            collect=("/out/report.json",),
            limits=SandboxLimits(seconds=60),
        )
    )
    report = result.files.get("/out/report.json")
    if result.exit_code != 0 or report is None:
        return None
    said = json.loads(report)
    return [str(name) for name in said["missing"]]
