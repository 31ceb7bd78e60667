"""Find what code calls on objects whose class is plain from the code.

Owns what is certain of a name: that it is bound once where it is looked up, to a class that is
called there, to what a `with` gives, or to an argument that names its class; and of `self.x`, that
one line of `__init__` sets it. Whatever may be something else as well is left out, since who asks
wants no answer about another object. Pure; what a class has is asked in the room.
"""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from agent.policy import source
from agent.policy.view import View, Visit

By = Literal["made", "entered", "entered async", "handed"]
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
#: Who asks one of these about an object knows that it may be another one, or may have more.
_ASKS = frozenset(
    {"isinstance", "issubclass", "hasattr", "getattr", "setattr", "delattr", "cast", "type", "vars"}
)
#: What stands around the class that an annotation means.
_WRAPPERS = frozenset({"Optional", "Annotated", "Final"})
_MOST_ANNOTATION = 200


@dataclass(frozen=True)
class Called:
    """A method that is called on an object."""

    visit: Visit[ast.Call]
    method: str
    owner: ast.expr
    """What names the class."""
    by: By
    """How the object came: its class is called, a `with` gives it, or it is handed in."""
    held: str = ""
    """The name by which other modules may set something else in its place; "" where none can."""
    within: str = ""
    """Of an attribute of `self`: the class that sets it."""


@dataclass(frozen=True)
class _Binding:
    owner: ast.expr | None = None
    """None: to what cannot be told."""
    by: By = "made"


@dataclass(frozen=True)
class _Place:
    """Where in a module a node stands."""

    binds: dict[str, list[_Binding]]
    function: ast.FunctionDef | ast.AsyncFunctionDef | None = None
    class_: ast.ClassDef | None = None


def called(view: View) -> Iterator[Called]:
    """Yield the methods that are called on objects whose class can be told."""
    file: _File | None = None
    for visit in view.all(ast.Call):
        function = visit.node.func
        if not isinstance(function, ast.Attribute) or function.attr.startswith("__"):
            continue
        on = function.value
        if isinstance(on, ast.Name) or _of_self(on):
            file = file or _File(view.module)
            found = file.named(visit, on, function.attr)
        elif isinstance(on, ast.Call):
            file = file or _File(view.module)
            found = Called(visit, function.attr, on.func, "made")
        else:
            continue
        if found and not file.may_set(function.attr):
            yield found


class _File:
    """What a module binds, sets and asks, read once."""

    def __init__(self, module: ast.Module) -> None:
        self._module = module
        self._binds: dict[int, dict[str, list[_Binding]]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = defaultdict(list)
        self._unsure: set[str] = set()
        """Names that other scopes bind as well, or of which the code asks what they are."""
        self._set: Counter[str] = Counter()
        """Attributes, on whatever object."""
        self._made: dict[str, list[tuple[_Place, ast.Call]]] = defaultdict(list)
        """Of attributes of `self`: where they are set to what a call gives."""
        self._texts: set[str] = set()
        self._waiting: list[tuple[ast.AST, _Place]] = []
        self._read(module)

    def may_set(self, attribute: str) -> bool:
        """Whether the module may give some object an attribute of this name."""
        return self._set[attribute] > 0 or attribute in self._texts

    def named(self, visit: Visit[ast.Call], on: ast.expr, method: str) -> Called | None:
        """Say what the object is that stands under a name or an attribute of `self`."""
        if isinstance(on, ast.Name):
            found = self._bound(visit, on.id)
            if found is None or on.id in self._unsure or _is_asked(visit, on.id):
                return None
            binding, scope = found
            if binding.owner is None:
                return None
            held = on.id if scope is self._module else ""
            return Called(visit, method, binding.owner, binding.by, held)
        name = _of_self(on)
        made = self._made[name]
        if len(made) != 1 or self._set[name] != 1 or name in self._texts | self._unsure:
            return None
        place, call = made[0]
        class_ = self._class_of_self(visit)
        is_set_there = (
            class_ is not None
            and place.class_ is class_
            and place.function in class_.body
            and place.function is not None
            and place.function.name == "__init__"
            and _first(place.function) == "self"
        )
        if class_ is None or not is_set_there or not self._is_closed(class_, name):
            return None
        return Called(visit, method, call.func, "made", held=name, within=class_.name)

    # --- where names are bound ----------------------------------------------------------------

    def _bound(self, visit: Visit[ast.Call], name: str) -> tuple[_Binding, ast.AST] | None:
        """Return the only binding of a name in the scope that it is looked up in, and that."""
        for scope in _scopes(visit):
            several = self._binds.get(id(scope), {}).get(name)
            if several:
                return (several[0], scope) if len(several) == 1 else None
        several = self._binds[id(self._module)].get(name, [])
        return (several[0], self._module) if len(several) == 1 else None

    def _class_of_self(self, visit: Visit[ast.Call]) -> ast.ClassDef | None:
        """Return the class whose method a place is in, where `self` means its object."""
        class_ = visit.class_
        for scope in _scopes(visit):
            several = self._binds.get(id(scope), {}).get("self")
            if several:
                is_method = (
                    class_ is not None
                    and isinstance(scope, _FUNCTIONS)
                    and scope in class_.body
                    and len(several) == 1
                    and _first(scope) == "self"
                )
                return class_ if is_method else None
        return None

    def _is_closed(self, class_: ast.ClassDef, name: str, seen: int = 0) -> bool:
        """Whether nothing outside of the module has a say in what an object's attribute is."""
        if class_.keywords or name in self._binds[id(class_)] or seen > len(self._classes):
            return False
        for base in class_.bases:
            known = self._classes[base.id] if isinstance(base, ast.Name) else []
            if isinstance(base, ast.Name) and base.id == "object":
                continue
            if len(known) != 1 or not self._is_closed(known[0], name, seen + 1):
                return False
        return True

    # --- the walk -----------------------------------------------------------------------------

    def _read(self, module: ast.Module) -> None:
        # Without recursion: what only type checkers read may be nested at any depth.
        self._enter(module, module.body, _Place({}))
        while self._waiting:
            node, place = self._waiting.pop()
            self._note(node, place)

    def _enter(self, node: ast.AST, body: list[ast.stmt] | list[ast.expr], place: _Place) -> None:
        self._binds[id(node)] = place.binds
        self._waiting += [(one, place) for one in body]

    def _note(self, node: ast.AST, place: _Place) -> None:  # noqa: C901, PLR0912 - one case each
        inside: list[ast.AST] = list(ast.iter_child_nodes(node))
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                _bind(place, node.name)
                inner = _Place(_of_arguments(node.args), node, place.class_)
                self._enter(node, node.body, inner)
                inside = [*node.decorator_list, *_defaults(node.args)]
            case ast.Lambda():
                names = dict.fromkeys(_of_arguments(node.args))
                inner = _Place({name: [_Binding()] for name in names}, None, place.class_)
                self._enter(node, [node.body], inner)
                inside = [*_defaults(node.args)]
            case ast.ClassDef():
                _bind(place, node.name)
                self._classes[node.name].append(node)
                self._enter(node, node.body, _Place({}, None, node))
                inside = [*node.decorator_list, *node.bases, *node.keywords]
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                inner = _Place({}, place.function, place.class_)
                self._binds[id(node)] = inner.binds
                self._waiting += [(one, inner) for one in inside]
                inside = []
            case ast.Assign(targets=[target], value=ast.Call() as call):
                inside = [*self._assigned(target, call, place), call]
            case ast.AnnAssign(target=target, value=value):
                inside = [value] if value else []
                if isinstance(value, ast.Call):
                    inside += self._assigned(target, value, place)
                elif value:
                    inside.append(target)
            case ast.With(items=items) | ast.AsyncWith(items=items):
                by: By = "entered" if isinstance(node, ast.With) else "entered async"
                inside = [*node.body, *(item.context_expr for item in items)]
                for item in items:
                    if isinstance(item.optional_vars, ast.Name) and isinstance(
                        item.context_expr, ast.Call
                    ):
                        owner = item.context_expr.func
                        _bind(place, item.optional_vars.id, _Binding(owner, by))
                    elif item.optional_vars:
                        inside.append(item.optional_vars)
            case _:
                self._note_plain(node, place)
        self._waiting += [(one, place) for one in inside]

    def _assigned(self, target: ast.expr, call: ast.Call, place: _Place) -> list[ast.AST]:
        """Note what a call is assigned to; return what is left to be looked at."""
        if isinstance(target, ast.Name):
            _bind(place, target.id, _Binding(call.func))
            return []
        if name := _of_self(target):
            self._made[name].append((place, call))
        return [target]

    def _note_plain(self, node: ast.AST, place: _Place) -> None:
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
                _bind(place, name)
            case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()):
                self._set[name] += 1
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                for alias in aliases:
                    _bind(place, alias.asname or alias.name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                _bind(place, name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                _bind(place, name)
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                self._unsure.update(names)
            case ast.NamedExpr(target=target):
                # In a comprehension it binds in the function around it.
                self._unsure.add(target.id)
            case ast.Match(subject=subject):
                self._unsure.add(source.get_last_name(subject))
            case ast.Constant(value=str(text)):
                self._texts.add(text)
            case ast.Call(func=function, args=args) if source.get_last_name(function) in _ASKS:
                self._unsure.update(source.get_last_name(one) for one in args)


def _bind(place: _Place, name: str, binding: _Binding | None = None) -> None:
    place.binds.setdefault(name, []).append(binding or _Binding())


def _of_arguments(arguments: ast.arguments) -> dict[str, list[_Binding]]:
    named = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    binds = {one.arg: [_Binding(_class_of(one.annotation), "handed")] for one in named}
    for several in (arguments.vararg, arguments.kwarg):
        if several:
            binds[several.arg] = [_Binding()]
    return binds


def _class_of(annotation: ast.expr | None) -> ast.expr | None:
    """Return what an annotation names, where that is one class, or also None."""
    match annotation:
        case ast.Constant(value=str(text)) if len(text) < _MOST_ANNOTATION:
            try:
                return _class_of(ast.parse(text.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                return None
        case ast.BinOp(left=one, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _class_of(one)
        case ast.BinOp(left=ast.Constant(value=None), op=ast.BitOr(), right=one):
            return _class_of(one)
        case ast.Subscript(value=around, slice=inside) if source.get_last_name(around) in _WRAPPERS:
            first = inside.elts[0] if isinstance(inside, ast.Tuple) and inside.elts else inside
            return _class_of(first)
        case ast.Name() | ast.Attribute():
            return annotation
    return None


def _defaults(arguments: ast.arguments) -> list[ast.expr]:
    return [one for one in (*arguments.defaults, *arguments.kw_defaults) if one is not None]


def _scopes(visit: Visit[ast.Call]) -> Iterator[ast.AST]:
    """Yield the scopes that a name at a place is looked up in, without the module."""
    inner: ast.AST = visit.node
    is_crossed = False
    for around in visit.around():
        node = around.node
        if isinstance(node, ast.ClassDef):
            # A class's own names are not seen from its functions.
            if inner in node.body and not is_crossed:
                yield node
        elif (
            isinstance(node, _COMPREHENSIONS)
            or (isinstance(node, _FUNCTIONS) and inner in node.body)
            or (isinstance(node, ast.Lambda) and inner is node.body)
        ):
            is_crossed = True
            yield node
        inner = node


def _is_asked(visit: Visit[ast.Call], name: str) -> bool:
    """Whether a condition around a place calls something with the object."""
    for around in visit.around():
        tests: list[ast.expr] = []
        match around.node:
            case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
                tests = [test]
            case ast.Assert(test=test):
                tests = [test]
            case ast.BoolOp(values=values):
                tests = values
        for test in tests:
            for node in ast.walk(test):
                if isinstance(node, ast.Call) and any(
                    source.get_last_name(one) == name for one in node.args
                ):
                    return True
    return False


def _first(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the name of a method's object; "" where it has none."""
    named = [*function.args.posonlyargs, *function.args.args]
    return named[0].arg if named and not function.decorator_list else ""


def _of_self(node: ast.expr) -> str:
    is_own = (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    )
    return node.attr if is_own and isinstance(node, ast.Attribute) else ""
