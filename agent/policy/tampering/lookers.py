"""Whether what a test calls looks at anything, as far as the repository shows.

`check_total(1)` says by its name that it checks, and may be defined to do nothing. So a function
that the repository has is read, with those that it calls: it looks at something if an assertion
or a `raise` is reached in it. Of what the repository does not have nothing can be read; that is
taken at its word where its name says for certain that it fails by itself (`expect_text`), and else
is not. What a test looks at by its own statements is left to `expectations`.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeGuard

from agent.policy import source
from agent.policy.modules import Modules
from agent.policy.names import Reader, Ref, Scope
from agent.policy.tampering import cases, looks, statements
from agent.policy.tampering.naming import is_beside_tests
from agent.policy.view import FunctionNode

#: From the test to the assertion; and functions in all.
_MOST_LEVELS = 4
_MOST_OF_CODE = 2
_MOST_FUNCTIONS = 80
#: Names of functions whose errors are what they are called for.
_CHECKS = re.compile(
    r"(?:^|_)(?:assert|check|verif|expect|ensure|validat|should|must|compare|match|test|fail|confirm"
    r"|approve|require|is_valid|diff)",
    re.IGNORECASE,
)
#: Names by which a library's function fails the test itself.
_OF_LIBRARIES = re.compile(
    r"(?:\w+_)?assert(?:_\w*)?|_?(?:expect|should|verify|validate|check|compare|ensure|wait_for|wait_until|until"
    r"|fail_(?:if|unless)|match_snapshot|approve|test)(?:_\w*)?|(?:fn|re)match_(?:lines|random)\w*"
    r"|full_clean|clean_fields|raise_(?:for_status|on_error)|testmod|testfile"
    r"|run_(?:doctest|docstring)\w*"
)
_NO_CHECKS = frozenset({"sub_test", "test_client"})
_OF_OWNERS = re.compile(r"regression|snapshot|expect|approv", re.IGNORECASE)
_WARNS = re.compile(r"(?:simplefilter|filterwarnings)\(['\"]error")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_Function = FunctionNode | ast.Lambda


class Strength(IntEnum):
    """What a call does when something is wrong."""

    NOTHING = 0
    RAISES = 1
    """An error that it exists for; so does most code, in passing."""
    ASSERTS = 2


@dataclass(frozen=True, eq=False)
class Place:
    """A function of the repository, with what its names mean."""

    path: str
    node: _Function
    scope: Scope
    """Of its module."""
    class_: ast.ClassDef | None = None


@dataclass(frozen=True)
class _Summary:
    own: Strength
    calls: tuple[tuple[Place, bool], ...]
    """The functions of the repository that it calls, and whether by a name that says it checks."""


class Lookers:
    """The functions of a tree, each read once."""

    def __init__(self, places: Modules) -> None:
        self._places = places
        self._summaries: dict[int, _Summary] = {}
        self._scopes: dict[int, Scope] = {}
        self._methods: dict[tuple[int, str, bool], Place | None] = {}

    def of_call(self, node: ast.Call, place: Place) -> Strength:
        """Say what a call in a function does when something is wrong."""
        found, is_known = self.reading(node, place)
        if is_known:
            return Strength.ASSERTS
        is_check = says_check(node)
        several = (self._strength(one, is_check=is_check) for one in found)
        return max(several, default=Strength.NOTHING)

    def reading(self, node: ast.Call, place: Place) -> tuple[list[Place], bool]:
        """Return what the repository has of what is called, else whether it is known to assert."""
        found = list(self._called(node, place))
        return found, not found and self._is_known(node, place)

    def _strength(self, place: Place, *, is_check: bool) -> Strength:
        """Return the most that a function does, or one that it calls."""
        best = Strength.NOTHING
        waiting = [(place, is_check, 1)]
        seen: set[tuple[int, bool]] = set()
        while waiting and len(seen) < _MOST_FUNCTIONS:
            at, counts, level = waiting.pop(0)
            if (id(at.node), counts) in seen:
                continue
            seen.add((id(at.node), counts))
            summary = self._summary(at)
            # Most code raises in passing; of a check it is what it is for.
            own = summary.own if counts or is_beside_tests(at.path) else Strength.NOTHING
            if own is Strength.ASSERTS or (own is Strength.RAISES and counts):
                best = max(best, own)
            if best is Strength.ASSERTS:
                break
            of_tests = is_beside_tests(at.path)
            if level < (_MOST_LEVELS if of_tests else _MOST_OF_CODE):
                waiting += [
                    (one, counts or (named and of_tests), level + 1) for one, named in summary.calls
                ]
        return best

    # --- one function -------------------------------------------------------------------------

    def _summary(self, place: Place) -> _Summary:
        key = id(place.node)
        if key not in self._summaries:
            self._summaries[key] = _Summary(Strength.NOTHING, ())
            walk = _Walk(self, place)
            self._summaries[key] = _Summary(walk.own, tuple(walk.calls))
        return self._summaries[key]

    def _local(self, place: Place) -> Scope:
        key = id(place.node)
        if key not in self._scopes:
            scope = Scope(parent=place.scope)
            arguments = place.node.args
            for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                scope.bind(one.arg, [])
            if not isinstance(place.node, ast.Lambda):
                Reader(self._places, place.path).collect(place.node.body, scope)
            self._scopes[key] = scope
        return self._scopes[key]

    # --- what is called -----------------------------------------------------------------------

    def _called(self, node: ast.Call, place: Place) -> Iterator[Place]:
        """Yield the functions of the repository that a call may run."""
        function = node.func
        if isinstance(function, ast.Attribute) and _is_own(function.value) and place.class_:
            above = isinstance(function.value, ast.Call)
            found = list(self._of_self(place, place.class_, function.attr, above=above))
            if found:
                yield from found
                return
        local = self._local(place)
        if isinstance(function, ast.Name):
            inner = local.defined.get(function.id)
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield Place(place.path, inner, place.scope, place.class_)
                return
            if function.id in {one.arg for one in _arguments(place.node)}:
                yield from self._fixture(function.id, place)
                return
        for ref in Reader(self._places, place.path).meaning(function, local):
            yield from self._at(ref, place)

    def _at(self, ref: Ref, place: Place) -> Iterator[Place]:
        head, _, rest = ref.dotted.partition(".")
        own = place.scope.defined.get(head) if ref.module == place.path else None
        owners = (
            [(place.path, own, place.scope, rest)]
            if own is not None
            else [
                (found.path, found.node, found.scope, rest)
                for found, rest in self._places.owners(ref)
            ]
        )
        for path, defined, scope, after in owners:
            if not isinstance(defined, ast.ClassDef):
                if not after:
                    yield Place(path, defined, scope)
                continue
            at = Place(path, _NOTHING, scope, defined)
            name = after.removeprefix("()").removeprefix(".")
            name = "__init__" if not after else "__call__" if name == "()" else name
            method = self._method(at, defined, name) if "." not in name else None
            if method is not None:
                yield method
            elif not after:
                yield at

    def _method(
        self, place: Place, class_: ast.ClassDef, name: str, *, above: bool = False
    ) -> Place | None:
        """Find a method of a class, or of one in the repository that it inherits from.

        Args:
            place: Where the class is known.
            class_: The class.
            name: Of the method.
            above: Look in the classes that it inherits from alone.
        """
        key = (id(class_), name, above)
        if key not in self._methods:
            self._methods[key] = next(self._found(place, class_, name, above=above), None)
        return self._methods[key]

    def _of_self(
        self, place: Place, class_: ast.ClassDef, name: str, *, above: bool
    ) -> Iterator[Place]:
        """Yield a method of `self`, which may be of a class below the one that the test is in."""
        found = self._method(place, class_, name, above=above)
        if found is None:
            return
        yield found
        for other in place.scope.defined.values():
            if isinstance(other, ast.ClassDef) and class_.name in map(cases.last, other.bases):
                yield from (
                    Place(place.path, item, place.scope, other)
                    for item in other.body
                    if isinstance(item, FunctionNode) and item.name == name and not above
                )

    def _found(
        self, place: Place, class_: ast.ClassDef, name: str, *, above: bool
    ) -> Iterator[Place]:
        waiting = [(place.path, class_, place.scope)]
        seen: set[int] = set()
        while waiting:
            path, at, scope = waiting.pop(0)
            if id(at) in seen:
                continue
            seen.add(id(at))
            if not (above and at is class_):
                for item in at.body:
                    if isinstance(item, FunctionNode) and item.name == name:
                        yield Place(path, item, scope, class_)
            for base in at.bases:
                for ref in Reader(self._places, path).meaning(base, scope):
                    own = scope.defined.get(ref.dotted) if ref.module == path else None
                    several = (
                        [(path, own, scope)]
                        if own is not None
                        else [
                            (found.path, found.node, found.scope)
                            for found in self._places.definitions(ref)
                        ]
                    )
                    waiting += [
                        (where, node, inner)
                        for where, node, inner in several
                        if isinstance(node, ast.ClassDef)
                    ]

    def _fixture(self, name: str, place: Place) -> Iterator[Place]:
        """Yield the fixture of the repository that an argument of a test gets."""
        own = place.scope.defined.get(name)
        if isinstance(own, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield Place(place.path, own, place.scope)
            return
        folder = place.path
        while folder:
            folder = posixpath.dirname(folder)
            path = posixpath.join(folder, "conftest.py")
            for found in (
                self._places.definitions(Ref(path, name)) if self._places.has(path) else ()
            ):
                if not isinstance(found.node, ast.ClassDef):
                    yield Place(found.path, found.node, found.scope)
                    return

    def _is_known(self, node: ast.Call, place: Place) -> bool:
        """Whether what the repository does not have fails the test by itself, by its name."""
        function = node.func
        if isinstance(function, ast.Attribute) and _OF_OWNERS.search(
            source.written(function.value)
        ):
            return True
        if _WARNS.search(source.written(node)) or any(
            word.arg == "check" and looks.truth(word.value) for word in node.keywords
        ):
            return True
        local = self._local(place)
        refs = Reader(self._places, place.path).meaning(function, local)
        if isinstance(function, ast.Name) and not refs and local.binds(function.id):
            # A lambda, say; an argument is what a plugin hands in.
            if function.id not in {one.arg for one in _arguments(place.node)}:
                return any(map(_is_check_of_library, _assigned(function.id, place.node)))
        outside = [name for ref in refs for name in self._places.leads_to(ref)]
        names = [name.rpartition(".")[2] for name in outside] or [cases.called(node)]
        return any(_is_check_of_library(name) for name in names)


def of(places: Modules) -> Lookers:
    """Return what is known of the functions of a tree; all files share it."""
    return places.once(Lookers)


#: What a class without a constructor of its own runs.
_NOTHING = ast.Lambda(ast.arguments([], [], None, [], [], None, []), ast.Constant(None))


def says_check(node: ast.Call) -> bool:
    """Whether what is called is called after checking something."""
    return _CHECKS.search(_flat(cases.called(node))) is not None


def _is_check_of_library(name: str) -> bool:
    flat = _flat(name)
    return (
        statements.is_assertion(name)
        or name in statements.RAISING
        or _OF_OWNERS.search(flat) is not None
        or (_OF_LIBRARIES.fullmatch(flat) is not None and flat not in _NO_CHECKS)
    )


def _flat(name: str) -> str:
    return _CAMEL.sub("_", name).lower()


def _arguments(node: _Function) -> list[ast.arg]:
    return [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]


def _assigned(name: str, node: _Function) -> Iterator[str]:
    """Yield the names in what a function binds a name to: `check = self.assertEqual`."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and name in {cases.last(one) for one in inner.targets}:
            if not isinstance(inner.value, ast.Lambda):
                yield from map(cases.last, filter(_is_named, ast.walk(inner.value)))


def _is_named(node: ast.AST) -> TypeGuard[ast.expr]:
    return isinstance(node, (ast.Name, ast.Attribute))


def _is_own(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "super"
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


class _Walk:
    """Reads the statements of one function that are reached."""

    def __init__(self, lookers: Lookers, place: Place) -> None:
        self.own = Strength.NOTHING
        self.calls: list[tuple[Place, bool]] = []
        self._lookers, self._place = lookers, place
        if isinstance(place.node, ast.Lambda):
            self._expressions(place.node.body)
        else:
            self._used = {
                inner.id
                for inner in ast.walk(place.node)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
            }
            self._block(place.node.body)

    def _block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self._statement(statement)
            if statements.ends(statement):
                return

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912 - one case each
        match node:
            case ast.Assert(test=test):
                self._expressions(test)
                if not all(check.always for check in looks.of_condition(test, node.lineno)):
                    self.own = Strength.ASSERTS
            case ast.Raise():
                named = source.written(node.exc) if node.exc else ""
                asserts = named.startswith("AssertionError")
                self.own = max(self.own, Strength.ASSERTS if asserts else Strength.RAISES)
            case ast.If(test=test):
                self._expressions(test)
                known = looks.truth(test)
                if known is not False:
                    self._block(node.body)
                if known is not True:
                    self._block(node.orelse)
            case ast.For() | ast.AsyncFor():
                if not statements.is_empty(node.iter):
                    self._expressions(node.iter)
                    self._block(node.body)
                self._block(node.orelse)
            case ast.While(test=test):
                if looks.truth(test) is not False:
                    self._expressions(test)
                    self._block(node.body)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    self._expressions(item.context_expr)
                calls = [
                    one for item in node.items if isinstance(one := item.context_expr, ast.Call)
                ]
                if not any(statements.suppresses(one, cases.called(one)) for one in calls):
                    self._block(node.body)
            case ast.Try():
                if not any(statements.swallows(handler) for handler in node.handlers):
                    self._block(node.body)
                for handler in node.handlers:
                    self._block(handler.body)
                self._block(node.orelse)
                self._block(node.finalbody)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if node.name in self._used or node.decorator_list:
                    self._block(node.body)
            case ast.ClassDef():
                self._block(node.body)
            case ast.Match():
                for case in node.cases:
                    self._block(case.body)
            case _:
                for child in ast.iter_child_nodes(node):
                    if isinstance(child, ast.expr):
                        self._expressions(child)

    def _expressions(self, node: ast.expr) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                self._call(inner)

    def _call(self, node: ast.Call) -> None:
        found, is_known = self._lookers.reading(node, self._place)
        self.calls += [(one, says_check(node)) for one in found]
        if is_known:
            self.own = Strength.ASSERTS
