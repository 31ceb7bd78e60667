"""Call a person to code that changes how other code works while it runs.

Metaclasses, `exec`, patched modules and import hooks act far from where they stand: what an edit
near them breaks, no reader of the edit sees, and often no test. So an edit of a file that has such
a thing is for the reviewer, and so is each new one. Abstract classes are no magic, and tests may
patch what they like. New `eval` and `exec` of what is not written out are left to the rules on
security; a module that is imported by a text, to `imports`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import islice

from agent.domain import Finding, Severity
from agent.policy import layout, source
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

RUNTIME_MAGIC = Rule(
    id="runtime-magic",
    demands="No change brings in code that changes other code while it runs.",
    severity=Severity.REVIEW,
    bad="requests.Session.send = traced_send",
    good="class TracedSession(requests.Session): ...",
)
NEAR_RUNTIME_MAGIC = Rule(
    id="near-runtime-magic",
    demands="A person looks at edits of files that change other code while they run.",
    severity=Severity.REVIEW,
    bad="a function is edited in a file that has a metaclass",
    good="the function is in a file of its own",
)
RULES = (RUNTIME_MAGIC, NEAR_RUNTIME_MAGIC)

_RUNS_TEXT = {f"builtins.{name}": name for name in ("exec", "eval", "compile")}
_PLAIN_METACLASSES = ("abc.ABCMeta", "enum.EnumMeta", "enum.EnumType")
_TRACES = frozenset(
    {"sys.settrace", "sys.setprofile", "threading.settrace", "threading.setprofile"}
)
_HOOKS = ("sys.meta_path", "sys.path_hooks")
_WRAPPERS = frozenset(
    {"builtins.property", "builtins.classmethod", "builtins.staticmethod", "functools.partial",
     "functools.wraps", "functools.partialmethod"}
)  # fmt: skip
#: What the methods are called whose owners are looked at.
_CALLED = frozenset(
    {"exec", "eval", "compile", "__import__", "settrace", "setprofile", "insert", "append",
     "extend", "setattr"}
)  # fmt: skip
_MOST_NAMED = 3
#: What a file without any of these has no need to be walked for.
_MAY_HAVE = re.compile(
    rb"metaclass|class\s+\w+\([^)]*\btype\b|__init_subclass__|\bexec\b|\beval\b|\bcompile\b|__import__|settrace"
    rb"|setprofile|meta_path|path_hooks|\bmodules\b|builtins|setattr"
    rb"|^[ \t]*(?!self\.|cls\.)\w+(?:\.\w+)+\s*(?::[^=\n]+)?=(?!=)",
    re.MULTILINE,
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for new magic, and for edits of files that have some."""

    def is_code(file: PythonFile) -> bool:
        return not layout.is_test(file.path)

    told = set()
    for file, hit in proposal.fresh(_new, is_code):
        told.add(file.path)
        yield RUNTIME_MAGIC.at(
            file.path,
            f"brings in {hit.message}, which acts on code elsewhere",
            "Check that nothing plainer does: a subclass, a decorator, an argument.",
            hit.line,
        )
    for file in proposal.python:
        if is_code(file) and file.path not in told:
            yield from _near(file)


def _near(file: PythonFile) -> Iterator[Finding]:
    if file.file.before is not None and not _MAY_HAVE.search(file.file.before):
        return
    before, after = file.before, file.after
    if before is None or after is None or before.content == after.content:
        return
    had = sorted(_every(before), key=lambda hit: hit.line)
    if not had or ast.dump(before.module) == ast.dump(after.module):
        return
    named = [f"{hit.message} (line {hit.line} before)" for hit in islice(had, _MOST_NAMED)]
    more = f" and {len(had) - len(named)} more" if len(had) > len(named) else ""
    yield NEAR_RUNTIME_MAGIC.at(
        file.path,
        f"is edited, and holds {', '.join(named)}{more}",
        "Check what the edit means for the code that this acts on.",
    )


def _new(view: View) -> Iterator[Hit]:
    """Yield all but what the rules on security look at."""
    for hit in _every(view):
        if not hit.what.startswith(("exec of a computed", "eval of a computed")):
            yield hit


def _every(view: View) -> Iterator[Hit]:
    if not _MAY_HAVE.search(view.content):
        return
    yield from _classes(view)
    yield from _calls(view)
    yield from _assignments(view)


# --- what counts ------------------------------------------------------------------------------


def _classes(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.ClassDef):
        node = visit.node
        for word in node.keywords:
            if word.arg == "metaclass":
                names = view.names(word.value, visit.scope)
                if not names & {*_PLAIN_METACLASSES}:
                    what = f"metaclass {source.written(word.value)}"
                    yield Hit(f"{what} of {node.name}", node.lineno)
        for base in node.bases:
            if "builtins.type" in view.names(base, visit.scope):
                yield Hit(f"the metaclass {node.name}", node.lineno)
    for function in view.functions:
        if function.node.name == "__init_subclass__" and function.class_ is not None:
            yield Hit(f"__init_subclass__ of {function.class_.name}", function.node.lineno)


def _calls(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.Call):
        func = visit.node.func
        # Followed only where the name is one of few: most calls are none of these.
        last = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
        if isinstance(func, ast.Name) or last in _CALLED:
            yield from _call(view, visit, last)


def _call(view: View, visit: Visit[ast.Call], last: str) -> Iterator[Hit]:
    node = visit.node
    names = {ref.dotted for ref in view.refs(node.func, visit.scope) if ref.module is None}
    text = next((_RUNS_TEXT[name] for name in names & _RUNS_TEXT.keys()), None)
    where = visit.qualname or "the module"
    if text is not None:
        is_written = node.args and isinstance(node.args[0], ast.Constant)
        kind = f"{text} of a written text" if is_written else f"{text} of a computed text"
        yield Hit(f"{kind} in {where}", node.lineno, f"{text}()")
    elif "builtins.__import__" in names and view.refs(node, visit.scope) == []:
        yield Hit(f"__import__ in {where}", node.lineno, "__import__() of a computed name")
    elif traced := sorted(names & _TRACES):
        yield Hit(f"{traced[0]} in {where}", node.lineno, f"{traced[0]}()")
    elif hooks := sorted(name for name in names if name.startswith(_HOOKS)):
        yield Hit(f"{hooks[0]} in {where}", node.lineno, "an import hook")
    elif "builtins.setattr" in names and len(node.args) == 3 and visit.function is None:
        owner, _, value = node.args
        if _is_foreign(view, visit, owner) and _is_callable(view, visit, value):
            what = f"a patch of {source.written(owner)}"
            yield Hit(what, node.lineno)


def _assignments(view: View) -> Iterator[Hit]:
    several: list[Visit[ast.Assign] | Visit[ast.AnnAssign] | Visit[ast.AugAssign]] = [
        *view.all(ast.Assign),
        *view.all(ast.AnnAssign),
        *view.all(ast.AugAssign),
    ]
    for visit in several:
        node = visit.node
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            hit = _assigned(view, visit, target)
            if hit is not None:
                yield hit


def _assigned(
    view: View,
    visit: Visit[ast.Assign] | Visit[ast.AnnAssign] | Visit[ast.AugAssign],
    target: ast.expr,
) -> Hit | None:
    if not isinstance(target, (ast.Attribute, ast.Subscript)):
        return None
    owners = {ref.dotted for ref in view.refs(target.value, visit.scope) if ref.module is None}
    if isinstance(target, ast.Subscript):
        if "sys.modules" in owners:
            return Hit(f"sys.modules[{source.written(target.slice)}]", target.lineno)
        return None
    if "builtins" in owners:
        return Hit(f"builtins.{target.attr}", target.lineno)
    if "sys" in owners and f"sys.{target.attr}" in {*_HOOKS, "sys.modules"}:
        return Hit(f"sys.{target.attr}", target.lineno)
    if visit.function is not None or visit.class_ is not None or visit.node.value is None:
        return None
    if _is_foreign(view, visit, target.value) and _is_callable(view, visit, visit.node.value):
        return Hit(f"a patch of {source.written(target)}", target.lineno)
    return None


def _is_foreign(view: View, visit: Visit[ast.stmt] | Visit[ast.Call], node: ast.expr) -> bool:
    """Whether it is a module or class from elsewhere, and nothing that a call has made."""
    refs = view.refs(node, visit.scope)
    return bool(refs) and all(
        ref.module != view.path and ".()" not in ref.dotted and not _is_builtin(ref.dotted)
        for ref in refs
    )


def _is_builtin(dotted: str) -> bool:
    return dotted.startswith("builtins.")


def _is_callable(view: View, visit: Visit[ast.stmt] | Visit[ast.Call], node: ast.expr) -> bool:
    """Whether it is a function or class, as a patch is and a setting is not."""
    if isinstance(node, ast.Lambda):
        return True
    if isinstance(node, ast.Call):
        called = {ref.dotted for ref in view.refs(node.func, visit.scope)}
        return bool(called & _WRAPPERS)
    return isinstance(node, ast.Name) and node.id in visit.scope.module_scope().defined
