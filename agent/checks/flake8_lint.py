"""flake8."""

from __future__ import annotations

from agent.checks import check, lint

#: Objectionable in many ways, so that some rule of every selection is broken.
_PROBE = """import os, sys
from os import *
import json
def  f(x,y = 1) :
    l = undefined_name
    if x == None: return
    try:
\t\tpass
    except:
        pass
    return lambda: 0;   
a=1
class  c: pass
"""  # noqa: W291


def _is_configured(site: check.Site) -> bool:
    return "flake8" in site.project.lint_tools


FLAKE8 = lint.LintCheck(
    name="flake8",
    tool="flake8",
    arguments=(".",),
    machine_arguments=(
        "--output-file={report}", "--format=%(path)s\t%(row)d\t%(code)s\t%(text)s",
    ),
    probe=_PROBE,
    read=lint.read_flake8,
    configured=_is_configured,
)  # fmt: skip
