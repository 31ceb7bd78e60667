"""What tox and Hatch install for each of their runs of the tests. Pure.

What holds for some of their runs only, or takes its value from elsewhere, is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments import parts
from agent.environments.tree_files import TreeFiles
from repo_config import tox
from repo_config.documents import table, texts

#: Hatch's environments inherit from this one.
_DEFAULT = "default"
#: That of `hatch test`: it inherits from nothing and has these where it does not name others.
#: Without pytest-randomly, which `hatch test` itself switches off.
_OF_HATCH_TEST = (
    "coverage[toml]", "pytest", "pytest-mock", "pytest-rerunfailures", "pytest-xdist",
)  # fmt: skip
_HATCH_TEST = "hatch-test"


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


def read_runner_deps(files: TreeFiles, pyproject: dict[str, Any]) -> tuple[RunnerDeps, ...]:
    """Read what each of them installs."""
    return (*_read_hatch(files, pyproject), *_read_tox(files))


def _read_tox(files: TreeFiles) -> Iterator[RunnerDeps]:
    """Read the environment from which tox's others inherit."""
    if (found := tox.read_tox(files.detection_files)) is None:
        return

    def is_for_all(line: str) -> bool:
        return "{" not in line and not tox.split_factors(line)[0]

    def read_names(key: str) -> tuple[str, ...]:
        return _names(
            name for line in found.lines(key) if is_for_all(line) for name in line.split(",")
        )

    deps = [*found.lines("deps")]
    constraints = (f"-c {line}" for line in found.lines("constraints"))
    lines = (*filter(is_for_all, (*deps, *constraints)), *_find_in_each(deps))
    extras, groups = read_names("extras"), read_names("dependency_groups")
    yield RunnerDeps(found.path, found.origin, lines, extras, groups)


def _find_in_each(lines: Iterable[str]) -> tuple[str, ...]:
    """Name what has a version by factor, as Django may: then each run has one of them."""
    names: Counter[str] = Counter()
    for factors, line in map(tox.split_factors, lines):
        with suppress(InvalidRequirement):
            names[canonicalize_name(Requirement(line).name)] += bool(factors)
    return tuple(name for name, number in names.items() if number > 1)


def _read_hatch(files: TreeFiles, pyproject: dict[str, Any]) -> Iterator[RunnerDeps]:
    """Read Hatch's environments for tests by their names; the default one where there is none."""
    path, envs = "pyproject.toml", table(pyproject, "tool", "hatch", "envs")
    if own := table(files.toml("hatch.toml"), "envs"):
        path, envs = "hatch.toml", own
    names = [name for name in envs if name == _HATCH_TEST or parts.is_for_tests(name)]
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
    return parts.normalise_names([name for name in values if name.strip()])
