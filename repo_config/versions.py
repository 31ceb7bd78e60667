"""Read the versions of Python that a project declares."""

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
    """Return the lowest declared minor version, from the first file that declares one."""
    _, minors = find_declared_pythons(files)
    return f"3.{minors[0]}" if minors else read_version_file(files)


def read_version_file(files: ProjectFiles) -> str | None:
    """Return the first minor version in .python-version; None: it has none."""
    return next(find_minors(files.text(".python-version")), None)


def find_minors(text: str) -> Iterator[str]:
    """Yield the minor versions at the beginnings of lines."""
    matches = (_PLAIN.match(line.strip()) for line in text.splitlines())
    return (match[1] for match in matches if match)


def read_required(text: object) -> str:
    """Return the version that a tool's settings require, as a specifier; "": none.

    A version without operator means this version, a major version all of its releases.
    """
    with suppress(InvalidSpecifier):
        written = str(text or "").strip()
        if re.fullmatch(r"\d[\w.]*", written):
            written = f"=={written}" if "." in written else f"=={written}.*"
        return str(SpecifierSet(written))
    return ""


def find_declared_pythons(files: ProjectFiles) -> tuple[str, tuple[int, ...]]:
    """Return the declared range, and the minor versions with a release in it."""
    for text in _list_ranges(files):
        if minors := list_minors(text):
            return text, minors
    return "", ()


def list_minors(text: str) -> tuple[int, ...]:
    """List the minor versions with a release in a range in the syntax of PEP 440 or Poetry.

    A version without operator means all its releases. Empty: it is no range.
    """
    if len(text) > _LONGEST:
        return ()
    written = f"~{text}" if re.fullmatch(r"[\d.]+", text) else text
    try:
        allowed = poetry_versions.parse_constraint(written)
    except ValueError:
        return ()
    minors = (poetry_versions.parse_constraint(f"~3.{minor}") for minor in range(100))
    return tuple(minor for minor, span in enumerate(minors) if allowed.allows_any(span))


def _list_ranges(files: ProjectFiles) -> Iterator[str]:
    """Yield the declared ranges as written, in order of precedence."""
    for value in (
        table(files.pyproject, "project").get("requires-python"),
        table(files.pyproject, "tool", "poetry", "dependencies").get("python"),
        files.ini("setup.cfg").get("options", {}).get("python_requires"),
        "".join(files.setup_call.get("python_requires", [])),
        table(files.toml("Pipfile"), "requires").get("python_version"),
    ):
        if isinstance(value, str) and value.strip():
            yield value
