"""Read what stands behind a name that CI calls: targets, sessions, tasks and scripts.

Each is given as the lines of shell that it runs. Nothing is run here.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from repo_config.documents import table
from repo_config.project_files import Files

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", ".justfile", "Justfile")
_ASSIGNED = re.compile(r"(?:export )?(\w+) *[:?]{0,2}=(.*)")
_VALUE = re.compile(r"\$[({](\w+)[)}]|\{\{ *(\w+) *\}\}")
#: Of a line with its values; they may stand for each other many times over.
_MOST_TEXT = 2_000
_MOST_LINES = 10_000
_MOST_NAMES = 20
_SHELLS = frozenset({"sh", "bash", "source", "."})
#: Of a task: words for people.
_SAYS_NOTHING = frozenset({"help", "env", "executor", "cwd", "envfile"})

Rules = dict[str, list[str]]


class CalledCommands:
    """What the files of a repository give a name."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._tasks: Rules = {}
        for name, lines in _read_tasks(files):
            self._tasks.setdefault(name, []).extend(lines)
        make, just = (
            _read_rules(
                next((files.text(path) for path in paths if files.has_file(path)), ""), tool
            )
            for tool, paths in (("make", _MAKEFILES), ("just", _JUSTFILES))
        )
        sessions = dict(_read_sessions(files.module("noxfile.py")))
        self._rules = {"make": make, "just": just, "nox": sessions}

    def find(self, words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield what a command calls: a name for people, and lines of which each is a script."""
        program, *names = words
        if program in self._rules:
            rules = self._rules[program]
            called = [name for name in names if name in rules]
            every = list(rules) if program == "nox" else list(rules)[:1]
            for name in called or every:
                yield f"{program} {name}", rules[name]
        elif program in _SHELLS or self._files.has_file(program.removeprefix("./")):
            named = (word.removeprefix("./") for word in words)
            path = next((path for path in named if self._files.has_file(path)), "")
            if path and not path.endswith(".py"):
                yield path, [self._files.text(path)]
        else:
            # Behind `poe`, or, where it was `hatch run`, the first word; an environment before it.
            for word in words[:2]:
                name = word.rpartition(":")[2] if word not in self._tasks else word
                if name in self._tasks:
                    yield f"task {name}", self._tasks[name]
                    return


def _read_rules(text: str, tool: str) -> Rules:
    """Read a Makefile or a justfile: the lines below each target, behind those it needs."""
    values = {"MAKE": "make"}

    def fill(line: str) -> str:
        filled = _VALUE.sub(
            lambda match: values.get(match[1] or match[2], match[0]), line, _MOST_NAMES
        )
        return filled[:_MOST_TEXT]

    rules: Rules = {}
    names: list[str] = []
    for line in re.sub(r"\\\r?\n", " ", text).splitlines()[:_MOST_LINES]:
        if line[:1].isspace():
            plain = fill(line.strip().lstrip("@"))
            plain = plain.replace("$$", "$") if tool == "make" else plain
            for name in names:
                rules[name].append(f"{plain[1:]} || true" if plain[:1] == "-" else plain)
        elif match := _ASSIGNED.match(line):
            values[match[1]] = fill(match[2].strip().strip("\"'"))
        elif ":" in line and line[0] not in "#.":
            head, _, needed = line.partition(":")
            names = head.split()[:_MOST_NAMES]
            for name in names:
                rules.setdefault(name, [])
                if needed.partition("#")[0].strip():
                    rules[name].append(f"{tool} {needed}")
    return rules


def _read_sessions(noxfile: ast.Module) -> Iterator[tuple[str, list[str]]]:
    for node in noxfile.body:
        if isinstance(node, ast.FunctionDef) and node.decorator_list:
            calls = (one for one in ast.walk(node) if isinstance(one, ast.Call))
            given = (
                map(_read_word, call.args)
                for call in calls
                if isinstance(call.func, ast.Attribute) and call.func.attr == "run"
            )
            yield node.name, [shlex.join(filter(None, words)) for words in given]


def _read_word(arg: ast.expr) -> str:
    """A word; what only Python knows is written as a shell's variable, which no check follows."""
    if isinstance(arg, ast.Constant):
        return str(arg.value)
    try:
        written = ast.unparse(arg)
    except RecursionError:
        return "$"
    return "" if written.endswith("posargs") else f"${written}"


def _read_tasks(files: Files) -> Iterator[tuple[str, list[str]]]:
    tools = table(files.pyproject, "tool")
    tables = [table(tools, *keys) for keys in (("poe", "tasks"), ("pdm", "scripts"))]
    tables += [table(tools, "taskipy", "tasks")]
    for envs in (table(tools, "hatch", "envs"), table(files.toml("hatch.toml"), "envs")):
        tables += [table(env, "scripts") for env in envs.values()]
    for tasks in tables:
        for name, task in tasks.items():
            yield name, list(_read_lines(task))


def _read_lines(task: object) -> Iterator[str]:
    if isinstance(task, str):
        yield from task.splitlines()
    elif isinstance(task, list):
        for one in task:
            yield from _read_lines(one)
    elif isinstance(task, Mapping):
        for key, one in task.items():
            if key not in _SAYS_NOTHING:
                is_words = key == "cmd" and isinstance(one, list)
                yield from _read_lines(shlex.join(map(str, one)) if is_words else one)
