"""Tell whether a change may open endpoints of files that it does not touch.

What protects an endpoint may stand far from it: in a router, in a file that takes the router in, in
an alias, in a dependency of its dependency. Only a change of one of these is a reason to look at
the whole application; most changes add an endpoint and are none. What endpoints then lack is left
to `fastapi_auth`.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import Protocol

from agent.models.change import ChangedFile
from agent.policy import source
from agent.policy.view import FunctionNode, View, Visit
from agent.policy.web.dependencies import Dependencies, Dependency
from agent.policy.web.side import Side
from agent.policy.web.urls import Urls

_REWIRES = re.compile(rb"include_router|\.mount|prefix|Router|FastAPI|root_path|import")
_BINDS = re.compile(rb"(?:async\s+def\s+|def\s+|class\s+)?(\w+)\s*[:=(]")
_Wire = tuple[str, tuple[str, ...], tuple[object, ...]]


class Wired(Protocol):
    """One side of the application."""

    @property
    def side(self) -> Side:
        """Its files."""
        ...

    @property
    def urls(self) -> Urls:
        """Its URL paths."""
        ...

    @property
    def dependencies(self) -> Dependencies:
        """What its endpoints depend on."""
        ...


def anything(files: tuple[ChangedFile, ...], after: Wired, before: Wired) -> bool:
    """Whether one of the changed files may open endpoints of other files."""
    changed = frozenset(file.path for file in files)
    return any(
        _wires_differ(file.path, changed, after, before) or _ask_for_less(file.path, after, before)
        for file in files
        if _may_rewire(file)
    )


def _may_rewire(file: ChangedFile) -> bool:
    """Whether an edit does more than to add to the file; cheap, for most do not."""
    old, new = (file.before or b"").splitlines(), (file.after or b"").splitlines()
    if not old or Counter(old) - Counter(new):
        return True
    had = set(old)
    for line in new:
        if line in had:
            continue
        bound = _BINDS.match(line)
        is_again = bound is not None and re.search(rb"\b" + bound[1] + rb"\b", file.before or b"")
        if is_again or _REWIRES.search(line):
            return True
    return False


# --- routers, inclusions, aliases -------------------------------------------------------------


def _wires_differ(path: str, changed: frozenset[str], after: Wired, before: Wired) -> bool:
    new, old = frozenset(_wires(path, after)), frozenset(_wires(path, before))
    if old - new:
        return True
    # A new router has no endpoints elsewhere; one that is newly taken in may have.
    for kind, keys, _ in new - old:
        if kind == "taken":
            placed = [found for key in keys if (found := after.side.place(key))]
            if not placed or any(view.path not in changed for view, _ in placed):
                return True
        elif kind == "assigned" and old:
            return True
    return False


def _wires(path: str, wired: Wired) -> Iterator[_Wire]:
    """Yield what a file says that other files' endpoints may hang on."""
    view = wired.side.view(path)
    if view is None:
        return
    wiring = wired.urls.wiring(view)
    for router in wiring.routers:
        yield "router", _plain(router.keys), (router.prefix, _shown(router.dependencies))
    for taken in wiring.inclusions:
        given = (_plain(taken.parents), taken.prefix, _shown(taken.dependencies))
        yield "taken", _plain(taken.children), given
    several: list[Visit[ast.Assign] | Visit[ast.AnnAssign]] = [
        *view.all(ast.Assign),
        *view.all(ast.AnnAssign),
    ]
    for assigned in several:
        text = source.written(assigned.node) if assigned.up is None else ""
        if "Depends" in text or "Security" in text:
            yield "assigned", (text,), ()


def _plain(keys: frozenset[str]) -> tuple[str, ...]:
    """Return the keys that are the same on both sides."""
    return tuple(sorted(key for key in keys if ":" not in key))


def _shown(dependencies: tuple[Dependency, ...]) -> tuple[str, ...]:
    return tuple(sorted(source.written(one.node) if one.node else "" for one in dependencies))


# --- dependencies of dependencies -------------------------------------------------------------


def _ask_for_less(path: str, after: Wired, before: Wired) -> bool:
    """Whether a function that is no endpoint depends on less than before."""
    new_view, old_view = after.side.view(path), before.side.view(path)
    if new_view is None or old_view is None:
        return False
    new, old = _signatures(new_view, after), _signatures(old_view, before)
    for name in new.keys() & old.keys():
        if ast.dump(new[name].node.args) != ast.dump(old[name].node.args):
            asked = _asked(old_view, old[name], before)
            if not asked <= _asked(new_view, new[name], after):
                return True
    return False


def _signatures(view: View, wired: Wired) -> dict[str, Visit[FunctionNode]]:
    answering = {id(endpoint.function) for endpoint in wired.urls.wiring(view).endpoints}
    return {
        f"{visit.qualname}.{visit.node.name}": visit
        for visit in view.functions
        if id(visit.node) not in answering
    }


def _asked(view: View, visit: Visit[FunctionNode], wired: Wired) -> frozenset[str]:
    found = wired.dependencies.of_function(view, visit.node, visit.scope)
    return wired.dependencies.reached(found).names
