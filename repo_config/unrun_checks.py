"""List what a repository has as checks of its own, and no check of ours runs.

Only the structure of its files is read: hooks of pre-commit, and jobs of its workflows on GitHub.
Nothing interprets a shell or what it starts (tox, make): each line is shown as it is.
"""

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from repo_config import ci_jobs, command_lines
from repo_config.ci_jobs import CiJob
from repo_config.command_lines import CheckCommand
from repo_config.known_tools import HOOKS
from repo_config.located import escape_text
from repo_config.project_files import ProjectFiles

_MOST, _LONGEST = 100, 100
#: Its hooks are listed by name.
_PRE_COMMIT = "pre-commit"
#: Second words of what installs packages, and a first word of what only prints.
_INSTALLS, _PRINTS = frozenset({"install", "sync", "update", "ci"}), "echo"


class OwnChecks(NamedTuple):
    commands: tuple[CheckCommand, ...]
    tests: tuple[str, ...]
    """The command lines of the tests."""
    options: set[tuple[str, str]] = set()
    """Further options of the tests, from settings."""
    others: tuple[str, ...] = ()
    """Lines of the set-up, and of checks that are no command lines."""

    @property
    def tools(self) -> set[str]:
        return {command.tool for command in self.commands if command.tool}

    def cover(self, line: str) -> bool:
        """Whether a command line is one of them, or starts the program of one, or of the hooks."""
        line = line.strip()
        call = ci_jobs.read_call(line)
        suite = command_lines.read_test_command(shlex.join(call))
        own_suites = command_lines.read_suites(self.tests)
        options = suite.options.difference(self.options, *(own.options for own in own_suites))
        is_same = any(suite[:2] == own[:2] for own in own_suites) and not options
        # Also behind `uvx` or in an action, and where only a shell could read the rest of the line.
        words = tuple(line.replace("/", " ").split())
        own = {*self.tests, *self.others, *(command.line for command in self.commands)}
        return (
            line in own
            or (call and call in set(map(ci_jobs.read_call, own)))
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
    jobs = ci_jobs.list_jobs(repository)
    kinds = {
        "pre-commit hooks": _find_hooks(own, project),
        "jobs of CI": (f"{job.name}: {left}" for job in jobs if (left := _find_left(own, job))),
    }
    return _tidy(kinds)


def list_cells(
    files: ProjectFiles, python: str, servers: Mapping[str, str], variables: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """List what CI's jobs for tests have and an environment has not, by what it is.

    Args:
        python: The minor version of the environment.
        servers: The titles of its servers, with their versions, by name.
        variables: Names of those that are set.
    """
    jobs = ci_jobs.list_testing_jobs(files) or ci_jobs.list_jobs(files)
    axes: dict[str, dict[str, None]] = {}
    for axis, values in (item for job in jobs for item in job.choices.items()):
        axes.setdefault(axis, {}).update(dict.fromkeys(values))
    kinds = {
        "Pythons of CI": (version for job in jobs for version in job.pythons if version != python),
        # What is there once is no choice; Ubuntu stands for Linux.
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
    """Whether the server of an image runs, in the major version that its tag begins with."""
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


def _find_hooks(own: OwnChecks, files: ProjectFiles) -> Iterator[str]:
    for _, hook in files.hooks:
        name = str(hook.get("id", ""))
        is_run = name in HOOKS and HOOKS[name].check in own.tools
        if not is_run and not own.cover(str(hook.get("entry"))):
            yield name


def _find_left(own: OwnChecks, job: CiJob) -> str:
    """Return the calls of a job that no check of ours covers; its actions, if it calls nothing."""
    calls = [call for script in job.scripts for call in _list_checks(script)]
    # GitHub's own actions lay out the machine.
    actions = [name for name in job.actions if not name.startswith("actions/")]
    return "\n".join(name for name in calls or actions if not own.cover(name))


def _list_checks(script: str) -> list[str]:
    """List the calls of a script that are no set-up; a line that only a shell reads stays whole."""
    calls = [call.strip() for line in ci_jobs.split_lines(script) for call in line.split("&&")]
    return [call for call in calls if not _is_set_up(call)]


def _is_set_up(call: str) -> bool:
    words = [word for word in call.split() if word != "sudo" and not word.startswith("-")]
    inner = command_lines.find_inner_call(tuple(words))
    return bool({*inner[1:3]} & _INSTALLS) or words[:1] == [_PRINTS]
