"""Set-up lines for a repository that says none: what its lock or its declarations are for.

A person could type them. The environment is active while they run, and empty at first; what they
install is what the tools themselves read out of the repository's files. First comes what the tests
ask for. Each other extra, group or file of requirements is a feature whose tests skip without it,
or pins a tool: it is added by a command of its own, which may fail. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from repo_config.documents import as_list, as_map, table, texts
from repo_config.project_files import ProjectFiles

MISSING = "Not installed: "
"""Begins what a line prints when it goes on without a part."""
_EXPORTED = "/tmp/requirements.txt"  # noqa: S108 - a sandbox's own
_INSTALLED = "/tmp/installed.txt"  # noqa: S108
#: What may fail may not take the time of all else.
_BRIEFLY = "timeout 300"
#: Names of extras, groups and files that are for the tests, and for whoever works on the project.
_TESTS = re.compile(r"(?:^|[-_./])(?:tests?|testing)(?:$|[-_./])")
_DEVELOPMENT = re.compile(r"(?:^|[-_./])(?:dev|develop|development)(?:$|[-_./])")
_REQUIREMENTS = re.compile(
    r"(?:[\w.-]*require[\w.-]*/[\w./-]+|(?:tests?/)?[\w.-]*require[\w.-]*)\.(?:txt|pip)",
    re.IGNORECASE,
)
_PLAIN = frozenset({"requirements.txt", "requirements/base.txt"})
#: Builders of before do not all install a project so that its files are edited in place (PEP 660).
_EDITABLE = "2022-09-01"
_SYNC = "uv sync --frozen --inexact"
_EXPORT = (
    "uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export --without-hashes"
    f" -o {_EXPORTED}"
)
_INSTALL_EXPORTED = f"uv pip install -r {_EXPORTED}"


class _Parts(NamedTuple):
    """Names of extras, groups or files of requirements."""

    kind: str
    tests: Sequence[str]
    """Those for the tests, or where none is called so, for development."""
    development: Sequence[str]
    """Those for development beside them."""
    others: Sequence[str]

    @classmethod
    def divide(cls, kind: str, names: Iterable[str]) -> _Parts:
        names = [*names]
        tests = [name for name in names if _TESTS.search(name)]
        rest = [name for name in names if name not in tests]
        development = [name for name in rest if _DEVELOPMENT.search(name)]
        others = [name for name in rest if name not in development]
        return cls(kind, tests or development, development if tests else (), others)

    def add_each(self, command: str, without: Collection[str] = ()) -> Iterator[str]:
        """Write a line that adds each part which is not for the tests, named by a variable."""
        if names := [name for name in (*self.development, *self.others) if name not in without]:
            step = f'{command} || echo "{MISSING}{self.kind} ${self.kind}"'
            yield f"for {self.kind} in {shlex.join(names)}; do {step}; done"


def _write_options(option: str, names: Iterable[str]) -> list[str]:
    return [f"{option} {shlex.quote(name)}" for name in names]


def write_lines(
    files: ProjectFiles, lock: str = "", day: str | None = None, *, is_whole: bool = True
) -> tuple[str, ...]:
    """Write the lines; none where nothing is declared.

    Args:
        files: Of the project.
        lock: The tool that has locked it; empty: none.
        day: The last one whose releases are taken where there is no lock.
        is_whole: Whether with more than what the tests ask for.
    """
    if lock == "pdm":
        return ("uv tool run --from 'pdm[locked]<3' pdm sync -G :all",)
    if lock == "pipenv":
        return (f"uv tool run pipenv requirements --dev > {_EXPORTED}", _INSTALL_EXPORTED)
    if lock == "uv":
        needed, others = _write_sync(files)
    elif lock == "poetry":
        needed, others = _write_export(files)
    else:
        needed, others = _write_install(files, day)
    # What there is by then keeps its version.
    if any(_INSTALLED in line for line in others):
        others.insert(0, f"uv pip freeze --exclude-editable > {_INSTALLED}")
    return (*needed, *others) if is_whole else tuple(needed)


def _write_sync(files: ProjectFiles) -> tuple[list[str], list[str]]:
    extras, groups = _list_extras(files), _list_groups(files)
    words = _write_options("--extra", extras.tests) + _write_options("--group", groups.tests)
    # Of what cannot be there together, each would change what there is by then.
    conflicts = as_list(table(files.pyproject, "tool", "uv").get("conflicts"))
    entries = [as_map(entry) for conflict in conflicts for entry in as_list(conflict)]
    without = {name for entry in entries for name in entry.values()}
    others = [
        *extras.add_each(f'{_BRIEFLY} {_SYNC} --extra "$extra"', without),
        *groups.add_each(f'{_BRIEFLY} {_SYNC} --group "$group"', without),
    ]
    return [" ".join((_SYNC, *words))], others


def _write_export(files: ProjectFiles) -> tuple[list[str], list[str]]:
    poetry = table(files.pyproject, "tool", "poetry")
    named = [*(["dev"] if poetry.get("dev-dependencies") else []), *table(poetry, "group")]
    groups = _Parts.divide("group", dict.fromkeys(named))
    with_tests = f" --with {shlex.quote(','.join(groups.tests))}" if groups.tests else ""
    needed = [f"{_EXPORT}{with_tests}", _INSTALL_EXPORTED]
    if _is_installed(files):
        needed.append("uv pip install --no-deps -e .")
    install = f"{_BRIEFLY} {_INSTALL_EXPORTED}"
    others = [
        *_list_extras(files).add_each(f'{_EXPORT} --extras "$extra" && {install}'),
        *groups.add_each(f'{_EXPORT} --only "$group" && {install}'),
    ]
    return needed, others


def _write_install(files: ProjectFiles, day: str | None) -> tuple[list[str], list[str]]:
    """Write what is installed without a lock: together what is for tests and development."""
    install = " ".join(("uv pip install", *_name_days(files, day)))
    parts = _list_extras(files), _list_groups(files), _list_files(files)
    words = _write_needed(files, *(part.tests for part in parts))
    if not words:
        return [], []
    line = " ".join((install, *words))
    more = _write_needed(files, *((*part.tests, *part.development) for part in parts))
    if more != words:
        alone = f'echo "{MISSING}what is for development"; {line}'
        line = f"{' '.join((install, *more))} || {{ {alone}; }}"
    add = f"{_BRIEFLY} {install} -c {_INSTALLED}"
    declaring = next(filter(files.has_file, ("pyproject.toml", "setup.py", "setup.cfg")), "")
    extras, groups, requirements = (part._replace(development=()) for part in parts)
    others = [
        *extras.add_each(f'{add} -r {declaring} --extra "$extra"'),
        *groups.add_each(f'{add} --group "$group"'),
        *requirements.add_each(f'{add} -r "$file"'),
    ]
    return [line], others


def _write_needed(
    files: ProjectFiles, extras: Sequence[str], groups: Sequence[str], requirements: Sequence[str]
) -> list[str]:
    """Write the project with some of its parts, as words for `uv pip install`."""
    words = []
    if _is_installed(files):
        named = f"[{','.join(extras)}]" if extras else ""
        words.append(f"-e {shlex.quote(f'.{named}')}")
    elif table(files.pyproject, "project"):
        # An application: without a build system it is no package, as with uv.
        words += ["-r pyproject.toml", *_write_options("--extra", extras)]
    return words + _write_options("--group", groups) + _write_options("-r", requirements)


def _name_days(files: ProjectFiles, day: str | None) -> Iterator[str]:
    if day:
        yield f"--exclude-newer {day}"
    if day and day < _EDITABLE and _is_installed(files):
        named = texts(table(files.pyproject, "build-system").get("requires")) or ["setuptools"]
        for name in dict.fromkeys(
            re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0] for text in named
        ):
            yield f"--exclude-newer-package {shlex.quote(f'{name}={_EDITABLE}')}"


def _is_installed(files: ProjectFiles) -> bool:
    """Whether the repository is a project that can be installed."""
    project = files.pyproject
    if table(project, "tool", "poetry").get("package-mode") is False:
        return False
    if table(project, "tool", "uv").get("package") is False:
        return False
    return "build-system" in project or any(map(files.has_file, ("setup.py", "setup.cfg")))


def _list_extras(files: ProjectFiles) -> _Parts:
    named = table(files.pyproject, "project", "optional-dependencies")
    named = named or table(files.pyproject, "tool", "poetry", "extras")
    named = named or files.ini("setup.cfg").get("options.extras_require", {})
    return _Parts.divide("extra", tuple(named) or files.setup_extras)


def _list_groups(files: ProjectFiles) -> _Parts:
    return _Parts.divide("group", table(files.pyproject, "dependency-groups"))


def _list_files(files: ProjectFiles) -> _Parts:
    """List files of requirements; the plain ones are needed beside those for the tests."""
    found = [path for path in files.paths if _REQUIREMENTS.fullmatch(path)]
    aimed = [path for path in found if _TESTS.search(path) or _DEVELOPMENT.search(path)]
    variants = {path for path in found if any(_is_variant(path, other) for other in aimed)}
    plain = [path for path in found if path in _PLAIN]
    parts = _Parts.divide("file", (path for path in found if path not in {*plain, *variants}))
    return parts._replace(tests=(*plain, *parts.tests))


def _is_variant(path: str, other: str) -> bool:
    """Whether a file asks for other versions of the same: `tests-min.txt` beside `tests.txt`."""
    parts, others = (text.rpartition(".")[0].split("/") for text in (path, other))
    pairs = zip(parts, others, strict=False)
    is_longer = (re.match(rf"{re.escape(given)}(?:[-_.]|\Z)", part) for part, given in pairs)
    return parts != others and len(parts) == len(others) and all(is_longer)
