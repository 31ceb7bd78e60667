"""Set what other tools' files show beside what was chosen, and name the line that differs.

These are those of tox, nox and CI, and Django's settings. A hint changes nothing: the files of
other tools are written for other machines. Where following one takes a line of the configuration,
the hint has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from agent.domain import Record
from agent.environments import requirement_names
from agent.environments.explanation import Explanation
from agent.environments.hints import ci_files, commands, django_settings, nox, tox
from agent.environments.hints.sightings import Sightings
from repo_config.detect import Project
from repo_config.project_files import Files, table
from repo_config.schema import RepoConfig
from repo_config.tree import Below, Tree

_MOST = 12
#: Tools that are there in every room, of our own.
_OURS = frozenset({"pytest", "mypy", "ruff", "flake8", "black", "isort", "pyright", "basedpyright"})
#: Packages that a machine of CI is fitted out with, whatever is tested there.
_OF_MACHINES = frozenset(
    {"make", "curl", "wget", "git", "jq", "yq", "sudo", "gnupg", "ca-certificates", "zip", "unzip"}
    | {"lsb-release", "software-properties-common", "apt-transport-https", "xvfb", "locales"}
)
#: Variables that only say how a tool shall print or where it keeps its cache.
_TECHNICAL = re.compile(
    r"(?:PIP|UV|POETRY|PDM|PIPENV|TOX|TOXENV|NOX|COVERAGE|CODECOV|COVERALLS|GITHUB|GITLAB|GIT|CI"
    r"|PRE_COMMIT|VIRTUALENV|PRE|HATCH)(?:_.*)?"
    r"|(?:FORCE|NO|CLICOLOR)_?COLOR.*|CLICOLOR.*|PY_COLORS|TERM|COLUMNS|LANG|LC_ALL|PYTHONUNBUFFERED"
    r"|PYTHON(?:DONTWRITEBYTECODE|IOENCODING|HASHSEED|WARNINGS)|PYTHON_VERSION|PYTHON|PATH|HOME"
    r"|CACHE_.*|DEBIAN_FRONTEND|MYPY_.*|RUFF_.*"
)
#: Options of pytest that say how to print, count or hurry; the value may be a word of its own.
_ASIDE = re.compile(
    r"--(?:cov|junit|durations|color|tb|verbose|quiet|html|report|showlocals|maxfail|dist|tx"
    r"|numprocesses|reruns|benchmark|codeblocks|no-header|capture|show-capture).*|-[vqxsl]+|-r\w*"
)
_ASIDE_VALUES = ("-n", "--cov", "--durations", "--maxfail", "--dist", "--junitxml", "--tb")
#: Hosts that CI gives its servers; in a room they are on the loopback interface.
_SERVER = re.compile(
    r"(?:(?<=@)|(?<=//)|^)(?:postgres(?:ql)?|redis|valkey|db|localhost)(?=:\d|/|$)"
)


class Hint(Record):
    """One thing that was seen."""

    subject: str
    says: str
    where: tuple[str, ...]
    line: str = ""
    """For `.github/mergewright.yml`, where following it takes one."""


def hints(tree: Tree, said: Explanation, config: RepoConfig, project: Project) -> tuple[Hint, ...]:
    """What other tools' files hint at, beside what was chosen."""
    seen = Sightings()
    files = Files(Below(tree, config.folder))
    for reader in (tox, nox):
        reader.collect(files, seen)
    # CI is configured for the repository; of its jobs those count that speak of the project.
    whole = files if not config.folder else Files(tree)
    ci_files.collect(whole, seen, config.folder)
    django_settings.collect(files, seen, project)
    # Together these say what a person would look for; each yields nothing where nothing was seen.
    judges: tuple[Callable[[], Iterable[Hint]], ...] = (
        lambda: _python(seen, said),
        lambda: _named(seen, said, config, files.pyproject),
        lambda: _files(seen, said),
        lambda: _packages(seen, said, files),
        lambda: _services(seen, config),
        lambda: _system(seen, config),
        lambda: _variables(seen, config),
        lambda: _indexes(seen),
        lambda: _tests(seen, config, project),
        lambda: (
            Hint(subject="not read", says=reason, where=(path,))
            for path, reason in {**seen.unread, **_unreadable(files), **_unreadable(whole)}.items()
        ),
    )
    return tuple(hint for judge in judges for hint in judge())


def _unreadable(files: Files) -> dict[str, str]:
    return {
        path: reason
        for path, reason in files.unreadable.items()
        if path in ("tox.ini", "tox.toml", "noxfile.py") or path.endswith((".yml", ".yaml"))
    }


def _python(seen: Sightings, said: Explanation) -> Iterable[Hint]:
    found = seen.of("python")
    tested = sorted({minor for minor in found if re.fullmatch(r"3\.\d{1,2}", minor)}, key=Version)
    if tested:
        here = ".".join(said.python.split(".")[:2])
        newest = tested[-1]
        # One that is asked for and not to be had is answered where it is refused.
        agrees = not here or here in tested
        line = "" if agrees else f'python: {{version: "{newest}"}}'
        yield Hint(subject="Python", says=", ".join(tested), where=_places(found), line=line)


def _named(
    seen: Sightings, said: Explanation, config: RepoConfig, pyproject: dict[str, Any]
) -> Iterable[Hint]:
    """Extras and groups."""
    for kind, asked in (("extra", config.python.extras), ("group", config.python.groups)):
        found: dict[str, list[str]] = {}
        for name, where in seen.of("extra" if kind == "extra" else "group").items():
            for one in _written_out(name, kind, pyproject):
                found.setdefault(str(canonicalize_name(one)), where)
        if not found:
            continue
        taken = [one.what for one in said.choices if one.taken]
        chosen = [what.removeprefix(f"{kind} ") for what in taken if what.startswith(f"{kind} ")]
        # Extras of a package that is not built yet are chosen by these names.
        later = kind == "extra" and bool(said.projects) and asked is None
        lacking = [
            name
            for name in found
            if name not in chosen and not (later and requirement_names.is_for_tests(name))
        ]
        together = ", ".join([*(asked if asked is not None else chosen), *lacking])
        line = f"python: {{{kind}s: [{together}]}}" if lacking and said.declared else ""
        yield Hint(subject=f"{kind}s", says=", ".join(found), where=_places(found), line=line)


def _written_out(name: str, kind: str, pyproject: dict[str, Any]) -> list[str]:
    """The extras or groups that there are, in place of what stands for all of them."""
    if name != commands.ALL:
        return [name]
    tool = table(pyproject, "tool")
    poetry, pdm = table(tool, "poetry"), table(tool, "pdm")
    places: tuple[dict[str, Any], ...]
    if kind == "extra":
        places = (
            table(table(pyproject, "project"), "optional-dependencies"),
            table(poetry, "extras"),
        )
    else:
        places = (
            table(pyproject, "dependency-groups"), table(poetry, "group"),
            table(pdm, "dev-dependencies"),
        )  # fmt: skip
    return [str(one) for place in places for one in place]


def _files(seen: Sightings, said: Explanation) -> Iterable[Hint]:
    for kind, option in (("file", "-r"), ("constraint", "-c")):
        found = seen.of("file" if kind == "file" else "constraint")
        lacking = [path for path in found if path not in said.files]
        if found:
            entries = ", ".join(f'"{option} {path}"' for path in lacking)
            yield Hint(
                subject="requirements files" if kind == "file" else "constraints",
                says=", ".join(found),
                where=_places(found),
                line=f"python: {{install: [{entries}]}}" if lacking and said.declared else "",
            )


def _packages(seen: Sightings, said: Explanation, files: Files) -> Iterable[Hint]:
    found = seen.of("package")
    known = {*_OURS, *_projects(said.requirements)}
    known |= {package.partition("==")[0] for package in _installed(said)}
    known |= set(_projects(_declared(files, said)))
    names = {one: str(canonicalize_name(Requirement(one).name)) for one in found}
    # What is installed in several versions, each for a run of its own, goes into none of ours.
    lacking = [
        one for one, name in names.items()
        if name not in known and list(names.values()).count(name) == 1
    ]  # fmt: skip
    if found:
        entries = ", ".join(f'"{one}"' for one in lacking)
        yield Hint(
            subject="packages",
            says=", ".join(found),
            where=_places(found),
            line=f"python: {{install: [{entries}]}}" if lacking and said.declared else "",
        )


def _installed(said: Explanation) -> tuple[str, ...]:
    return said.environment.packages if said.environment else ()


def _declared(files: Files, said: Explanation) -> list[str]:
    """What a package that is not built yet declares where one can read it."""
    project = files.pyproject.get("project")
    table = project if isinstance(project, dict) else {}
    extras = table.get("optional-dependencies")
    lists = [table.get("dependencies"), *(extras.values() if isinstance(extras, dict) else ())]
    return [str(entry) for one in lists if isinstance(one, list) for entry in one if said.projects]


def _projects(requirements: Iterable[str]) -> Iterable[str]:
    for text in requirements:
        try:
            yield str(canonicalize_name(Requirement(text.partition("  (")[0]).name))
        except InvalidRequirement:
            continue


def _services(seen: Sightings, config: RepoConfig) -> Iterable[Hint]:
    found = seen.of("service")
    if not found:
        return
    offered = [one for one in found if re.fullmatch(r"(?:postgres|redis)(?::\d+)?", one)]
    there = {one.partition(":")[0] for one in config.services}
    lacking: dict[str, str] = {}
    for one in offered:
        # One with a version says more than one without.
        name, _, version = one.partition(":")
        if version or name not in lacking:
            lacking[name] = one
    entries = ", ".join([*config.services, *(v for k, v in lacking.items() if k not in there)])
    wanted = any(name not in there for name in lacking)
    line = f"services: [{entries}]" if wanted else ""
    yield Hint(subject="services", says=", ".join(found), where=_places(found), line=line)
    others = [one for one in found if one not in offered]
    if others:
        yield Hint(
            subject="services",
            says=f"rooms do not offer {', '.join(others)}",
            where=_places({one: found[one] for one in others}),
        )


def _system(seen: Sightings, config: RepoConfig) -> Iterable[Hint]:
    found = seen.of("system package")
    if found:
        there = config.python.system_packages
        lacking = [name for name in found if name not in there and name not in _OF_MACHINES]
        line = f"python: {{system_packages: [{', '.join([*there, *lacking])}]}}" if lacking else ""
        yield Hint(
            subject="system packages", says=", ".join(found), where=_places(found), line=line
        )


def _variables(seen: Sightings, config: RepoConfig) -> Iterable[Hint]:
    found: dict[str, str] = {}
    where: dict[str, list[str]] = {}
    unknown: dict[str, list[str]] = {}
    for written, places in seen.of("variable").items():
        name, _, value = written.partition("=")
        if _TECHNICAL.fullmatch(name) or not re.fullmatch(r"[A-Za-z_]\w*", name):
            continue
        if "$" in value:
            unknown[name] = places
        else:
            found.setdefault(name, _SERVER.sub("127.0.0.1", value))
            where.setdefault(name, places)
    if found:
        lacking = {name: value for name, value in found.items() if name not in config.env}
        entries = ", ".join(f"{name}: {_quoted(value)}" for name, value in lacking.items())
        says = ", ".join(f"{name}={value}" for name, value in found.items())
        line = f"env: {{{entries}}}" if lacking else ""
        yield Hint(subject="variables", says=says, where=_places(where), line=line)
    unknown = {name: places for name, places in unknown.items() if name not in config.env}
    if unknown:
        says = f"{', '.join(unknown)} (set from elsewhere, so the value is not known)"
        yield Hint(subject="variables", says=says, where=_places(unknown))


def _indexes(seen: Sightings) -> Iterable[Hint]:
    found = seen.of("index")
    if found:
        yield Hint(subject="package indexes", says=", ".join(found), where=_places(found))


def _tests(seen: Sightings, config: RepoConfig, project: Project) -> Iterable[Hint]:
    found = seen.of("tests")
    if not found:
        return
    lines = {line for command in found if (line := _run_by(command, config, project)) is not None}
    yield Hint(
        subject="tests",
        says="; ".join(list(found)[:_MOST]),
        where=_places(found),
        # Of several that differ, none is better than the others.
        line=lines.pop() if len(lines) == 1 else "",
    )


def _run_by(command: str, config: RepoConfig, project: Project) -> str | None:
    """The line by which a command's tests are the ones that are run; empty where they are.

    None of a command that starts others, such as tox.
    """
    program, *rest = commands.split(command)
    if program in ("pytest", "py.test"):
        entries = [] if project.test_runner == "pytest" else ["runner: pytest"]
        args = _pytest_args(rest)
    elif program == "manage.py" or program.endswith("tests.py"):
        script = program if program != "manage.py" else (project.test_script or program)
        is_known = project.test_runner == "django" and project.test_script == script
        entries = [] if is_known else ["runner: django", f"script: {script}"]
        args = [word for word in rest[1 if program == "manage.py" else 0 :] if word[:1] != "-"]
    else:
        return None
    args = [word for word in args if not re.search(r"[${]", word)]
    if args and tuple(args) != config.checks.tests.args:
        entries.append(f"args: [{', '.join(map(_quoted, args))}]")
    return f"checks: {{tests: {{{', '.join(entries)}}}}}" if entries else ""


def _pytest_args(rest: list[str]) -> list[str]:
    kept: list[str] = []
    waiting = iter(rest)
    for word in waiting:
        if word in _ASIDE_VALUES:
            following = next(waiting, "")
            # `--cov` may stand without a value; what follows is then an option, or a folder.
            if following.startswith("-"):
                kept += _pytest_args([following, *waiting])
            continue
        if not _ASIDE.fullmatch(word) and not word.startswith("-n"):
            kept.append(word)
    return kept


def _quoted(value: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_./][\w./:@+-]*", value) and not value.endswith(":")
    taken = value.lower() in ("true", "false", "yes", "no", "on", "off", "null", "y", "n", "~")
    if plain and not taken:
        return value
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _places(found: Mapping[str, list[str]]) -> tuple[str, ...]:
    places = dict.fromkeys(where for one in found.values() for where in one)
    shown = tuple(places)[:_MOST]
    return (*shown, f"and {len(places) - _MOST} more") if len(places) > _MOST else shown
