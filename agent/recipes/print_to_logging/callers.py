"""Who calls a file's functions from other files: the import graph, as far as it is certain.

A function that only programs of the command line call prints for them, wherever it stands.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.errors import RequestRefused
from agent.recipes import modules
from agent.recipes.modules import Module, Modules
from agent.recipes.print_to_logging import calls, purposes
from agent.recipes.print_to_logging.programs import Programs
from agent.recipes.source import SourceFile

#: What is done with a function besides calling it in another one: it may be called anywhere then.
_ANYWHERE = ""
#: What a file must say to have a program in it, whatever else it does.
_PROGRAM = re.compile(
    rb"click|typer|asyncclick|cloup|flask|fire|invoke|cleo|plac|argh|clize|cyclopts|argparse|optparse|"
    rb"getopt|docopt|cmd|argv|__main__|set_defaults|Namespace|command|parser"
)


class Callers:
    """The callers of all files of a tree."""

    def __init__(self, known: Modules, entries: frozenset[tuple[str, str]]) -> None:
        """Look at a tree.

        Args:
            known: Its modules.
            entries: Module and function of its console scripts.
        """
        self._known = known
        self._entries = entries
        self._programs: dict[str, Programs | None] = {}

    def of(self, module: Module, name: str) -> str | None:
        """The program that alone uses a function of a file; "": others do, too; None: nobody."""
        if name in _offered(module):
            return _ANYWHERE
        wanted = name.encode(), module.dotted.rpartition(".")[2].encode()
        users: set[str] = set()
        for path in self._known.paths:
            content = self._known.content(path)
            if path == module.path or wanted[1] not in content:
                continue
            if wanted[0] not in content and b"import *" not in content:
                continue
            reason = purposes.of_path(path)
            if reason and not purposes.is_program(reason):
                continue  # tests and examples show nothing of what a function is for
            other = self._known.parse(path)
            for user in _users(other, module, name) if other else ():
                if not (reason or (user and other and self._is_program(other, user))):
                    return _ANYWHERE
                users.add(f"`{user}` of {path}" if user else path)
        return min(users, default=None)

    def _is_program(self, module: Module, function: str) -> bool:
        if module.path not in self._programs:
            self._programs[module.path] = None
            content = self._known.content(module.path)
            names = {module.dotted, module.dotted.removeprefix("src.")}
            own = frozenset(name for where, name in self._entries if where in names)
            if not own and not _PROGRAM.search(content):
                return False
            try:
                found = calls.find(SourceFile(module.path, content))
            except RequestRefused:
                return False
            self._programs[module.path] = Programs(found, own, lambda _: None)
        programs = self._programs[module.path]
        return programs is not None and programs.has(function)


def _offered(module: Module) -> set[str]:
    """The names in `__all__`."""
    found: set[str] = set()
    for statement in module.node.body:
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign) and statement.value:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            if any(modules.name_of(target) == "__all__" for target in targets):
                nodes = ast.walk(statement.value)
                found |= {str(one.value) for one in nodes if isinstance(one, ast.Constant)}
    return found


def _users(other: Module, module: Module, name: str) -> Iterator[str]:
    """The functions of another file that call a function of a module; "": another use."""
    direct, through = _imported(other, module)
    handed_on = other.is_package and name in direct.values()  # to whoever imports the package
    if handed_on or "*" in direct:
        yield _ANYWHERE
    called_as = {one for one, own in direct.items() if own == name}
    called_as |= {f"{one}.{name}" for one in through}
    for statement in other.node.body if called_as else ():
        is_function = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        user = getattr(statement, "name", _ANYWHERE) if is_function else _ANYWHERE
        called = {id(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)}
        for node in ast.walk(statement):
            if isinstance(node, ast.Name | ast.Attribute) and modules.name_of(node) in called_as:
                yield user if id(node) in called else _ANYWHERE


def _imported(other: Module, module: Module) -> tuple[dict[str, str], set[str]]:
    """The names that a file imports from a module, with their own; and those of the module."""
    direct: dict[str, str] = {}
    through: set[str] = set()
    for node in ast.walk(other.node):
        if isinstance(node, ast.Import):
            through |= {one.asname or one.name for one in node.names if one.name == module.dotted}
        elif isinstance(node, ast.ImportFrom):
            source = modules.absolute(other, node)
            for one in node.names:
                if source == module.dotted:
                    direct[one.asname or one.name] = one.name
                elif f"{source}.{one.name}" == module.dotted:
                    through.add(one.asname or one.name)
    return direct, through
