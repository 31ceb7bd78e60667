"""ruff, as a linter and as a formatter."""

from __future__ import annotations

import posixpath

from agent.checks import check, lint
from repo_config import formatters

#: A syntax error, which no selection of rules leaves out.
_BROKEN = "def broken(:\n"
_UNFORMATTED = "value   =  [1,2 ,\n3]\n"


def _is_linter(site: check.Site) -> bool:
    return "ruff" in site.project.lint_tools and "ruff check" not in site.project.not_run


def _is_formatter(site: check.Site) -> bool:
    """Whether the repository says that ruff formats it."""

    def text(name: str) -> str:
        return site.text(posixpath.join(site.project.root, name)) or ""

    is_run = "ruff format" in site.project.told or formatters.ruff_formats(text)
    return "ruff" in site.project.lint_tools and is_run


RUFF_CHECK = lint.LintCheck(
    name="ruff check",
    command_words=("ruff", "check"),
    machine_arguments=("--no-cache", "--no-fix", "--output-file={report}"),
    # The argument was --format until 0.0.290, and is --output-format since.
    environ={"RUFF_FORMAT": "json", "RUFF_OUTPUT_FORMAT": "json"},
    probe=_BROKEN,
    read=lint.read_ruff,
    configured=_is_linter,
)

RUFF_FORMAT = lint.LintCheck(
    name="ruff format",
    command_words=("ruff", "format"),
    arguments=("--check",),
    machine_arguments=("--check", "--no-cache"),
    probe=_UNFORMATTED,
    read=lint.read_ruff_format,
    configured=_is_formatter,
    prints_report=True,
    unreadable_code=2,
)
