"""List the commands that CI, tox, nox, make, just, tasks and scripts of a repository run.

Each command has its words, where it is from, and the folder it runs in. Nothing is run here, and no
shell is interpreted: a line is split at `&&`, `;` and the like, and that is all.
"""

from __future__ import annotations

import ast
import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from repo_config import tox, workflows
from repo_config.documents import as_list, as_map, table
from repo_config.project_files import ProjectFiles, split_words
from repo_config.workflows import Job

UNBOUND = "its result does not count"
ELSEWHERE = "it runs in another folder"
_WRAPPERS = (
    ("poetry", "run"), ("pdm", "run"), ("poe",), ("uv", "run"), ("pipenv", "run"), ("hatch", "run"),
    ("uv", "tool", "run"), ("uvx",), ("pipx", "run"), ("npx",), ("bunx",), ("pnpm", "exec"),
    ("sudo",), ("time",), ("exec",), ("command",), ("env",), ("coverage", "run"),
)  # fmt: skip
#: Options of the wrappers that have a value.
_VALUES = frozenset(
    {"--with", "--python", "-p", "--package", "--project", "--group", "--extra", "--from", "--spec"}
)
_COVERAGE_VALUES = frozenset({"--source", "--rcfile", "--omit", "--include"})
_PYTHON_VALUES = frozenset({"-X", "-W"})
_VARIABLE = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"python[0-9.]*|py")
#: Bounded, so that what is opened again and again and never closed is not searched to its end.
_EXPRESSION = re.compile(r"\$\{\{.{0,500}?\}\}", re.DOTALL)
_COMMENT = re.compile(r"^[ \t]*#.*\n", re.MULTILINE)
#: Stands for what only CI knows.
OPEN = "$OPEN"
#: Actions of GitHub that run a tool, and inputs of theirs that change nothing about it.
_ACTIONS = {
    "psf/black": "black --check --diff .",
    "isort/isort-action": "isort --check-only --diff .",
    "chartboost/ruff-action": "ruff check",
    "astral-sh/ruff-action": "ruff check",
    "py-actions/flake8": "flake8",
    "jakebailey/pyright-action": "pyright",
}
_NEUTRAL_INPUTS = frozenset({"version", "token", "github-token", "python-version", "cache"})
_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", ".justfile", "Justfile")
_ASSIGNED = re.compile(r"(?:export )?(\w+) *[:?]{0,2}=(.*)")
_VALUE = re.compile(r"(?<!\$)\$[({](\w+)[)}]|\{\{ *(\w+) *\}\}")
_SHELLS = frozenset({"sh", "bash", "source", "."})
#: Keys of a task that hold no command.
_TASK_NOTES = frozenset({"help", "env", "executor", "cwd", "envfile"})
#: Of a line with its values; they may contain each other many times over.
_MOST_TEXT = 2_000
_MOST_LINES = 10_000
_MOST_TARGETS = 20
_MOST_CALLED = 200
#: So many names are followed, each of which stands for lines that call the next.
_DEEPEST = 5


class Script(NamedTuple):
    """Lines of a shell."""

    text: str
    origin: str
    why: str = ""
    """Why it is no check of the project; empty where it may be one."""
    folder: str = "."
    """Where it begins, relative to the project."""


class Command(NamedTuple):
    """One command, without variables and wrappers such as `poetry run` before it."""

    words: Sequence[str]
    origin: str
    why: str = ""
    folder: str = "."
    program: str = ""
    """The first word, of a wrapper where there is one."""


def read_commands(files: ProjectFiles, more: Iterable[Script] = ()) -> Iterator[Command]:
    """Yield each command of tox, of CI, of more scripts, and then of what these call."""
    jobs = (one for job in workflows.read_jobs(files) for one in list_scripts(job, files.folder))
    return follow_scripts([*_read_tox(files), *jobs, *more], files)


def follow_scripts(scripts: Iterable[Script], files: ProjectFiles) -> Iterator[Command]:
    """Yield each command of scripts, and then of what these call."""
    named = NamedScripts(files)
    waiting = list(scripts)
    read: set[tuple[str, str]] = set()
    for script in waiting:
        for command in _read_script(script):
            yield command
            for name, lines in named.find(command.words):
                if (name, command.why) not in read and len(read) < _MOST_CALLED:
                    read.add((name, command.why))
                    origin = f"{script.origin}, {name}"
                    waiting += [Script(line, origin, command.why) for line in lines]


def _read_tox(files: ProjectFiles) -> Iterator[Script]:
    for env in tox.read_all(files):
        ignored = env.text("ignore_outcome").lower() in ("true", "1", "yes")
        place = posixpath.normpath(env.text("changedir", "change_dir"))
        for line in env.lines("commands"):
            _, plain = tox.split_factors(line)
            why = UNBOUND if ignored or plain.startswith("-") else ""
            yield Script(plain.lstrip("- "), env.origin, why if place == "." else ELSEWHERE, place)


def list_scripts(job: Job, folder: str) -> Iterator[Script]:
    """Yield what the steps of a job run for the project in a folder."""
    for step in job.steps:
        why = UNBOUND if job.may_fail or workflows.allows_failure(step) else ""
        place = posixpath.normpath(str(step.get("working-directory", job.folder)))
        action = str(step.get("uses", "")).partition("@")[0]
        if isinstance(step.get("run"), str):
            if place == (folder or "."):
                yield Script(step["run"], job.origin, why)
            elif not folder:
                yield Script(step["run"], job.origin, ELSEWHERE, place)
        elif action in _ACTIONS and not folder:
            inputs = sorted(as_map(step.get("with")).keys() - _NEUTRAL_INPUTS)
            odd = f"the action {action} has the inputs {', '.join(inputs)}" if inputs else ""
            yield Script(_ACTIONS[action], job.origin, why or odd)


def join_lines(script: str) -> str:
    """Write each command on one line, without comments and what only CI knows."""
    return _EXPRESSION.sub(OPEN, re.sub(r"\\\r?\n", " ", _COMMENT.sub("", script)))


def _read_script(script: Script) -> Iterator[Command]:
    why, folder = script.why, script.folder
    for line in join_lines(script.text).splitlines():
        for words, counts in _split_line(line):
            if words[:1] in (["cd"], ["pushd"]) and words[1:] != ["."]:
                why = ELSEWHERE
                folder = posixpath.normpath(posixpath.join(folder, *words[1:2]))
            if words == ["set", "+e"]:
                why = why or UNBOUND
            why_here = why or ("" if counts else UNBOUND)
            program = "".join(words[:1])
            yield Command(unwrap_command(words), script.origin, why_here, folder, program)


def _split_line(line: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the commands of a line, and whether the script ends where one of them fails."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if word.strip("&|;()"):
                words.append(word)
            else:
                yield words, word not in ("||", "|", "|&", "&")
                words = []
    except ValueError:
        return  # quotes that do not match
    yield words, True


def unwrap_command(words: Sequence[str]) -> Sequence[str]:
    """Return the command itself: without variables before it, `poetry run`, `python -m`."""
    at = 0
    while at < len(words):
        word = words[at]
        wrapper = next((one for one in _WRAPPERS if tuple(words[at : at + len(one)]) == one), None)
        if _VARIABLE.match(word) or word in ("if", "then", "!", "else", "do"):
            at += 1
        elif wrapper is not None:
            values = _COVERAGE_VALUES if wrapper[0] == "coverage" else _VALUES
            at = _skip_options(words, at + len(wrapper), values)
        elif _PYTHON.fullmatch(word.rsplit("/", 1)[-1]):
            module = _skip_options(words, at + 1, _PYTHON_VALUES)
            if words[module - 1] != "-m":
                return words[at:]
            at = module
        else:
            return words[at:]
    return ()


def _skip_options(words: Sequence[str], at: int, values: Collection[str]) -> int:
    while at < len(words) and words[at].startswith("-"):
        option, joined, _ = words[at].partition("=")
        if option in ("-m", "--"):
            return at + 1
        at += 2 if option in values and not joined else 1
    return at


# --- scripts by name ----------------------------------------------------------------------------


class NamedScripts:
    """Targets, sessions, tasks and script files: what a command may call, as lines of shell."""

    def __init__(self, files: ProjectFiles) -> None:
        self._files = files
        self._tasks: dict[str, list[str]] = {}
        for name, lines in _read_tasks(files):
            self._tasks.setdefault(name, []).extend(lines)
        self._rules = {"nox": dict(_read_sessions(files.module("noxfile.py")))}
        for tool, paths in (("make", _MAKEFILES), ("just", _JUSTFILES)):
            path = next(filter(files.has_file, paths), "")
            self._rules[tool] = _read_rules(files.text(path), tool)

    def find(self, words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Yield what a command calls: a name for people, and lines of which each is a script."""
        program, *names = words or [""]
        if program in self._rules:
            rules = self._rules[program]
            every = list(rules) if program == "nox" else list(rules)[:1]
            for name in [name for name in names if name in rules] or every:
                yield f"{program} {name}", rules[name]
        elif program in _SHELLS or self._files.has_file(program.removeprefix("./")):
            paths = (word.removeprefix("./") for word in words)
            path = next(filter(self._files.has_file, paths), "")
            if path and not path.endswith(".py"):
                yield path, [self._files.text(path)]
        elif task := self._find_task(words):
            yield f"task {task}", self._tasks[task]

    def _find_task(self, words: Sequence[str]) -> str | None:
        """Name the task that a command calls: what no program is called, but for its runner."""
        # Behind `poe` or `hatch run` the first; behind `task`, or Hatch's `+py=3.12`, the next.
        called = words[1:2] if words[:1] == ["task"] or "".join(words[:1])[:1] == "+" else words[:1]
        names = (one for word in called for one in (word, word.rpartition(":")[2]))
        return next((name for name in names if name in self._tasks), None)

    def expand_task(self, line: str) -> Iterator[str]:
        """Yield the lines behind a task that a runner is called for alone; another line stays."""
        words = split_words(join_lines(line))
        command = unwrap_command(words)
        # A variable before the task, or what stands behind it, would be lost.
        is_alone = len(words) > 1 and [*command] in (words[-1:], ["task", words[-1]])
        is_task = is_alone and "=" not in words[0] and self._find_task(command)
        yield from self.expand_line(line) if is_task else (line,)

    def expand_line(self, line: str, seen: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yield the lines behind the name that a line calls; nothing where it calls none."""
        words = unwrap_command(split_words(join_lines(line))) if len(seen) < _DEEPEST else ()
        for name, scripts in self.find(words):
            if name not in seen:
                for inner in (one for script in scripts for one in _list_lines(script)):
                    behind = self.expand_line(inner, seen | {name})
                    # One by one, since targets can call each other without end.
                    yield next(behind, inner)
                    yield from behind


def _list_lines(script: str) -> list[str]:
    lines = script.splitlines()
    # A single line that changes the folder does so for itself alone.
    return [f"({lines[0]})"] if len(lines) == 1 and lines[0].startswith("cd ") else lines


def _read_rules(text: str, tool: str) -> dict[str, list[str]]:
    """Read a Makefile or a justfile: the lines below each target, behind those it needs."""
    values = {"MAKE": "make", "CURDIR": "."}
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()[:_MOST_LINES]

    def fill(line: str) -> str:
        filled = _VALUE.sub(
            lambda match: values.get(match[1] or match[2], unset or match[0]), line, _MOST_TARGETS
        )
        return filled[:_MOST_TEXT]

    unset = ""
    for line in lines:
        if match := _ASSIGNED.match(line):
            values[match[1]] = fill(match[2].strip().strip("\"'"))
    # To make, what nobody has set is nothing; a justfile leaves `$(name)` to the shell.
    unset = " " if tool == "make" else ""
    rules: dict[str, list[str]] = {}
    names: list[str] = []
    for line in lines:
        if line[:1].isspace():
            plain = fill(line.strip().lstrip("@"))
            plain = plain.replace("$$", "$") if tool == "make" else plain
            for name in names:
                rules[name].append(f"{plain[1:]} || true" if plain[:1] == "-" else plain)
        elif ":" in line and not _ASSIGNED.match(line) and line[0] not in "#.":
            head, _, needed = line.partition(":")
            names = head.split()[:_MOST_TARGETS]
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
                map(_read_argument, call.args)
                for call in calls
                if isinstance(call.func, ast.Attribute) and call.func.attr == "run"
            )
            yield node.name, [shlex.join(filter(None, words)) for words in given]


def _read_argument(arg: ast.expr) -> str:
    """Return a word; what only Python knows becomes a variable, which no check follows."""
    if isinstance(arg, ast.Constant):
        return str(arg.value)
    try:
        written = ast.unparse(arg)
    except RecursionError:
        return "$"
    return "" if written.endswith("posargs") else f"${written}"


def _read_tasks(files: ProjectFiles) -> Iterator[tuple[str, list[str]]]:
    tools = table(files.pyproject, "tool")
    tables = [table(tools, *keys) for keys in (("poe", "tasks"), ("pdm", "scripts"))]
    tables += [table(tools, "taskipy", "tasks")]
    for envs in (table(tools, "hatch", "envs"), table(files.toml("hatch.toml"), "envs")):
        tables += [table(env, "scripts") for env in envs.values()]
    for tasks in tables:
        for name, task in tasks.items():
            yield name, list(_read_task(task))


def _read_task(task: Any) -> Iterator[str]:
    if isinstance(task, str):
        yield from task.splitlines()
    elif isinstance(task, Mapping):
        for key, one in task.items():
            is_words = key == "cmd" and isinstance(one, list)
            if key not in _TASK_NOTES:
                yield from _read_task(shlex.join(map(str, one)) if is_words else one)
    for one in as_list(task):
        yield from _read_task(one)
