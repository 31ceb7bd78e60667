"""Write set-up lines for a repository without configured ones, from its lock or declarations.

A person could type these lines. The environment is active while they run, and empty at first; tools
such as uv read the repository's files themselves. A project that is no package, or cannot be built,
is not installed, but its dependencies are. The requirements of the tests come first. All other
extras, groups and files of requirements are for features whose tests skip without them, or pin a
tool: they are added by a command that is allowed to fail. Pure.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from typing import NamedTuple, Self

from packaging.specifiers import SpecifierSet

from repo_config import versions
from repo_config.documents import as_map, table, texts
from repo_config.project_files import ProjectFiles

MISSING = "Not installed: "
"""Begins the message of a line that continues although a part cannot be installed."""
_EXPORTED = "/tmp/requirements.txt"  # noqa: S108 - a sandbox's own
_INSTALLED = "/tmp/installed.txt"  # noqa: S108
_EXTRAS = "/tmp/extras.txt"  # noqa: S108
#: An optional part must not use up the time of all others.
_BRIEFLY = "timeout 300"
_OR_NOT = f'|| echo "{MISSING}extras and groups that are not for the tests"'
#: Names of extras, groups and files for the tests, and for developers of the project.
_TESTS = re.compile(r"(?:^|[-_./])(?:tests?|testing)(?:$|[-_./])")
_DEVELOPMENT = re.compile(r"(?:^|[-_./])(?:dev|develop|development)(?:$|[-_./])")
#: Lists extras that only the built metadata has.
_FIND_EXTRAS = (
    """sed -n 's/^Provides-Extra: //p' "$(dirname "$(grep -l editable"""
    f' "$VIRTUAL_ENV"/lib/*/*/*/direct_url.json)")/METADATA" > {_EXTRAS} || true'
)
#: Tried where extras are not known: uv only warns about one that does not exist.
_USUAL_EXTRAS = ("test", "tests", "testing")
_REQUIREMENTS = re.compile(
    r"(?:[\w.-]*require[\w.-]*/[\w./-]+|(?:tests?/)?[\w.-]*require[\w.-]*)\.(?:txt|pip)",
    re.IGNORECASE,
)
_PLAIN = frozenset({"requirements.txt", "requirements/base.txt"})
#: Build backends of up to this day are taken: older ones may lack editable installs (PEP 660).
_EDITABLE = "2022-09-01"
_ANY_DAY = "2100-01-01"
_DAY = re.compile(r"--exclude-newer \S+")
_CALL = re.compile(r"\buv (?=pip|sync|tool)")
_SYNC = "uv sync --frozen"
_EXPORT = (
    "uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export --without-hashes"
    f" -o {_EXPORTED}"
)
_INSTALL_EXPORTED = f"uv pip install -r {_EXPORTED}"


class _Parts(NamedTuple):
    """Names of extras, groups or files of requirements."""

    tests: Sequence[str]
    """Those for the tests; if there are none, those for development."""
    every: Sequence[str]

    @property
    def others(self) -> list[str]:
        return [name for name in self.every if name not in self.tests]

    @classmethod
    def divide(cls, names: Iterable[str]) -> Self:
        every = [*names]
        tests = [name for name in every if _TESTS.search(name)]
        return cls(tests or [name for name in every if _DEVELOPMENT.search(name)], every)


def _write_options(option: str, names: Iterable[str]) -> list[str]:
    return [f"{option} {shlex.quote(name)}" for name in names]


def write_lines(files: ProjectFiles, lock: str = "", day: str | None = None) -> tuple[str, ...]:
    """Write the set-up lines of a project; none if it declares nothing.

    Args:
        lock: The tool that wrote its lock; empty: it has none.
        day: Without a lock, releases after this day are not taken.
    """
    uv = shlex.join(choose_uv(files, is_for_lock=lock == "uv"))
    return tuple(_CALL.sub(f"{uv} ", line) for line in _write_lines(files, lock, day))


def choose_uv(files: ProjectFiles, *, is_for_lock: bool) -> tuple[str, ...]:
    """Return the words that call uv, also if the project requires another version than ours.

    The required version handles the project's lock. All else is installed with ours, since an older
    one may not support groups.
    """
    asked = versions.read_required(table(files.pyproject, "tool", "uv").get("required-version"))
    if metadata.version("uv") in SpecifierSet(asked):
        return ("uv",)
    required = ("tool", "run", "--from", f"uv{asked}", "uv") if is_for_lock else ()
    return ("uv", "--no-config", *required)


def _write_lines(files: ProjectFiles, lock: str, day: str | None) -> tuple[str, ...]:
    if lock == "pdm":
        sync = "uv tool run --from 'pdm[locked]<3' pdm sync -G :all"
        return _add_project(f"{sync} --no-self", sync) if _is_installed(files) else (sync,)
    if lock == "pipenv":
        return (f"uv tool run pipenv requirements --dev > {_EXPORTED}", _INSTALL_EXPORTED)
    if lock == "uv":
        return _write_sync(files)
    return _write_export(files) if lock == "poetry" else _write_install(files, day)


def keep_newer(lines: tuple[str, ...], requirements: Iterable[str]) -> tuple[str, ...]:
    """Change lines to take later releases of these requirements too, and of no others."""
    options = " ".join(_allow_until(_ANY_DAY, requirements))
    return tuple(_DAY.sub(lambda day: f"{day[0]} {options}".rstrip(), line) for line in lines)


def _add_project(needs: str, whole: str) -> tuple[str, str]:
    """Return two lines: dependencies come first, so that only the project's build may fail."""
    return needs, f'{whole} || echo "{MISSING}the project itself"'


def _write_sync(files: ProjectFiles) -> tuple[str, ...]:
    extras, groups = _list_extras(files), _list_groups(files)
    words = _write_options("--extra", extras.tests) + _write_options("--group", groups.tests)
    more = f"{_BRIEFLY} {_SYNC} --inexact --all-extras --all-groups {_OR_NOT}"
    line = " ".join((_SYNC, *words))
    needs = f"{line} --no-install-project"
    lines = _add_project(needs, line) if _is_installed(files) else (line,)
    return *lines, *([more] if extras.others or groups.others else [])


def _write_export(files: ProjectFiles) -> tuple[str, ...]:
    poetry = table(files.pyproject, "tool", "poetry")
    named = [*(["dev"] if poetry.get("dev-dependencies") else []), *table(poetry, "group")]
    groups = _Parts.divide(dict.fromkeys(named))
    with_tests = f" --with {shlex.quote(','.join(groups.tests))}" if groups.tests else ""
    # The export fails for some locks that poetry installs: "Dependency walk failed".
    whole = "uv tool run --from 'poetry<3' poetry install --no-root"
    lines = [f"if {_EXPORT}{with_tests}; then {_INSTALL_EXPORTED}; else {whole}; fi"]
    if _is_installed(files):
        lines.append(f'uv pip install --no-deps -e . || echo "{MISSING}the project itself"')
    if groups.others or _list_extras(files).every:
        export = f"{_EXPORT} --all-extras --all-groups"
        lines.append(f"{export} && {_BRIEFLY} {_INSTALL_EXPORTED} {_OR_NOT}")
    return tuple(lines)


def _write_install(files: ProjectFiles, day: str | None) -> tuple[str, ...]:
    """Write the lines for a project without a lock."""
    install = " ".join(("uv pip install", *_name_days(files, day)))
    parts = _list_extras(files), _list_groups(files), _list_files(files)
    lines = _write_needed(files, install, *(part.tests for part in parts))
    options = ("-r pyproject.toml --extra", "--group", "-r")
    others = [
        f"{option} {name}"
        for option, part in zip(options, parts, strict=True)
        for name in part.others
    ]
    keep = f"uv pip freeze --exclude-editable > {_INSTALLED}"
    if _is_installed(files) and not _is_declared(files):
        declaring = "setup.py" if files.has_file("setup.py") else "pyproject.toml"
        part = f"-r {declaring} --extra $part"
        lines += (_FIND_EXTRAS, keep, _add_each(install, f"$(cat {_EXTRAS})", part))
    elif others:
        lines += (keep,)
    return (*lines, _add_each(install, shlex.join(others), "$part")) if others else lines


def _add_each(install: str, parts: str, part: str) -> str:
    # Packages that are installed for the tests keep their versions.
    add = f'{_BRIEFLY} {install} -c {_INSTALLED} {part} || echo "{MISSING}{part}"'
    return f"for part in {parts}; do {add}; done"


def _write_needed(
    files: ProjectFiles,
    install: str,
    extras: Sequence[str],
    groups: Sequence[str],
    requirements: Sequence[str],
) -> tuple[str, ...]:
    """Write lines that install the project with these parts, or only its dependencies."""
    words = _write_options("--group", groups) + _write_options("-r", requirements)
    words += [shlex.quote(text) for text in _list_hatch_requirements(files)]
    dependencies = words
    is_known = _is_declared(files) or not _is_installed(files)
    extras = extras if is_known else _USUAL_EXTRAS
    if is_known and table(files.pyproject, "project"):
        dependencies = ["-r pyproject.toml", *_write_options("--extra", extras), *words]
    line = " ".join((install, *dependencies)) if dependencies else ""
    if not _is_installed(files):
        return (line,) if line else ()
    named = f"[{','.join(extras)}]" if extras else ""
    whole = " ".join((install, f"-e {shlex.quote(f'.{named}')}", *words))
    return _add_project(line, whole) if line else (whole,)


def _name_days(files: ProjectFiles, day: str | None) -> Iterator[str]:
    if day:
        yield f"--exclude-newer {day}"
    if day and day < _EDITABLE and _is_installed(files):
        named = texts(table(files.pyproject, "build-system").get("requires")) or ["setuptools"]
        yield from _allow_until(_EDITABLE, named)


def _allow_until(day: str, requirements: Iterable[str]) -> Iterator[str]:
    names = (re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0] for text in requirements)
    for name in dict.fromkeys(names):
        yield f"--exclude-newer-package {shlex.quote(f'{name}={day}')}"


def _is_installed(files: ProjectFiles) -> bool:
    project = files.pyproject
    if table(project, "tool", "poetry").get("package-mode") is False:
        return False
    if table(project, "tool", "uv").get("package") is False:
        return False
    return "build-system" in project or files.has_file("setup.py")


def _is_declared(files: ProjectFiles) -> bool:
    """Check whether the project's dependencies can be read without building it."""
    project = table(files.pyproject, "project")
    if not project:
        return bool(table(files.pyproject, "tool", "poetry"))
    return not {"dependencies", "optional-dependencies"}.intersection(texts(project.get("dynamic")))


def _list_extras(files: ProjectFiles) -> _Parts:
    named = table(files.pyproject, "project", "optional-dependencies")
    return _Parts.divide(named or table(files.pyproject, "tool", "poetry", "extras"))


def _list_groups(files: ProjectFiles) -> _Parts:
    return _Parts.divide(table(files.pyproject, "dependency-groups"))


def _list_hatch_requirements(files: ProjectFiles) -> Iterator[str]:
    """Yield the requirements of Hatch's default environment, and of those for the tests."""
    for name, environment in table(files.pyproject, "tool", "hatch", "envs").items():
        if name in ("default", "test", "tests", "hatch-test"):
            for key in ("dependencies", "extra-dependencies"):
                needed = texts(as_map(environment).get(key))
                # Only Hatch can resolve fields in braces.
                yield from (text for text in needed if text[:1].isalnum() and "{" not in text)


def _list_files(files: ProjectFiles) -> _Parts:
    """List files of requirements; plain ones are needed in addition to those for the tests."""
    listed = [path for path in files.paths if _REQUIREMENTS.fullmatch(path)]
    special = [path for path in listed if _TESTS.search(path) or _DEVELOPMENT.search(path)]
    variants = {path for path in listed if any(_is_variant(path, usual) for usual in special)}
    plain = [path for path in listed if path in _PLAIN]
    parts = _Parts.divide(path for path in listed if path not in {*plain, *variants})
    return _Parts((*plain, *parts.tests), (*plain, *parts.every))


def _is_variant(path: str, usual: str) -> bool:
    """Check for other versions of the same packages: `tests-min.txt` next to `tests.txt`."""
    parts, originals = (text.rpartition(".")[0].split("/") for text in (path, usual))
    pairs = zip(parts, originals, strict=False)
    is_longer = (re.match(rf"{re.escape(start)}(?:[-_.]|\Z)", part) for part, start in pairs)
    return parts != originals and len(parts) == len(originals) and all(is_longer)
