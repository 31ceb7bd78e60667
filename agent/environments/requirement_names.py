"""Know requirements files, extras and groups by their names: what runs it, what tests need."""

from __future__ import annotations

import posixpath
import re

from agent.environments.tree_files import TreeFiles

#: What extras, groups and files for checks are called.
TEST_NAMES = frozenset({"test", "tests", "testing", "dev", "develop", "development"})
#: What they are called where no test needs them.
_OTHER_NAMES = frozenset(
    {"doc", "docs", "documentation", "lint", "linting", "linters", "style", "format", "formatting"}
    | {"release", "publish", "deploy", "build", "bench", "benchmark", "benchmarks", "notebook"}
)
_FILE_ROLES = TEST_NAMES | {"local", "ci"}
_COMMON_ROLES = frozenset({"base", "common", "main", "default", "core", "runtime"})
_FILLERS = frozenset({"requirements", "requirement", "reqs", "req", "deps", "dependencies"})
_FOLDERS = (
    "", "requirements", "reqs", "tests", "test", "tests/requirements", "test/requirements",
)  # fmt: skip


def paths(files: TreeFiles, *, compiled: bool = True) -> tuple[str, ...]:
    """Requirements files by their names: what runs first, then what tests need.

    Of a pair of pip-tools the compiled file counts, and what it was compiled from where that is
    all there is, or compiled ones are not asked for.
    """
    found: dict[str, list[str]] = {"run": [], "test": []}
    for folder in _FOLDERS:
        names = files.names(folder)
        for name in names:
            path = posixpath.join(folder, name)
            stem, ending = posixpath.splitext(name)
            other = {".in": ".txt", ".txt": ".in"}.get(ending)
            is_taken = f"{stem}{other}" not in names or (ending == ".txt") is compiled
            if other and is_taken and (for_what := role(path)):
                found[for_what].append(path)
    return (*found["run"], *found["test"])


def find_compiled(files: TreeFiles) -> str:
    """Name the files that pip-tools has compiled."""
    return ", ".join(sorted({*paths(files)} - {*paths(files, compiled=False)}))


def is_for_tests(name: str) -> bool:
    """Whether an extra or a group is for checks, by its name: `tests`, `requirements-test`."""
    words = set(re.split(r"[-_.]+", name.lower())) - _FILLERS
    return bool(words) and words <= TEST_NAMES


def is_for_others(name: str) -> bool:
    """Whether an extra or a group is for something that tests do without, by its name."""
    words = set(re.split(r"[-_.]+", name.lower())) - _FILLERS - TEST_NAMES
    return bool(words) and words <= _OTHER_NAMES


def role(path: str) -> str | None:
    """`run` or `test` for a requirements file, by its name and folder; None: not taken."""
    words = set(re.split(r"[-_./]+", posixpath.splitext(path.lower())[0]))
    if not words & _FILLERS:
        return None
    rest = words - _FILLERS
    if rest & _FILE_ROLES and not rest - _FILE_ROLES - _COMMON_ROLES:
        return "test"
    return "run" if not rest - _COMMON_ROLES else None
