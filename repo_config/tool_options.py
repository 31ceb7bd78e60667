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

from repo_config.located import inert
from repo_config.tool_commands import Command


class Told(BaseModel):
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
    """Options without a value that say how it prints or works."""
    left_out_with_value: str = ""
    with_value: str = ""
    """Options that count and take a value."""
    demanded: str = ""
    """One of these has to be there, for otherwise it mends and checks nothing."""
    never: str = ""
    """With one of these it is no check."""


_FORMATTED = "--check --diff"
_OPTIONS: dict[str, _Options] = {
    "flake8": _Options(
        left_out="-q --quiet -v --verbose --count --show-source --statistics --benchmark --tee",
        left_out_with_value="--format --output-file -j --jobs --color",
        with_value=(
            "--max-line-length --max-doc-length --max-complexity --ignore --extend-ignore --select"
            " --extend-select --exclude --extend-exclude --per-file-ignores --filename --config"
            " --append-config --builtins --indent-size --hang-closing --application-import-names"
            " --import-order-style --docstring-convention --enable-extensions --require-plugins"
        ),
        never="--exit-zero --version --help --bug-report",
    ),
    "black": _Options(
        left_out="--color --no-color -q --quiet -v --verbose --check --diff",
        left_out_with_value="-W --workers",
        with_value=(
            "-l --line-length -t --target-version --include --exclude --extend-exclude"
            " --force-exclude --config --required-version --python-cell-magics"
            " --enable-unstable-feature"
        ),
        demanded=_FORMATTED,
        never="--version --help -c --code",
    ),
    "isort": _Options(
        left_out=(
            "--check --check-only -c --diff --df --color -q --quiet -v --verbose -y --atomic"
            " --recursive -rc --interactive"
        ),
        left_out_with_value="-j --jobs",
        with_value=(
            "--profile -l --line-length --line-width -w --wrap-length -m --multi-line -p --project"
            " -o --thirdparty -f --future -b --builtin --known-local-folder -s --skip --skip-glob"
            " -sg --extend-skip --extend-skip-glob --settings-path --sp --settings-file --src"
            " --src-path --py --python-version -a --add-import --rm --remove-import -d"
            " --default-section --sd --section-default --lines-after-imports --lai"
            " --lines-between-types --lbt --lines-between-sections --known-first-party"
        ),
        demanded="--check --check-only -c --diff --df",
        never="--version --help --show-config --show-files",
    ),
    "ruff check": _Options(
        left_out=(
            "--fix --no-fix --fix-only --unsafe-fixes --no-unsafe-fixes --show-fixes --show-source"
            " --diff -q --quiet -v --verbose -s --silent --statistics -n --no-cache"
            " --exit-non-zero-on-fix"
        ),
        left_out_with_value="--output-format --format -o --output-file --cache-dir --color",
        with_value=(
            "--select --ignore --extend-select --extend-ignore --fixable --unfixable"
            " --per-file-ignores --extend-per-file-ignores --target-version --line-length"
            " --exclude --extend-exclude --config --extension"
        ),
        never="--exit-zero -e --add-noqa --watch -w --show-files --show-settings --help",
    ),
    "ruff format": _Options(
        left_out="-q --quiet -v --verbose -s --silent --check --diff -n --no-cache",
        left_out_with_value="--cache-dir --color",
        with_value="--target-version --line-length --exclude --config --extension --range",
        demanded=_FORMATTED,
        never="--help",
    ),
    "mypy": _Options(
        left_out=(
            "--install-types --non-interactive --pretty --no-pretty --show-error-codes"
            " --hide-error-codes --show-column-numbers --show-error-context --show-error-end"
            " --hide-error-context --no-error-summary --color-output --no-color-output"
            " --show-absolute-path --show-traceback --tb --sqlite-cache --incremental"
            " --no-incremental --skip-cache-mtime-checks -v --verbose --stats --inferstats"
        ),
        left_out_with_value=(
            "--output --cache-dir --junit-xml --html-report --txt-report --xml-report"
            " --cobertura-xml-report --linecount-report --linecoverage-report --any-exprs-report"
            " --xslt-html-report --xslt-txt-report --python-executable --num-workers"
        ),
        with_value=(
            "--config-file --python-version --platform -p --package -m --module --exclude"
            " --disable-error-code --enable-error-code --follow-imports --always-true"
            " --always-false --custom-typeshed-dir --untyped-calls-exclude"
            " --enable-incomplete-feature"
        ),
        never="--version -V --help -h -c --command",
    ),
    "pyright": _Options(
        left_out="--outputjson --stats --verbose --dependencies -w --watch --lib",
        left_out_with_value=(
            "--threads --pythonpath -v --venvpath --venv-path --gitlabcodequality --baselinefile"
            " --baselinemode"
        ),
        with_value=(
            "-p --project --level --pythonversion --pythonplatform -t --typeshedpath"
            " --typeshed-path"
        ),
        never="--verifytypes --createstub --writebaseline --version --help -h -",
    ),
}
_OPTIONS["basedpyright"] = _OPTIONS["pyright"]


def follow(command: Command, exists: Callable[[str], bool]) -> Told | str:
    """Give what a check can take over of a command; words where it cannot follow it.

    Args:
        exists: Whether the project has a file or folder of that name.
    """
    if command.why:
        return command.why
    known = _OPTIONS[command.check]
    if strange := next((word for word in command.words if re.search(r"[$`{}]", word)), None):
        return _open(strange)
    if off := next((word for word in command.words if word in known.never.split()), None):
        return f"{off} makes it no check"
    demanded = known.demanded.split()
    if demanded and not command.is_hook and not set(demanded) & set(command.words):
        return "it mends, and objects to nothing"
    args: list[str] = []
    paths: list[str] = []
    for kind, words in _sorted(command.words, known, exists):
        if kind == "unknown":
            return f"what {inert(words[0])} takes is not known"
        if kind == "path":
            if not exists(words[0]):
                pattern = re.search(r"[*?\[]", words[0])
                return _open(words[0]) if pattern else f"there is no {inert(words[0])}"
            paths.append(posixpath.normpath(words[0]))
        elif kind == "option":
            args += words
    return Told(args=tuple(args), paths=() if paths == ["."] else tuple(paths))


def _open(word: str) -> str:
    return f"it is told {inert(word)}, which only a shell could write out"


def _sorted(
    words: tuple[str, ...], known: _Options, exists: Callable[[str], bool]
) -> Iterator[tuple[str, list[str]]]:
    """Yield `option`, `path`, `aside` or `unknown`, each with its words."""
    valued, silent = known.with_value.split(), known.left_out_with_value.split()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, joined = _option(word, {*valued, *silent})
        following = waiting[0] if waiting else ""
        if word == "--":
            yield from (("path", [path]) for path in waiting)
            return
        if not word.startswith("-"):
            yield "path", [word]
        elif option in known.left_out.split():
            yield "aside", [word]
        elif option in valued or option in silent:
            value = [] if joined else [waiting.pop(0)] if waiting else []
            yield ("option" if option in valued else "aside"), [word, *value]
        elif joined or not following or following.startswith("-") or exists(following):
            yield "option", [word]
        else:
            yield "unknown", [word]


def _option(word: str, valued: set[str]) -> tuple[str, bool]:
    """The name of an option, and whether its value is joined to it, as in -l100."""
    name, joined, _ = word.partition("=")
    if not joined and not word.startswith("--") and word[:2] in valued and word not in valued:
        return word[:2], len(word) > len(word[:2])
    return name, bool(joined)
