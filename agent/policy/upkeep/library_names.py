"""Collect what a change newly takes from libraries, for the libraries themselves to be asked.

Pure: whether `httpx.AsyncSession` exists, takes the argument `retries`, or makes objects with a
method `fetch`, only the installed version knows (see the check `names` in
`agent.checks.library_names`). Left out is whatever the code itself provides for: a handler,
`hasattr`, a condition on versions or platforms, a name that is also bound to something else, and
what is only read by type checkers.
"""

from __future__ import annotations

import ast
import builtins
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from agent.domain import CalledMethod, LibraryName
from agent.policy import libraries, source
from agent.policy.proposal import Hit, Proposal
from agent.policy.upkeep import instances, tried
from agent.policy.upkeep.instances import Called
from agent.policy.view import View, Visit

#: More are not asked for: a change of that size is for a person anyway.
_MOST = 2000


@dataclass(frozen=True)
class _Use:
    dotted: str
    keyword: str
    line: int
    is_import: bool = False
    on: Called | None = None
    """The object that a method of the class is called on."""

    @property
    def what(self) -> str:
        """The same for the same thing asked."""
        if self.is_import:
            return f"import {self.dotted}"
        if self.on:
            return f"{self.dotted}.().{self.on.method} {self.on.by}"
        return f"{self.dotted}({self.keyword})" if self.keyword else self.dotted


def fresh(proposal: Proposal) -> tuple[LibraryName, ...]:
    """Return the names that the change brings in, by path and line."""
    own = _own_names(proposal)
    kinds: dict[str, _Use] = {}

    def find(view: View) -> Iterator[Hit]:
        seen: set[str] = set()
        for use in _uses(view, own):
            # Once more of what a file had is nothing to ask.
            if use.what not in seen:
                seen.add(use.what)
                kinds[use.what] = use
                yield Hit(use.what, use.line)

    found: list[LibraryName] = []
    for file, hit in islice(proposal.fresh(find), _MOST):
        use = kinds[hit.what]
        found.append(
            LibraryName(
                path=file.path,
                line=hit.line,
                name=use.dotted,
                keyword=use.keyword,
                is_import=use.is_import,
                called=_asked(use.on) if use.on else None,
            )
        )
    return tuple(found)


def _asked(on: Called) -> CalledMethod:
    return CalledMethod(name=on.method, by=on.by, held=on.held, within=on.within)


def _own_names(proposal: Proposal) -> frozenset[str]:
    """Return the first names that may mean something in the repository, wherever it lies."""
    found = {"__future__", "__main__", "builtins", "conftest"}
    paths = [*proposal.tree.paths(), *(file.path for file in proposal.change.files)]
    for path in paths:
        *folders, name = path.split("/")
        if name.endswith((".py", ".pyi", ".pyx", ".so")):
            found.update(folders)
            found.add(posixpath.splitext(name)[0].partition(".")[0])
    # A folder `tests/requests` does not make `requests` mean the repository's own.
    below = {path.split("/")[0].removesuffix(".py") for path in paths}
    below |= {path.split("/")[1].removesuffix(".py") for path in paths if path.startswith("src/")}
    return frozenset(found - (libraries.KNOWN - below))


def _uses(view: View, own: frozenset[str]) -> Iterator[_Use]:
    yield from _imports(view, own)
    again = tried.rebound(view)
    stored = {
        source.written(visit.node)
        for visit in view.all(ast.Attribute)
        if not isinstance(visit.node.ctx, ast.Load)
    }
    for visit in view.all(ast.Attribute):
        # The longest name tells of all that it begins with.
        if visit.up is not None and isinstance(visit.up.node, ast.Attribute):
            continue
        dotted = _library_name(view, visit, visit.node, again)
        if dotted is None or dotted.partition(".")[0] in own:
            continue
        is_set = source.written(visit.node) in stored
        if not is_set and not tried.may_fail(visit, tried.ATTRIBUTES):
            yield _Use(dotted, "", visit.node.lineno)
    for call in view.all(ast.Call):
        words = [word for word in call.node.keywords if word.arg]
        dotted = _library_name(view, call, call.node.func, again) if words else None
        if dotted is None or dotted.partition(".")[0] in own:
            continue
        if not tried.may_fail(call, tried.CALLS):
            for word in words:
                yield _Use(dotted, word.arg or "", word.value.lineno)

    for found in instances.called(view):
        dotted = _library_name(view, found.visit, found.owner, again)
        if dotted is None or dotted.partition(".")[0] in own:
            continue
        if not tried.may_fail(found.visit, tried.ATTRIBUTES):
            yield _Use(dotted, "", found.visit.node.func.end_lineno or 1, on=found)


def _imports(view: View, own: frozenset[str]) -> Iterator[_Use]:
    for visit in view.all(ast.Import):
        if not tried.may_fail(visit, tried.IMPORTS):
            for alias in visit.node.names:
                if alias.name.partition(".")[0] not in own:
                    yield _Use(alias.name, "", visit.node.lineno, is_import=True)
    for statement in view.all(ast.ImportFrom):
        node = statement.node
        module = node.module or ""
        if node.level or module.partition(".")[0] in own:
            continue
        if view.places.find(module, view.path) or tried.may_fail(statement, tried.IMPORTS):
            continue
        for alias in node.names:
            if alias.name == "*":
                yield _Use(module, "", node.lineno, is_import=True)
            else:
                yield _Use(f"{module}.{alias.name}", "", alias.lineno, is_import=True)


def _library_name(
    view: View, visit: Visit[ast.Attribute] | Visit[ast.Call], node: ast.expr, again: frozenset[str]
) -> str | None:
    """Return the full name of something outside of the tree, where it can be nothing else."""
    at = node
    while isinstance(at, ast.Attribute):
        at = at.value
    if not isinstance(at, ast.Name) or at.id in again or hasattr(builtins, at.id):
        return None
    refs = view.refs(node, visit.scope)
    if len(refs) != 1 or refs[0].module is not None:
        return None
    dotted = refs[0].dotted
    return None if "(" in dotted or "[" in dotted or ".__" in dotted else dotted
