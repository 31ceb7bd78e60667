"""Find where hooks of pre-commit, tox and CI run a tool that checks code, and with which words.

Commands are read and never run. What stands behind a name that they call is known to
`called_commands`; what of their words counts is left to `tool_options`.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from repo_config import pre_commit, tox, workflows
from repo_config.called_commands import CalledCommands
from repo_config.documents import as_map
from repo_config.project_files import Files, split_words

#: By the name of a program: the check.
_PROGRAMS = {name: name for name in ("flake8", "black", "isort", "mypy", "pyright", "basedpyright")}
#: What a hook is told where its owner tells it nothing; as its author says.
_HOOK_ARGS = {"mypy": ("--ignore-missing-imports", "--scripts-are-modules")}
#: Actions of GitHub that run a tool; what they are told beside its version is not followed.
_ACTIONS = {
    "psf/black": "black --check --diff .",
    "isort/isort-action": "isort --check-only --diff .",
    "chartboost/ruff-action": "ruff check",
    "astral-sh/ruff-action": "ruff check",
    "py-actions/flake8": "flake8",
    "jakebailey/pyright-action": "pyright",
}
_SAYS_NOTHING = frozenset({"version", "token", "github-token", "python-version", "cache"})
_WRAPPERS = (
    ("poetry", "run"), ("pdm", "run"), ("poe",), ("uv", "run"), ("pipenv", "run"), ("hatch", "run"),
    ("uv", "tool", "run"), ("uvx",), ("pipx", "run"), ("npx",), ("bunx",), ("pnpm", "exec"),
    ("sudo",), ("time",), ("exec",), ("command",), ("env",), ("coverage", "run"),
)  # fmt: skip
_VALUES = frozenset(
    {"--with", "--python", "-p", "--package", "--project", "--group", "--extra", "--from", "--spec"}
)
_COVERAGE_VALUES = frozenset({"--source", "--rcfile", "--omit", "--include"})
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"python[0-9.]*|py")
#: Bounded, so that what is opened again and again and never closed is not searched to its end.
_OPEN = re.compile(r"\$\{\{.{0,500}?\}\}", re.DOTALL)
_LIMITED = "it looks at some files only"
_UNBOUND = "its result does not count"
#: By these, pytest-xdist is told how many processes there are.
_WORKERS = re.compile(r"(?:-n|--numprocesses)(?:=?(?:auto|logical|[1-9]\d*))?")
_ELSEWHERE = "it runs in another folder"
_MOST = 200


class Command(NamedTuple):
    """One place where a tool is run."""

    check: str
    """As the check is called: `ruff format`, `mypy`."""
    words: tuple[str, ...]
    """Behind the name of the tool."""
    origin: str
    is_hook: bool = False
    """Then a formatter that would change a file counts as one that objects to it."""
    why: str = ""
    """Why it is no check of the project; empty where it is one."""


class Script(NamedTuple):
    """Lines of a shell."""

    text: str
    origin: str
    why: str = ""
    """As of a command."""
    folder: str = "."
    """Where it begins, relative to the project."""


class CalledCommand(NamedTuple):
    """One command of a script, without what stands before it."""

    words: list[str]
    origin: str
    why: str
    folder: str
    """As of its script."""


def find_commands(files: Files, whole: Files, folder: str) -> tuple[Command, ...]:
    """Every command, those of hooks first, then those of tox and of CI, then what these call.

    Args:
        files: Of the project.
        whole: Of the repository, which CI is configured for.
        folder: Of the project in it; "" is the repository itself.
    """
    commands = list(_hooks(files))
    for words, origin, why, _ in read_all(files, whole, folder):
        check, rest = find_tool(words)
        if check:
            commands.append(Command(check, rest, origin, why=why))
    return tuple(commands[:_MOST])


def run_in_parallel(files: Files, whole: Files, folder: str) -> bool:
    """Whether tox or CI has pytest-xdist share the tests among processes; as for `found`."""
    return any(
        called.words[:1] == ["pytest"] and any(map(_WORKERS.fullmatch, called.words))
        for called in read_all(files, whole, folder)
    )


def read_all(
    files: Files, whole: Files, folder: str, more: Iterable[Script] = ()
) -> Iterator[CalledCommand]:
    """Yield each command of tox, of CI, of more scripts, and of what these call; as for `found`."""
    scripts = [*_tox(files), *_workflows(whole, folder), *more]
    called = CalledCommands(files)
    read: set[tuple[str, str]] = set()
    for script in scripts:
        for words, why, place in _read_script(script):
            yield CalledCommand(list(words), script.origin, why, place)
            for name, lines in called.find(words) if words else ():
                if (name, why) not in read and len(read) < _MOST:
                    read.add((name, why))
                    origin = f"{script.origin}, {name}"
                    scripts += [Script(line, origin, why) for line in lines]


# --- pre-commit ---------------------------------------------------------------------------------


def _hooks(files: Files) -> Iterator[Command]:
    for hook in pre_commit.hooks(files):
        entry = split_words(hook.entry)
        if entry:
            check, words = find_tool(unwrap_command(entry))
        else:
            check, words = pre_commit.TOOLS.get(hook.name, ""), ()
        if not check:
            continue
        told = hook.arguments if hook.arguments is not None else _HOOK_ARGS.get(hook.name, ())
        why = _LIMITED if hook.limited else ""
        origin = f"{pre_commit.NAME}: {hook.name}"
        yield Command(check, (*words, *told), origin, is_hook=True, why=why)


# --- tox ----------------------------------------------------------------------------------------


def _tox(files: Files) -> Iterator[Script]:
    for env in tox.read_all(files):
        ignored = env.text("ignore_outcome").lower() in ("true", "1", "yes")
        place = posixpath.normpath(env.text("changedir", "change_dir"))
        for line in env.lines("commands"):
            _, plain = tox.split_factors(line)
            why = _UNBOUND if ignored or plain.startswith("-") else ""
            why = why if place == "." else _ELSEWHERE
            yield Script(plain.lstrip("- "), env.origin, why, place)


# --- CI -----------------------------------------------------------------------------------------


def _workflows(whole: Files, folder: str) -> Iterator[Script]:
    for job in workflows.read_jobs(whole):
        for step in job.steps:
            unbound = job.may_fail or workflows.allows_failure(step)
            yield from _step(step, job.folder, folder, job.origin, _UNBOUND if unbound else "")


def _step(step: dict[str, Any], start: str, folder: str, where: str, why: str) -> Iterator[Script]:
    place = posixpath.normpath(str(step.get("working-directory", start)))
    at_home = place == (folder or ".")
    if isinstance(step.get("run"), str):
        if at_home or not folder:
            own = (why, ".") if at_home else (_ELSEWHERE, place)
            yield Script(step["run"], where, *own)
        return
    action, _, _ = str(step.get("uses", "")).partition("@")
    if action in _ACTIONS and not folder:
        told = sorted(as_map(step.get("with")).keys() - _SAYS_NOTHING)
        strange = f"the action {action} is told {', '.join(told)}" if told else ""
        yield Script(_ACTIONS[action], where, why or strange)


def _read_script(script: Script) -> Iterator[tuple[Sequence[str], str, str]]:
    """Yield each command, unwrapped, why it is no check, and its folder."""
    text = _OPEN.sub("$OPEN", re.sub(r"\\\r?\n", " ", script.text))
    why, folder = script.why, script.folder
    for line in text.splitlines():
        for words, counts in _statements(line):
            if words[:1] in (["cd"], ["pushd"]) and words[1:] != ["."]:
                why = _ELSEWHERE
                folder = posixpath.normpath(posixpath.join(folder, *words[1:2]))
            if words == ["set", "+e"]:
                why = why or _UNBOUND
            yield unwrap_command(words), why or ("" if counts else _UNBOUND), folder


def _statements(line: str) -> Iterator[tuple[list[str], bool]]:
    """Commands of a line, and whether the script ends where one of them fails."""
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


# --- words --------------------------------------------------------------------------------------


def find_tool(words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the check that a command is, and the words behind its name; "" for any other."""
    if not words:
        return "", ()
    program = re.split(r"[@=]", words[0].rsplit("/", 1)[-1], maxsplit=1)[0]
    rest = _until_redirected(words[1:])
    if program == "ruff" and rest[:1] in (("check",), ("format",)):
        return f"ruff {rest[0]}", rest[1:]
    return _PROGRAMS.get(program, ""), rest


def _until_redirected(words: Sequence[str]) -> tuple[str, ...]:
    for place, word in enumerate(words):
        if word[:1] in ("<", ">"):
            # The number of what is redirected stands before it.
            end = place - 1 if place and words[place - 1].isdigit() else place
            return tuple(words[:end])
    return tuple(words)


def unwrap_command(words: Sequence[str]) -> Sequence[str]:
    """Return the command itself: without variables before it, `poetry run`, `python -m`."""
    at = 0
    while at < len(words):
        word = words[at]
        wrapper = next((one for one in _WRAPPERS if tuple(words[at : at + len(one)]) == one), None)
        if _ASSIGNED.match(word) or word in ("if", "then", "!", "else", "do"):
            at += 1
        elif wrapper is not None:
            values = _COVERAGE_VALUES if wrapper[0] == "coverage" else _VALUES
            at = _behind_options(words, at + len(wrapper), values)
        elif _PYTHON.fullmatch(word.rsplit("/", 1)[-1]) and "-m" in words[at : at + 4]:
            at = words.index("-m", at) + 1
        else:
            return words[at:]
    return ()


def _behind_options(words: Sequence[str], at: int, values: Collection[str]) -> int:
    while at < len(words) and words[at].startswith("-"):
        option, joined, _ = words[at].partition("=")
        if option in ("-m", "--"):
            return at + 1
        at += 2 if option in values and not joined else 1
    return at
