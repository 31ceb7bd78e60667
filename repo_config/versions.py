"""Find the versions of Python and of packages that a project is declared for or tested with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from poetry.core.constraints import version as poetry_versions

from repo_config.documents import table, texts
from repo_config.project_files import Detected, ProjectFiles

_PYTHON_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.[0-9]{1,2})\Z")
_PLAIN = re.compile(r"(?:cpython-?|python-?)?(3\.[0-9]{1,2})(?![0-9])")
_LONGEST = 500


# --- Python -------------------------------------------------------------------------------------


def find_lowest_python(files: ProjectFiles) -> Detected | None:
    """Return the lowest declared version, from the first of the places that names one."""
    for text, origin in list_python_ranges(files):
        if found := _list_minors(text):
            return Detected(f"3.{found[0]}", origin)
        path = origin.partition(":")[0]
        files.unreadable.setdefault(path, f"names no supported Python 3 version: {text!r}")
    if named := read_version_file(files):
        return named
    if versions := read_python_classifiers(files):
        return Detected(min(versions, key=Version), next(iter(versions.values())))
    return None


def read_python_classifiers(files: ProjectFiles) -> dict[str, str]:
    """Return the minor versions that classifiers name, each with the origin."""
    return {
        match[1]: origin
        for lines, origin in list_classifiers(files)
        for line in lines
        if (match := _PYTHON_CLASSIFIER.match(line.strip()))
    }


def read_version_file(files: ProjectFiles) -> Detected | None:
    """Return the version that a file made for that alone names; the lowest of several."""
    for path in (".python-version", "runtime.txt"):
        lines = [_PLAIN.match(line.strip()) for line in files.text(path).splitlines()]
        if versions := [match[1] for match in lines if match]:
            return Detected(min(versions, key=Version), path)
    return None


def _list_minors(text: str) -> list[int]:
    """List the minor versions with a release in a range, also in Poetry's forms."""
    if (allowed := _read_pythons(text)) is None:
        return []
    minors = (poetry_versions.parse_constraint(f"~3.{minor}") for minor in range(100))
    return [minor for minor, one in enumerate(minors) if allowed.allows_any(one)]


def _read_pythons(text: str) -> poetry_versions.VersionConstraint | None:
    """Read a range of Pythons, also in Poetry's forms; None where it is none.

    A version by itself stands for all its releases.
    """
    written = f"~{text}" if re.fullmatch(r"[\d.]+", text) else text
    try:
        return poetry_versions.parse_constraint(written) if len(text) <= _LONGEST else None
    except ValueError:
        return None


def standardize_range(text: str) -> str:
    """Write a range as the standard does; of alternatives the minor versions."""
    with suppress(InvalidSpecifier):
        SpecifierSet(text)
        return text
    if isinstance(read := _read_pythons(text), poetry_versions.VersionRange):
        return str(read).removeprefix("*")
    if not (found := _list_minors(text)):
        return text
    left = (f"!=3.{minor}.*" for minor in range(found[0], found[-1]) if minor not in found)
    return ",".join((f">=3.{found[0]}", f"<3.{found[-1] + 1}", *left))


def list_python_ranges(files: ProjectFiles) -> Iterator[tuple[str, str]]:
    """Yield what each place asks for, as it is written there, with its origin."""
    data, setup = files.pyproject, files.ini("setup.cfg").get("options", {})
    poetry = table(data, "tool", "poetry", "dependencies").get("python")
    pipfile = table(files.toml("Pipfile"), "requires").get("python_version")
    for value, origin in (
        (table(data, "project").get("requires-python"), "pyproject.toml: project.requires-python"),
        (poetry, "pyproject.toml: tool.poetry.dependencies.python"),
        (setup.get("python_requires"), "setup.cfg: python_requires"),
        ("".join(files.setup_call.get("python_requires", [])), "setup.py: python_requires"),
        (pipfile, "Pipfile: requires.python_version"),
    ):
        if isinstance(value, str) and value.strip():
            yield value, origin


def list_classifiers(files: ProjectFiles) -> Iterator[tuple[list[str], str]]:
    """Yield what each place lists as classifiers, with its origin."""
    data = files.pyproject
    yield texts(table(data, "project").get("classifiers")), "pyproject.toml: project.classifiers"
    poetry = table(data, "tool", "poetry").get("classifiers")
    yield texts(poetry), "pyproject.toml: tool.poetry.classifiers"
    metadata = files.ini("setup.cfg").get("metadata", {})
    for key in ("classifiers", "classifier"):
        yield metadata.get(key, "").splitlines(), f"setup.cfg: {key}"
    yield files.setup_call.get("classifiers", []), "setup.py: classifiers"
