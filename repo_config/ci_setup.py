"""Find how CI sets up the tests: variables, Debian packages, options of the runner.

Servers are not read from CI: they are started when tests connect to them.
"""

from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter, ValidationError

from repo_config import ci_jobs, command_lines, tasks
from repo_config.ci_jobs import CiJob
from repo_config.detect import Project
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.values import SystemPackage, VariableName

_NAME: TypeAdapter[str] = TypeAdapter(VariableName)
_PACKAGE: TypeAdapter[str] = TypeAdapter(SystemPackage)


def find_values(
    jobs: list[CiJob], files: ProjectFiles, config: RepoConfig, project: Project
) -> dict[str, Any]:
    """Return variables and options of jobs that a configuration lacks; {}: none."""
    env = dict[str, str]()
    for job in reversed(jobs):
        env |= job.variables
    values: dict[str, Any] = {
        "env": {
            name: text
            for name, text in env.items()
            if name not in config.env and _is_valid(_NAME, name)
        }
    }
    if config.checks.tests == "auto" and (line := _find_line(jobs, files, project)):
        values["checks"] = {"tests": line}
    return {key: value for key, value in values.items() if value}


def _find_line(jobs: list[CiJob], files: ProjectFiles, project: Project) -> str:
    """Return the command line of the tests if all jobs have the same, with options; else ""."""
    called = {suite for job in jobs for suite in tasks.list_suites(job, files)}
    first = project.suites[0] if project.suites else None
    if not first or len(called) != 1:
        return ""
    [suite] = called
    is_same = suite.runner == first.runner and suite.script in (None, first.script)
    words = project.with_suite(first._replace(args=suite.args)).tests if is_same else ()
    return "".join(words) if suite.args and not first.folder else ""


def find_system_packages(files: ProjectFiles) -> tuple[str, ...]:
    """Return the Debian packages of CI's test jobs; of all jobs if none calls a test runner."""
    jobs = tasks.list_testing_jobs(files) or ci_jobs.list_jobs(files)
    named = (name for job in jobs for script in job.scripts for name in _list_packages(script))
    return tuple(name for name in dict.fromkeys(named) if _is_valid(_PACKAGE, name))


def _list_packages(script: str) -> Iterator[str]:
    for line in ci_jobs.split_lines(script):
        # `apt-get update &&` often comes first; no other shell syntax is read.
        for call in map(command_lines.split_call, line.partition(" #")[0].split("&&")):
            words = tuple(word for word in call if not word.startswith("-"))
            words = words[1:] if words[:1] == ("sudo",) else words
            # With options that have values, packages cannot be told from values.
            is_plain = {"-t", "--target-release", "-o"}.isdisjoint(call)
            if words[:2] in (("apt-get", "install"), ("apt", "install")) and is_plain:
                yield from words[2:]


def _is_valid(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True
