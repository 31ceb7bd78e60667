"""Say what of a tool's command line a check can follow: what it looks at, and what it demands.

How a tool prints and how many processes it takes is left out; what cannot be known without running
anything (a shell's variables and patterns) ends it, in words. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from repo_config.located import escape_text
from repo_config.tool_commands import Command


class ToolOptions(BaseModel):
    """What a tool is told on its command line."""

    model_config = ConfigDict(frozen=True)

    args: tuple[str, ...] = ()
    """Options, with their values."""
    paths: tuple[str, ...] = ()
    """What it looks at, relative to the folder of the project; empty: what it takes by itself."""

    @property
    def words(self) -> tuple[str, ...]:
        """All of it."""
        return (*self.args, *self.paths)


class _Options(NamedTuple):
    left_out: str = ""
    """Options that say how it prints or mends, which a check sees to itself."""
    left_out_with_value: str = ""
    demanded: str = ""
    """One of these has to be there, for otherwise it mends and checks nothing."""
    never: str = ""
    """With one of these it is no check."""


#: Of options, those that take what may be a file or folder of the project, or a name like one.
_TAKE_NAMES = """\
    --config --append-config --config-file --settings-path --settings-file --sp --src --src-path
    --exclude --extend-exclude --force-exclude --skip --extend-skip --filename --include
    --application-import-names --known-first-party --project -p -o --thirdparty --package -m
    --module --custom-typeshed-dir -t --typeshedpath --typeshed-path --untyped-calls-exclude
"""
_FORMATTED = "--check --diff"
_PYRIGHT = _Options(
    left_out="--outputjson --stats --verbose --dependencies -w --watch --lib",
    left_out_with_value=(
        "--threads --pythonpath -v --venvpath --venv-path --gitlabcodequality --baselinefile"
        " --baselinemode"
    ),
    never="--verifytypes --createstub --writebaseline --version --help -h -",
)
_OPTIONS: dict[str, _Options] = {
    "flake8": _Options(
        left_out="-q --quiet -qq", never="--exit-zero --version --help --bug-report"
    ),
    "black": _Options(
        left_out=_FORMATTED, demanded=_FORMATTED, never="--version --help -h -c --code"
    ),
    "isort": _Options(
        left_out="--check --check-only -c --diff --df --recursive -rc --atomic -y",
        demanded="--check --check-only -c --diff --df",
        never="--version --help --show-config --show-files --interactive",
    ),
    # ruff takes no option twice.
    "ruff check": _Options(
        left_out=(
            "--fix --no-fix --fix-only --unsafe-fixes --show-fixes --exit-non-zero-on-fix --diff"
            " --statistics -s --silent -n --no-cache"
        ),
        left_out_with_value="--output-format --format -o --output-file",
        never="--exit-zero -e --add-noqa --watch -w --show-files --show-settings --help",
    ),
    "ruff format": _Options(
        left_out="--check --diff -s --silent -n --no-cache",
        demanded=_FORMATTED,
        never="--help",
    ),
    "mypy": _Options(
        left_out="--install-types --non-interactive -v --verbose --stats --inferstats",
        left_out_with_value=(
            "--python-executable --junit-xml --html-report --txt-report --xml-report"
            " --cobertura-xml-report --linecount-report --linecoverage-report --any-exprs-report"
        ),
        never="--version -V --help -h -c --command",
    ),
    "pyright": _PYRIGHT,
    "basedpyright": _PYRIGHT,
}


def parse_options(command: Command, exists: Callable[[str], bool]) -> ToolOptions | str:
    """Give what a check can take over of a command; words where it cannot follow it.

    Args:
        exists: Whether the project has a file or folder of that name.
    """
    if command.why:
        return command.why
    known = _OPTIONS[command.check]
    if strange := next((word for word in command.words if re.search(r"[$`{}]", word)), None):
        return _get_open_option(strange)
    if off := next((word for word in command.words if word in known.never.split()), None):
        return f"{off} makes it no check"
    demanded = known.demanded.split()
    if demanded and not command.is_hook and not set(demanded) & set(command.words):
        return "it mends, and objects to nothing"
    args: list[str] = []
    paths: list[str] = []
    for kind, words in _sort_words(command.words, known, exists):
        if kind == "path":
            if not exists(words[0]):
                pattern = re.search(r"[*?\[]", words[0])
                return (
                    _get_open_option(words[0])
                    if pattern
                    else f"there is no {escape_text(words[0])}"
                )
            paths.append(posixpath.normpath(words[0]))
        elif kind == "option":
            args += words
    return ToolOptions(args=tuple(args), paths=() if paths == ["."] else tuple(paths))


def _get_open_option(word: str) -> str:
    return f"it is told {escape_text(word)}, which only a shell could write out"


def _sort_words(
    words: tuple[str, ...], known: _Options, exists: Callable[[str], bool]
) -> Iterator[tuple[str, list[str]]]:
    """Yield `option`, `path` or `aside`, each with its words."""
    silent = known.left_out_with_value.split()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, joined, _ = word.partition("=")
        if word == "--":
            yield from (("path", [path]) for path in waiting)
            return
        if not word.startswith("-"):
            yield "path", [word]
        elif option in known.left_out.split():
            yield "aside", [word]
        else:
            # What is neither an option nor there can only be a value.
            follows = not joined and waiting and not waiting[0].startswith("-")
            takes = option in {*silent, *_TAKE_NAMES.split()} or (
                follows and not exists(waiting[0])
            )
            value = [waiting.pop(0)] if waiting and takes and not joined else []
            yield ("aside" if option in silent else "option"), [word, *value]
