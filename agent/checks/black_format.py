"""black, as a check."""

from __future__ import annotations

from agent.checks import check, lint


def _is_configured(site: check.Site) -> bool:
    return "black" in site.project.lint_tools


BLACK = lint.LintCheck(
    name="black",
    command_words=("black",),
    arguments=("--check",),
    machine_arguments=("--check", "--no-color"),
    probe="value   =  [1,2 ,\n3]\n",
    read=lint.read_black,
    configured=_is_configured,
    prints_report=True,
    unreadable_code=123,
)
