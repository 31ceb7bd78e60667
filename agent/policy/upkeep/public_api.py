"""Tell of what a change takes from those who use a library: names, arguments, defaults.

Its users are not in the repository, so no test of it fails when a public function is gone, or wants
one argument more. Said of packages that are no application, for modules without an underscore in
their path; what is kept under its old name, by whatever import, is not gone.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.layout import is_apart
from agent.policy.proposal import Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.upkeep import defined
from agent.policy.view import FunctionNode, View

PUBLIC_API = Rule(
    id="public-api",
    demands="What users of a library can import and call stays as it is.",
    severity=Severity.REVIEW,
    bad="def total(order, currency): ...  # currency is new, and has no default",
    good="def total(order, currency='EUR'): ...",
)
RULES = (PUBLIC_API,)

_ROOT_FILES = ("setup.py", "noxfile.py", "conftest.py", "tasks.py", "fabfile.py")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for everything that is gone or narrower."""
    if proposal.project.framework != "none":
        return
    for file in proposal.python:
        if file.before is None or not _is_public(file):
            continue
        if file.after is None:
            if not file.file.after:
                yield _gone(file.path, f"the module {_module(file.path)}")
            continue
        for name in sorted(_names(file.before)):
            if not _is_kept(file.after, name):
                yield _gone(file.path, name)
        yield from _narrowed(file.before, file.after)


def _gone(path: str, what: str) -> Finding:
    return PUBLIC_API.at(
        path,
        f"takes away {what}, which users of the library may have",
        "Keep it for a release, with a warning, or tell the reviewer why nobody uses it.",
    )


def _is_public(file: PythonFile) -> bool:
    parts = file.path.removesuffix(".py").removesuffix("__init__").rstrip("/").split("/")
    if is_apart(file.path) or file.path in _ROOT_FILES or any(p.startswith("_") for p in parts):
        return False
    return "/" in file.path or file.path.endswith(".py")


def _module(path: str) -> str:
    stem = path.removesuffix(".py").removesuffix("/__init__").removeprefix("src/")
    return stem.replace("/", ".")


def _exported(view: View) -> frozenset[str] | None:
    """Return what `__all__` names, where it is written out."""
    for node in view.module.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, (ast.List, ast.Tuple)):
            if any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets):
                texts = [one.value for one in node.value.elts if isinstance(one, ast.Constant)]
                return frozenset(text for text in texts if isinstance(text, str))
    return None


def _names(view: View) -> frozenset[str]:
    """Return the public names of a module, and the public methods of its classes."""
    exported = _exported(view)
    found: set[str] = set(exported or ())
    for name in view.scope.defined:
        if exported is None and not name.startswith("_"):
            found.add(name)
    for name, _ in defined.named(view):
        owner, _, method = name.partition(".")
        if method and "." not in method and owner in found and not method.startswith("_"):
            found.add(name)
    return frozenset(found)


def _is_kept(view: View, name: str) -> bool:
    """Whether a public name can still be had from a module, as far as its text shows."""
    owner, _, method = name.partition(".")
    exported = _exported(view)
    if exported is not None:
        # What left `__all__` is public no longer, though it may still be there.
        is_there = owner in exported
    else:
        is_open = bool(view.scope.stars) or "__getattr__" in view.scope.defined
        is_there = is_open or owner in view.scope.names or owner in view.scope.defined
    if not method:
        return is_there
    node = view.scope.defined.get(owner)
    # With its class gone there is nothing more to say; a base may have it.
    return not isinstance(node, ast.ClassDef) or bool(node.bases) or method in _members(node)


def _members(node: ast.ClassDef) -> frozenset[str]:
    found: set[str] = set()
    for inner in ast.walk(node):
        if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.add(inner.name)
        elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            found.add(inner.id)
    return frozenset(found)


def _narrowed(before: View, after: View) -> Iterator[Finding]:
    # Of several definitions the last one is what callers get: overloads are for type checkers.
    old = {name: visit.node for name, visit in defined.named(before)}
    public = _names(before)
    for name, visit in dict(defined.named(after)).items():
        was = old.get(name)
        owner, _, method = name.partition(".")
        counts = name in public or (method == "__init__" and owner in public)
        if was is None or not counts or defined.is_nested(visit):
            continue
        for said in _changes(was, visit.node):
            yield PUBLIC_API.at(
                after.path,
                f"{said} of {name.removesuffix('.__init__')}",
                "Keep what callers give today, with a default for what is new.",
                visit.node.lineno,
            )


def _changes(was: FunctionNode, now: FunctionNode) -> Iterator[str]:
    had, has = _parameters(was), _parameters(now)
    if was.args.kwarg is None or now.args.kwarg is None:
        takes_any = now.args.kwarg is not None
        for name in had:
            if name not in has and not takes_any:
                yield f"takes away the argument {name}"
    for name, is_needed in has.items():
        if is_needed and not had.get(name, False):
            yield f"demands the argument {name}"


def _parameters(node: FunctionNode) -> dict[str, bool]:
    """Return each argument, and whether a call has to give it."""
    args = node.args
    positional = [*args.posonlyargs, *args.args]
    free = len(positional) - len(args.defaults)
    found = {one.arg: place < free for place, one in enumerate(positional)}
    for one, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        found[one.arg] = default is None
    return {name: needed for name, needed in found.items() if name not in ("self", "cls")}
