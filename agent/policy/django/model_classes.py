"""Find the models of a repository: their classes, and what their fields say of relations.

Reads models files of the tree with the change applied, and only those whose bytes name what is
looked for. Leaves the judgement to the rules.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from agent.policy import source
from agent.policy.proposal import Proposal
from agent.policy.view import View, Visit

#: How many files are read for one change in search of a model.
_MOST_FILES = 400
_RELATIONS = frozenset({"ForeignKey", "OneToOneField", "ManyToManyField"})


def found(proposal: Proposal, name: str) -> Iterator[tuple[View, Visit[ast.ClassDef]]]:
    """Yield the classes of this name in models files, with what else their file holds.

    Args:
        proposal: The change; its contents win over the tree's.
        name: Of the class alone.
    """
    word = re.compile(rb"^class " + re.escape(name.encode()) + rb"\b", re.MULTILINE)
    changed = {file.path: file for file in proposal.python}
    others = (path for path in proposal.tree.paths() if path not in changed)
    paths = [path for path in (*changed, *others) if _holds_models(path)]
    for path in paths[:_MOST_FILES]:
        content = changed[path].file.after if path in changed else proposal.tree.read(path)
        if content is None or not word.search(content):
            continue
        try:
            view = View(path, content, proposal.places)
        except source.UnreadableError:
            continue
        for made in view.all(ast.ClassDef):
            if made.node.name == name:
                yield view, made


def _holds_models(path: str) -> bool:
    return path.endswith(("/models.py", "_models.py")) or path == "models.py" or "/models/" in path


def fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.Call]]:
    """Yield what a class assigns that is a call: its fields and managers, in order."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                yield name, call
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Call() as call):
                yield name, call


def kind(call: ast.Call) -> str:
    """Return the last part of the name that is called."""
    func = call.func
    return func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")


def relations(node: ast.ClassDef) -> Iterator[tuple[str, str, ast.Call]]:
    """Yield name, kind and call of the fields that lead to other models."""
    for name, call in fields(node):
        if kind(call) in _RELATIONS:
            yield name, kind(call), call


def own_names(family: Sequence[ast.ClassDef]) -> frozenset[str]:
    """Return the names of the fields and managers of a model; one manager has every model.

    Args:
        family: The class, and those that it inherits from.
    """
    return frozenset(name for node in family for name, _ in fields(node)) | {_managers(family)[0]}


def _managers(family: Sequence[ast.ClassDef]) -> list[str]:
    found = [name for node in family for name, call in fields(node) if _makes_manager(call)]
    return found or ["objects"]


def default_manager(family: Sequence[ast.ClassDef]) -> str:
    """Return the manager that Django uses by itself: the first one, or the one that Meta names.

    Args:
        family: The class, and those that it inherits from.
    """
    for statement in (statement for node in family for statement in node.body):
        if isinstance(statement, ast.ClassDef) and statement.name == "Meta":
            for line in statement.body:
                match line:
                    case ast.Assign(
                        targets=[ast.Name(id="default_manager_name")],
                        value=ast.Constant(value=str(name)),
                    ):
                        return name
    return _managers(family)[0]


def _makes_manager(call: ast.Call) -> bool:
    """Whether a call makes a manager: `Manager()`, `ActiveManager()`, `Orders.as_manager()`."""
    return (
        kind(call).endswith("Manager")
        or kind(call) in {"as_manager", "from_queryset"}
        or (isinstance(call.func, ast.Call) and kind(call.func) == "from_queryset")
    )
