"""Say for certain that a module of the repository lacks a name; of anything less, nothing.

Read from the text, and only of modules that a change asks for. What may bind names in a way that
cannot be read (`globals()`, `__getattr__`, a star import of a library, a file that a build makes)
is never said to lack one. Leaves to `missing_names` which names are asked for.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.policy import guards, source
from agent.policy.modules import Modules
from agent.policy.names import Ref

#: Ways to bind a name of a module, or to find a module, that leave no name to read.
_DYNAMIC = re.compile(
    rb"\b(?:__getattr__|globals|vars|locals|exec|eval|setattr|__dict__|modules|__path__"
    rb"|extend_path|declare_namespace|lazy_\w+|attach(?:_stub)?|LazyModule|install_aliases)\b"
)
_MADE = re.compile(r"_?_?version(?:_?_|_info)?|.*_pb2(?:_grpc)?|_?(?:build|generated)\w*")
#: For one name; what is longer leads in a circle.
_MOST_STEPS = 20
_OTHER_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@dataclass
class _Exports:
    """What a module binds."""

    names: Counter[str] = field(default_factory=Counter)
    """How often each is bound."""
    imports: dict[str, Ref | None] = field(default_factory=dict)
    """What an import binds a name to; None: something outside of the tree."""
    stars: list[Ref | None] = field(default_factory=list)
    """Modules of which everything is imported; None: one outside of the tree."""


class ModuleNames:
    """The names of modules of the tree, each read once."""

    def __init__(self, places: Modules, paths: frozenset[str], made: str) -> None:
        """Take what is there.

        Args:
            places: Where names lead.
            paths: All files of the repository, of whatever kind.
            made: The text of files that say what a build makes or git leaves out.
        """
        self._places = places
        #: A module may be compiled, or a stub or template of one: `fast.pyx`, `fast.pyi`.
        self._stems = frozenset(
            f"{folder}{slash}{name.partition('.')[0]}"
            for folder, slash, name in (path.rpartition("/") for path in paths)
        )
        self._folders = _with_those_above({path.rpartition("/")[0] for path in paths})
        self._made = frozenset(re.findall(r"\w+", made))
        self._dynamic: dict[str, bool] = {}
        self._lacking: dict[tuple[str, str], bool] = {}
        self._by_end: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            if path.endswith(".py"):
                stem = path.removesuffix(".py").removesuffix("/__init__")
                self._by_end[posixpath.basename(stem)].append(stem)
        self._exports: dict[str, _Exports | None] = {}

    def lacks(self, module: str, name: str, *, seen: frozenset[str] = frozenset()) -> bool:
        """Whether a module certainly has neither such a name nor such a module below it."""
        if (module, name) not in self._lacking:
            self._lacking[module, name] = self._is_without(module, name, seen)
        return self._lacking[module, name]

    def _is_without(self, module: str, name: str, seen: frozenset[str]) -> bool:
        if not module.endswith(".py") or name.startswith("__") or self.may_hold(module, name):
            return False
        text = self._places.text(module)
        if self._is_dynamic(module) or _is_bound_plainly(text, name):
            return False
        exports = self._of(module, text)
        if exports is None or name in exports.names:
            return False
        seen |= {module}
        return all(
            star is not None
            and star.module is not None
            and not star.dotted
            and (star.module in seen or self.lacks(star.module, name, seen=seen))
            for star in exports.stars
        )

    def may_hold(self, module: str, name: str) -> bool:
        """Whether a module of this name may lie below a package, also one that a build makes."""
        if posixpath.basename(module) != "__init__.py":
            return False
        stem = posixpath.join(posixpath.dirname(module), name)
        return (
            stem in self._stems
            or stem in self._folders
            or _MADE.fullmatch(name) is not None
            or name in self._made
        )

    def _is_dynamic(self, module: str) -> bool:
        if module not in self._dynamic:
            self._dynamic[module] = _DYNAMIC.search(self._places.text(module)) is not None
        return self._dynamic[module]

    def is_only(self, dotted: str) -> bool:
        """Whether an absolute import of this name can mean but one module of the tree.

        A module of an equal name in another folder is none if the folder is itself a package.
        """
        end = dotted.replace(".", "/")
        roots = {
            stem.removesuffix(end)
            for stem in self._by_end[posixpath.basename(end)]
            if f"/{stem}".endswith(f"/{end}")
        }
        return sum(f"{root}__init__" not in self._stems for root in roots) == 1

    def module_at(self, ref: Ref) -> str | None:
        """Return the module that a name leads to, where it can lead to nothing else."""
        for _ in range(_MOST_STEPS):
            if ref.module is None or not ref.module.endswith(".py"):
                return None
            if not ref.dotted:
                return ref.module
            found = self._next(ref.module, *ref.dotted.partition(".")[::2])
            if found is None:
                return None
            ref = found
        return None

    def _next(self, module: str, head: str, rest: str) -> Ref | None:
        text = self._places.text(module)
        exports = self._of(module, text) if head.encode() in text else _Exports()
        if exports is None:
            return None
        below = None
        if posixpath.basename(module) == "__init__.py":
            stem = posixpath.join(posixpath.dirname(module), head)
            two = (f"{stem}/__init__.py", f"{stem}.py")
            below = next((Ref(path, rest) for path in two if self._places.has(path)), None)
        bound = exports.imports.get(head) if exports.names[head] == 1 else None
        if exports.names[head] > 1 or (exports.names[head] and bound is None):
            return None
        if below and bound not in (None, Ref(module, head), Ref(below.module, "")):
            return None
        return below or ((bound.attribute(rest) if rest else bound) if bound else None)

    def is_closed(self, package: str) -> bool:
        """Whether the modules of a package can be found in its folder only."""
        return not self._is_dynamic(package)

    def is_set_for_tests(self, path: str, name: str) -> bool:
        """Whether a conftest.py that is loaded for a file speaks of the name."""
        folder = posixpath.dirname(path)
        while True:
            found = posixpath.join(folder, "conftest.py")
            if self._places.has(found) and name.encode() in self._places.text(found):
                return True
            if not folder:
                return False
            folder = posixpath.dirname(folder)

    def known(self, module: str) -> frozenset[str]:
        """Return the names that can be read from a module."""
        exports = self._of(module, self._places.text(module))
        return frozenset(exports.names) - {"*"} if exports else frozenset()

    def _of(self, module: str, text: bytes) -> _Exports | None:
        if module not in self._exports:
            self._exports[module] = None
            try:
                found = _Exports()
                self._collect(self._places.parse(text).body, module, found)
                self._exports[module] = found
            except (source.UnreadableError, RecursionError):
                pass
        return self._exports[module]

    def _collect(self, body: list[ast.stmt], module: str, into: _Exports) -> None:
        for statement in body:
            for node in _run_at_import(statement):
                self._bind(node, module, into)

    def _bind(self, node: ast.AST, module: str, into: _Exports) -> None:
        match node:
            case ast.ImportFrom():
                if any(alias.name == "*" for alias in node.names):
                    into.stars.append(origin(self._places, node, module))
                self._bind_from(node, module, into)
            case ast.Import():
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    into.names[alias.asname or whole] += 1
                    into.imports[alias.asname or whole] = self._places.find(whole, module)
            case ast.Name(id=name, ctx=ast.Store()):
                into.names[name] += 1
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                into.names[node.name] += 1
                # A function may bind what it declares as global.
                for inner in source.walk(node):
                    if isinstance(inner, ast.Global):
                        into.names.update(inner.names)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                into.names[name] += 1
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                into.names[name] += 1

    def _bind_from(self, node: ast.ImportFrom, module: str, into: _Exports) -> None:
        at = origin(self._places, node, module)
        for alias in node.names:
            into.names[alias.asname or alias.name] += 1
            into.imports[alias.asname or alias.name] = at.attribute(alias.name) if at else None


def origin(places: Modules, node: ast.ImportFrom, importer: str) -> Ref | None:
    """Return the module that a `from` import takes from; None: outside of the tree, or unknown."""
    if node.level:
        return places.relative(node.level, node.module or "", importer)
    return places.find(node.module or "", importer)


def _with_those_above(folders: set[str]) -> frozenset[str]:
    found: set[str] = set()
    for folder in folders:
        at = folder
        while at and at not in found:
            found.add(at)
            at = posixpath.dirname(at)
    return frozenset(found)


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a module is imported, in its own scope."""
    yield node
    if isinstance(node, _OTHER_SCOPES):
        return
    if isinstance(node, ast.If) and guards.is_type_checking(node.test):
        children: list[ast.AST] = [*node.orelse]
    else:
        children = source.children(node)
    for child in children:
        yield from _run_at_import(child)


def _is_bound_plainly(text: bytes, name: str) -> bool:
    """Whether a look at the lines shows the name bound; cheap, and most often enough."""
    if name.encode() not in text:
        return False
    word = re.escape(name.encode())
    bound = rb"^(?:(?:async )?def|class) +" + word + rb"\b|^" + word + rb" *(?::[^\n]*)?=[^=]"
    return re.search(bound, text, re.MULTILINE) is not None
