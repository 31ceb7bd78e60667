"""List imports that lead nowhere, and names that modules do not have.

Libraries are imported, since only they know what they have; modules of the tree are read alone.
A name may be missing where the code is prepared for that: a handler, or a condition on versions or
platforms. A module that cannot be imported, or that creates its names on request, has them all.

Arguments: the report, the tree, the files. A line of the report is `path line rule text`, by tabs.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import os
import re
import sys
import types
from collections import Counter
from importlib.machinery import ModuleSpec, PathFinder

_PROVIDED = re.compile(
    r"hasattr|getattr|version|platform|TYPE_CHECKING|HAS_|os\.name|find_spec|skip|suppress|raises"
    r"|ImportError|ModuleNotFound|AttributeError|NameError|Exception"
)
_MADE_UP = re.compile(
    r"__getattr__|globals\(|vars\(|locals\(|setattr|exec\(|sys\.modules|__path__|[Ll]azy|import \*"
)
_GENERATED = re.compile(r"__\w+__|.*version.*|.*_pb2(_grpc)?")
_STDLIB = getattr(sys, "stdlib_module_names", ())
_IMPORTS = (ast.Import, ast.ImportFrom)


class Missing(Exception):
    """The rule that is broken, and a sentence."""


class FileNames:
    """The names that one file takes from modules; `found` has those that are missing."""

    def __init__(self, path, tree, stems):
        self.found, self._stems, self._modules = set(), stems, {}
        folder = self._folder = os.path.dirname(os.path.abspath(path))
        self._roots = [tree, os.getcwd(), os.path.abspath("src")]
        while folder.startswith(tree):
            # Scripts and tests find what lies beside them.
            if not os.path.exists(os.path.join(folder, "__init__.py")):
                self._roots.append(folder)
            folder = os.path.dirname(folder)
        text = _read_text(path)
        module, bound = ast.parse(text), _count_bindings(text)
        for node in ast.walk(module):
            for alias in node.names if isinstance(node, _IMPORTS) else ():
                name = alias.asname or alias.name.partition(".")[0]
                if bound[name] == 1:
                    self._modules[name] = _split_import(node, alias.name if alias.asname else name)
        self._visit(module)

    def _visit(self, node):
        tests = [getattr(node, "test", None), *getattr(node, "decorator_list", ())]
        tests += [item.context_expr for item in getattr(node, "items", ())]
        tests += node.values if isinstance(node, ast.BoolOp) else ()
        tests += [one.type or ast.Name("Exception") for one in getattr(node, "handlers", ())]
        if any(_PROVIDED.search(ast.unparse(test)) for test in tests if test):
            return
        at, after = node, []
        while isinstance(at, ast.Attribute) and isinstance(at.ctx, ast.Load):
            after.insert(0, at.attr)
            at = at.value
        if after and isinstance(at, ast.Name) and at.id in self._modules:
            level, parts = self._modules[at.id]
            self._follow_name(node, level, parts + after)
        elif isinstance(node, _IMPORTS):
            for alias in node.names:
                alias.lineno = getattr(alias, "lineno", node.lineno)  # Python 3.9 has none
                self._follow_name(alias, *_split_import(node, alias.name))
        for child in ast.iter_child_nodes(node):
            self._visit(child)

    def _follow_name(self, node, level, parts):
        try:
            if level:
                folder = os.path.normpath(os.path.join(self._folder, *[os.pardir] * (level - 1)))
                thing = PathFinder.find_spec(os.path.basename(folder), [os.path.dirname(folder)])
            else:
                thing = self._find_top(parts[0])
            for number in range(not level, len(parts)):
                owner = ".".join(parts[:number]) or "the package"
                thing = self._find_member(thing, parts[number], owner + " has no " + parts[number])
        except Missing as problem:
            # A module that is not there is told where it is imported.
            if isinstance(node, ast.alias) or problem.args[0] == "missing-name":
                self.found.add((node.lineno, *problem.args))
        except BaseException:  # of whatever cannot be imported or read nothing is said
            return

    def _find_top(self, name):
        own, library = PathFinder.find_spec(name, self._roots), _import_library(name)
        if not (own or library or name in self._stems or name in _STDLIB):
            raise Missing("unknown-module", name + " is not in the environment")
        return None if own and library else own or library

    def _find_member(self, thing, part, sentence):
        """Return a module below this one; for any other name that it has, something else."""
        if isinstance(thing, types.ModuleType):
            full = thing.__name__ + "." + part
            if hasattr(thing, part):
                # A star import may hide a module below behind something of its name.
                found = getattr(thing, part)
                return found if sys.modules.get(full, found) is found else None
            below = _import_library(full)
            # Constants of the standard library come and go with platforms.
            of_platform = part.isupper() and thing.__name__.partition(".")[0] in _STDLIB
            if below or of_platform or part.startswith("_"):
                return below
            raise Missing("missing-name", sentence)
        folders = thing.submodule_search_locations if isinstance(thing, ModuleSpec) else None
        below = PathFinder.find_spec(part, list(folders)) if folders else None
        is_known = below or part in self._stems or _GENERATED.fullmatch(part)
        if isinstance(thing, ModuleSpec) and not is_known:
            text = _read_text(thing.origin)
            if part not in _count_bindings(text) and not _MADE_UP.search(text):
                raise Missing("missing-name", sentence)
        return below


def _split_import(node, name):
    """Return the level and the dotted name of what an import takes."""
    words = [getattr(node, "module", None), name if name != "*" else None]
    return getattr(node, "level", 0), ".".join(filter(None, words)).split(".")


@functools.cache
def _import_library(name):
    """Return a module; None where there is none of this name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as problem:
        if problem.name != name:
            raise
        return None


@functools.cache
def _count_bindings(text):
    """Count how often each name is bound, in whatever scope."""
    found = Counter()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.alias):
            found[node.asname or node.name.partition(".")[0]] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        else:
            name = getattr(node, "arg", None) or getattr(node, "name", None)
            found[name if isinstance(name, str) else ""] += 1
    return found


@functools.cache
def _read_text(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def main():
    place, tree, *paths = sys.argv[1:]
    del sys.argv[1:]
    inner = tree + "/"
    sys.path[:] = [one for one in sys.path if not (os.path.realpath(one) + "/").startswith(inner)]
    stems = set()
    for _, folders, files in os.walk(tree):
        folders[:] = [one for one in folders if one[0] != "." and one != "node_modules"]
        stems.update(folders, (one.partition(".")[0] for one in files))
    rows = []
    for path in paths:
        # What this Python cannot parse is told by other checks.
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            rows += [(path, *row) for row in sorted(FileNames(path, tree, stems).found)]
    with open(place, "w", encoding="utf-8") as report:
        report.writelines("%s\t%d\t%s\t%s\n" % row for row in rows)
    # Threads that a library started are nobody's concern.
    os._exit(bool(rows))


if __name__ == "__main__":
    main()
