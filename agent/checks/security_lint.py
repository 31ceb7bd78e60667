"""ruff's security rules, with our selection and whatever the repository configures for itself.

What they find is no failure of the repository's own checks: a rule of the policy weighs what is
new (see `agent.policy.tool_rules`). Left out of the selection is what is no news in most code or
held by rules of our own that follow names: asserts, literal passwords, random numbers, the mere
import of subprocess, programs started by a part of their path.

By the same run, what could decide how tests end is found in source: the test tools, and what looks
into the interpreter.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import resources

from agent.checks import lint
from repo_config.test_files import is_test

NAME = "security"
_LEFT_OUT = "S101,S105,S106,S107,S110,S112,S311,S404,S603,S606,S607"
#: Names that source has hardly a use for, and that let it change how its tests end.
_BANNED = (
    "pytest", "_pytest", "pluggy", "unittest", "django.test", "gc", "ctypes", "sys.modules",
    "sys._getframe", "sys._current_frames", "sys.settrace", "sys.setprofile", "sys.monitoring",
    "threading.settrace", "threading.setprofile", "inspect.currentframe", "inspect.stack",
)  # fmt: skip
#: Our own, in the room.
_OURS = tuple(
    path.name.removesuffix(".py")
    for path in resources.files("agent.checks").joinpath("inside").iterdir()
    if path.name.startswith("mergewright_")
)
_BANS = ", ".join(f'"{name}" = {{msg = "tests"}}' for name in (*_BANNED, *_OURS))
_BAN = f"lint.flake8-tidy-imports.banned-api = {{{_BANS}}}"
_ARGUMENTS = ("--isolated", "--ignore-noqa", "--ignore", _LEFT_OUT, "--select")


def _read(content: bytes) -> list[lint.Remark] | None:
    """Read the JSON of ruff; tests do on purpose what source may not, but reach for our scripts."""
    remarks = lint.read_ruff(content)
    return remarks and [
        one for one in remarks if not is_test(one.path) or one.message.startswith("`mergewright_")
    ]


SECURITY = lint.LintCheck(
    name=NAME,
    command_words=("ruff", "check"),
    # Without the banned names: nobody reads a list that long.
    arguments=(*_ARGUMENTS, "S"),
    machine_arguments=(
        *_ARGUMENTS, "S,TID251",
        "--config", _BAN.replace("{", "{{").replace("}", "}}"),
        "--no-cache", "--no-fix", "--no-respect-gitignore", "--exclude", "node_modules",
        "--output-format=json", "--output-file={report}",
    ),
    # One of each kind that has to be found: a syntax error alone is found without any selection.
    probe="import pickle\n\npickle.loads(input().encode())\n",
    read=_read,
    configured=lambda _: True,
    ours=True,
    rule="test-tool-in-source",
)  # fmt: skip
#: For files that are called as those of tests are, and are none.
DISGUISED = replace(SECURITY, name="source beside tests", read=lint.read_ruff)
