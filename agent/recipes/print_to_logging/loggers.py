"""The logger that a file's messages go to: one that is there, else one as its package makes it.

A module's own logger, one it imports, one of the class, Flask's; else a new one of its own, under
the name and from the library that most modules around it use.
"""

from __future__ import annotations

import ast
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.recipes import modules
from agent.recipes.modules import Module, Modules
from agent.recipes.print_to_logging.parameters import Library, NewLogger

_GETTERS = frozenset({"getLogger", "get_logger", "getChild", "get_task_logger"})
_NAME = re.compile(r"_*(?:[a-z]\w*_)?(?:logger|log)_*|_*(?:[A-Z]\w*_)?(?:LOGGER|LOG)_*")
#: Tried in this order for a new logger, after the name that the siblings use.
_NAMES = ("logger", "log", "_logger", "module_logger", "_module_logger", "print_logger")


@dataclass(frozen=True)
class Logger:
    """A logger that can be used."""

    expression: str
    library: Library
    line: int
    """From here on it is there."""
    of_class: str = ""
    """The only class whose methods have it."""


def of_module(module: Module, known: Modules) -> list[Logger]:
    """The loggers that a module has at its top level; the best one first."""
    found: list[Logger] = []
    for statement in modules.flat(module.node.body):
        name, value = _assigned(statement)
        if name and value is not None and (library := _made(value, module)):
            found.append(Logger(name, library, statement.end_lineno or statement.lineno))
        elif isinstance(statement, ast.ImportFrom):
            found += _imported(statement, module, known)
    return sorted(found, key=lambda one: (_NAME.fullmatch(one.expression) is None, one.line))


def of_classes(module: Module) -> list[Logger]:
    """The loggers that classes of a module have as attributes."""
    found: list[Logger] = []
    for node in module.node.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            name, value = _assigned(statement)
            if name and value is not None and (library := _made(value, module)):
                found.append(Logger(f"self.{name}", library, statement.lineno, node.name))
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                for line in statement.body:
                    if not isinstance(line, ast.Assign):
                        continue
                    target, library = modules.name_of(line.targets[0]), _made(line.value, module)
                    if target and library and re.fullmatch(r"self\.\w+", target):
                        found.append(Logger(target, library, line.lineno, node.name))
    return found


def of_flask(module: Module) -> Logger | None:
    """Flask's logger, where the module uses it already."""
    for node in ast.walk(module.node):
        if isinstance(node, ast.Attribute) and node.attr == "logger":
            name = modules.name_of(node.value)
            if name == "current_app" and "current_app" in module.bindings:
                return Logger("current_app.logger", "logging", 1)
            if name == "app" and ({"app"} & (module.assigned | module.bindings.keys())):
                lines = (
                    one.end_lineno or one.lineno
                    for one in modules.flat(module.node.body)
                    if _assigned(one)[0] == "app"
                )
                return Logger("app.logger", "logging", next(lines, 1))
    return None


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return (target.id if isinstance(target, ast.Name) else "", statement.value)
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    return "", None


def _made(value: ast.expr, module: Module) -> Library | None:
    """The library of the logger that an expression makes, if it does."""
    if not isinstance(value, ast.Call):
        return None
    dotted = modules.name_of(value.func)
    if dotted is None and isinstance(value.func, ast.Attribute):  # getLogger().getChild()
        dotted = f"logging.{value.func.attr}" if value.func.attr in _GETTERS else None
    if dotted is None or dotted.rpartition(".")[2] not in _GETTERS:
        return None
    bound = module.bindings.get(dotted.partition(".")[0])
    origin = bound.module.partition(".")[0] if bound else dotted.partition(".")[0]
    return "structlog" if origin == "structlog" else "logging"


def _imported(statement: ast.ImportFrom, module: Module, known: Modules) -> Iterator[Logger]:
    source = modules.absolute(module, statement)
    for alias in statement.names:
        if not _NAME.fullmatch(alias.name):
            continue
        name = alias.asname or alias.name
        line = statement.end_lineno or statement.lineno
        if source == "loguru":
            yield Logger(name, "loguru", line)
            continue
        there = known.named(source, module.path)
        if there is None or there.path == module.path:
            continue
        for one in of_module(there, known):
            if one.expression == alias.name:
                yield Logger(name, one.library, line)


def new(module: Module, known: Modules, library: str, used: frozenset[str]) -> NewLogger:
    """Decide which logger a module gets.

    Args:
        module: The module.
        known: All modules of the tree.
        library: As configured: `logging`, `structlog`, or `any` for what the package uses.
        used: Every name in the file; the new one is none of them.
    """
    near, package = _siblings(module, known)
    own = _habits(near) or _habits(package)
    kinds = Counter(one.library for one in own)
    chosen: Library = "structlog" if library == "structlog" else "logging"
    if library == "any" and kinds["structlog"] > kinds["logging"]:
        chosen = "structlog"
    habit = [name for name, _ in Counter(one.expression for one in own).most_common(1)]
    numbered = (f"logger_{number}" for number in range(2, len(used) + 3))
    name = next(name for name in (*habit, *_NAMES, *numbered) if name not in used)
    return NewLogger(name=name, library=chosen)


def _siblings(module: Module, known: Modules) -> tuple[list[Module], list[Module]]:
    """The other modules of the folder, and those of the whole top package."""
    folder = os.path.dirname(module.path)
    top = module.dotted.partition(".")[0]
    package: list[Module] = []
    for path in known.paths:
        if path == module.path or known.dotted(path).partition(".")[0] != top:
            continue
        if b"log" in known.content(path).lower() and (other := known.parse(path)):
            package.append(other)
    return [one for one in package if os.path.dirname(one.path) == folder], package


def _habits(others: list[Module]) -> list[Logger]:
    """The loggers that modules make themselves."""
    return [
        Logger(name, library, statement.lineno)
        for other in others
        for statement in other.node.body
        for name, value in [_assigned(statement)]
        if name and value is not None and (library := _made(value, other))
    ]
