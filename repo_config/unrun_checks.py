"""List the checks of a repository that none of our checks runs.

Pre-commit hooks and jobs of GitHub workflows are read by their structure, and so are the tasks that
they call. Shell code is not interpreted: each line is shown as written.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from repo_config import ci_jobs, command_lines, tasks
from repo_config.ci_jobs import CiJob
from repo_config.command_lines import CheckCommand
from repo_config.known_tools import HOOKS
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles

_MOST, _LONGEST = 100, 100
#: Not listed as a call, since its hooks are listed by name.
_PRE_COMMIT = "pre-commit"
#: Second words of commands that install packages, and the first word of one that only prints.
_INSTALLS, _PRINTS = frozenset({"install", "sync", "update", "ci"}), "echo"


class OwnChecks(NamedTuple):
    commands: tuple[CheckCommand, ...]
    tests: tuple[str, ...]
    """Command lines of the tests."""
    options: set[tuple[str, str]] = set()
    """Further options of the tests, from settings."""
    others: tuple[str, ...] = ()
    """Lines of the set-up, and command lines that other checks correspond to."""

    @property
    def tools(self) -> set[str]:
        return {command.tool for command in self.commands if command.tool}

    def cover(self, line: str) -> bool:
        """Whether one of these runs the same as a command line, or the line runs pre-commit."""
        line = line.strip()
        call = ci_jobs.read_call(line)
        suite = command_lines.read_test_command(shlex.join(call))
        tests = command_lines.read_suites(self.tests)
        options = suite.options.difference(self.options, *(ours.options for ours in tests))
        is_same = any(suite[:2] == ours[:2] for ours in tests) and not options
        # Finds pre-commit also after `uvx`, in an action, and in lines that only a shell can parse.
        words = tuple(line.replace("/", " ").split())
        lines = {*self.tests, *self.others, *(command.line for command in self.commands)}
        return (
            line in lines
            or (call and call in set(map(ci_jobs.read_call, lines)))
            or command_lines.find_tool(call)[0] in self.tools
            or (suite.runner != "command" and is_same)
            or _PRE_COMMIT in {*words[:2], *command_lines.find_inner_call(words)[:1]}
        )


def list_unrun(
    ours: OwnChecks, project: ProjectFiles, repository: ProjectFiles
) -> dict[str, tuple[str, ...]]:
    """List the checks that are not run, by kind, each on one line and shortened.

    Args:
        project: The files of the project, which may be a folder of the repository.
    """
    jobs = ci_jobs.list_jobs(repository)
    kinds = {
        "pre-commit hooks": _find_hooks(ours, project),
        "jobs of CI": (
            f"{job.name}: {left}" for job in jobs if (left := _find_left(ours, job, repository))
        ),
    }
    return _tidy(kinds)


def list_cells(
    files: ProjectFiles, python: str, servers: Mapping[str, str], variables: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """List what CI's test jobs have and an environment lacks, by kind.

    Args:
        python: The minor version of the environment.
        servers: Titles of its servers with their versions, by name.
        variables: Names of its variables.
    """
    jobs = tasks.list_testing_jobs(files) or ci_jobs.list_jobs(files)
    axes: dict[str, dict[str, None]] = {}
    for axis, values in (item for job in jobs for item in job.choices.items()):
        axes.setdefault(axis, {}).update(dict.fromkeys(values))
    kinds = {
        "Pythons of CI": (version for job in jobs for version in job.pythons if version != python),
        # An axis with one value is no choice; Ubuntu is our Linux.
        "matrix of CI": (
            f"{axis}: {', '.join(left)}"
            for axis, values in axes.items()
            if len(values) > 1
            and (left := [value for value in values if not value.startswith("ubuntu")])
        ),
        "servers of CI": (
            image for job in jobs for image in job.servers if not _is_there(image, servers)
        ),
        "variables of CI": (
            name for job in jobs for name in job.variables if name not in variables
        ),
    }
    return _tidy(kinds)


def _is_there(image: str, servers: Mapping[str, str]) -> bool:
    """Whether the server of an image runs here, in the major version of its tag."""
    name, tag = ci_jobs.read_image(image)
    major = re.match(r"\d+", tag)
    return name in servers and (not major or f" {major[0]}." in f"{servers[name]}.")


def _tidy(kinds: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    listed = {
        kind: tuple(dict.fromkeys(_cut(name) for name in names if name.strip()))[:_MOST]
        for kind, names in kinds.items()
    }
    return {kind: lines for kind, lines in listed.items() if lines}


def _cut(text: str) -> str:
    flat = "; ".join(filter(None, map(str.strip, text.splitlines())))
    return escape_text(flat[:_LONGEST]) + ("…" if len(flat) > _LONGEST else "")


def _find_hooks(ours: OwnChecks, files: ProjectFiles) -> Iterator[str]:
    for _, hook in files.hooks:
        name = str(hook.get("id", ""))
        is_run = name in HOOKS and HOOKS[name].check in ours.tools
        if not is_run and not ours.cover(str(hook.get("entry"))):
            yield name


def _find_left(ours: OwnChecks, job: CiJob, files: ProjectFiles) -> str:
    """Return the calls of a job that no check of ours covers; without calls, its actions."""
    calls = [call for script in job.scripts for call in _list_checks(script)]
    # GitHub's own actions only prepare the machine.
    actions = [name for name in job.actions if not name.startswith("actions/")]
    left = (name for name in calls or actions if not _is_covered(ours, job.fill(name), files))
    return "\n".join(dict.fromkeys(left))


def _is_covered(ours: OwnChecks, line: str, files: ProjectFiles) -> bool:
    lines = [text for text, _ in tasks.expand_call(ci_jobs.read_call(line), files)]
    checks = [text for text in lines if not _is_set_up(text)]
    return ours.cover(line) or (bool(checks) and all(map(ours.cover, checks)))


def _list_checks(script: str) -> list[str]:
    """List the calls of a script without those of the set-up."""
    return [call for call in ci_jobs.split_calls(script) if not _is_set_up(call)]


def _is_set_up(call: str) -> bool:
    words = [word for word in call.split() if word != "sudo" and not word.startswith("-")]
    inner = command_lines.find_inner_call(tuple(words))
    return bool({*inner[1:3]} & _INSTALLS) or words[:1] == [_PRINTS]
