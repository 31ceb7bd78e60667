"""ruff, flake8, black and isort: how each is run so that a machine can read it."""

from __future__ import annotations

from agent.checks import check, lint

#: A syntax error, which no selection of rules leaves out.
_BROKEN = "def broken(:\n"
_UNFORMATTED = "value   =  [1,2 ,\n3]\n"
#: Has one import twice, which no configuration leaves as it is.
_UNSORTED = "import sys, os\nimport abc\nimport abc\nfrom os import sep, path\n\nvalue = 1\n"
#: Objectionable in many ways, so that some rule of every selection is broken. It can be parsed:
#: otherwise nothing but that would be found, which is left to a file beside it.
_UNTIDY = """import os, sys
import json
def  f(x,y = 1) :
    l = undefined_name
    if x == None: return
    try:
        pass
    except:
        pass
    assert (x, "never false")
    return lambda: 0;   
a=1
class  c:
\tpass
"""  # noqa: W291
#: More branches than any limit that is in use.
_TOO_COMPLEX = "\ndef g(x):\n" + "    if x:\n        x = 1\n" * 200
#: Stands in the place of the files that a tool leaves out of its own accord.
_NONE = "mergewright-leaves-nothing-out"


def _is_linter(site: check.Site) -> bool:
    return "ruff" in site.project.lint_tools and "ruff check" not in site.project.not_run


def _is_formatter(site: check.Site) -> bool:
    return "ruff" in site.project.lint_tools and site.project.ruff_formats


RUFF_CHECK = lint.LintCheck(
    name="ruff check",
    command_words=("ruff", "check"),
    machine_arguments=(
        "--no-cache", "--no-fix", "--no-respect-gitignore", "--output-file={report}",
    ),
    # The argument was --format until 0.0.290, and is --output-format since.
    environ={"RUFF_FORMAT": "json", "RUFF_OUTPUT_FORMAT": "json"},
    probe=_BROKEN,
    read=lint.read_ruff,
    configured=_is_linter,
    named=("--force-exclude",),
    built_in=("--exclude", _NONE),
)  # fmt: skip

RUFF_FORMAT = lint.LintCheck(
    name="ruff format",
    command_words=("ruff", "format"),
    arguments=("--check",),
    machine_arguments=("--no-cache", "--no-respect-gitignore"),
    probe=_UNFORMATTED,
    read=lint.read_rewritten,
    configured=_is_formatter,
    rewrites=True,
    unreadable_code=2,
    named=("--force-exclude",),
    built_in=("--exclude", _NONE),
)

FLAKE8 = lint.LintCheck(
    name="flake8",
    command_words=("flake8",),
    machine_arguments=(
        "--output-file={report}", "--format=%(path)s\t%(row)d\t%(code)s\t%(text)s",
    ),
    probe=_UNTIDY + _TOO_COMPLEX,
    unreadable_probe=_BROKEN,
    read=lint.read_flake8,
    built_in=("--exclude", _NONE),
)  # fmt: skip

BLACK = lint.LintCheck(
    name="black",
    command_words=("black",),
    arguments=("--check",),
    machine_arguments=("--no-color",),
    probe=_UNFORMATTED,
    read=lint.read_rewritten,
    rewrites=True,
    unreadable_code=123,
    # It leaves out nothing that is named, but much of what it is to find by a pattern.
    named=("--include", "{pattern}", "."),
    built_in=("--exclude", _NONE),
    takes_paths=False,
)

ISORT = lint.LintCheck(
    name="isort",
    command_words=("isort",),
    arguments=("--check-only",),
    machine_arguments=(),
    probe=_UNSORTED,
    read=lint.read_rewritten,
    rewrites=True,
    named=("--filter-files",),
    built_in=("--skip", _NONE),
)

ALL = (RUFF_CHECK, RUFF_FORMAT, FLAKE8, BLACK, ISORT)
FORMATTERS = frozenset(one.name for one in ALL if one.rewrites)
