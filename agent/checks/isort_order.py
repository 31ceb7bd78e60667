"""isort, as a check of the order of imports."""

from __future__ import annotations

from agent.checks import check, lint

#: Has one import twice, which no configuration leaves as it is.
_PROBE = "import sys, os\nimport abc\nimport abc\nfrom os import sep, path\n\nvalue = 1\n"


def _is_configured(site: check.Site) -> bool:
    return "isort" in site.project.lint_tools


ISORT = lint.LintCheck(
    name="isort",
    command_words=("isort",),
    arguments=("--check-only",),
    machine_arguments=("--check-only",),
    probe=_PROBE,
    read=lint.read_isort,
    configured=_is_configured,
    prints_report=True,
)
