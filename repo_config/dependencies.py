"""List the packages that a project declares, and where.

Names only, without versions: enough to recognise frameworks and tools. What is installed is
decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from packaging.utils import canonicalize_name

from repo_config import tox
from repo_config.documents import table, texts
from repo_config.project_files import ProjectFiles

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_ASIDE = frozenset(
    {"dev", "devel", "develop", "development", "test", "tests", "testing", "doc", "docs", "lint"}
    | {"linting", "ci", "qa", "example", "examples", "demo", "local", "typing", "build", "tools"}
)
_MOST_FILES = 40


class Dependency(NamedTuple):
    """One declared package."""

    name: str
    """Normalised."""
    origin: str
    runtime: bool
    """Whether the project itself needs it, not only its development."""


def list_declared(files: ProjectFiles) -> tuple[Dependency, ...]:
    """All declared packages, in the order in which they were found."""
    found: list[Dependency] = []
    for lines, origin, runtime in list_requirements(files):
        for line in lines:
            name = _NAME.match(line)
            if name and not line.lstrip().startswith("-"):
                found.append(Dependency(canonicalize_name(name[1]), origin, runtime))
    return tuple(found)


def list_requirements(files: ProjectFiles) -> Iterator[tuple[list[str], str, bool]]:
    """Yield each list of requirements as it is written, its origin, and whether it runs with them.

    Of tables, as poetry and Pipenv have them, there are the names alone.
    """
    yield from _pyproject(files)
    for entries, origin, runtime in tables(files):
        yield list(entries), origin, runtime
    setup = files.ini("setup.cfg")
    options = setup.get("options", {})
    yield options.get("install_requires", "").splitlines(), "setup.cfg: install_requires", True
    yield options.get("tests_require", "").splitlines(), "setup.cfg: tests_require", False
    for extra, value in setup.get("options.extras_require", {}).items():
        yield value.splitlines(), f"setup.cfg: extras_require.{extra}", False
    call = files.setup_call
    yield call.get("install_requires", []), "setup.py: install_requires", True
    for key in ("tests_require", "extras_require"):
        yield call.get(key, []), f"setup.py: {key}", False
    for path in _requirement_files(files):
        yield (
            files.text(path).splitlines(),
            path,
            not _ASIDE & set(re.split(r"[^a-z]+", path.lower())),
        )
    for env in tox.read_all(files):
        yield (
            [tox.split_factors(line)[1] for line in env.lines("deps")],
            f"{env.path}: [{env.name}] deps",
            False,
        )


def tables(files: ProjectFiles) -> Iterator[tuple[dict[str, object], str, bool]]:
    """Yield each table of packages that poetry or Pipenv reads, its origin, and as `written`."""
    poetry = table(files.pyproject, "tool", "poetry")
    start = "pyproject.toml: tool.poetry"
    yield table(poetry, "dependencies"), f"{start}.dependencies", True
    yield table(poetry, "dev-dependencies"), f"{start}.dev-dependencies", False
    for group in table(poetry, "group"):
        yield table(poetry, "group", group, "dependencies"), f"{start}.group.{group}", False
    pipfile = files.toml("Pipfile")
    yield table(pipfile, "packages"), "Pipfile: packages", True
    yield table(pipfile, "dev-packages"), "Pipfile: dev-packages", False


def _pyproject(files: ProjectFiles) -> Iterator[tuple[list[str], str, bool]]:
    data, name = files.pyproject, "pyproject.toml"
    yield texts(table(data, "project").get("dependencies")), f"{name}: project.dependencies", True
    for place in (("project", "optional-dependencies"), ("dependency-groups",)):
        for key, value in table(data, *place).items():
            yield texts(value), f"{name}: {'.'.join(place)}.{key}", False
    flit = table(data, "tool", "flit", "metadata")
    yield texts(flit.get("requires")), f"{name}: tool.flit.metadata.requires", True
    for key, value in table(flit, "requires-extra").items():
        yield texts(value), f"{name}: tool.flit.metadata.requires-extra.{key}", False
    uv = table(data, "tool", "uv").get("dev-dependencies")
    yield texts(uv), f"{name}: tool.uv.dev-dependencies", False
    for key, value in table(data, "tool", "pdm", "dev-dependencies").items():
        yield texts(value), f"{name}: tool.pdm.dev-dependencies.{key}", False
    for environment in (hatch := table(data, "tool", "hatch", "envs")):
        for key in ("dependencies", "extra-dependencies"):
            origin = f"{name}: tool.hatch.envs.{environment}.{key}"
            yield texts(table(hatch, environment).get(key)), origin, False


def _requirement_files(files: ProjectFiles) -> list[str]:
    """Requirements files at the root or one folder below, the shortest paths first."""
    found = []
    for path in files.paths:
        if path.endswith((".txt", ".in")) and path.count("/") <= 1:
            folder, _, name = path.rpartition("/")
            if "requirements" in name.lower() or folder.lower() in ("requirements", "reqs"):
                found.append(path)
    return sorted(found, key=lambda path: (path.count("/"), path))[:_MOST_FILES]
