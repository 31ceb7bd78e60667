"""Say whether objects of a library's class have a method, where that is certain.

An object may have more than its class shows: what its code sets on it, what others set on it, what
a subclass adds. So whatever is not on the class is looked for in the sources of the class and of
its bases, and then in all code of the environment and of the tree, as text. Only what nothing gives
it is missing; of whatever cannot be read, nothing is said.
"""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
import textwrap
import time
import types
import typing
from abc import ABCMeta

_PLAIN = (type, ABCMeta)
_MOST_BYTES = 600 * 1024 * 1024
_MOST_FILE_BYTES = 4 * 1024 * 1024
_SECONDS = 90.0
#: Of the tree: what tests put in the place of something says nothing of the thing itself.
_NOT_OF_TREE = frozenset(["tests", "test", "node_modules", ".venv", "venv"])
_NOT_OF_STDLIB = frozenset(["test", "idlelib", "lib2to3", "site-packages", "dist-packages"])
#: Methods that give an object back what it had, or only look at it.
_HARMLESS = frozenset(
    [
        "__setstate__",
        "__getstate__",
        "__reduce__",
        "__reduce_ex__",
        "__copy__",
        "__deepcopy__",
        "__repr__",
        "__str__",
        "__eq__",
        "__ne__",
        "__hash__",
        "__dir__",
    ]
)


class Unknown(Exception):
    """Nothing can be said."""


def lacks(owner, called):
    """Say whether objects of a class lack a method, as far as the class and its sources show.

    Raises:
        Unknown: It cannot be told.
    """
    name, by = called["name"], called["by"]
    if sys.version_info < (3, 8):
        raise Unknown("a Python whose sources are not read here")
    if not inspect.isclass(owner):
        raise Unknown("not a class")
    if by == "entered":
        _gives_itself(owner, "__enter__")
    elif by == "entered async":
        _gives_itself(owner, "__aenter__")
    if type(owner) not in _PLAIN:
        raise Unknown("a class with ways of its own")
    if _has(owner, name):
        return False
    if by == "handed":
        _is_no_stand_in(owner, name)
    else:
        _is_made_plainly(owner)
    for base in owner.__mro__:
        _is_open_to_see(base, name)
    return True


def _has(owner, name):
    for base in owner.__mro__:
        if name in vars(base) or name in vars(base).get("__annotations__", {}):
            return True
    return False


def _gives_itself(owner, way):
    """Make sure that what a `with` gives is the object itself."""
    function = inspect.getattr_static(owner, way, None)
    if not isinstance(function, types.FunctionType) or hasattr(function, "__wrapped__"):
        raise Unknown("a `with` that gives something of its own")
    definition = _parsed(textwrap.dedent(_source_of(function))).body[0]
    arguments = definition.args.args
    returns = [node for node in ast.walk(definition) if isinstance(node, ast.Return)]
    nested = [node for node in ast.walk(definition) if node is not definition and _is_scope(node)]
    itself = [
        isinstance(node.value, ast.Name) and bool(arguments) and node.value.id == arguments[0].arg
        for node in returns
    ]
    if not returns or not all(itself) or nested or definition.decorator_list:
        raise Unknown("a `with` that may give something else")


def _is_scope(node):
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))


def _is_made_plainly(owner):
    """Make sure that calling the class makes an object of exactly this class."""
    for base in owner.__mro__:
        if "__new__" in vars(base):
            if base.__module__ != "builtins":
                raise Unknown("a class that may make objects of others")
            return


def _is_no_stand_in(owner, name):
    """Make sure that what is handed in is not known to be of a class with more."""
    if getattr(owner, "_is_protocol", False) or inspect.isabstract(owner):
        raise Unknown("a class that others stand behind")
    waiting = list(type.__subclasses__(owner))
    seen = set()
    while waiting:
        below = waiting.pop()
        if below in seen:
            continue
        seen.add(below)
        if type(below) not in _PLAIN or _has(below, name) or "__getattr__" in vars(below):
            raise Unknown("a class of which others have it")
        waiting.extend(type.__subclasses__(below))


def _is_open_to_see(base, name):
    """Make sure that a class gives its objects nothing that is not seen."""
    own = vars(base)
    if base is object or base.__module__ == "abc" or base is typing.Generic:
        return
    if base.__module__ == "builtins":
        # Of a module, or of a function, anybody may make anything.
        if base.__dictoffset__ and not issubclass(base, BaseException):
            raise Unknown("an object of any attributes")
        return
    if "__getattr__" in own or "__getattribute__" in own:
        raise Unknown("made up by the class")
    if not base.__flags__ & (1 << 9):
        # Not made by Python code: without a dictionary, its objects have what the class has.
        if base.__dictoffset__:
            raise Unknown("a class without a source")
        return
    facts, defined = _definition(base)
    if name in facts.given or any(_is_dynamic(node) for node in defined):
        raise Unknown("may be set by the class")


def _definition(base):
    """Return the facts of the module that defines a class, and the definition."""
    names = [base.__module__]
    # Some packages let their classes claim to be of the package itself.
    start = base.__qualname__ + "."
    names += sorted(
        {
            one.__module__
            for one in vars(base).values()
            if isinstance(one, types.FunctionType) and one.__qualname__.startswith(start)
        }
    )
    for name in names:
        facts = _of_module(sys.modules.get(name))
        defined = [node for node in facts.classes if node.name == base.__name__]
        if defined:
            return facts, defined
    raise Unknown("a class without a source")


class _Facts:
    """What a module gives names to: attributes, in bodies of classes, and as texts."""

    def __init__(self, module):
        self.given = set()
        self.classes = []
        for node in ast.walk(module):
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                self.given.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.given.add(node.value)
            elif isinstance(node, ast.ClassDef):
                self.classes.append(node)
                for inner in node.body:
                    self.given.update(
                        one.id
                        for one in ast.walk(inner)
                        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
                    )


_known = {}


def _of_module(module):
    if module is None:
        raise Unknown("a class without a source")
    if module.__name__ not in _known:
        _known[module.__name__] = _Facts(_parsed(_source_of(module)))
    return _known[module.__name__]


def _source_of(thing):
    try:
        return inspect.getsource(thing)
    except BaseException as problem:
        raise Unknown("without a source") from problem


def _parsed(text):
    try:
        return ast.parse(text)
    except BaseException as problem:
        raise Unknown("a source that cannot be read") from problem


def _is_dynamic(definition):
    """Whether the code of a class sets attributes whose names are not written out."""
    waiting = list(ast.iter_child_nodes(definition))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef) and node.name in _HARMLESS:
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Attribute):
            is_set = node.attr == "__class__" and not isinstance(node.ctx, ast.Load)
            if is_set or node.attr in ("__dict__", "__setattr__"):
                return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ("vars", "exec", "locals"):
                return True
            words = node.args[1:2]
            if node.func.id == "setattr" and not isinstance(words and words[0], ast.Constant):
                return True
    return False


# --- what others may give ---------------------------------------------------------------------


def given_elsewhere(asked, folders, tree):
    """Return the numbers of those that other code may give what is called, or put in its place.

    Args:
        asked: By a number, what is called: name, by, held, within.
        folders: Of the libraries.
        tree: Of the repository.
    """
    if not asked:
        return set()
    looks = {number: _looks(called) for number, called in asked.items()}
    found = set()
    end, left = time.monotonic() + _SECONDS, _MOST_BYTES
    for place, is_tree in [(folder, False) for folder in folders] + [(tree, True)]:
        for path in _files(place, is_tree):
            content = _read(path)
            left -= len(content)
            if left < 0 or time.monotonic() > end:
                return set(asked)
            for number, (word, everywhere, of_tree) in looks.items():
                if number in found:
                    continue
                if any(one in content for one in word) and (
                    everywhere.search(content) or (is_tree and of_tree.search(content))
                ):
                    found.add(number)
    return found


def _looks(called):
    """Return words that have to be in a text, and what tells, in a library and in the tree."""
    name, held, within = (re.escape(called[key]).encode() for key in ("name", "held", "within"))
    sets = (
        rb"\.%s\b\s*(?:=(?!=)|,|:)|(?:as|for)\s+[\w.]+\.%s\b"
        rb"|(?:setattr|register\w*)\([^\n]*[\"']%s[\"']"
    )
    everywhere = sets % (name, name, name)
    of_tree = rb"[\"']%s[\"']" % name
    if called["by"] == "handed":
        everywhere += rb"|\bdef\s+%s\b|^\s+%s\s*[:=]" % (name, name)
    words = [called["name"].encode()]
    if held:
        words.append(called["held"].encode())
        of_tree += rb"|(?<!self)(?<!cls)\.%s\b\s*=(?!=)|\bglobal\s[^\n]*\b%s\b" % (held, held)
    if within:
        words.append(called["within"].encode())
        of_tree += rb"|^\s*class\s+\w+\s*\([^)]*\b%s\b" % within
    return words, re.compile(everywhere, re.MULTILINE), re.compile(of_tree, re.MULTILINE)


def _files(place, is_tree):
    is_stdlib = os.path.exists(os.path.join(place, "os.py"))
    left_out = _NOT_OF_TREE if is_tree else _NOT_OF_STDLIB if is_stdlib else ()
    for folder, folders, names in os.walk(place):
        folders[:] = [one for one in folders if one not in left_out]
        for name in names:
            if name.endswith((".py", ".pyi")):
                yield os.path.join(folder, name)


def _read(path):
    try:
        if os.path.getsize(path) > _MOST_FILE_BYTES:
            return b""
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
