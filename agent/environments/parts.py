"""Extras, dependency groups and requirements files of a project, and what tox and Hatch install.

Pure. Without a word of the configuration, of CI or of a test runner, what is for tests is known by
its name.
"""

from __future__ import annotations

import difflib
import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from packaging.dependency_groups import DependencyGroupResolver
from packaging.utils import canonicalize_name

from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from repo_config import dependencies, tox, versions
from repo_config.documents import table, texts

#: What extras, groups and files for checks are called, what groups are called that no test needs,
#: what files are called that are taken in any case, and what says no more than that it is a file of
#: requirements.
_TEST = re.compile(r"tests?|testing|dev|devel|develop|development")
_OTHER = re.compile(
    r"docs?|documentation|lint(?:ing|ers)?|style|format(?:ting)?|release|publish|deploy|build"
    r"|bench(?:marks?)?|notebook"
)
_RUN = re.compile(r"base|common|main|default|core|runtime")
_REQUIREMENTS = re.compile(r"requirements?|reqs?|deps|dependencies")
#: Requirements files lie no deeper than so many folders.
_DEEPEST = 2

#: Hatch's environments inherit from this one.
_DEFAULT = "default"
#: That of `hatch test`: it inherits from nothing and has these where it does not name others.
#: Without pytest-randomly, which `hatch test` itself switches off.
_OF_HATCH_TEST = (
    "coverage[toml]", "pytest", "pytest-mock", "pytest-rerunfailures", "pytest-xdist",
)  # fmt: skip
_HATCH_TEST = "hatch-test"


def choose_parts(
    available: Sequence[str],
    wanted: tuple[str, ...] | None,
    origin: str,
    *,
    kind: str = "extra",
    more: Collection[str] = (),
    usual: Collection[str] = (),
) -> tuple[str, ...]:
    """Take what is asked for; where nobody said, what is for tests, and `more` with that.

    Args:
        available: All there are.
        wanted: What is asked for; None: nobody said.
        origin: Where they are written.
        kind: What they are.
        more: Taken as well where nobody said.
        usual: Taken where none is made for tests, but for what is for something else by its name.

    Raises:
        EnvironmentFailed: One that is asked for is not there; the message names the nearest.
    """
    known = normalise_names(available)
    if wanted is None:
        taken = {*filter(is_for_tests, known)}
        taken = taken or {name for name in usual if not _is_for_others(name)}
        return tuple(name for name in known if name in taken or name in more)
    chosen = normalise_names(wanted)
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            there = ", ".join(known) or "none"
            raise EnvironmentFailed(
                f"python.{kind}s: {origin} has no {kind} `{name}`.{hint} It has: {there}."
            )
    return chosen


def normalise_names(values: Collection[object]) -> tuple[str, ...]:
    """Names of groups or extras as they are compared, each once."""
    return tuple(dict.fromkeys(str(canonicalize_name(str(value).strip())) for value in values))


def list_requirement_files(files: WorkTreeFiles, *, compiled: bool = True) -> tuple[str, ...]:
    """Requirements files by their names: what runs first, then what tests need.

    Of a pip-tools pair the compiled file counts. Its source counts if there is no compiled file, or
    `compiled` is false.
    """
    paths = files.detection_files.paths
    found: dict[str | None, list[str]] = {"run": [], "test": [], None: []}
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        stem, ending = posixpath.splitext(path)
        if path.count("/") <= _DEEPEST and (other := {".in": ".txt", ".txt": ".in"}.get(ending)):
            if f"{stem}{other}" not in paths or (ending == ".txt") is compiled:
                found[find_role(path)].append(path)
    return (*found["run"], *found["test"])


def is_for_tests(name: str) -> bool:
    """Whether an extra or a group is for checks, by its name: `tests`, `requirements-test`."""
    words = _split_words(name)
    return bool(words) and all(map(_TEST.fullmatch, words))


def is_for_running(name: str) -> bool:
    """Whether a group is what the project itself runs with, by its name."""
    return _RUN.fullmatch(name) is not None


def _is_for_others(name: str) -> bool:
    words = [word for word in _split_words(name) if not _TEST.fullmatch(word)]
    return bool(words) and all(map(_OTHER.fullmatch, words))


def _split_words(name: str) -> list[str]:
    words = re.split(r"[-_.]+", name.lower())
    return [word for word in words if not _REQUIREMENTS.fullmatch(word)]


def find_role(path: str) -> str | None:
    """`run` or `test` for a requirements file, by its name and folder; None: not taken."""
    words = {*re.split(r"[-_./]+", posixpath.splitext(path.lower())[0])}
    named = {*filter(_REQUIREMENTS.fullmatch, words)}
    rest = {word for word in words - named if not _RUN.fullmatch(word)}
    if not named or not all(_TEST.fullmatch(word) or word in ("local", "ci") for word in rest):
        return None
    return "test" if rest else "run"


class Groups:
    """Dependency groups of a project: the standard's table, and those that tools had before it."""

    def __init__(self, pyproject: dict[str, Any], pipfile: dict[str, Any]) -> None:
        self._tables: dict[str, dict[str, Any]] = {}
        self._lists: dict[str, list[Any]] = {}
        for name, entries, _ in dependencies.list_tool_groups(pyproject, pipfile):
            if isinstance(entries, list):
                # An editable one is of the tree.
                own = [one for one in entries if not one.startswith("-")]
                self._lists[name] = [*self._lists.get(name, ()), *own]
            elif entries:
                self._tables[name] = self._tables.get(name, {}) | entries
        for name, lines in table(pyproject, "dependency-groups").items():
            own = lines if isinstance(lines, list) else [lines]
            self._lists[name] = [*self._lists.get(name, ()), *own]
        self.names = normalise_names((*self._tables, *self._lists))

    def list_requirements(self, name: str) -> list[str]:
        """Requirements of a group, with those of the groups that it includes.

        Raises:
            EnvironmentFailed: It cannot be read, or includes one that is not there, or itself.
        """
        found: list[str] = []
        try:
            for written, entries in self._tables.items():
                if canonicalize_name(written) == name:
                    found += dependencies.write_requirements(entries)
            if name in normalise_names(self._lists):
                found += map(str, DependencyGroupResolver(self._lists).resolve(name))
        except (ValueError, LookupError, ExceptionGroup) as problem:
            several = problem.exceptions if isinstance(problem, ExceptionGroup) else (problem,)
            words = "; ".join(map(str, several))
            raise EnvironmentFailed(f"pyproject.toml group {name}: {words}") from problem
        return found


# --- what tox and Hatch install for each of their runs of the tests ---------------------------
# What holds for some of their runs only, or takes its value from elsewhere, is passed over.


class RunnerDeps(NamedTuple):
    """What one of the two installs."""

    path: str
    """Of the file."""
    origin: str
    """File and tables."""
    lines: tuple[str, ...]
    extras: tuple[str, ...]
    """Of the project, normalised."""
    groups: tuple[str, ...]
    """Dependency groups of pyproject.toml, normalised."""


def read_runner_deps(files: WorkTreeFiles, pyproject: dict[str, Any]) -> tuple[RunnerDeps, ...]:
    """Read what each of them installs."""
    return (*_read_hatch(files, pyproject), *_read_tox(files))


def _read_tox(files: WorkTreeFiles) -> Iterator[RunnerDeps]:
    """Read the environment from which tox's others inherit."""
    if (found := tox.read_tox(files.detection_files)) is None:
        return

    def is_for_all(line: str) -> bool:
        return "{" not in line and not tox.split_factors(line)[0]

    def read_names(key: str) -> tuple[str, ...]:
        return _names(
            name for line in found.lines(key) if is_for_all(line) for name in line.split(",")
        )

    # What has a version by factor, as Django may, is in each run.
    names = Counter(name for name, _ in versions.read_factors(files.detection_files))
    in_each = (name for name, number in names.items() if number > 1)
    constraints = (f"-c {line}" for line in found.lines("constraints"))
    lines = (*filter(is_for_all, (*found.lines("deps"), *constraints)), *in_each)
    extras, groups = read_names("extras"), read_names("dependency_groups")
    yield RunnerDeps(found.path, found.origin, lines, extras, groups)


def _read_hatch(files: WorkTreeFiles, pyproject: dict[str, Any]) -> Iterator[RunnerDeps]:
    """Read Hatch's environments for tests by their names; the default one where there is none."""
    path, envs = "pyproject.toml", table(pyproject, "tool", "hatch", "envs")
    if own := table(files.toml("hatch.toml"), "envs"):
        path, envs = "hatch.toml", own
    names = [name for name in envs if name == _HATCH_TEST or is_for_tests(name)]
    wholes = [
        _merge_template(name, envs) for name in names or [name for name in envs if name == _DEFAULT]
    ]
    keys = ("dependencies", "extra-dependencies")
    lines = (line for one in wholes for key in keys for line in texts(one.get(key)))
    installed = [
        one for one in wholes if True not in (one.get("skip-install"), one.get("detached"))
    ]
    yield RunnerDeps(
        path=path,
        origin=f"{path} [tool.hatch.envs]",
        lines=tuple(dict.fromkeys(line for line in lines if "{" not in line)),
        extras=_names(name for one in installed for name in texts(one.get("features"))),
        groups=_names(name for one in wholes for name in texts(one.get("dependency-groups"))),
    )


def _merge_template(name: str, envs: dict[str, Any]) -> dict[str, Any]:
    """An environment with what it has of its template, each of whose keys it may replace."""
    own = table(envs, name)
    if name == _HATCH_TEST:
        return {"dependencies": [*_OF_HATCH_TEST], **own}
    alone = name == _DEFAULT or own.get("detached") is True
    template = str(own.get("template", "" if alone else _DEFAULT))
    return {**table(envs, template), **own}


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return normalise_names([name for name in values if name.strip()])
