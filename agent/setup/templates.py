"""Set-up lines for a repository that says none: what its lock or its declarations are for.

A person could type them. The environment is active while they run, and empty at first; what they
install is what the tools themselves read out of the repository's files. Pure.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence

from repo_config.documents import table, texts
from repo_config.project_files import ProjectFiles

_EXPORTED = "/tmp/requirements.txt"  # noqa: S108 - a sandbox's own
#: Extras, groups and files that are for the tests, and for whoever works on the project.
_TESTS = re.compile(r"(?:^|[-_./])(?:tests?|testing)(?:$|[-_./])")
_USUAL = re.compile(r"(?:^|[-_./])(?:tests?|testing|dev|develop|development|ci)(?:$|[-_./])")
_REQUIREMENTS = re.compile(
    r"(?:[\w.-]*require[\w.-]*/[\w./-]+|[\w.-]*require[\w.-]*)\.(?:txt|pip)", re.IGNORECASE
)
_PLAIN = frozenset({"requirements.txt", "requirements/base.txt"})
#: Builders of before do not all install a project so that its files are edited in place (PEP 660).
_EDITABLE = "2022-09-01"
#: How the tool of each lock writes out what it fixes, for uv to install.
_EXPORTS = {
    "poetry": "uv tool run --from 'poetry<3' --with poetry-plugin-export poetry export"
    " --all-extras --without-hashes{groups} -o {place}",
    "pipenv": "uv tool run pipenv requirements --dev > {place}",
}


def write_lines(files: ProjectFiles, lock: str = "", day: str | None = None) -> tuple[str, ...]:
    """Write the lines; none where nothing is declared.

    Args:
        files: Of the project.
        lock: The tool that has locked it; empty: none.
        day: The last one whose releases are taken where there is no lock.
    """
    if lock == "uv":
        parts = _write(table(files.pyproject, "project", "optional-dependencies"), "--extra")
        parts += _write(table(files.pyproject, "dependency-groups"), "--group")
        return (" ".join(("uv sync --frozen --inexact", *parts)),)
    if lock == "pdm":
        return ("uv tool run --from 'pdm[locked]<3' pdm sync -G :all",)
    if lock:
        return tuple(_write_export(files, _EXPORTS[lock]))
    words = [*_list_declared(files)]
    if not words:
        return ()
    return (" ".join(("uv pip install", *_name_days(files, day), *words)),)


def _name_days(files: ProjectFiles, day: str | None) -> Iterator[str]:
    if day:
        yield f"--exclude-newer {day}"
    if day and day < _EDITABLE and _is_installed(files):
        named = texts(table(files.pyproject, "build-system").get("requires")) or ["setuptools"]
        for name in dict.fromkeys(
            re.split(r"[^\w.-]", text.strip(), maxsplit=1)[0] for text in named
        ):
            yield f"--exclude-newer-package {shlex.quote(f'{name}={_EDITABLE}')}"


def _write_export(files: ProjectFiles, command: str) -> Iterator[str]:
    groups = ",".join(table(files.pyproject, "tool", "poetry", "group"))
    if table(files.pyproject, "tool", "poetry").get("dev-dependencies"):
        groups = ",".join(filter(None, ("dev", groups)))
    chosen = f" --with {shlex.quote(groups)}" if groups else ""
    yield command.format(groups=chosen, place=_EXPORTED)
    yield f"uv pip install -r {_EXPORTED}"
    if _is_installed(files):
        yield "uv pip install --no-deps -e ."


def _list_declared(files: ProjectFiles) -> Iterator[str]:
    """Yield what is installed together, as words for `uv pip install`."""
    if _is_installed(files):
        extras = _choose(_list_extras(files))
        named = f"[{','.join(extras)}]" if extras else ""
        yield f"-e {shlex.quote('.' + named)}"
    elif table(files.pyproject, "project"):
        # An application: without a build system it is no package, as with uv.
        yield "-r pyproject.toml"
        yield from _write(_list_extras(files), "--extra")
    yield from _write(table(files.pyproject, "dependency-groups"), "--group")
    found = [path for path in files.paths if _REQUIREMENTS.fullmatch(path)]
    chosen = [path for path in found if path in _PLAIN or _USUAL.search(path)]
    stems = {path.rpartition(".")[0] for path in chosen}
    for path in chosen:
        # Beside `tests.txt`, `tests-min.txt` asks for other versions of the same.
        if not any(
            path.startswith((f"{stem}-", f"{stem}_", f"{stem}."))
            for stem in stems - {path.rpartition(".")[0]}
        ):
            yield f"-r {shlex.quote(path)}"


def _is_installed(files: ProjectFiles) -> bool:
    """Whether the repository is a project that can be installed."""
    project = files.pyproject
    if table(project, "tool", "poetry").get("package-mode") is False:
        return False
    if table(project, "tool", "uv").get("package") is False:
        return False
    return "build-system" in project or any(map(files.has_file, ("setup.py", "setup.cfg")))


def _list_extras(files: ProjectFiles) -> Sequence[str]:
    named = table(files.pyproject, "project", "optional-dependencies")
    named = named or table(files.pyproject, "tool", "poetry", "extras")
    named = named or files.ini("setup.cfg").get("options.extras_require", {})
    return tuple(named) or files.setup_extras


def _choose(named: Iterable[str]) -> list[str]:
    """Choose those for the tests, or where none is called so, for development."""
    usual = [name for name in named if _USUAL.search(name)]
    return [name for name in usual if _TESTS.search(name)] or usual


def _write(named: Iterable[str], option: str) -> list[str]:
    return [f"{option} {shlex.quote(name)}" for name in _choose(named)]
