"""Hold a change to names that are there: what it takes from modules of the repository exists.

Code that was written from memory imports `app.models.Invoice` where the class is called `Bill`,
or calls `app.text.slugify` of a module that never had it, and where no test comes by nothing says
so before a user does. Only what is certain is said: a module that may bind names in ways that
cannot be read is taken to have them all, and what is tried (`except ImportError`, `hasattr`) may
be missing. Names of libraries are left to the check `names`, which asks the libraries themselves.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from agent.domain import Change, Finding, Severity
from agent.policy import libraries, source
from agent.policy.modules import Modules
from agent.policy.names import Ref
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.upkeep import tried
from agent.policy.upkeep.module_names import ModuleNames, origin
from agent.policy.view import View, Visit

MISSING_NAME = Rule(
    id="missing-name",
    demands="What a change takes from a module of the repository is there.",
    severity=Severity.BLOCK,
    bad="from app.models import Invoice  # app/models.py has Bill, and no Invoice",
    good="from app.models import Bill",
)
RULES = (MISSING_NAME,)

#: Files that say which modules a build makes, or git leaves out.
_BUILD_FILES = (".gitignore", "pyproject.toml", "setup.py", "setup.cfg", "meson.build", "Makefile")


@dataclass(frozen=True)
class _Missing:
    """A name that is asked for and is not there."""

    module: str
    """Path of what it is asked of."""
    name: str
    line: int
    says: str


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every name that is newly asked for, or newly gone."""
    names = _names(proposal, proposal.places)
    found = [
        (file.path, missing)
        for file in proposal.python
        if file.after and "{" not in file.path
        for missing in _missing(file.after, names, proposal.places)
    ]
    if not found:
        return
    had = _missing_before(proposal)
    for path, missing in found:
        if (missing.module, missing.name) not in had:
            near = difflib.get_close_matches(missing.name, names.known(missing.module), 1)
            yield MISSING_NAME.at(
                path,
                missing.says,
                f"Take what is there{f' ({near[0]}?)' if near else ''}, or add it first.",
                missing.line,
            )


def _names(proposal: Proposal, places: Modules) -> ModuleNames:
    changed = {file.path: file.after for file in proposal.change.files}
    base = proposal.tree.paths()
    paths = frozenset(base) | {path for path, content in changed.items() if content is not None}
    made = b"\n".join(proposal.tree.read(path) for path in _BUILD_FILES if path in paths & {*base})
    return ModuleNames(places, paths, made.decode("utf-8", "replace"))


def _missing_before(proposal: Proposal) -> set[tuple[str, str]]:
    """Return what was asked for in vain before."""
    nothing = Change(base_commit=proposal.change.base_commit, files=())
    places = Modules(
        nothing,
        proposal.project,
        proposal.tree,
        known=libraries.KNOWN,
        parsed=proposal.places.parsed,
    )
    names = _names(proposal, places)
    found = set()
    for file in proposal.change.files:
        if file.before is not None and file.path.endswith(".py"):
            try:
                view = View(file.path, file.before, places)
            except source.UnreadableError:
                continue
            found |= {(one.module, one.name) for one in _missing(view, names, places)}
    return found


def _missing(view: View, names: ModuleNames, places: Modules) -> Iterator[_Missing]:
    told: set[tuple[str, str]] = set()
    for one in (*_imported(view, names, places), *_attributes(view, names, places)):
        if (one.module, one.name) not in told:
            told.add((one.module, one.name))
            yield one


# --- imports ----------------------------------------------------------------------------------


def _imported(view: View, names: ModuleNames, places: Modules) -> Iterator[_Missing]:
    for visit in view.all(ast.ImportFrom):
        at = origin(places, visit.node, view.path)
        if at is None or at.module is None or tried.may_fail(visit, tried.IMPORTS):
            continue
        if not visit.node.level and not _is_sure(visit.node.module or "", at, names, places):
            continue
        if at.dotted:
            yield from _lost(at, visit.node.lineno, names, places)
            continue
        for alias in visit.node.names:
            if alias.name != "*" and names.lacks(at.module, alias.name):
                says = (
                    f"imports {alias.name} from {places.name_of(at.module)}, which has no such name"
                )
                yield _Missing(at.module, alias.name, alias.lineno, says)
    for statement in view.all(ast.Import):
        for alias in statement.node.names:
            ref = places.find(alias.name, view.path)
            if ref and ref.dotted and _is_sure(alias.name, ref, names, places):
                if not tried.may_fail(statement, tried.IMPORTS):
                    yield from _lost(ref, statement.node.lineno, names, places)


def _is_sure(dotted: str, at: Ref, names: ModuleNames, places: Modules) -> bool:
    """Whether an absolute import can mean nothing but this module."""
    if at.module is None or not at.module.endswith(".py"):
        return False
    own = dotted.removesuffix(f".{at.dotted}") if at.dotted else dotted
    return places.name_of(at.module) == own and names.is_only(own)


def _lost(at: Ref, line: int, names: ModuleNames, places: Modules) -> Iterator[_Missing]:
    """Yield the module that is not below another one."""
    module, name = at.module or "", at.dotted.partition(".")[0]
    if module.endswith("/__init__.py") and names.is_closed(module):
        if not names.may_hold(module, name):
            says = f"imports {places.name_of(module)}.{name}, and there is no such module"
            yield _Missing(module, name, line, says)


# --- attributes of modules --------------------------------------------------------------------


def _attributes(view: View, names: ModuleNames, places: Modules) -> Iterator[_Missing]:
    modules = _bound_modules(view)
    if not modules:
        return
    rebound = tried.rebound(view)
    assigned = {
        source.written(visit.node)
        for visit in view.all(ast.Attribute)
        if not isinstance(visit.node.ctx, ast.Load)
    }
    for visit in view.all(ast.Attribute):
        root = _root(visit.node)
        if root is None or root not in modules or root in rebound:
            continue
        module = _module(view, visit, names, places)
        if module is None or not names.lacks(module, visit.node.attr):
            continue
        if source.written(visit.node) in assigned or names.is_set_for_tests(
            view.path, visit.node.attr
        ):
            continue
        if tried.may_fail(visit, tried.ATTRIBUTES):
            continue
        says = f"uses {visit.node.attr} of {places.name_of(module)}, which has no such name"
        yield _Missing(module, visit.node.attr, visit.node.lineno, says)


def _bound_modules(view: View) -> frozenset[str]:
    """Return the names that imports bind in a file."""
    found = set()
    imports: list[Visit[ast.Import] | Visit[ast.ImportFrom]] = [
        *view.all(ast.Import),
        *view.all(ast.ImportFrom),
    ]
    for visit in imports:
        found |= {alias.asname or alias.name.partition(".")[0] for alias in visit.node.names}
    return frozenset(found)


def _root(node: ast.Attribute) -> str | None:
    at: ast.expr = node
    while isinstance(at, ast.Attribute):
        at = at.value
    return at.id if isinstance(at, ast.Name) else None


def _module(
    view: View, visit: Visit[ast.Attribute], names: ModuleNames, places: Modules
) -> str | None:
    """Return the module of the tree whose attribute is asked for."""
    refs = view.refs(visit.node.value, visit.scope)
    found = names.module_at(refs[0]) if len(refs) == 1 else None
    return found if found and names.is_only(places.name_of(found)) else None
