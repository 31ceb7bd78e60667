"""One side of a repository for rules that look beyond the changed files: base, or with the change.

Owns finding files and what a name of a module was assigned, which only its own file tells. Files
are parsed once, when first asked for. What the values mean is left to those who ask.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from agent.models.change import Change
from agent.policy import layout, libraries, source
from agent.policy.modules import Modules
from agent.policy.names import Scope
from agent.policy.proposal import Proposal, PythonFile
from agent.policy.view import FunctionNode, View, Visit

#: Applications that are made in these are no part of the one that runs.
_ASIDE = re.compile(r"(?:^|/)(?:docs?(?:_src)?|examples?|samples?|scripts?|benchmarks?)/")
Found = tuple[View, ast.expr, Scope]
_MOST_HOPS = 8


def is_aside(path: str) -> bool:
    """Whether a file is a test, an example or a script, and not the application."""
    return layout.is_test(path) or _ASIDE.search(path) is not None


class Side:
    """The Python files of a repository, before or after a change."""

    def __init__(self, places: Modules, changed: Iterable[PythonFile] = ()) -> None:
        """Take the modules of a side; nothing is read yet.

        Args:
            places: The modules.
            changed: The files of the change, where it is the side with the change.
        """
        self.places = places
        self._changed = {file.path: file for file in changed}
        self._views: dict[str, View | None] = {}
        self._assigned: dict[str, dict[tuple[int, str], list[ast.expr]]] = {}

    def view(self, path: str) -> View | None:
        """Return a file of this side; None where there is none, or it cannot be read."""
        if not self.places.has(path):
            return None
        if path in self._changed:
            return self._changed[path].after
        if path not in self._views:
            try:
                self._views[path] = View(path, self.places.text(path), self.places)
            except source.UnreadableError:
                self._views[path] = None
        return self._views[path]

    def mentioning(self, pattern: re.Pattern[bytes]) -> Iterator[View]:
        """Yield the files of the application whose text has a match."""
        for path in self.places.paths:
            if not is_aside(path) and pattern.search(self.places.text(path)):
                view = self.view(path)
                if view is not None:
                    yield view

    # --- names --------------------------------------------------------------------------------

    def names(self, view: View, node: ast.expr | None, scope: Scope) -> frozenset[str]:
        """Return all full names of an expression, its own in this module among them."""
        names = view.names(node, scope)
        if isinstance(node, ast.Name) and self.home(node.id, scope) is view.scope:
            names |= {f"{self.places.name_of(view.path)}.{node.id}"}
        return names

    def sure_names(self, view: View, node: ast.expr, scope: Scope) -> frozenset[str]:
        """Return the names of an expression that it has whichever of several things it is."""
        names = self.names(view, node, scope)
        refs = view.refs(node, scope)
        if len(refs) < 2:
            return names
        every = names - view.names(node, scope)
        trails = [frozenset(self.places.trail(ref)) for ref in refs]
        return every | frozenset.intersection(*trails)

    @staticmethod
    def home(name: str, scope: Scope) -> Scope | None:
        """Return the scope that binds a name where it is read."""
        at: Scope | None = scope
        while at is not None:
            if name in at.names and (at is scope or not at.is_class):
                return at
            at = at.parent
        return None

    def place(self, dotted: str) -> tuple[View, list[str]] | None:
        """Return the file that a full name is in, and the name within it; None outside."""
        ref = self.places.find(dotted, "")
        if ref is None or ref.module is None or ref.module.endswith("/") or not ref.dotted:
            return None
        view = self.view(ref.module)
        return (view, ref.dotted.split(".")) if view else None

    def is_unreadable(self, dotted: str) -> bool:
        """Whether a full name is in a file of the repository that cannot be read."""
        ref = self.places.find(dotted, "")
        inside = ref is not None and ref.module is not None and not ref.module.endswith("/")
        return inside and ref is not None and self.view(ref.module or "") is None

    # --- definitions --------------------------------------------------------------------------

    def function(
        self, view: View, name: str, within: ast.ClassDef | None = None
    ) -> Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef] | None:
        """Return a function of a module or a method of a class; of several the last."""
        found = None
        for visit in view.functions:
            inside = visit.node in within.body if within else not visit.qualname
            if visit.node.name == name and inside:
                found = visit
        return found

    def class_(self, view: View, name: str) -> Visit[ast.ClassDef] | None:
        """Return a class of a module."""
        named = [visit for visit in view.all(ast.ClassDef) if visit.node.name == name]
        return next((visit for visit in named if not visit.qualname), None)

    # --- values -------------------------------------------------------------------------------

    def bound(
        self, view: View, node: ast.expr, scope: Scope, hops: int = _MOST_HOPS
    ) -> Iterator[Found]:
        """Yield what a name was assigned, in whatever module; itself where it is no name."""
        if not isinstance(node, (ast.Name, ast.Attribute)):
            yield view, node, scope
            return
        if hops == 0:
            return
        if isinstance(node, ast.Name) and (home := self.home(node.id, scope)):
            values = self._values(view).get((id(home), node.id), [])
            for value in values:
                yield from self.bound(view, value, home, hops - 1)
            if values:
                return
        for dotted in sorted(self.names(view, node, scope)):
            yield from self._bound_to(dotted, hops - 1)

    def _bound_to(self, dotted: str, hops: int) -> Iterator[Found]:
        placed = self.place(dotted)
        if placed is None:
            return
        view, parts = placed
        if len(parts) == 1:
            for value in self._values(view).get((id(view.scope), parts[0]), []):
                yield from self.bound(view, value, view.scope, hops)
        elif len(parts) in (2, 3) and (visit := self.class_(view, parts[0])):
            yield from self._attribute(view, visit, parts[-1], hops)
        elif parts[1:2] == ["()"] and (function := self.function(view, parts[0])):
            for name in self._made_by(view, function.node):
                yield from self._bound_to(".".join((name, *parts[2:])), hops - 1)

    def _attribute(
        self, view: View, visit: Visit[ast.ClassDef], name: str, hops: int
    ) -> Iterator[Found]:
        values = [
            statement.value
            for statement in visit.node.body
            if _target(statement) == name
            and isinstance(statement, (ast.Assign, ast.AnnAssign))
            and statement.value is not None
        ]
        for value in values:
            yield from self.bound(view, value, visit.scope, hops)
        for base in visit.node.bases if not values and hops else ():
            for dotted in sorted(self.names(view, base, visit.scope)):
                yield from self._bound_to(f"{dotted}.{name}", hops - 1)

    def _made_by(self, view: View, node: FunctionNode) -> Iterator[str]:
        """Yield full names of what a function returns."""
        for name in view.names(node.returns, view.scope):
            yield f"{name}.()"
        for visit in view.all(ast.Return):
            if visit.function is node and visit.node.value is not None:
                yield from self.names(view, visit.node.value, visit.scope)

    def is_assigned(self, view: View, parts: list[str]) -> bool:
        """Whether a name of a module is a variable of it, and no part of one."""
        return len(parts) == 1 and (id(view.scope), parts[0]) in self._values(view)

    def is_local_value(self, view: View, scope: Scope, name: str) -> bool:
        """Whether a name is assigned in this very scope, and not an argument."""
        return (id(scope), name) in self._values(view)

    def lineage(self, dotted: str) -> frozenset[str]:
        """Return the names of all classes that a class of the repository inherits from."""
        placed = self.place(dotted)
        class_ = self.class_(placed[0], placed[1][0]) if placed and len(placed[1]) == 1 else None
        if placed is None or class_ is None:
            return frozenset()
        return placed[0].lineage(class_.node, class_.scope)

    def has_method(self, dotted: str, name: str) -> bool:
        """Whether a class of the repository has a method of its own."""
        placed = self.place(dotted)
        class_ = self.class_(placed[0], placed[1][0]) if placed else None
        return bool(placed and class_ and self.function(placed[0], name, class_.node))

    def _values(self, view: View) -> dict[tuple[int, str], list[ast.expr]]:
        """What names are assigned, by scope."""
        if view.path not in self._assigned:
            table: dict[tuple[int, str], list[ast.expr]] = {}
            several: list[Visit[ast.Assign] | Visit[ast.AnnAssign]] = [
                *view.all(ast.Assign),
                *view.all(ast.AnnAssign),
            ]
            for visit in several:
                name, value = _target(visit.node), visit.node.value
                if name and value is not None:
                    table.setdefault((id(visit.scope), name), []).append(value)
            self._assigned[view.path] = table
        return self._assigned[view.path]

    def text(self, view: View, node: ast.expr | None, scope: Scope) -> str | None:
        """Return the text that an expression stands for, also by constants of other modules."""
        if node is None:
            return None
        found = {self._text(*one) for one in self.bound(view, node, scope)}
        return found.pop() if len(found) == 1 else None

    def _text(self, view: View, node: ast.expr, scope: Scope) -> str | None:
        match node:
            case ast.Constant(value=str(value)):
                return value
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                parts = [self.text(view, left, scope), self.text(view, right, scope)]
            case ast.JoinedStr(values=values):
                parts = [self._text(view, value, scope) for value in values]
            case ast.FormattedValue(value=value, format_spec=None):
                return self.text(view, value, scope)
            case ast.Call(func=ast.Name(id="Field"), args=args, keywords=words):
                # A field of settings, with its default.
                named = [word.value for word in words if word.arg == "default"]
                return next((self.text(view, one, scope) for one in (*args[:1], *named)), None)
            case _:
                return None
        return None if None in parts else "".join(part for part in parts if part is not None)


def after(proposal: Proposal) -> Side:
    """Return the repository with a change."""
    return Side(proposal.places, proposal.python)


def before(proposal: Proposal) -> Side:
    """Return the base of a change."""
    unchanged = Change(base_commit=proposal.change.base_commit, files=())
    places = Modules(
        unchanged,
        proposal.project,
        proposal.tree,
        known=libraries.KNOWN,
        parsed=proposal.places.parsed,
    )
    return Side(places)


def _target(statement: ast.stmt) -> str | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)]):
            return f"self.{name}"
    return None
