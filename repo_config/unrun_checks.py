"""List what a repository has as checks of its own, and no check of ours runs.

Only the structure of its files is read: hooks of pre-commit, and steps of its workflows on GitHub.
Nothing interprets a shell or what it starts (tox, make): each line is shown as it is.
"""

import ast
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from repo_config import command_lines, workflows
from repo_config.command_lines import CheckCommand, SuiteCommand
from repo_config.documents import as_map
from repo_config.known_tools import HOOKS
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles
from repo_config.values import SystemPackage, VariableName

_MOST, _LONGEST = 100, 100
_NAME: TypeAdapter[str] = TypeAdapter(VariableName)
_PACKAGE: TypeAdapter[str] = TypeAdapter(SystemPackage)
#: Its hooks are listed by name.
_PRE_COMMIT = "pre-commit"


class OwnChecks(NamedTuple):
    commands: tuple[CheckCommand, ...]
    tests: tuple[str, ...]
    """The command lines of the tests."""
    selecting: frozenset[str] = frozenset()
    """Options of pytest that decide which tests run, and that its settings do not give."""
    others: tuple[str, ...] = ()
    """Lines of the set-up, and of checks that are no command lines."""

    @property
    def tools(self) -> set[str]:
        return {command.tool for command in self.commands if command.tool}

    def cover(self, line: str) -> bool:
        """Whether a command line is one of them, or starts the program of one, or of the hooks."""
        line = line.strip()
        call, suite = _read_call(line)
        own_suites = command_lines.read_suites(self.tests)
        options = {*suite.options}.difference(*(own.options for own in own_suites))
        is_same = any(suite[:2] == own[:2] for own in own_suites) and not options & self.selecting
        # Also behind `uvx` or in an action, and where only a shell could read the rest of the line.
        words = () if "\n" in line else tuple(line.replace("/", " ").split())
        own = {*self.tests, *self.others, *(command.line for command in self.commands)}
        return (
            line in own
            or (call and call in {_read_call(each)[0] for each in own})
            or command_lines.find_tool(call)[0] in self.tools
            or (suite.runner != "command" and is_same)
            or _PRE_COMMIT in {*words[:2], *command_lines.find_inner_call(words)[:1]}
        )


def list_unrun(
    own: OwnChecks, project: ProjectFiles, repository: ProjectFiles
) -> dict[str, tuple[str, ...]]:
    """List what is not run, by what it is; several lines of a text become one, cut.

    Args:
        project: The files of the project, which may be a folder of the repository.
    """
    kinds = {
        "pre-commit hooks": _find_hooks(own, project),
        "steps of CI": _find_steps(own, repository),
    }
    found = {
        kind: tuple(dict.fromkeys(_cut(name) for name in names if name.strip()))[:_MOST]
        for kind, names in kinds.items()
    }
    return {kind: lines for kind, lines in found.items() if lines}


def find_selecting_options(files: ProjectFiles) -> frozenset[str]:
    """Find options of pytest that decide which tests run, and that its settings do not give.

    A conftest.py defines them, as `--runslow`; or it is `-m`, where settings leave tests out by it.
    """
    calls = (
        node
        for path in files.conftests
        for node in ast.walk(files.module(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("addoption")
    )
    arguments = (arg for call in calls for arg in call.args if isinstance(arg, ast.Constant))
    settings = {*files.pytest.words("addopts")}
    own = {arg.value for arg in arguments if isinstance(arg.value, str)}
    return frozenset((own - settings) | ({"-m"} & settings))


def find_variables(repository: ProjectFiles) -> dict[str, str]:
    """Find the variables that jobs of CI set to plain values: those that start tests, if it shows.

    Of several values the first one counts.
    """
    found = dict[str, str]()
    for part in _list_testing_parts(repository):
        for name, value in as_map(part.get("env")).items():
            # A configuration takes not every name.
            if isinstance(value, str) and "${{" not in value and _is_valid(_NAME, name):
                found.setdefault(name, value)
    return found


def find_system_packages(repository: ProjectFiles) -> tuple[str, ...]:
    """Find the Debian packages that the jobs of CI install which start tests, if it shows."""
    found: list[str] = []
    for part in _list_testing_parts(repository):
        for line in _list_lines(part):
            # Often behind `apt-get update &&`; nothing else of a shell is read.
            for call in map(command_lines.split_call, line.partition(" #")[0].split("&&")):
                words = tuple(word for word in call if not word.startswith("-"))
                words = words[1:] if words[:1] == ("sudo",) else words
                # With an option that has a value, which words are packages is not clear.
                is_plain = {"-t", "--target-release", "-o"}.isdisjoint(call)
                if words[:2] in (("apt-get", "install"), ("apt", "install")) and is_plain:
                    found += words[2:]
    return tuple(name for name in dict.fromkeys(found) if _is_valid(_PACKAGE, name))


def _is_valid(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True


def _list_testing_parts(repository: ProjectFiles) -> Iterator[dict[str, Any]]:
    """Yield the jobs that start tests and their steps; those of all, if none shows it."""
    jobs = [*workflows.list_jobs(repository)]
    testing = [job for job in jobs if any(one.runner != "command" for one in _list_suites(job))]
    for job in testing or jobs:
        yield from workflows.list_parts(job)


def _list_lines(part: dict[str, Any]) -> list[str]:
    return str(part.get("run", "")).replace("\\\n", " ").splitlines()


def _list_suites(job: dict[str, Any]) -> Iterator[SuiteCommand]:
    for step in workflows.list_parts(job):
        for line in _list_lines(step):
            yield _read_call(line)[1]


def _read_call(line: str) -> tuple[tuple[str, ...], SuiteCommand]:
    """Read the inner call of a line, also as one that starts tests."""
    call = command_lines.find_inner_call(command_lines.split_call(line))
    return call, command_lines.read_test_command(shlex.join(call))


def _cut(text: str) -> str:
    flat = "; ".join(filter(None, map(str.strip, text.splitlines())))
    return escape_text(flat[:_LONGEST]) + ("…" if len(flat) > _LONGEST else "")


def _find_hooks(own: OwnChecks, files: ProjectFiles) -> Iterator[str]:
    for _, hook in files.hooks:
        name = str(hook.get("id", ""))
        is_run = name in HOOKS and HOOKS[name].check in own.tools
        if not is_run and not own.cover(str(hook.get("entry"))):
            yield name


def _find_steps(own: OwnChecks, files: ProjectFiles) -> list[str]:
    """Find commands, and then actions: few are shown, and most actions only lay out or report."""
    steps = [*workflows.list_steps(files)]
    lines = [str(step.get("run", "")) for step in steps]
    lines += [str(step.get("uses", "")).partition("@")[0] for step in steps]
    # GitHub's own actions lay out the machine.
    return [line for line in lines if not line.startswith("actions/") and not own.cover(line)]
