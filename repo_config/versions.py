"""Find the versions of Python that a project is declared for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from poetry.core.constraints import version as poetry_versions

from repo_config.documents import table
from repo_config.project_files import ProjectFiles

_PLAIN = re.compile(r"(?:cpython-?|python-?)?(3\.[0-9]{1,2})(?![0-9])")
_LONGEST = 500


def find_lowest_python(files: ProjectFiles) -> str | None:
    """Return the lowest declared version, from the first of the places that names one."""
    for text in list_python_ranges(files):
        if found := _list_minors(text):
            return f"3.{found[0]}"
    return read_version_file(files)


def read_version_file(files: ProjectFiles) -> str | None:
    """Return the minor version that .python-version names first."""
    lines = (_PLAIN.match(line.strip()) for line in files.text(".python-version").splitlines())
    return next((match[1] for match in lines if match), None)


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


def list_python_ranges(files: ProjectFiles) -> Iterator[str]:
    """Yield what each place asks for, as it is written there."""
    for value in (
        table(files.pyproject, "project").get("requires-python"),
        table(files.pyproject, "tool", "poetry", "dependencies").get("python"),
        files.ini("setup.cfg").get("options", {}).get("python_requires"),
        "".join(files.setup_call.get("python_requires", [])),
        table(files.toml("Pipfile"), "requires").get("python_version"),
    ):
        if isinstance(value, str) and value.strip():
            yield value
