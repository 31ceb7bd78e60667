"""The lowest minor version of Python that a project says it runs on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from repo_config.documents import table, texts
from repo_config.project_files import Detected, Files

_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.[0-9]{1,2})\Z")
_PLAIN = re.compile(r"(?:cpython-?|python-?)?(3\.[0-9]{1,2})(?![0-9])")
#: Patch releases that a range is probed with; the last stands for "any later one".
_PATCHES = (*range(30), 999)


def find_lowest(files: Files) -> Detected | None:
    """The lowest declared version, from the first of the places that names one."""
    for text, origin in ranges(files):
        version = lowest_in(text)
        if version:
            return Detected(version, origin)
        path = origin.partition(":")[0]
        files.unreadable.setdefault(path, f"names no Python 3 to run on: {text!r}")
    if found := read_version_file(files):
        return found
    if versions := read_classified(files):
        return Detected(min(versions, key=_minor), next(iter(versions.values())))
    return None


def read_classified(files: Files) -> dict[str, str]:
    """Return the minor versions that classifiers name, each with the origin."""
    return {
        match[1]: origin
        for lines, origin in classifiers(files)
        for line in lines
        if (match := _CLASSIFIER.match(line.strip()))
    }


def read_version_file(files: Files) -> Detected | None:
    """The version that a file made for that alone names; the lowest of several."""
    for path in (".python-version", "runtime.txt"):
        lines = [_PLAIN.match(line.strip()) for line in files.text(path).splitlines()]
        if versions := [match[1] for match in lines if match]:
            return Detected(min(versions, key=_minor), path)
    return None


def is_exact(files: Files) -> bool:
    """Whether the project says that it runs on one minor version alone."""
    text = next((text for text, _ in ranges(files)), "")
    return len(_minors(text)) == 1


def lowest_in(text: str) -> str | None:
    """The lowest minor version of Python 3 with a release in a range, as in `>=3.8.1,<4`.

    Poetry's `^3.9`, `~3.9` and `||` are understood as well.
    """
    found = _minors(text)
    return f"3.{min(found)}" if found else None


def _minors(text: str) -> frozenset[int]:
    """The minor versions with a release in a range."""
    found: set[int] = set()
    for alternative in text.split("||"):
        try:
            allowed = SpecifierSet(_standard(alternative))
        except InvalidSpecifier:
            continue
        found.update(
            minor
            for minor in range(100)
            if any(allowed.contains(f"3.{minor}.{patch}") for patch in _PATCHES)
        )
    return frozenset(found)


def as_standard(text: str) -> str:
    """Write a range as the standard does; of alternatives the minor versions."""
    if "|" not in text:
        return _standard(text)
    found = sorted(_minors(text.replace("||", "|").replace("|", "||")))
    if not found:
        return text
    left = (f"!=3.{minor}.*" for minor in range(found[0], found[-1]) if minor not in found)
    return ",".join((f">=3.{found[0]}", f"<3.{found[-1] + 1}", *left))


def _standard(text: str) -> str:
    """Write Poetry's forms of a version range as the standard does."""
    parts = []
    for part in re.split(r"[,\s]+", re.sub(r"([<>=!~^])\s+", r"\1", text.strip())):
        if caret := re.fullmatch(r"\^([0-9]+)((?:\.[0-9]+)*)", part):
            parts.append(f">={caret[1]}{caret[2]},<{int(caret[1][:9]) + 1}")
        elif tilde := re.fullmatch(r"~([0-9]+\.[0-9]+)((?:\.[0-9]+)*)", part):
            parts.append(f">={tilde[1]}{tilde[2]},=={tilde[1]}.*")
        elif re.fullmatch(r"[0-9]+(?:\.[0-9]+)*(?:\.\*)?", part):
            parts.append(f"=={part.removesuffix('.*')}.*")
        elif part not in ("*", ""):
            parts.append(part)
    return ",".join(parts)


def ranges(files: Files) -> Iterator[tuple[str, str]]:
    """Yield what each place asks for, as it is written there, with its origin."""
    data = files.pyproject
    values = (
        (table(data, "project").get("requires-python"), "pyproject.toml: project.requires-python"),
        (
            table(data, "tool", "poetry", "dependencies").get("python"),
            "pyproject.toml: tool.poetry.dependencies.python",
        ),
        (
            files.ini("setup.cfg").get("options", {}).get("python_requires"),
            "setup.cfg: python_requires",
        ),
        ("".join(files.setup_call.get("python_requires", [])), "setup.py: python_requires"),
        (
            table(files.toml("Pipfile"), "requires").get("python_version"),
            "Pipfile: requires.python_version",
        ),
    )
    for value, origin in values:
        if isinstance(value, str) and value.strip():
            yield value, origin


def classifiers(files: Files) -> Iterator[tuple[list[str], str]]:
    """Yield what each place lists as classifiers, with its origin."""
    data = files.pyproject
    yield texts(table(data, "project").get("classifiers")), "pyproject.toml: project.classifiers"
    poetry = table(data, "tool", "poetry").get("classifiers")
    yield texts(poetry), "pyproject.toml: tool.poetry.classifiers"
    metadata = files.ini("setup.cfg").get("metadata", {})
    for key in ("classifiers", "classifier"):
        yield metadata.get(key, "").splitlines(), f"setup.cfg: {key}"
    yield files.setup_call.get("classifiers", []), "setup.py: classifiers"


def _minor(version: str) -> int:
    return int(version.partition(".")[2])
