"""Find where a Python file touches one of several libraries that do the same.

Owns what counts as a touch: an import, a name that leads to the library through another module of
the project, and the use of a name that is bound to it; and which of these a change brings in.
Which library a name belongs to is said by the rules.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.policy.names import Ref
from agent.policy.proposal import PythonFile
from agent.policy.view import View, Visit

#: Says which library a full dotted name belongs to, if it is one that the rule looks for.
Belongs = Callable[[str], str | None]


@dataclass(frozen=True)
class Use:
    """One place where a file touches a library."""

    how: str
    """`import`, `reach` (through another module of the project) or `use` (of a bound name)."""
    library: str
    """As the rule calls it: `requests` or `urllib.request`."""
    what: str
    """As it is resolved: `requests.get`."""
    line: int


def of(view: View | None, belongs: Belongs, *, annotations: bool = False) -> list[Use]:
    """Return every touch, by line; none of a file that is not there.

    Args:
        view: One side of a file.
        belongs: Says which library a name belongs to.
        annotations: Whether the annotations of arguments count, which some frameworks obey.
    """
    if view is None:
        return []
    finder = _Finder(view, belongs)
    finder.imports()
    finder.names()
    if annotations:
        finder.annotations()
    return sorted(finder.uses, key=lambda use: use.line)


def brought(file: PythonFile, uses: list[Use], before: list[Use]) -> Iterator[tuple[Use, bool]]:
    """Yield the touches that are new, and whether the file had that library before.

    Of a library that is new to the file, only what brings it in is told, not each use.
    """
    had = {use.library for use in before}
    imported = {use.library for use in uses if use.how != "use"}
    told: set[tuple[int, str]] = set()
    left = Counter((use.how, use.what) for use in before)
    counts = Counter((use.how, use.what) for use in uses)
    for use in uses:
        key = (use.how, use.what)
        if counts[key] <= left[key]:
            continue
        if left[key] and not file.is_new(use.line):
            left[key] -= 1
            counts[key] -= 1
            continue
        is_told = use.how == "use" and use.library not in had and use.library in imported
        if is_told or (use.line, use.library) in told:
            continue
        told.add((use.line, use.library))
        if use.how == "use":
            # Reached by an attribute of what is imported for other things: once is enough.
            imported.add(use.library)
        yield use, use.library in had


class _Finder:
    """Collects the touches of one file. Annotations of variables touch nothing."""

    def __init__(self, view: View, belongs: Belongs) -> None:
        self.uses: list[Use] = []
        self._view = view
        self._belongs = belongs

    def _add(self, how: str, dotted: str, node: ast.stmt | ast.expr) -> None:
        if library := self._belongs(dotted):
            what = dotted.replace(".()", "()")
            self.uses.append(Use(how=how, library=library, what=what, line=node.lineno))

    def _follow(self, ref: Ref, node: ast.stmt | ast.expr) -> None:
        how = "import" if ref.module is None else "reach"
        for dotted in self._view.places.leads_to(ref):
            self._add(how, dotted, node)

    def imports(self) -> None:
        """Look at imports, also by a text or from the table of loaded modules."""
        reader = self._view.reader
        for plain in self._view.all(ast.Import):
            for alias in plain.node.names:
                ref = reader.absolute(alias.name)
                if ref.module is None:
                    self._add("import", ref.dotted, plain.node)
        for named in self._view.all(ast.ImportFrom):
            for name, ref in reader.imported(named.node):
                if ref.module is None or name != "*":
                    self._follow(ref, named.node)
        for call in self._view.all(ast.Call):
            if loaded := reader.loads(call.node, call.scope):
                self._follow(loaded, call.node)
        for item in self._view.all(ast.Subscript):
            for ref in self._view.refs(item.node, item.scope):
                if ref.module is None:
                    self._add("import", ref.dotted, item.node)

    def names(self) -> None:
        """Look at names and chains of attributes, each chain as a whole."""
        for name in self._view.all(ast.Name):
            if isinstance(name.node.ctx, ast.Load) and not _is_inner(name):
                self._touch(name, name.node)
        for attribute in self._view.all(ast.Attribute):
            if not _is_inner(attribute):
                root: ast.expr = attribute.node
                while isinstance(root, ast.Attribute):
                    root = root.value
                self._touch(attribute, root)

    def _touch(self, visit: Visit[ast.Name] | Visit[ast.Attribute], root: ast.expr) -> None:
        for ref in self._view.refs(visit.node, visit.scope):
            # A name imported from a module of the project was judged where it was imported;
            # `net.requests` and what a star import brings are judged here.
            how = "use" if ref.module is None or self._is_imported(root, visit) else "reach"
            for dotted in self._view.places.leads_to(ref):
                self._add(how, dotted, visit.node)

    def _is_imported(self, root: ast.expr, visit: Visit[ast.Name] | Visit[ast.Attribute]) -> bool:
        if not isinstance(root, ast.Name) or not visit.scope.binds(root.id):
            return False
        refs = self._view.refs(root, visit.scope)
        return any(self._belongs(name) for ref in refs for name in self._view.places.leads_to(ref))

    def annotations(self) -> None:
        """Look at what the arguments of functions are said to be."""
        for visit in self._view.functions:
            arguments = visit.node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                for ref in self._view.reader.annotated(one.annotation, visit.scope):
                    how = "use" if ref.module is None else "reach"
                    for dotted in self._view.places.leads_to(ref):
                        self._add(how, dotted, one.annotation or visit.node)


def _is_inner(visit: Visit[ast.Name] | Visit[ast.Attribute]) -> bool:
    """Whether it is a part of a longer chain, or only what an annotation is of."""
    up = visit.up.node if visit.up else None
    if isinstance(up, ast.Attribute):
        return True
    return isinstance(up, ast.AnnAssign) and up.target is visit.node
