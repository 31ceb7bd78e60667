"""What tox and Hatch install for each of their runs of the tests. Pure.

What holds for some of their runs only, or takes its value from elsewhere, is told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments import requirement_names
from agent.environments.tree_files import TreeFiles
from agent.models.record import Record
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


class RunnerDeps(Record):
    """What one of the two installs."""

    runner: str
    path: str
    """Of the file."""
    origin: str
    """File and tables."""
    lines: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    """Of the project, normalised."""
    groups: tuple[str, ...] = ()
    """Dependency groups of pyproject.toml, normalised."""
    left: tuple[str, ...] = ()
    """They hold only for some of the runs, or for other machines."""

    @property
    def reason(self) -> str:
        """Why something of it is taken."""
        return f"{self.runner} installs it for its runs of the tests"


def read_runner_deps(files: TreeFiles, pyproject: dict[str, Any]) -> tuple[RunnerDeps, ...]:
    """Read what each of them has, where there is anything."""
    found = (_hatch(files, pyproject), _tox(files))
    return tuple(
        one for one in found if one and (one.lines or one.extras or one.groups or one.left)
    )


def _tox(files: TreeFiles) -> RunnerDeps | None:
    """Read the environment from which tox's others inherit."""
    found = tox.read_tox(files.detection_files)
    if found is None:
        return None
    left: list[str] = []

    def sort_out(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if "{" in line or tox.split_factors(line)[0]:
                left.append(line)
            else:
                yield line

    def read_names(key: str) -> tuple[str, ...]:
        return _names(name for line in sort_out(found.lines(key)) for name in line.split(","))

    constraints = (f"-c {line}" for line in found.lines("constraints"))
    lines = tuple(sort_out((*found.lines("deps"), *constraints)))
    return RunnerDeps(
        runner="tox",
        path=found.path,
        origin=found.origin,
        lines=(*lines, *_name_in_each(left)),
        extras=read_names("extras"),
        groups=read_names("dependency_groups"),
        left=tuple(left),
    )


def _name_in_each(lines: Iterable[str]) -> tuple[str, ...]:
    """Name what has a version by factor, as Django may: then each run has one of them."""
    names: Counter[str] = Counter()
    for line in lines:
        with suppress(InvalidRequirement):
            names[canonicalize_name(Requirement(tox.split_factors(line)[1]).name)] += 1
    return tuple(name for name, number in names.items() if number > 1)


def _hatch(files: TreeFiles, pyproject: dict[str, Any]) -> RunnerDeps | None:
    """Read Hatch's environments for tests by their names; the default one where there is none."""
    path, prefix, envs = (
        "pyproject.toml",
        "tool.hatch.envs.",
        table(pyproject, "tool", "hatch", "envs"),
    )
    if own := table(files.toml("hatch.toml"), "envs"):
        path, prefix, envs = "hatch.toml", "envs.", own
    names = [name for name in envs if name == _HATCH_TEST or requirement_names.is_for_tests(name)]
    names = names or [name for name in envs if name == _DEFAULT]
    wholes = {name: _merge_template(name, envs) for name in names}
    lines: list[str] = []
    extras: list[str] = []
    groups: list[str] = []
    for whole in wholes.values():
        lines += (*texts(whole.get("dependencies")), *texts(whole.get("extra-dependencies")))
        if not (whole.get("skip-install") is True or whole.get("detached") is True):
            extras += texts(whole.get("features"))
        groups += texts(whole.get("dependency-groups"))
    aside = [f"{name} overrides" for name, whole in wholes.items() if table(whole, "overrides")]
    return RunnerDeps(
        runner="Hatch",
        path=path,
        origin=f"{path} {' and '.join(f'[{prefix}{name}]' for name in names)}",
        lines=tuple(dict.fromkeys(line for line in lines if "{" not in line)),
        extras=_names(extras),
        groups=_names(groups),
        left=tuple(dict.fromkeys((*(line for line in lines if "{" in line), *aside))),
    )


def _merge_template(name: str, envs: dict[str, object]) -> dict[str, object]:
    """An environment with what it has of its template, each of whose keys it may replace."""
    own = table(envs, name)
    if name == _HATCH_TEST:
        return {"dependencies": [*_OF_HATCH_TEST], **own}
    alone = name == _DEFAULT or own.get("detached") is True
    template = str(own.get("template", "" if alone else _DEFAULT))
    return {**table(envs, template), **own}


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(canonicalize_name(name.strip())) for name in values if name.strip())
