"""Which functions are programs of the command line, whose output is what they are for.

Console scripts of the project, commands of click and typer, functions that parse arguments, and
what only these call. Who calls a function from another file is left to `callers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import libcst as cst

from agent.recipes import word_lists
from agent.recipes.nodes import dotted_name
from agent.recipes.print_to_logging.calls import Context, Found
from repo_config.project_files import Files, table
from repo_config.tree import Tree

_COMMANDS = frozenset({"command", "group", "callback", "result_callback"})
_FRAMEWORKS = word_lists.words(
    "click typer rich_click asyncclick cloup flask fire invoke cleo plac argh clize "
    "cyclopts argparse optparse getopt docopt cmd"
)
_PARSERS = frozenset(
    {"ArgumentParser", "parse_args", "parse_known_args", "OptionParser", "docopt", "getopt"}
)
_SCRIPT = re.compile(r"[\"']([^\"'\n=:]{1,100}=[^\"'\n=:]{1,200}:[^\"'\n=:]{1,100})[\"']")
_ENTRY = re.compile(r"[\w.-]+\s*=\s*(?P<module>[A-Za-z_][\w.]*)\s*:\s*(?P<function>[A-Za-z_]\w*)")


def entry_points(tree: Tree) -> frozenset[tuple[str, str]]:
    """Module and function of every console script that the project declares."""
    files = Files(tree)
    lines: list[str] = []
    project = table(files.pyproject, "project")
    tables = [table(project, name) for name in ("scripts", "gui-scripts")]
    tables.append(table(files.pyproject, "tool", "poetry", "scripts"))
    tables.append(table(files.pyproject, "tool", "flit", "scripts"))
    tables.append(table(project, "entry-points", "console_scripts"))
    for scripts in tables:
        for name, value in scripts.items():
            target = value.get("callable") if isinstance(value, dict) else value
            lines.append(f"{name} = {target}")
    lines += (
        files.ini("setup.cfg")
        .get("options.entry_points", {})
        .get("console_scripts", "")
        .split("\n")
    )
    lines += _SCRIPT.findall(files.text("setup.py"))
    found = [_ENTRY.match(line.strip()) for line in lines]
    return frozenset((one["module"], one["function"]) for one in found if one)


class Programs:
    """The programs of one file."""

    def __init__(
        self, found: Found, own_entries: frozenset[str], outside: Callable[[str], str | None]
    ) -> None:
        """Look at a file.

        Args:
            found: Its functions.
            own_entries: Functions of it that console scripts start.
            outside: The program of another file that alone uses a function; "": others do, too.
        """
        self._entries = own_entries
        self._called = found.called
        self._frameworks = found.imported & _FRAMEWORKS
        self._handlers = found.handlers
        self._started = found.started
        self._reasons: dict[str, str] = {}
        self._starts: set[str] = set()
        self._find(found, outside)

    def has(self, function: str) -> bool:
        """Whether a function at the top level is a program, or works for programs alone."""
        return function in self._starts or function in self._reasons

    @property
    def is_command_module(self) -> bool:
        """Whether the file is a program as a whole."""
        return bool(self._entries or self._frameworks - {"flask", "cmd", "getopt"})

    def reason(self, context: Context) -> str | None:
        """Why the output of a function is what the program is for, if it is."""
        for function in context.functions:
            reason = self._direct(function, context)
            if reason:
                return reason
        names = [one.name.value for one in context.functions[:1]]
        return next((self._reasons[name] for name in names if name in self._reasons), None)

    def _direct(self, function: cst.FunctionDef, context: Context) -> str | None:
        name = function.name.value
        if name in self._entries and not context.classes:
            return f"`{name}` is a console script; this is its output"
        for decorator in function.decorators:
            node = decorator.decorator
            dotted = dotted_name(node.func if isinstance(node, cst.Call) else node)
            if dotted.rpartition(".")[2] in _COMMANDS and self._frameworks:
                return f"`{name}` is a command; this is its output"
        if name in self._handlers:
            return f"`{name}` is a command of the argument parser; this is its output"
        if self._called[function] & _PARSERS:
            return f"`{name}` parses the command line; this is its output"
        if any(one.name.value == "argv" for one in function.params.params):
            return f"`{name}` gets the arguments of the command line; this is its output"
        if any("Namespace" in dotted_name(a) for a in _annotations(function)):
            return f"`{name}` gets parsed arguments; this is its output"
        if name in ("main", "_main") and (self.is_command_module or name in self._started):
            return f"`{name}` is the program; this is its output"
        return None

    def _find(self, found: Found, outside: Callable[[str], str | None]) -> None:
        """Follow calls from the programs to what nothing else calls."""
        outer = [(node, around) for node, around in found.functions if not around.functions]
        top = {node.name.value: node for node, around in outer if not around.classes}
        self._starts = {node.name.value for node, around in outer if self._direct(node, around)}
        callers: dict[str, set[str]] = {name: set() for name in top}
        for node, _ in outer:
            for name in self._called[node] & (top.keys() - {node.name.value}):
                callers[name].add(node.name.value)
        waiting = {name: callers[name] - {name} for name in self._printing(found, callers)}
        elsewhere = {name: outside(name) for name in waiting}
        changed = True
        while changed:
            changed = False
            for name in [one for one, by in waiting.items() if all(map(self.has, by))]:
                by = waiting.pop(name)
                shown = f"`{min(by & self._starts or by)}`" if by else elsewhere[name]
                if elsewhere[name] != "" and shown:
                    self._reasons[name] = (
                        f"`{name}` is called by {shown} alone, a program of the command line"
                    )
                    changed = True

    def _printing(self, found: Found, callers: Mapping[str, set[str]]) -> set[str]:
        """Functions at the top level that print, or call one that does, and are no programs."""
        outermost = (call.context.functions[:1] for call in found.calls)
        waiting = [one.name.value for functions in outermost for one in functions]
        printing: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in callers and name not in printing | self._starts:
                printing.add(name)
                waiting += callers[name]
        return printing


def _annotations(function: cst.FunctionDef) -> list[cst.BaseExpression]:
    return [one.annotation.annotation for one in function.params.params if one.annotation]
