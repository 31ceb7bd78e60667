"""Read a noxfile by its syntax tree; it is never run."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.environments.hints import commands
from agent.environments.hints.sightings import Sightings
from repo_config import foreign_python
from repo_config.project_files import Files

_FILE = "noxfile.py"


def collect(files: Files, seen: Sightings) -> None:
    """Note what the sessions that run tests install and run."""
    text = files.text(_FILE)
    if not text:
        return
    try:
        module = foreign_python.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        seen.unread[_FILE] = "it is not Python that can be read here"
        return
    constants = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in module.body:
        if isinstance(node, ast.FunctionDef):
            _session(node, constants, seen)


def _session(function: ast.FunctionDef, constants: dict[str, ast.expr], seen: Sightings) -> None:
    decorator = next((one for one in function.decorator_list if _is_session(one)), None)
    if decorator is None:
        return
    where, own = f"{_FILE} {function.name}", Sightings()
    for call in _calls(function):
        written = list(_texts(call.args, constants))
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method == "install":
            commands.words(["pip", "install", *written], where, own)
        elif method in ("run", "run_always", "run_install"):
            commands.words(written, where, own)
    if not own.of("tests"):
        return
    if isinstance(decorator, ast.Call):
        for keyword in decorator.keywords:
            if keyword.arg in ("python", "py"):
                for version in _texts([keyword.value], constants):
                    own.note("python", version.removeprefix("python"), where)
    seen.take(own)


def _is_session(decorator: ast.expr) -> bool:
    function = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(function, "attr", getattr(function, "id", "")) in ("session", "nox_session")


def _calls(function: ast.FunctionDef) -> Iterator[ast.Call]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield node


def _texts(nodes: list[ast.expr], constants: dict[str, ast.expr]) -> Iterator[str]:
    """Literal texts among expressions, also of a constant of the module or a list."""
    for node in nodes:
        value = node.value if isinstance(node, ast.Starred) else node
        if isinstance(value, ast.Name) and value.id in constants:
            value = constants[value.id]
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value
        elif isinstance(value, ast.List | ast.Tuple | ast.Set):
            yield from (
                one.value
                for one in value.elts
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            )
