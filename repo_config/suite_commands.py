"""Find which tests the commands of CI, tox, make and the README name. Nothing is run."""

from __future__ import annotations

import argparse
import ast
import fnmatch
import posixpath
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from repo_config.commands import Command, Script, read_commands
from repo_config.project_files import Files

_README = re.compile(r"(?:README|CONTRIBUTING)[^/]*", re.IGNORECASE)
_PROMPT = re.compile(r"^[ \t]*[$>%][ \t]+", re.MULTILINE)
_PYTHON = re.compile(r"(?:.*/)?(?:python[0-9.]*|py)")
_USES_PYTEST = re.compile(r"^[ \t]*(?:import|from)[ ]pytest\b", re.MULTILINE)
_MOST_READMES, _MOST_COMMANDS = 4, 500
_MANAGE = "manage.py"
_COLLECTED = ("test_*.py", "*_test.py")


class SuiteCommand(NamedTuple):
    """How a command runs tests."""

    origin: str
    script: str = ""
    """Runs them itself; empty: pytest does."""
    args: tuple[str, ...] = ()
    """For pytest."""


def _make_parser(letters: str, *options: str) -> argparse.ArgumentParser:
    """Make one that knows the options which have values: these could be taken for places."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for letter in letters:
        parser.add_argument(f"-{letter}")
    for option in options:
        parser.add_argument(option, nargs="?")
    parser.add_argument("names", nargs="*")
    return parser


_PYTEST = _make_parser("kmncporW", "--rootdir", "--ignore", "--cov")
_UNITTEST = _make_parser("k")
_UNITTEST.add_argument("-s", "--start-directory", dest="s")
_UNITTEST.add_argument("-p", "--pattern", dest="p")
_UNITTEST.add_argument("-t", "--top-level-directory")


def find_commands(files: Files, whole: Files, folder: str) -> Iterator[SuiteCommand]:
    """Yield the commands that say more than "all tests", those of CI and tox first.

    Args:
        files: Of the project.
        whole: Of the repository, which CI is configured for.
        folder: Of the project in it; "" is the repository itself.
    """
    for called in _read_commands(files, whole, folder):
        if found := _read_command(called, files):
            yield found


def find_manage_scripts(files: Files, whole: Files, folder: str) -> dict[str, bool]:
    """Find each manage.py that a command starts, and whether to run tests; as for `find`."""
    found: dict[str, bool] = {}
    for called in _read_commands(files, whole, folder):
        path = find_script(called.words, files, called.folder)
        if posixpath.basename(path) == _MANAGE:
            found[path] = found.get(path, False) or "test" in called.words
    return found


def _read_commands(files: Files, whole: Files, folder: str) -> Iterator[Command]:
    readmes = [path for path in files.paths if _README.fullmatch(path)][:_MOST_READMES]
    scripts = [Script(_PROMPT.sub("", files.text(path)), path) for path in readmes]
    make = Script("make test", "make")
    every = read_commands(files, whole, folder, (make, *scripts))
    yield from islice((one for one in every if one.words), _MOST_COMMANDS)


def _read_command(called: Command, files: Files) -> SuiteCommand | None:
    program, *rest = called.words
    path = find_script(called.words, files, called.folder)
    if program == "pytest":
        args = _read_pytest(rest, called.folder, files)
    elif program == "unittest":
        args = _read_unittest(rest, called.folder, files)
    elif path and not _holds_tests(files, path):
        return SuiteCommand(called.origin, script=path) if _runs_tests(path, rest, files) else None
    elif path:
        args = (path,)
    elif "test" in program and program != "test":
        args = _read_module(program, called.folder, files)
    else:
        return None
    return SuiteCommand(called.origin, args=args) if args else None


def find_script(words: Sequence[str], files: Files, folder: str = ".") -> str:
    """Find the Python file that a command starts; "" for any other command."""
    program, *rest = words
    named = rest if _PYTHON.fullmatch(program) else [program]
    word = next((word for word in named if word.endswith(".py")), "")
    path = posixpath.normpath(posixpath.join(folder, word))
    return path if files.has_file(path) else ""


def _holds_tests(files: Files, path: str) -> bool:
    """Whether a script has cases of unittest in it, which pytest collects where it is named."""
    return any(
        isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).endswith("TestCase") for base in node.bases)
        for node in files.module(path).body
    )


def _runs_tests(path: str, words: Sequence[str], files: Files) -> bool:
    """Whether a script runs tests of unittest in its own process, as its name says."""
    folder, name = posixpath.split(path)
    if name == _MANAGE:
        return "test" in words
    is_named = "test" in name or ("run" in name and "test" in folder)
    return is_named and not _USES_PYTEST.search(files.text(path))


def _read_pytest(words: Sequence[str], folder: str, files: Files) -> tuple[str, ...]:
    doctests = ("--doctest-modules",) if "--doctest-modules" in words else ()
    names = _parse_words(_PYTEST, words).names
    named = (_find_place(name.partition("::")[0], folder, files) for name in names)
    # Of a folder, files by their names alone.
    places = (
        place
        for place in dict.fromkeys(filter(None, named))
        if doctests
        or place.endswith(".py")
        or any(_match_files(place, one, files) for one in _COLLECTED)
    )
    return (*doctests, *places)


def _read_unittest(words: Sequence[str], folder: str, files: Files) -> tuple[str, ...]:
    given = _parse_words(_UNITTEST, words)
    names: list[str] = given.names or ["discover"]
    first, start, pattern, *_ = (*names, None, None)
    if first != "discover":
        return tuple(one for name in names for one in _read_module(name, folder, files))
    place = posixpath.join(folder, given.s or start or ".")
    return _match_files(posixpath.normpath(place), given.p or pattern or "test*.py", files)


def _read_module(name: str, folder: str, files: Files) -> tuple[str, ...]:
    """Name a module for pytest, or all those of a package, which finds them itself."""
    place = _find_place(name, folder, files)
    return (
        (place,) if place.endswith(".py") else _match_files(place, "*.py", files) if place else ()
    )


def _match_files(folder: str, pattern: str, files: Files) -> tuple[str, ...]:
    start = "" if folder == "." else f"{folder}/"
    inside = files.paths if not start or folder in files.folders else ()
    names = (path.rpartition("/")[2] for path in inside if path.startswith(start))
    if not any(fnmatch.fnmatch(name, pattern) for name in names):
        return ()
    return ("-o", f"python_files={pattern}", *([folder] if start else ()))


def _find_place(word: str, folder: str, files: Files) -> str:
    """Find a Python file or a folder by its path or its dotted name; "" where there is none."""
    for name in (word, f"{word.replace('.', '/')}.py", word.replace(".", "/")):
        path = posixpath.normpath(posixpath.join(folder, name))
        if path in files.folders or (files.has_file(path) and path.endswith(".py")):
            return path
    return ""


def _parse_words(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    try:
        return parser.parse_known_args(words)[0]
    except argparse.ArgumentError:
        return parser.parse_known_args(())[0]
