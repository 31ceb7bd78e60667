"""ruff, as a linter and as a formatter."""

from __future__ import annotations

from agent.checks import check, lint
from repo_config import formatters

#: A syntax error, which no selection of rules leaves out.
_BROKEN = "def broken(:\n"
_UNFORMATTED = "value   =  [1,2 ,\n3]\n"


def _is_linter(site: check.Site) -> bool:
    return "ruff" in site.project.lint_tools


def _is_formatter(site: check.Site) -> bool:
    """Whether the repository says that ruff formats it."""

    def text(name: str) -> str:
        path = site.tree / name
        # A link could lead anywhere on this machine.
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        return content.decode("utf-8", "replace")

    return _is_linter(site) and formatters.ruff_formats(text)


RUFF_CHECK = lint.LintCheck(
    name="ruff check",
    tool="ruff",
    arguments=("check", "."),
    machine_arguments=(
        "check", "--no-cache", "--no-fix", "--output-format=json", "--output-file={report}",
    ),
    probe=_BROKEN,
    read=lint.read_ruff,
    configured=_is_linter,
)  # fmt: skip

RUFF_FORMAT = lint.LintCheck(
    name="ruff format",
    tool="ruff",
    arguments=("format", "--check", "."),
    machine_arguments=("format", "--check", "--no-cache"),
    probe=_UNFORMATTED,
    read=lint.read_ruff_format,
    configured=_is_formatter,
    prints_report=True,
    unreadable_code=2,
)
