"""Hold back commands and code that are put together of what a stranger sends.

A shell reads more than one command in a text, and `eval` reads a program. A list of arguments
without a shell is harmless here. What a request brings blocks; a line for the shell that is built
of something unknown, and `eval` of anything that is not written out, are for the reviewer.
How values move is known to `flow`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import flow, spots
from agent.policy.security.results import Site
from agent.policy.security.spots import Spot
from agent.policy.security.values import Kind, Value
from agent.policy.view import View

COMMAND_INJECTION = Rule(
    id="command-injection",
    demands="What a request brings is never a part of a line for the shell, nor executed as code.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="subprocess.run(f\"ping {request.GET['host']}\", shell=True)",
    good='subprocess.run(["ping", "--", request.GET["host"]])',
)
BUILT_COMMAND = Rule(
    id="built-command",
    demands="Programs are started with a list of arguments; no code is made of texts.",
    severity=Severity.REVIEW,
    bad='subprocess.run(f"tar czf {target} {folder}", shell=True)',
    good='subprocess.run(["tar", "czf", target, folder])',
)
RULES = (COMMAND_INJECTION, BUILT_COMMAND)

_FIX = "Start the program with a list of arguments and no shell."
_MARKS = re.compile(
    rb"system|popen|Popen|subprocess|getoutput|getstatusoutput|exec|eval|spawn|import_module"
    rb"|__import__|import_string|run\("
)
_SHELLS = frozenset(
    {
        "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
        "asyncio.create_subprocess_shell", "commands.getoutput", "popen2.popen2",
    }
)  # fmt: skip
_STARTS = frozenset(
    f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen")
)
_CODE = frozenset({"builtins.eval", "builtins.exec"})
_IMPORTS = frozenset(
    {
        "builtins.__import__", "importlib.import_module",
        "django.utils.module_loading.import_string", "werkzeug.utils.import_string",
    }
)  # fmt: skip
_SHELL_NAMES = re.compile(r"(?:.*/)?(?:sh|bash|zsh|dash|ksh|cmd(?:\.exe)?|powershell)")
_TAKES_A_LINE = frozenset({"-c", "-lc", "-ec", "/c", "/C", "-Command"})


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new command or piece of code that is built."""
    fixes = {COMMAND_INJECTION: _FIX, BUILT_COMMAND: _FIX}
    yield from spots.findings(proposal, _spots, fixes, apart=(BUILT_COMMAND,))


def _spots(view: View) -> Iterator[Spot]:
    if not _MARKS.search(view.content):
        return
    for site in flow.calls(view):
        if site.names & _CODE | site.names & _IMPORTS:
            yield from _of_code(site)
        elif (line := _line(site)) is not None:
            level = line.level("command")
            if level == Kind.STRANGER:
                source = line.source("command")
                yield Spot(COMMAND_INJECTION, site.node, f"puts {source} into a line for the shell")
            elif level >= Kind.UNKNOWN:
                yield Spot(
                    BUILT_COMMAND, site.node, "gives the shell a line that is not written out"
                )


def _of_code(site: Site) -> Iterator[Spot]:
    code = site.given(0, "source", "name", "dotted_path")
    if code is None:
        return
    does = "executes" if site.names & _CODE else "imports"
    if code.level("command") == Kind.STRANGER:
        yield Spot(COMMAND_INJECTION, site.node, f"{does} {code.source('command')}")
    elif site.names & _CODE and code.level("command") >= Kind.UNKNOWN:
        yield Spot(BUILT_COMMAND, site.node, "executes a text that is not written out")


def _line(site: Site) -> Value | None:
    """Return what a call gives to a shell."""
    if site.names & _SHELLS:
        return site.given(0, "command", "cmd")
    if site.names & _STARTS:
        if _is_true(site.written(-1, "shell")):
            return site.given(0, "args")
        return _behind_a_shell(site)
    if site.name == "exec_command":
        line = site.given(0, "command")
        return line if line is not None and (line.is_built or _sent(line)) else None
    return None


def _sent(value: Value) -> bool:
    return value.level("command") == Kind.STRANGER


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _behind_a_shell(site: Site) -> Value | None:
    """Return the line of a list such as `["sh", "-c", line]`, if it is built."""
    written = site.written(0, "args")
    if not isinstance(written, (ast.List, ast.Tuple)) or len(written.elts) < 3:
        return None
    shell, option = written.elts[:2]
    if not isinstance(shell, ast.Constant) or not isinstance(option, ast.Constant):
        return None
    if not _SHELL_NAMES.fullmatch(str(shell.value)) or option.value not in _TAKES_A_LINE:
        return None
    return site.given(0, "args")
