"""Read the lines that tasks (of make, just and tox) and the repository's shell scripts run.

Only the structure of their files is read: conditions and functions are not evaluated.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

from repo_config import ci_jobs
from repo_config.documents import as_list, as_map, table, texts
from repo_config.project_files import ProjectFiles

_FILES = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", "Justfile", ".justfile"),
}
_SHELLS = frozenset({"sh", "bash"})
#: The first line of a task: its name, perhaps parameters, and the tasks that it needs.
_TASK = re.compile(r"@?([\w.-]+)[^:=]*:(?!=)(.*)")
_VARIABLE = re.compile(r"\$(?:\w+|\([^()]*\)|\{[^{}]*\})")
#: Arguments that a person adds, with their default.
_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}")
#: Maximum levels of tasks that call others; it also ends a cycle.
_DEEPEST = 4


def expand_call(
    call: tuple[str, ...], files: ProjectFiles, depth: int = _DEEPEST
) -> Iterator[tuple[str, bool]]:
    """Yield the lines that a call of a task or a script runs; none: it calls neither.

    Yields:
        A line without its variables, and whether it had none.
    """
    for line in _list_lines(call, files) if call and depth else ():
        plain = _VARIABLE.sub("", line)
        yield from [*expand_call(ci_jobs.read_call(plain), files, depth - 1)] or [
            (plain, plain == line)
        ]


def _list_lines(call: tuple[str, ...], files: ProjectFiles) -> list[str]:
    program, args = call[0], [*call[1:]]
    names = [word for word in args if not word.startswith("-") and "=" not in word]
    if paths := _FILES.get(program):
        return _read_tasks(next(filter(None, map(files.text, paths)), ""), names)
    if program == "tox":
        return [line for name in _list_environments(args) for line in _read_tox(files, name)]
    path = posixpath.normpath(names[0] if program in _SHELLS and names else program)
    text = files.text(path)
    shebang = text.partition("\n")[0].replace("/", " ").split()
    is_script = shebang[:1] == ["#!"] and not _SHELLS.isdisjoint(shebang)
    return ci_jobs.split_lines(text) if is_script else []


def _read_tasks(text: str, names: list[str]) -> list[str]:
    """Return the lines of these tasks; those of the tasks that a task needs come before its own."""
    needs: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        if task := _TASK.match(line):
            name = task[1]
            needs[name], lines[name] = task[2].split(), []
        elif line[:1].isspace() and line.strip() and lines:
            lines[name].append(line.strip().lstrip("@-+"))
    waiting, ordered = [*reversed(names or [*lines][:1])], dict[str, None]()
    while waiting:
        name = waiting.pop()
        if name in lines and name not in ordered:
            ordered[name] = None
            waiting += needs[name]
    return [line for name in reversed(ordered) for line in lines[name]]


def _list_environments(args: list[str]) -> list[str]:
    """List the environments that options of tox name."""
    return [name for word, value in pairwise(args) if word == "-e" for name in value.split(",")]


def _read_tox(files: ProjectFiles, name: str) -> Iterator[str]:
    """Yield the commands of an environment, from either of tox's files."""
    lines = files.ini("tox.ini").get(f"testenv:{name}", {}).get("commands", "")
    native = as_map(table(files.pyproject, "tool", "tox", "env").get(name))
    lines += "".join(f"\n{shlex.join(texts(words))}" for words in as_list(native.get("commands")))
    for line in filter(None, map(str.strip, lines.splitlines())):
        yield _POSARGS.sub(lambda match: match[1] or "", line)
