"""Follow values through the functions of one file, as far as its text shows.

Each function is read from the top: what its arguments are (`handlers`), what names are bound to,
what calls return (`results`), and which names a check has made harmless. No call is followed into
another function. What is then done with values is left to the rules, which ask for the calls.
Nothing is executed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from weakref import WeakKeyDictionary

from agent.policy.names import Scope
from agent.policy.security import guards, results, values
from agent.policy.security.handlers import Arguments
from agent.policy.security.results import Site
from agent.policy.security.values import Kind, Value
from agent.policy.view import FunctionNode, View, Visit

Bound = dict[str, Value]

_READ: WeakKeyDictionary[View, list[Site]] = WeakKeyDictionary()
#: What of a request a stranger writes.
_SENT = frozenset(
    {
        "GET", "POST", "FILES", "COOKIES", "META", "headers", "body", "data", "args", "form",
        "values", "json", "files", "cookies", "query_params", "path_params", "match_info", "query",
        "query_string", "get_json", "get_data", "stream", "read", "text", "post", "url", "path",
        "path_info", "full_path", "content", "view_args", "rel_url", "raw_path", "QUERY_PARAMS",
    }
)  # fmt: skip
#: No other object called `request` has these, whatever the file imports.
_DJANGO_ONLY = frozenset({"GET", "POST", "FILES", "COOKIES"})
_KEYS = frozenset({"pk", "id"})
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_ADDS = frozenset({"append", "extend", "add", "insert", "update", "write", "setdefault"})
#: Loops in one another that are read twice each.
_MOST_LOOPS = 3


def calls(view: View) -> list[Site]:
    """Return all calls of a file with what they are given."""
    if view not in _READ:
        _READ[view] = list(_Flow(view).sites.values())
    return _READ[view]


class _Flow:
    def __init__(self, view: View) -> None:
        self.sites: dict[int, Site] = {}
        self._view = view
        self._arguments = Arguments(view)
        self._scopes: dict[int, Scope] = {}
        self._functions: dict[int, Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef]] = {}
        for visit in (*view.all(ast.Call), *view.all(ast.Attribute), *view.all(ast.Name)):
            self._scopes[id(visit.node)] = visit.scope
        for function in view.functions:
            self._functions[id(function.node)] = function
        self._waiting: list[tuple[FunctionNode, Bound]] = []
        self._loops = 0
        self._bound: Bound = {}
        self._block(view.module.body)
        self._run_functions(self._bound)

    def _run_functions(self, outside: Bound) -> None:
        """Read the functions that a block defines, with what is bound at its end."""
        # A loop is read twice, but what it defines once: loops in functions in loops would add up.
        waiting, self._waiting = {id(node): (node, own) for node, own in self._waiting}, []
        for node, own in waiting.values():
            visit = self._functions.get(id(node))
            if visit is None:
                continue
            self._bound = outside | own | self._arguments.of(visit)
            self._block(node.body)
            self._run_functions(dict(self._bound))

    # --- statements ---------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912 - one case each
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for outer in (*node.decorator_list, *node.args.defaults):
                    self._value(outer)
                self._waiting.append((node, {}))
            case ast.ClassDef():
                self._class(node)
            case ast.Assign(targets=targets, value=value):
                found = self._value(value)
                for target in targets:
                    self._bind(target, found, value)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                self._bind(target, self._value(value), value)
            case ast.AugAssign(target=target, op=op, value=value):
                self._augment(target, op, self._value(value))
            case ast.If(test=test, body=body, orelse=orelse):
                self._value(test)
                self._checked(test)
                self._branches(body, orelse)
            case ast.While(test=test, body=body, orelse=orelse):
                self._value(test)
                self._checked(test)
                self._loop(body, orelse)
            case ast.For(target=target, iter=several) | ast.AsyncFor(target=target, iter=several):
                self._bind(target, self._value(several), None)
                self._loop(node.body, node.orelse)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    found = self._value(item.context_expr)
                    if item.optional_vars is not None:
                        self._bind(item.optional_vars, found, None)
                self._block(body)
            case ast.Try():
                self._try(node)
            case ast.Assert(test=test):
                self._value(test)
                self._checked(test)
            case ast.Match(subject=subject, cases=several):
                self._value(subject)
                for one in several:
                    self._branches(one.body, [])
            case ast.Expr(value=value):
                self._value(value)
                self._checked_by_call(value)
            case ast.Return(value=ast.expr() as value) | ast.Delete(targets=[value]):
                self._value(value)
            case ast.Raise(exc=ast.expr() as value):
                self._value(value)

    def _class(self, node: ast.ClassDef) -> None:
        outside, waiting = dict(self._bound), self._waiting
        self._waiting = []
        self._block(node.body)
        own = {
            f"self.{name}": value
            for name, value in self._bound.items()
            if outside.get(name) != value and "." not in name
        }
        methods = [(method, own | inner) for method, inner in self._waiting]
        self._bound, self._waiting = outside, [*waiting, *methods]

    def _branches(self, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        before = dict(self._bound)
        self._block(body)
        after = self._bound if not _leaves(body) else None
        self._bound = dict(before)
        self._block(orelse)
        if after is None:
            return
        if orelse and _leaves(orelse):
            self._bound = after
            return
        for name, value in after.items():
            other = self._bound.get(name)
            self._bound[name] = value if other is None else values.either(other, value)

    def _loop(self, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        # What the end of a loop binds is there at its next beginning.
        again = 2 if self._loops < _MOST_LOOPS else 1
        self._loops += 1
        self._branches(body * again, orelse)
        self._loops -= 1

    def _try(self, node: ast.Try) -> None:
        self._block(node.body)
        for handler in node.handlers:
            self._branches(handler.body, [])
        self._block(node.orelse)
        self._block(node.finalbody)

    # --- bindings -----------------------------------------------------------------------------

    def _bind(self, target: ast.expr, value: Value, written: ast.expr | None) -> None:
        match target:
            case ast.Name(id=name):
                self._bound[name] = value
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                self._bound[f"self.{name}"] = value
            case ast.Tuple(elts=items) | ast.List(elts=items):
                several = written.elts if isinstance(written, (ast.Tuple, ast.List)) else []
                same = len(several) == len(items)
                for place, item in enumerate(items):
                    self._bind(item, self._value(several[place]) if same else value, None)
            case ast.Starred(value=inner):
                self._bind(inner, value, None)
            case ast.Subscript(value=ast.Name(id=name)):
                self._add(name, value)

    def _augment(self, target: ast.expr, op: ast.operator, value: Value) -> None:
        if isinstance(target, ast.Name):
            old = self._bound.get(target.id, values.UNKNOWN)
            is_text = isinstance(op, ast.Add) and (old.is_text or value.is_text)
            new = values.joined([old, value], is_built=is_text)
            self._bound[target.id] = new if is_text or isinstance(op, ast.Add) else values.SAFE

    def _add(self, name: str, value: Value) -> None:
        """Note that something is put into a list or a table."""
        if name in self._bound:
            self._bound[name] = values.either(self._bound[name], replace(value, is_request=False))

    def _checked(self, test: ast.expr) -> None:
        resolved = frozenset(name for name, value in self._bound.items() if value.is_resolved)
        for name, kind in guards.of(test, resolved):
            if name in self._bound and not self._bound[name].is_request:
                self._bound[name] = self._bound[name].at_most(kind)

    def _checked_by_call(self, value: ast.expr) -> None:
        if isinstance(value, ast.Call):
            for name in guards.by_call(value):
                if name in self._bound:
                    self._bound[name] = self._bound[name].at_most(Kind.UNKNOWN)

    # --- expressions --------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Value:  # noqa: C901, PLR0912 - one case each
        match node:
            case ast.Constant(value=value):
                return values.constant(value)
            case ast.Name():
                return self._name(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.JoinedStr(values=parts):
                return values.joined(
                    map(self._value, parts),
                    is_built=any(isinstance(part, ast.FormattedValue) for part in parts),
                )
            case ast.FormattedValue(value=value):
                return self._value(value)
            case ast.BinOp():
                return self._operation(node)
            case ast.Subscript(value=value, slice=index):
                return self._item(self._value(value), value, index)
            case ast.Await(value=value) | ast.Starred(value=value) | ast.YieldFrom(value=value):
                return self._value(value)
            case ast.NamedExpr(target=target, value=value):
                found = self._value(value)
                self._bind(target, found, value)
                return found
            case ast.BoolOp(values=several):
                return self._any(several)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self._value(test)
                self._checked(test)
                return self._any([body, orelse])
            case ast.Tuple(elts=several) | ast.List(elts=several) | ast.Set(elts=several):
                return replace(values.joined(map(self._value, several)), is_request=False)
            case ast.Dict(keys=keys, values=several):
                for key in keys:
                    if key is not None:
                        self._value(key)
                return values.joined(map(self._value, several))
            case ast.Compare(left=left, comparators=several):
                for part in (left, *several):
                    self._value(part)
                return values.SAFE
            case ast.UnaryOp(operand=operand):
                self._value(operand)
                return values.SAFE
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Lambda(body=body):
                self._value(body)
        return values.UNKNOWN

    def _any(self, several: list[ast.expr]) -> Value:
        found = [self._value(one) for one in several]
        result = found[0]
        for other in found[1:]:
            result = values.either(result, other)
        return result

    def _names(self, node: ast.expr) -> frozenset[str]:
        scope = self._scopes.get(id(node))
        return frozenset() if scope is None else self._view.names(node, scope)

    def _name(self, node: ast.Name) -> Value:
        if node.id in self._bound:
            return self._bound[node.id]
        if "flask.request" in self._names(node) or "quart.request" in self._names(node):
            return values.REQUEST
        return values.SAFE if node.id.isupper() else values.UNKNOWN

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}:
            return self._own(node)
        base = self._value(node.value)
        named = isinstance(node.value, ast.Name) and node.value.id == "request"
        if base.is_request or (named and node.attr in _DJANGO_ONLY):
            if node.attr in _SENT:
                return values.of(Kind.STRANGER, f"`request.{node.attr}`")
            return values.UNKNOWN
        if base.level("data") >= Kind.OUTSIDE:
            if base.is_path and node.attr in {"name", "stem"}:
                return base.harmless({"path"})
            return replace(base, is_built=False)
        if "flask.request" in self._names(node):
            return values.REQUEST
        if "sys.argv" in self._names(node):
            return values.of(Kind.OUTSIDE, "the command line")
        if (node.attr.isupper() and node.attr not in _SENT) or _of_meta(node):
            return values.SAFE
        return replace(values.UNKNOWN, is_path=base.is_path)

    def _own(self, node: ast.Attribute) -> Value:
        own = self._bound.get(f"self.{node.attr}")
        if own is not None:
            return own
        if node.attr == "request" and self._arguments.is_web:
            return values.REQUEST
        return values.SAFE if node.attr.isupper() else values.UNKNOWN

    def _item(self, base: Value, owner: ast.expr, index: ast.expr) -> Value:
        self._value(index)
        if base.is_request:
            return values.of(Kind.STRANGER, "`request`")
        # `self.kwargs["slug"]` of a view is a part of the address.
        if isinstance(owner, ast.Attribute) and owner.attr == "kwargs" and self._arguments.is_web:
            key = index.value if isinstance(index, ast.Constant) else None
            is_key = not isinstance(key, str) or key in _KEYS or key.endswith("_id")
            if isinstance(owner.value, ast.Name) and owner.value.id == "self" and not is_key:
                return values.of(Kind.STRANGER, "`self.kwargs`")
        return base

    def _operation(self, node: ast.BinOp) -> Value:
        left, right = self._value(node.left), self._value(node.right)
        if isinstance(node.op, ast.Add):
            return values.joined([left, right], is_built=left.is_text or right.is_text)
        if isinstance(node.op, ast.Mod) and left.is_text:
            return values.joined([left, right], is_built=True)
        if isinstance(node.op, ast.Div):
            is_path = left.is_path or right.is_text or right.level("path") >= Kind.OUTSIDE
            return replace(values.joined([left, right]), is_path=is_path)
        if isinstance(node.op, ast.Mult) and left.is_text:
            return left
        if isinstance(node.op, ast.Mult) and isinstance(node.left, ast.List):
            return left
        if isinstance(node.op, ast.BitOr):
            return values.joined([left, right])
        return values.SAFE if node.op.__class__ is not ast.Mod else values.UNKNOWN

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> Value:
        outside = dict(self._bound)
        for generator in node.generators:
            self._bind(generator.target, self._value(generator.iter), None)
            for test in generator.ifs:
                self._value(test)
                self._checked(test)
        if isinstance(node, ast.DictComp):
            self._value(node.key)
            found = self._value(node.value)
        else:
            found = self._value(node.elt)
        self._bound = outside
        return found

    def _call(self, node: ast.Call) -> Value:
        func = node.func
        owner = self._value(func.value) if isinstance(func, ast.Attribute) else values.UNKNOWN
        own = self._value(func) if isinstance(func, ast.Attribute) and owner.is_request else None
        if not isinstance(func, (ast.Name, ast.Attribute)):
            self._value(func)
        site = Site(
            node,
            self._names(func),
            func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", ""),
            owner,
            tuple(map(self._value, node.args)),
            {word.arg: found for word, found in self._keywords(node) if word.arg},
        )
        before = self.sites.get(id(node))
        self.sites[id(node)] = site if before is None else _worse(before, site)
        if own is not None:
            return own
        if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
            self._put(func.value.id, site)
        return results.of(site)

    def _keywords(self, node: ast.Call) -> Iterator[tuple[ast.keyword, Value]]:
        for word in node.keywords:
            yield word, self._value(word.value)

    def _put(self, name: str, site: Site) -> None:
        """Note what a method puts into what it is called of."""
        if site.name in _ADDS and site.arguments:
            self._add(name, values.joined(site.arguments))


def _worse(one: Site, other: Site) -> Site:
    """Join what is known of a call that is reached in several ways."""
    return replace(
        other,
        owner=values.either(one.owner, other.owner),
        arguments=tuple(map(values.either, one.arguments, other.arguments)),
        keywords={
            word: values.either(one.keywords[word], value) if word in one.keywords else value
            for word, value in other.keywords.items()
        },
    )


def _of_meta(node: ast.Attribute) -> bool:
    """Whether it is what Django knows of a model, as in `Order._meta.db_table`."""
    return isinstance(node.value, ast.Attribute) and node.value.attr == "_meta"


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], _ENDS)
