"""Name functions and classes, and digest their code with all of the tree that it reaches."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import sys
import types

_MOST_REACHED = 500
_PLAIN = (str, bytes, int, float, bool, type(None))
_COLLECTIONS = (list, tuple, set, frozenset, dict)
#: What Python notes in a class of where and how it is written.
_OF_CLASSES = frozenset({
    "__doc__", "__module__", "__dict__", "__weakref__", "__firstlineno__",
    "__static_attributes__", "__annotations__", "__annotate_func__", "__annotations_cache__",
})  # fmt: skip


def name_object(one):
    """Return the module and the name in it; an instance has those of its class."""
    while isinstance(one, functools.partial):
        one = one.func
    named = one if hasattr(one, "__qualname__") else type(one)
    return str(named.__module__), str(named.__qualname__)


def describe_value(value):
    """Describe a value alike on every run."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(describe_value, value))
    if isinstance(value, (set, frozenset)):
        return "{%s}" % ", ".join(sorted(map(describe_value, value)))
    if isinstance(value, dict):
        pairs = (
            "%s: %s" % (describe_value(key), describe_value(one)) for key, one in value.items()
        )
        return "{%s}" % ", ".join(pairs)
    return ".".join(name_object(value))


def locate(one):
    """Return the file and the line of a function; of a class the file alone."""
    try:
        one = inspect.unwrap(one)
        path = inspect.getfile(one)
    except Exception:
        return "", 0
    code = getattr(one, "__code__", None)
    return (code.co_filename, code.co_firstlineno) if code is not None else (path, 0)


def list_wrappers(function):
    """List what decorators have put around a function, the outermost first."""
    found = []
    while getattr(function, "__wrapped__", None) is not None:
        inner = function.__wrapped__
        cells = [_open_cell(cell) for cell in getattr(function, "__closure__", None) or ()]
        named = [one for one in cells if inspect.isfunction(one) and one is not inner]
        for one in [function, *named]:
            code = getattr(one, "__code__", None)
            if code is not None:
                # `functools.wraps` gives it the inner one's name, but not its code.
                name = getattr(code, "co_qualname", code.co_name).partition(".")[0]
                found.append("%s.%s" % (one.__globals__.get("__name__", ""), name))
        function = inner
    return found


def _open_cell(cell):
    try:
        return cell.cell_contents
    except ValueError:
        return None


def list_reached(roots, tree, followed=None):
    """Return the functions, classes and values of the tree that some code uses, by their names.

    Each has a digest of what it is, and a function or class to locate it by.

    Args:
        followed: Modules whose code leads to more; None: all of the tree do.
    """
    reach = _Reach(tree, followed)
    reach.waiting += roots
    while reach.waiting and len(reach.seen) < _MOST_REACHED:
        one = reach.waiting.pop()
        if id(one) not in reach.seen and not isinstance(one, _PLAIN):
            reach.seen[id(one)] = one  # kept, so that no other has its id
            reach.visit(one)
    return {name: (_digest(sorted(said)), place) for name, (said, place) in reach.texts.items()}


class _Reach:
    def __init__(self, tree, followed):
        self.seen, self.texts, self.waiting, self._followed = {}, {}, [], followed
        self._start = tree.rstrip("/") + "/"

    def is_inside(self, module):
        path = getattr(sys.modules.get(module), "__file__", None) or ""
        return path.startswith(self._start) and "/site-packages/" not in path

    def note(self, name, text, place):
        self.texts.setdefault(name, (set(), place))[0].add(text)

    def visit(self, one):
        if isinstance(one, functools.partial):
            self.waiting += [one.func, *one.args, *one.keywords.values()]
        elif inspect.ismethod(one):
            self.waiting += [one.__func__, one.__self__]
        elif isinstance(one, _COLLECTIONS):
            self.waiting += [*one, *(one.values() if isinstance(one, dict) else ())]
        elif isinstance(one, types.FunctionType):
            self.visit_function(one)
        elif isinstance(one, type):
            if self.is_inside(one.__module__):
                parts = {key: part for key, part in vars(one).items() if key not in _OF_CLASSES}
                self.note(".".join(name_object(one)), describe_value(parts), one)
                self.waiting += [*one.__bases__, *map(_get_function, parts.values())]
        elif self.is_inside(type(one).__module__):
            values = getattr(one, "__dict__", {})
            self.note("%s()" % ".".join(name_object(one)), describe_value(values), type(one))
            self.waiting += [type(one), *values.values()]

    def visit_function(self, function):
        cells = [*map(_open_cell, function.__closure__ or ())]
        given = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
        self.waiting += [*cells, *given, getattr(function, "__wrapped__", None)]
        module, code = function.__globals__.get("__name__", ""), function.__code__
        if not self.is_inside(module):
            return
        text = "%s %s" % (_describe_code(code), describe_value([given, cells]))
        self.note("%s.%s" % (module, getattr(code, "co_qualname", code.co_name)), text, function)
        is_followed = self._followed is None or module in self._followed
        for owner, key, used in _list_globals(function) if is_followed else ():
            self.waiting.append(used)
            if isinstance(used, (*_PLAIN, *_COLLECTIONS)) and self.is_inside(owner):
                self.note("%s.%s" % (owner, key), describe_value(used), function)


def _get_function(part):
    part = getattr(part, "__func__", part)  # of a class or static method
    return part.fget if isinstance(part, property) else part


def _list_globals(function):
    """Yield what a function uses of modules: that one's name, and the name and value in it."""
    names = [name for code in _list_codes(function.__code__) for name in code.co_names]
    for name in dict.fromkeys(names):
        used = function.__globals__.get(name)
        if isinstance(used, types.ModuleType):
            for inner in dict.fromkeys(names):
                if inner in vars(used):
                    yield used.__name__, inner, vars(used)[inner]
        elif name in function.__globals__:
            yield function.__globals__.get("__name__", ""), name, used


def _list_codes(code):
    yield code
    for one in code.co_consts:
        if isinstance(one, types.CodeType):
            yield from _list_codes(one)


def _describe_code(code):
    """Describe what code does, without its lines and its docstring."""
    return [
        (step.opname, describe_value(step.argval))
        for one in _list_codes(code)
        for step in dis.get_instructions(one)
    ]


def _digest(texts):
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
