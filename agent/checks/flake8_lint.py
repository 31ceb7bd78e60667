"""flake8."""

from __future__ import annotations

from agent.checks import check, lint

#: Objectionable in many ways, so that some rule of every selection is broken. It can be parsed:
#: otherwise nothing but that would be found, which is left to a file beside it.
_PROBE = """import os, sys
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


def _is_configured(site: check.Site) -> bool:
    return "flake8" in site.project.lint_tools


FLAKE8 = lint.LintCheck(
    name="flake8",
    command_words=("flake8",),
    machine_arguments=(
        "--output-file={report}", "--format=%(path)s\t%(row)d\t%(code)s\t%(text)s",
    ),
    probe=_PROBE + _TOO_COMPLEX,
    unreadable_probe="def broken(:\n",
    read=lint.read_flake8,
    configured=_is_configured,
)  # fmt: skip
