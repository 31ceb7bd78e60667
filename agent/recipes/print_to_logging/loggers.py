"""The logger that a file's messages go to: one that is there, else the kind its package has.

A module's own logger, one it imports, one of the class, Flask's; else the one that its siblings
share, else a new one under the name that they give theirs.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from agent.recipes import modules
from agent.recipes.modules import Module, Modules
from agent.recipes.print_to_logging.parameters import Library, NewLogger

_GETTERS = frozenset({"getLogger", "get_logger", "getChild", "get_task_logger"})
_NAME = re.compile(r"_*(?:[a-z]\w*_)?(?:logger|log)_*|_*(?:[A-Z]\w*_)?(?:LOGGER|LOG)_*")
#: In the module of a logger class: it formats with `str.format`.
_BRACES = re.compile(rb"\.format\(\*|style=[\"']\{")
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
        if name and value is not None and (library := _made(value, module, known)):
            found.append(Logger(name, library, statement.end_lineno or statement.lineno))
        elif isinstance(statement, ast.ImportFrom):
            found += _imported(statement, module, known)
    return sorted(found, key=lambda one: (_NAME.fullmatch(one.expression) is None, one.line))


def of_classes(module: Module, known: Modules) -> list[Logger]:
    """The loggers that classes of a module have as attributes."""
    found: list[Logger] = []
    for node in module.node.body:
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            name, value = _assigned(statement)
            if name and value is not None and (library := _made(value, module, known)):
                found.append(Logger(f"self.{name}", library, statement.lineno, node.name))
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                found += _of_init(statement, node.name, module, known)
    return found


def _of_init(
    init: ast.FunctionDef, class_name: str, module: Module, known: Modules
) -> Iterator[Logger]:
    for statement in init.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = modules.name_of(statement.targets[0]) or ""
            library = _made(statement.value, module, known)
            if library and re.fullmatch(r"self\.\w+", target):
                yield Logger(target, library, statement.lineno, class_name)


def of_flask(module: Module) -> Logger | None:
    """Flask's logger, where the module uses it already."""
    for node in ast.walk(module.node):
        if isinstance(node, ast.Attribute) and node.attr == "logger":
            name = modules.name_of(node.value)
            if name == "current_app" and "current_app" in module.bindings:
                return Logger("current_app.logger", "logging", 1)
            if name == "app" and ({"app"} & (module.assigned | module.bindings.keys())):
                return Logger("app.logger", "logging", _line_of("app", module))
    return None


def _line_of(name: str, module: Module) -> int:
    for statement in modules.flat(module.node.body):
        if _assigned(statement)[0] == name:
            return statement.end_lineno or statement.lineno
    return 1


def _assigned(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        return (target.id if isinstance(target, ast.Name) else "", statement.value)
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    return "", None


def _made(value: ast.expr, module: Module, known: Modules) -> Library | None:
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
    if origin == "structlog":
        return "structlog"
    getter = _own_getter(dotted, module, known)
    return "braces" if getter and _BRACES.search(known.content(getter.path)) else "logging"


def _own_getter(dotted: str, module: Module, known: Modules) -> Module | None:
    """The module of the repository that has the function which makes a logger, if there is one."""
    bound = module.bindings.get(dotted.partition(".")[0])
    if bound is None or bound.name is None:
        return None
    if "." in dotted:
        return known.named(f"{bound.module}.{bound.name}", module.path)
    return known.named(bound.module, module.path)


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


# --- a new one --------------------------------------------------------------------------------


def new(module: Module, known: Modules, library: str, used: frozenset[str]) -> NewLogger:
    """Decide which logger a module gets.

    Args:
        module: The module.
        known: All modules of the tree.
        library: As configured: `logging`, `structlog`, or `any` for what the package uses.
        used: Every name in the file; the new one is none of them.
    """
    near, package = _siblings(module, known)
    own: list[tuple[Module, Logger, ast.expr]] = []
    for others in (near, package):
        shared, own = _habits(others, known)
        givers = {modules.absolute(other, node) for other, node, _ in shared}
        own = [each for each in own if each[0].dotted not in givers]
        if (
            library == "any"
            and others is near
            and len(shared) > len(own)
            and (found := _shared(shared, module, known, used))
        ):
            return found
        if own:
            break
    if library == "any" and (found := _made_alike(own, module, known, used)):
        return found
    kinds = Counter(one.library for _, one, _ in own)
    chosen: Library = "structlog" if library == "structlog" else "logging"
    if library == "any" and kinds["structlog"] > kinds["logging"]:
        chosen = "structlog"
    habit = [name for name, _ in Counter(one.expression for _, one, _ in own).most_common(1)]
    names = [*habit, *_NAMES]
    if _is_starred(module, known):
        # Without an underscore it would turn up in the module that imports all names.
        names = [f"_{name.lstrip('_')}" for name in names]
    name = next(name for name in _free(names) if name not in used)
    return NewLogger(name=name, library=chosen)


def _made_alike(
    own: list[tuple[Module, Logger, ast.expr]],
    module: Module,
    known: Modules,
    used: frozenset[str],
) -> NewLogger | None:
    """A logger from the repository's own function, where most modules get theirs from it."""
    ways: Counter[tuple[str, str, str, Library, str]] = Counter()
    for other, one, value in own:
        called = modules.name_of(value.func) if isinstance(value, ast.Call) else None
        head = (called or "").partition(".")[0]
        bound = other.bindings.get(head)
        there = _own_getter(called, other, known) if called else None
        if there and bound and bound.name == head and not _reaches(there, module, known):
            made = ast.unparse(value)
            ways[(one.expression, bound.module, head, one.library, made)] += 1
    if not ways or sum(ways.values()) * 2 <= len(own):
        return None
    (name, source, getter, kind, made), _ = ways.most_common(1)[0]
    if {name, getter} & used:
        return None
    return NewLogger(name=name, library=kind, getter=(source, getter), made=made)


def _is_starred(module: Module, known: Modules) -> bool:
    """Whether another module imports all of its names, whatever they are."""
    if "__all__" in module.assigned:
        return False
    for path in known.paths:
        if path != module.path and b"import *" in known.content(path):
            other = known.parse(path)
            if other and any(known.named(one, path) is module for one in other.stars):
                return True
    return False


def _free(names: list[str]) -> Iterator[str]:
    yield from names
    number = 2
    while True:
        yield f"logger_{number}"
        number += 1


def _siblings(module: Module, known: Modules) -> tuple[list[Module], list[Module]]:
    """The other modules of the folder, and those of the whole top package."""
    folder = os.path.dirname(module.path)
    top = module.dotted.partition(".")[0]
    near: list[Module] = []
    package: list[Module] = []
    for path in known.paths:
        if path == module.path or known.dotted(path).partition(".")[0] != top:
            continue
        if b"log" not in known.content(path).lower() or (other := known.parse(path)) is None:
            continue
        package.append(other)
        if os.path.dirname(path) == folder:
            near.append(other)
    return near, package


def _habits(
    others: list[Module], known: Modules
) -> tuple[list[tuple[Module, ast.ImportFrom, str]], list[tuple[Module, Logger, ast.expr]]]:
    """The loggers that modules import from another one, and those that they make themselves."""
    shared: list[tuple[Module, ast.ImportFrom, str]] = []
    own: list[tuple[Module, Logger, ast.expr]] = []
    for other in others:
        for statement in other.node.body:
            if isinstance(statement, ast.ImportFrom):
                shared += [
                    (other, statement, one.expression)
                    for one in _imported(statement, other, known)
                    if one.library != "loguru"
                ]
            name, value = _assigned(statement)
            if name and value is not None and (library := _made(value, other, known)):
                own.append((other, Logger(name, library, statement.lineno), value))
    return shared, own


def _shared(
    shared: list[tuple[Module, ast.ImportFrom, str]],
    module: Module,
    known: Modules,
    used: frozenset[str],
) -> NewLogger | None:
    """The logger that most siblings import, where an import of it makes no circle."""
    ways = Counter((modules.absolute(other, node), name) for other, node, name in shared)
    (source, name), _ = ways.most_common(1)[0]
    there = known.named(source, module.path)
    if there is None or name in used or _reaches(there, module, known):
        return None
    loggers = [one for one in of_module(there, known) if one.expression == name]
    written = next(
        node
        for other, node, one in shared
        if modules.absolute(other, node) == source and one == name
    )
    if not loggers or any(alias.asname for alias in written.names if alias.name == name):
        return None
    module_name = "." * written.level + (written.module or "")
    return NewLogger(name=name, library=loggers[0].library, module=module_name)


def _reaches(start: Module, goal: Module, known: Modules) -> bool:
    """Whether a module imports another one, over however many steps, when it is imported."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module.path == goal.path:
            return True
        if module.path in seen:
            continue
        seen.add(module.path)
        for statement in _executed(module.node.body):
            names: list[str] = []
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom):
                source = modules.absolute(module, statement)
                names = [source, *(f"{source}.{alias.name}" for alias in statement.names)]
            for name in names:
                if name.partition(".")[0] in sys.stdlib_module_names:
                    continue  # a file of that name lies in a folder that is no package
                found = known.named(name, module.path)
                # The package itself has begun to be imported before any module of it.
                if found and not (found.is_package and goal.dotted.startswith(f"{found.dotted}.")):
                    waiting.append(found)
    return False


def _executed(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements at module level that run; what is below `TYPE_CHECKING` does not."""
    for statement in body:
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from modules.flat(statement.orelse)
        else:
            yield from modules.flat([statement])
