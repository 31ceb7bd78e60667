"""Read what CI does before it runs the tests: steps, variables, services. Nothing is run here.

No shell is interpreted: a step is taken whole, up to the line that runs the tests. Steps that need
a network or a program that is not there fail in a sealed sandbox and do no harm.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict

from repo_config import ci_jobs, loose_yaml
from repo_config.project_files import Files

#: A word that runs tests: `pytest`, `runtests.py`, `manage.py test`, `tox`.
_RUNS_TESTS = re.compile(r"(?<![^\s/])(?:[\w.]*tests?(?:\.\w+)?|tox|nox)(?=\s|\Z)")
#: A word by which packages are managed; which ones is known from what the project declares.
_MANAGES_PACKAGES = re.compile(r"(?<!\S)(?:install|update|add|sync|lock|compile|cache)(?!\S)")
_EXPRESSION = re.compile(r"\$\{\{\s*(.{0,500}?)\s*\}\}", re.DOTALL)
_EXAMPLES = (".env.example", ".env.sample", ".env.dist", ".env.template")
_SERVICES = ("postgres", "redis")
_NAME = re.compile(r"[A-Za-z_]\w*")
_MOST_STEPS = 20
_MOST_TEXT = 4000
#: What asks for packages ends at once; a line that fails does not end its step.
_BEFORE = "set +e; export PIP_NO_INDEX=1 UV_OFFLINE=1 npm_config_offline=true"


class CiSetup(BaseModel):
    """What stands before the tests in the job that runs them."""

    model_config = ConfigDict(frozen=True)

    origin: str = ""
    """The job, for people."""
    commands: tuple[str, ...] = ()
    """For bash, in order; each may fail."""
    env: dict[str, str] = {}
    services: tuple[str, ...] = ()
    """Of those that sandboxes can start, as the configuration names them."""
    not_done: tuple[str, ...] = ()
    """Steps that cannot be carried out here, by name or first line."""

    def __bool__(self) -> bool:
        """Whether there is anything to carry out."""
        return bool(self.commands or self.env or self.services)


def read(files: Files) -> CiSetup:
    """Read the first job of GitHub's workflows that runs tests."""
    found = next(_jobs(files), CiSetup())
    example = next((name for name in _EXAMPLES if files.has(name)), None)
    if example is not None and not files.has(".env"):
        copied = f"cp {example} .env"
        if not any(copied in command for command in found.commands):
            more = {"origin": found.origin or example, "commands": (copied, *found.commands)}
            found = found.model_copy(update=more)
    return found


def _jobs(files: Files) -> Iterator[CiSetup]:
    for path in filter(ci_jobs.is_workflow, files.paths):
        try:
            document = _map(loose_yaml.read(files.text(path)))
        except loose_yaml.NotRead:
            continue
        for name, job in _map(document.get("jobs")).items():
            found = _read_job(_map(job), _map(document.get("env")))
            if found is not None:
                yield found.model_copy(update={"origin": f"{path} job {name}"})


def _read_job(job: dict[str, Any], variables: dict[str, Any]) -> CiSetup | None:
    """Read a job; None where it runs no tests."""
    listed = job.get("steps")
    steps = list(map(_map, listed if isinstance(listed, list) else ()))
    tests = [
        (at, line)
        for at, step in enumerate(steps)
        for line in str(step.get("run", "")).splitlines()
        if _RUNS_TESTS.search(line) and not _MANAGES_PACKAGES.search(line)
    ]
    if not tests:
        return None
    last, line = tests[-1]
    matrix = _first_values(job)
    commands: list[str] = []
    not_done: list[str] = []
    for at, step in enumerate(steps[: last + 1]):
        script = str(step.get("run", ""))
        if at == last:
            script = script.partition(line)[0]
        lines = [line for line in script.splitlines() if line.strip()]
        if all(_MANAGES_PACKAGES.search(line) for line in lines):
            continue
        command = _command(script, step, matrix)
        if command is None or len(command) > _MOST_TEXT or len(commands) >= _MOST_STEPS:
            not_done.append(str(step.get("name") or lines[0].strip()))
        else:
            commands.append(command)
    env = {**variables, **_map(job.get("env")), **_map(steps[last].get("env"))}
    images = [str(_map(one).get("image", one)) for one in _map(job.get("services")).values()]
    names = [image.rsplit("/", 1)[-1].partition(":")[0] for image in images]
    return CiSetup(
        commands=tuple(commands),
        env=dict(_plain(env, matrix)),
        services=tuple(name for name in _SERVICES if name in names),
        not_done=(*not_done, *(f"service {name}" for name in names if name not in _SERVICES)),
    )


def _command(script: str, step: dict[str, Any], matrix: dict[str, str]) -> str | None:
    """Write a step as one command; None where only GitHub knows a value in it."""
    text = _filled(script, matrix)
    if text is None or "if" in step:
        return None
    env = dict(_plain(_map(step.get("env")), matrix))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if folder := str(step.get("working-directory", "")):
        lines.append(f"cd {shlex.quote(folder)}")
    return "\n".join((_BEFORE, *lines, text.strip(), "true"))


def _plain(env: dict[str, Any], matrix: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values can be known."""
    for name, value in env.items():
        text = _filled(value, matrix) if isinstance(value, str) else None
        if text is not None and _NAME.fullmatch(name):
            yield name, text


def _filled(text: str, matrix: dict[str, str]) -> str | None:
    """Put in the values of the matrix; None where anything else is asked for."""
    unknown = []

    def fill(match: re.Match[str]) -> str:
        value = matrix.get(match[1].removeprefix("matrix."))
        if value is None or not match[1].startswith("matrix."):
            unknown.append(match[1])
        return value or ""

    filled = _EXPRESSION.sub(fill, text)
    return None if unknown else filled


def _first_values(job: dict[str, Any]) -> dict[str, str]:
    """Give the first value of each key of the job's matrix."""
    matrix = _map(_map(job.get("strategy")).get("matrix"))
    included = matrix.get("include")
    rows = [matrix, *map(_map, included if isinstance(included, list) else ())]
    found: dict[str, str] = {}
    for row in rows:
        for key, value in row.items():
            first = value[0] if isinstance(value, list) and value else value
            if isinstance(first, str):
                found.setdefault(key, first)
    return found


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
