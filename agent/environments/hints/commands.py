"""Read the commands that install and test a project: shell lines, or lists of words.

Nothing is expanded and nothing runs. A word that takes its value from elsewhere (`$NAME`,
`${{ ... }}`, `{posargs}`) says nothing and is passed over.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from agent.environments.hints.sightings import Kind, Sightings

#: Bounded, so that what is opened again and again and never closed is not searched to its end.
_OPEN = re.compile(r"\$\{\{.{0,500}?\}\}", re.DOTALL)
_SEPARATORS = re.compile(r"\n|&&|\|\||;|\|(?!\|)")
_ASSIGNED = re.compile(r"^[A-Za-z_]\w*=")
#: Options of pip that take a value and say nothing here.
_PIP_VALUES = frozenset(
    {"-f", "--find-links", "--trusted-host", "--no-binary", "--only-binary", "--prefix", "-t"}
    | {
        "--target",
        "--cache-dir",
        "--extra",
        "--python",
        "--config-settings",
        "--root",
        "--src",
        "--resolution",
    }
)
_PIP_KINDS: dict[str, Kind] = {
    "-r": "file", "--requirement": "file", "-c": "constraint", "--constraint": "constraint",
    "-i": "index", "--index-url": "index", "--extra-index-url": "index", "--group": "group",
}  # fmt: skip
#: Stands for all extras, or all groups.
ALL = "*"
_ALL_OF: dict[str, Kind] = {"--all-extras": "extra", "--all-groups": "group"}
_UV_FLAGS: dict[str, Kind] = {"--extra": "extra", "--group": "group", "--only-group": "group"}
#: What CI installs for itself.
_OWN_TOOLS = frozenset(
    {"pip", "setuptools", "wheel", "tox", "nox", "poetry", "pdm", "uv", "hatch", "build", "twine"}
    | {"pipenv", "virtualenv", "codecov", "coveralls", "pre-commit", "tox-gh", "tox-uv", "invoke"}
    | {"tox-gh-actions", "pip-tools", "poetry-plugin-export", "hatchling", "installer"}
)
#: Environments of tox and nox that run something else.
_NO_TESTS = re.compile(
    r"lint|doc|style|format|typ(?:e|ing)|mypy|flake|build|release|pre-?commit|sphinx|publish"
)
#: Words before the command that is meant.
_WRAPPERS = (
    ("poetry", "run"), ("pdm", "run"), ("uv", "run"), ("pipenv", "run"), ("hatch", "run"),
    ("uvx",), ("uv", "tool", "run"), ("pipx", "run"),
    ("sudo",), ("xvfb-run",), ("env",), ("time",), ("exec",), ("command",), ("coverage", "run"),
)  # fmt: skip
#: Options of `uv run` and of the others above that take a value.
_WRAPPER_VALUES = frozenset(
    {"--with", "--python", "-p", "--package", "--project", "--directory", "--env-file"}
    | {
        "--group",
        "--extra",
        "--only-group",
        "--rcfile",
        "--source",
        "--include",
        "--omit",
        "--data-file",
    }
)


def script(text: str, where: str, seen: Sightings) -> None:
    """Read a shell script."""
    text = _OPEN.sub("$OPEN", re.sub(r"\\\r?\n", " ", text))
    for line in _SEPARATORS.split(text):
        words(split(line), where, seen)


def split(line: str) -> list[str]:
    """Words of a line as a shell sees them; none where the quotes do not match."""
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def words(written: Sequence[str], where: str, seen: Sightings) -> None:
    """Read one command."""
    assigned: list[str] = []
    left = _unwrapped(list(written), where, seen, assigned)
    if not left:
        return
    left[0] = left[0].rsplit("/", 1)[-1]
    for beginning, read in _INSTALLERS:
        if tuple(left[: len(beginning)]) == beginning:
            read(left[len(beginning) :], where, seen)
            return
    if is_test(left):
        seen.note("tests", shlex.join(left), where)
        for variable in assigned:
            seen.note("variable", variable, where)


def is_test(command: Sequence[str]) -> bool:
    """Whether a command runs the test suite."""
    program, rest = command[0].rsplit("/", 1)[-1], list(command[1:])
    if program in ("pytest", "py.test"):
        return True
    if program in ("tox", "nox"):
        return not any(_NO_TESTS.search(word) for word in rest if not word.startswith("-"))
    if program in ("manage.py", "django-admin"):
        return rest[:1] == ["test"]
    if program in ("make", "just", "task", "invoke", "inv"):
        return any(re.fullmatch(r"(?:run-?)?tests?|check|test-.*|ci", word) for word in rest)
    if program == "unittest":
        return True
    return bool(re.fullmatch(r"(?:run_?)?tests?\.py|run_tests\.py|quicktest\.py", program))


def _unwrapped(left: list[str], where: str, seen: Sightings, assigned: list[str]) -> list[str]:
    """The command itself: without variables before it, without `poetry run`, `python -m`."""
    while left:
        if _ASSIGNED.match(left[0]):
            assigned.append(left.pop(0))
            continue
        wrapper = next((one for one in _WRAPPERS if tuple(left[: len(one)]) == one), None)
        if wrapper is not None:
            left = _behind_options(left[len(wrapper) :], where, seen)
            continue
        if re.fullmatch(r"python[0-9.]*|py", left[0].rsplit("/", 1)[-1]):
            left = _behind_python(left[1:])
            continue
        if left[0] in ("if", "then", "!", "else", "do", "-"):
            left = left[1:]
            continue
        return left
    return left


def _behind_options(left: list[str], where: str, seen: Sightings) -> list[str]:
    while left and left[0].startswith("-"):
        option, _, value = left.pop(0).partition("=")
        if option == "-m" and left:
            return left
        if option == "--":
            return left
        if option in _WRAPPER_VALUES and not value and left:
            value = left.pop(0)
        if option in _UV_FLAGS and "$" not in value:
            seen.note(_UV_FLAGS[option], value, where)
        _whole([option], where, seen)
    return left


def _behind_python(left: list[str]) -> list[str]:
    while left and left[0].startswith("-"):
        option = left.pop(0)
        if option == "-m":
            return left
        if option in ("-W", "-X") and left:
            left.pop(0)
        if option == "-c":
            return []
    return left


def _pip(rest: list[str], where: str, seen: Sightings) -> None:
    waiting = iter(rest)
    for word in waiting:
        option, is_joined, value = word.partition("=")
        short = re.fullmatch(r"(-[rci])(.+)", word)
        if short and not word.startswith("--"):
            option, is_joined, value = short[1], "=", short[2]
        if option in ("-e", "--editable"):
            _installed(value if is_joined else next(waiting, ""), where, seen)
        elif option in _PIP_KINDS or option in _PIP_VALUES:
            value = value if is_joined else next(waiting, "")
            if option in _PIP_KINDS and not _is_open(value) and value != "pyproject.toml":
                seen.note(_PIP_KINDS[option], _plain(value), where)
        elif not word.startswith("-"):
            _installed(word, where, seen)


def _plain(value: str) -> str:
    """A path without what stands for the root, an address without its password."""
    value = re.sub(r"://[^/@\s]*@", "://", value)
    return re.sub(r"^(?:\{toxinidir\}/|\{tox_root\}/|\./)", "", value)


def _is_open(word: str) -> bool:
    return "$" in word or "{" in _plain(word)


def _installed(word: str, where: str, seen: Sightings) -> None:
    """One thing that pip is told to install."""
    if match := re.fullmatch(r"(\.{1,2}(?:/[\w./-]*)?|\{toxinidir\})(?:\[([\w.,\s-]+)\])?", word):
        for extra in (match[2] or "").split(","):
            seen.note("extra", extra, where)
        return
    if _is_open(word) or "/" in word or word.endswith((".whl", ".gz", ".txt")):
        return
    try:
        asked = Requirement(word)
    except InvalidRequirement:
        return
    if canonicalize_name(asked.name) not in _OWN_TOOLS and not asked.url:
        seen.note("package", str(asked), where)


def _whole(rest: list[str], where: str, seen: Sightings) -> None:
    """Flags that ask for all of a kind."""
    for word in rest:
        if kind := _ALL_OF.get(word):
            seen.note(kind, ALL, where)


def _poetry(rest: list[str], where: str, seen: Sightings) -> None:
    _whole(rest, where, seen)
    known: dict[str, Kind] = {"--with": "group", "--only": "group", "-E": "extra"}
    _flags(rest, where, seen, {**known, "--extras": "extra"})


def _pdm(rest: list[str], where: str, seen: Sightings) -> None:
    if any(rest[place : place + 2] == ["-G", ":all"] for place in range(len(rest))):
        # What is for development it installs anyway.
        seen.note("extra", ALL, where)
    _flags(rest, where, seen, {"-G": "group", "--group": "group", "-dG": "group"})


def _uv_sync(rest: list[str], where: str, seen: Sightings) -> None:
    _whole(rest, where, seen)
    _flags(rest, where, seen, _UV_FLAGS)


def _uv_pip(rest: list[str], where: str, seen: Sightings) -> None:
    _uv_sync(rest, where, seen)
    _pip(rest, where, seen)


def _pipenv(rest: list[str], where: str, seen: Sightings) -> None:
    if {"--dev", "-d"} & set(rest):
        seen.note("group", "develop", where)
    _flags(rest, where, seen, {"--categories": "group"})


def _system(rest: list[str], where: str, seen: Sightings) -> None:
    for word in rest[rest.index("install") + 1 if "install" in rest else len(rest) :]:
        if re.fullmatch(r"[a-z0-9][a-z0-9+.-]*", word):
            seen.note("system package", word, where)


def _flags(rest: list[str], where: str, seen: Sightings, known: dict[str, Kind]) -> None:
    waiting = iter(rest)
    for word in waiting:
        option, is_joined, value = word.partition("=")
        if option not in known:
            continue
        value = value if is_joined else next(waiting, "")
        for name in _names(value):
            if known[option] != "group" or name not in ("main", "default"):
                seen.note(known[option], name, where)


def _names(value: str) -> Iterator[str]:
    for name in re.split(r"[,\s]+", value):
        if re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
            yield name


_INSTALLERS: tuple[tuple[tuple[str, ...], Callable[[list[str], str, Sightings], None]], ...] = (
    (("pip", "install"), _pip),
    (("uv", "pip", "install"), _uv_pip),
    (("uv", "sync"), _uv_sync),
    (("poetry", "install"), _poetry),
    (("pdm", "install"), _pdm),
    (("pdm", "sync"), _pdm),
    (("pipenv", "install"), _pipenv),
    (("pipenv", "sync"), _pipenv),
    (("apt-get",), _system),
    (("apt",), _system),
)
