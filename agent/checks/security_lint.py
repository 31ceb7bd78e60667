"""ruff's security rules, with our selection and whatever the repository configures for itself.

What they find is no failure of the repository's own checks: a rule of the policy weighs what is
new (see `agent.policy.tool_rules`). Left out of the selection is what is no news in most code or
held by rules of our own that follow names: asserts, literal passwords, random numbers, the mere
import of subprocess, programs started by a part of their path.
"""

from __future__ import annotations

from agent.checks import lint

NAME = "security"
_SELECTED = "S"
_LEFT_OUT = "S101,S105,S106,S107,S110,S112,S311,S404,S603,S606,S607"

SECURITY = lint.LintCheck(
    name=NAME,
    command_words=("ruff", "check"),
    arguments=("--isolated", "--ignore-noqa", "--select", _SELECTED, "--ignore", _LEFT_OUT),
    machine_arguments=(
        "--isolated", "--ignore-noqa", "--select", _SELECTED, "--ignore", _LEFT_OUT,
        "--no-cache", "--no-fix", "--no-respect-gitignore", "--exclude", "node_modules",
        "--output-format=json", "--output-file={report}",
    ),
    # One of each kind that has to be found: a syntax error alone is found without any selection.
    probe="import pickle\n\npickle.loads(input().encode())\n",
    read=lint.read_ruff,
    configured=lambda _: True,
    ours=True,
    rule="security-lint",
)  # fmt: skip
