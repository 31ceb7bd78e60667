"""Parse the command lines of checks into known tools and their options.

Other programs, and lines that only a shell can parse, are compared by their exit codes.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from repo_config.known_tools import TOOLS
from repo_config.records import replace

#: Characters that a shell expands unless they are quoted.
_OPEN = re.compile(r"[$`*\n]")
_QUOTED = re.compile(r"'[^'\n]*'")
_PYTHON = re.compile(r"python[0-9.]*|\$PY")
#: An environment variable before the command.
_ASSIGNMENT = re.compile(r"\w+=")
#: A test command in a folder below that of the project.
_IN_FOLDER = re.compile(r"\s*cd\s+(?!/|\S*\.\.)([\w./-]+)\s*&&(.+)")
_PYTESTS = frozenset({"pytest", "py.test"})
_DJANGOS = frozenset({"django", "django-admin", "manage.py"})
_LONGEST_NAME = 60
#: Names of our own checks and runs of tests.
TAKEN = frozenset({
    "tests", "django check", "makemigrations", "packages", "contract lint", "tests near the change",
    "tests as the base branch has them", "tests on the base branch",
    "changed tests without the change",
})  # fmt: skip
#: Options of `uv run` that have their value as a word of its own.
_VALUED = {
    "uv": frozenset({"--group", "--only-group", "--extra", "--with", "--python", "-p", "--package"})
}


class CheckCommand(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    """Name of the check."""
    line: str
    """Command line for the folder of the project."""
    tool: str = ""
    """Known tool with findings; empty: the exit code is compared."""
    words: tuple[str, ...] = ()
    """Words after the tool's name."""
    options: tuple[str, ...] = ()
    """Options of its pre-commit hook or CI call, which are among the words."""
    is_assumed: bool = False
    """Whether only settings of the tool show that the project uses it."""

    @property
    def checks_types(self) -> bool:
        return bool(self.tool) and TOOLS[self.tool].checks_types


class SuiteCommand(NamedTuple):
    """A command that starts tests."""

    runner: str
    """pytest, django, or command: any other program."""
    script: str | None = None
    """Script that starts Django's runner; None: no script."""
    args: tuple[str, ...] = ()
    folder: str = ""
    """Folder in which it starts, below that of the project; "": the project's own."""

    @property
    def options(self) -> set[tuple[str, str]]:
        return list_options(self.args)


def list_options(words: Sequence[str]) -> set[tuple[str, str]]:
    """List options, each with the next word, which may be its value; "": that is an option, too."""
    pairs = pairwise([*words, ""])
    return {(word, "" if after[:1] == "-" else after) for word, after in pairs if word[:1] == "-"}


def split_call(line: str) -> tuple[str, ...]:
    """Split a line that calls one program into words; empty: it is more than one call."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.commenters = ""
    try:
        words = tuple(reader)
    except ValueError:
        return ()
    is_more = any(word and not word.strip("();<>|&") for word in words)
    if is_more or not words or _OPEN.search(_QUOTED.sub("", line)) or _ASSIGNMENT.match(words[0]):
        return ()
    return tuple(shlex.split(line))


def find_inner_call(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the call within others, such as `poetry run`, `coverage run -m` or `python -m`."""
    while words[1:2] == ("run",) and words[0] != "tox":
        valued, words = _VALUED.get(words[0], frozenset()), words[2:]
        while words and words[0].startswith("-") and words[0] != "-m":
            words = words[2 if words[0] in valued else 1 :]
    if words and _PYTHON.fullmatch(words[0]):
        words = words[1:]
    return words[1:] if words[:1] == ("-m",) else words


def find_tool(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the known tool of a call and the words after its name; "" for other programs."""
    if len(words) > 2 and _PYTHON.fullmatch(words[0]) and words[1] == "-m":
        words = words[2:]
    if not words:
        return "", ()
    program = posixpath.basename(words[0])
    check = " ".join((program, *words[1:2]))
    return (check, words[2:]) if check in TOOLS else (program * (program in TOOLS), words[1:])


def read_command(line: str, name: str = "") -> CheckCommand:
    """Parse the command line of a check other than the tests.

    Args:
        name: Configured name; without it, the check has the name of its tool, or of its line.
    """
    tool, words = find_tool(split_call(line))
    shown = " ".join(line.split())
    typed = shown if len(shown) <= _LONGEST_NAME else f"{shown[:_LONGEST_NAME]}…"
    return CheckCommand(
        name=name or tool or typed, line=line, tool=tool, words=words if tool else ()
    )


def name_apart(commands: Iterable[CheckCommand], taken: set[str]) -> Iterator[CheckCommand]:
    """Make names unique: the second check of a tool has its command line as its name.

    Args:
        taken: Earlier names, to which the new ones are added.
    """
    for command in commands:
        name = " ".join(command.line.split()) if command.name in taken else command.name
        # Equal lines run once.
        if name not in taken:
            taken.add(name)
            yield replace(command, name=name)


def list_lines(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """Return the lines of a key that accepts one or several."""
    return (value,) if isinstance(value, str) else value


def read_suites(tests: str | tuple[str, ...]) -> tuple[SuiteCommand, ...]:
    """Parse `checks.tests`."""
    return tuple(map(read_test_command, list_lines(tests)))


def read_test_command(line: str) -> SuiteCommand:
    """Parse a command line that starts tests."""
    if match := _IN_FOLDER.fullmatch(line):
        suite, folder = read_test_command(match[2]), posixpath.normpath(match[1])
        if suite.runner == "command" or folder == ".":
            return suite
        script = posixpath.join(folder, suite.script) if suite.script else None
        below = posixpath.normpath(posixpath.join(folder, suite.folder))
        return suite._replace(script=script, folder=below)
    words = split_call(line)
    if words and _PYTHON.fullmatch(words[0]):
        words = words[2:] if words[1:2] == ("-m",) else words[1:]
    path, args = posixpath.normpath(words[0]) if words else "", words[1:]
    program = posixpath.basename(path)
    if program in _PYTESTS:
        return SuiteCommand("pytest", None, args)
    if program in _DJANGOS and args[:1] == ("test",):
        return SuiteCommand("django", path if program == "manage.py" else None, args[1:])
    is_script = program.endswith(".py") and program != "manage.py"
    return SuiteCommand("django", path, args) if is_script else SuiteCommand("command")
