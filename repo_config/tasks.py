"""Read the lines that tasks (of make, just and tox) and the repository's shell scripts run.

Only the structure of their files is read: conditions and functions are not evaluated.
"""

import posixpath
import re
import shlex
from collections.abc import Iterator
from itertools import takewhile

from repo_config import ci_jobs
from repo_config.ci_jobs import CiJob
from repo_config.command_lines import SuiteCommand
from repo_config.documents import as_list, as_map, table, texts
from repo_config.project_files import ProjectFiles

_FILES = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", "Justfile", ".justfile"),
}
#: Options that name another folder or file of tasks.
_ELSEWHERE = ("-C", "-f", "-d", "--directory", "--file", "--justfile", "--working-directory")
_SHELLS = frozenset({"sh", "bash"})
#: The first line of tasks: their names, perhaps parameters of one, and the tasks that they need.
_TASK = re.compile(r"@?([^\s#:=][^#:]*):(?![:=])([^#=]*)(?:#.*)?")
_VARIABLE = re.compile(r"\$(?:\w+|\([^()]*\)|\{[^{}]*\})")
_MAKE = re.compile(r"\$(?:\(MAKE\)|\{MAKE\})")
#: Environments that an option of tox names.
_ENVIRONMENTS = re.compile(r"(?:^| )-e *(\S+)")
#: Arguments that a person adds, with their default.
_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}")


def expand_call(call: tuple[str, ...], files: ProjectFiles) -> Iterator[tuple[str, bool]]:
    """Yield the lines that a call of a task or a script runs; none: it calls neither.

    Each task is read once, which also ends a cycle.

    Yields:
        A line without its variables, and whether it has none.
    """
    expanded, waiting = {call}, _list_lines(call, files)[::-1]
    while waiting:
        line = waiting.pop()
        plain = _VARIABLE.sub("", line)
        inner = ci_jobs.read_call(plain)
        if inner in expanded:
            continue
        if lines := _list_lines(inner, files):
            expanded.add(inner)
            waiting += lines[::-1]
        else:
            yield plain, plain == line


def list_suites(job: CiJob, files: ProjectFiles) -> list[SuiteCommand]:
    """List the calls of known test runners by a job, and by the tasks and scripts that it calls."""
    lines = (line for call in job.calls for line, _ in expand_call(call, files))
    return ci_jobs.read_suites([*job.calls, *map(ci_jobs.read_call, lines)])


def list_testing_jobs(files: ProjectFiles) -> list[CiJob]:
    """List the jobs that call a known test runner; if there are none, those with servers."""
    jobs = ci_jobs.list_jobs(files)
    return [job for job in jobs if list_suites(job, files)] or [job for job in jobs if job.servers]


def _list_lines(call: tuple[str, ...], files: ProjectFiles) -> list[str]:
    if not call:
        return []
    program, args = call[0], [*call[1:]]
    names = [word for word in args if not word.startswith("-") and "=" not in word]
    if paths := _FILES.get(program):
        text = next(filter(None, map(files.text, paths)), "")
        is_elsewhere = any(word.startswith(_ELSEWHERE) for word in args)
        return [] if is_elsewhere else [*_read_tasks(text, names, is_make=program == "make")]
    if program == "tox":
        named = ",".join(_ENVIRONMENTS.findall(" ".join(args))).split(",")
        return [line for name in named for line in _read_tox(files, name)]
    path = posixpath.normpath(names[0] if program in _SHELLS and names else program)
    text = files.text(path)
    shebang = text.partition("\n")[0].replace("/", " ").split()
    is_script = shebang[:1] == ["#!"] and not _SHELLS.isdisjoint(shebang)
    lines = ci_jobs.split_calls(text) if is_script else []
    # Behind `cd`, they start in another folder.
    return [*takewhile(lambda line: not line.startswith("cd "), lines)]


def _read_tasks(text: str, names: list[str], *, is_make: bool) -> Iterator[str]:
    """Yield the lines of these tasks, each behind those of the tasks that it needs."""
    needs: dict[str, list[str]] = {}
    lines: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if task := _TASK.match(line):
            # Only make gives one recipe to several tasks; just has parameters behind the name.
            current = task[1].split()[: None if is_make else 1]
            for name in current:
                needs[name] = [*needs.get(name, ()), *task[2].split()]
                lines.setdefault(name, [])
        elif line[:1].isspace() and line.strip():
            calls = ci_jobs.split_calls(_MAKE.sub("make", line.strip().lstrip("@-+")))
            for name in current:
                lines[name] += calls
        elif line.strip() and not line.startswith("#"):
            current = []
    # By default make takes the first task that is no special one, such as `.PHONY`.
    waiting = names or [name for name in lines if not name.startswith(".")][:1]
    done: set[str] = set()

    def collect(name: str) -> Iterator[str]:
        if name in lines and name not in done:
            done.add(name)
            for needed in needs[name]:
                yield from collect(needed)
            yield from lines[name]

    for name in waiting:
        yield from collect(name)


def _read_tox(files: ProjectFiles, name: str) -> Iterator[str]:
    """Yield the commands of an environment, from either of tox's files."""
    lines = files.ini("tox.ini").get(f"testenv:{name}", {}).get("commands", "")
    native = as_map(table(files.pyproject, "tool", "tox", "env").get(name))
    lines += "".join(f"\n{shlex.join(texts(words))}" for words in as_list(native.get("commands")))
    for line in filter(None, map(str.strip, lines.splitlines())):
        yield _POSARGS.sub(lambda match: match[1] or "", line)
