"""What a test looks at: every check that runs, and those that stand there and cannot fail.

Follows a helper of the repository one level, and puts the cases of a parametrized test, the
items of a written-out loop and the arguments of a helper in the place of their names. So a test
that becomes a case, or asserts that become a helper, still look at the same things. What one check
says is left to `looks`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from agent.policy import source
from agent.policy.names import Scope
from agent.policy.tampering import cases, lookers, looks, statements
from agent.policy.tampering.lookers import Place, Strength
from agent.policy.tampering.looks import Check
from agent.policy.tampering.naming import is_beside_tests
from agent.policy.view import FunctionNode, View

SAME = "it compares a thing with itself"


@dataclass(frozen=True)
class Idle:
    """A check that cannot fail."""

    text: str
    line: int
    why: str


@dataclass
class Reading:
    """What was found in one test."""

    checks: list[Check] = field(default_factory=list)
    """Those that run, each as often as there are cases."""
    sometimes: dict[str, str] = field(default_factory=dict)
    """The texts of those among them that run under a condition only, and which."""
    idle: list[Idle] = field(default_factory=list)
    calls: list[tuple[ast.Call, Place]] = field(default_factory=list)
    """The other calls, and the function that each stands in."""
    cases: int = 1


@dataclass(frozen=True)
class _State:
    """Where in a test a statement stands."""

    swallowed: str = ""
    condition: str = ""
    words: cases.Words = field(default_factory=dict)
    own: cases.Words = field(default_factory=dict)
    """Those among them that are the test's own variables; only these make a check idle."""
    depth: int = 0
    inner: bool = False
    """Whether it is in a function that the test defines, as a stand-in for something."""


def truth(node: ast.expr) -> bool | None:
    """Return what a condition always is; None where that is open."""
    return looks.truth(node)


class Module:
    """One side of a file with tests, indexed once for all of them."""

    def __init__(self, view: View) -> None:
        self.view = view

    @cached_property
    def classes(self) -> dict[int, ast.ClassDef]:
        """The class of each method, by the identity of its node."""
        return {id(visit.node): visit.class_ for visit in self.view.functions if visit.class_}

    def place(self, node: FunctionNode) -> Place:
        """Return a function of the file with what its names mean."""
        return Place(self.view.path, node, self.view.scope, self.classes.get(id(node)))

    @cached_property
    def methods(self) -> dict[str, Place]:
        """The methods of all its classes by name, functions of the file among them."""
        own = {
            visit.node.name: self.place(visit.node)
            for visit in self.view.functions
            if visit.class_ is not None and visit.function is None
        }
        return dict(self._taken_over()) | own

    def _taken_over(self) -> Iterator[tuple[str, Place]]:
        """Yield what classes make a method of: `check = staticmethod(_check)`."""
        for visit in self.view.all(ast.ClassDef):
            for item in visit.node.body:
                match item:
                    case ast.Assign(targets=[ast.Name(id=name)], value=ast.Name(id=function)):
                        pass
                    case ast.Assign(
                        targets=[ast.Name(id=name)],
                        value=ast.Call(
                            func=ast.Name(id="staticmethod" | "classmethod"),
                            args=[ast.Name(id=function)],
                        ),
                    ):
                        pass
                    case _:
                        continue
                defined = self.view.scope.defined.get(function)
                if isinstance(defined, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield name, self.place(defined)

    @cached_property
    def inherited(self) -> dict[str, Place]:
        """The methods that its classes inherit from elsewhere in the repository, by name."""
        found: dict[str, Place] = {}
        for visit in self.view.all(ast.ClassDef):
            for place in self.view.ancestry(visit.node, visit.scope):
                if not (is_beside_tests(place.path) or "Test" in place.node.name):
                    continue
                for item in place.node.body:
                    if isinstance(item, FunctionNode):
                        found.setdefault(item.name, Place(place.path, item, place.scope))
        return found

    def read(self, node: FunctionNode, scope: Scope) -> Reading:
        """Read one test."""
        return _Reader(node, scope, self).reading


class _Reader:
    def __init__(self, node: FunctionNode, scope: Scope, module: Module) -> None:
        self.reading = Reading()
        self._scope = scope
        self._module = module
        self._view = view = module.view
        self._lookers = lookers.of(view.places)
        self._place = module.place(node)
        self._named = {
            inner.id
            for inner in ast.walk(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
        }
        plain = cases.plain_locals(node)
        self._lists = cases.local_lists(node)
        rows = [{**plain, **words} for words in cases.of_parameters(node, view)]
        self.reading.cases = len(rows)
        for words in rows:
            self._block(node.body, _State(words=words, own=plain))

    # --- statements ---------------------------------------------------------------------------

    def _block(self, body: list[ast.stmt], state: _State) -> None:
        for place, statement in enumerate(body):
            if statements.ends(statement):
                self._leaf(statement, state)
                self._dead(body[place + 1 :], "it comes after the end of the test")
                return
            leaves = self._statement(statement, state)
            if leaves and not state.condition:
                state = _but(state, condition=leaves)

    def _statement(self, node: ast.stmt, state: _State) -> str:  # noqa: C901, PLR0912 - one case each
        """Read a statement; return the condition under which the block ends with it."""
        match node:
            case ast.If():
                return self._if(node, state)
            case ast.For() | ast.AsyncFor():
                self._for(node, state)
            case ast.While():
                if looks.truth(node.test) is False:
                    self._dead(node.body, "its loop never runs")
                else:
                    self._expression(node.test, state)
                    self._block(node.body, state)
            case ast.With() | ast.AsyncWith():
                self._with(node, state)
            case ast.Try():
                self._try(node, state)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if node.name in self._named or node.decorator_list:
                    self._block(node.body, _but(state, condition="", inner=True))
                else:
                    self._dead(node.body, f"{node.name}() is never called")
            case ast.ClassDef():
                # What is defined in a test is called by the framework under test.
                for item in node.body:
                    body = [item]
                    if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef)):
                        body = item.body
                    self._block(body, _but(state, condition="", inner=True))
            case ast.Match():
                for case in node.cases:
                    self._block(case.body, _but(state, condition=state.condition or "a match"))
            case ast.Assert(test=test):
                self._expression(test, state)
                self._condition(test, node.lineno, state)
            case _:
                self._leaf(node, state)
        return ""

    def _leaf(self, node: ast.stmt, state: _State) -> None:
        if isinstance(node, ast.Raise):
            named = source.written(node.exc) if node.exc else ""
            if named.startswith("AssertionError"):
                self._found(_failing(node.lineno), state)
        elif isinstance(node, ast.Assign) and _fails_when_called(
            getattr(node.targets[0], "attr", None), node.value
        ):
            self._found(_failing(node.lineno), state)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._expression(child, state)

    def _if(self, node: ast.If, state: _State) -> str:
        known = looks.truth(node.test)
        if known is not None:
            run, dead = (node.body, node.orelse) if known else (node.orelse, node.body)
            self._dead(dead, f"`{_short(node.test)}` never lets it run")
            self._block(run, state)
            return _short(node.test) if run and statements.ends(run[-1]) else ""
        self._expression(node.test, state)
        condition = state.condition or _short(node.test)
        both = statements.looks_at_something(node.body) and statements.looks_at_something(
            node.orelse
        )
        inner = state if both else _but(state, condition=condition)
        if statements.only_fails(node.body):
            inner = state
            if statements.raises_other(node.body[-1]) and not state.inner:
                self._found(_failing(node.lineno), state)
        self._block(node.body, inner)
        self._block(node.orelse, inner)
        leaves = (
            bool(node.body)
            and statements.ends(node.body[-1])
            and not isinstance(node.body[-1], ast.Raise)
        )
        skips = node.body and statements.is_skip(node.body[-1])
        return condition if (leaves or skips) and not both else ""

    def _for(self, node: ast.For | ast.AsyncFor, state: _State) -> None:
        if statements.is_empty(node.iter):
            self._dead(node.body, "it loops over nothing")
            return
        self._expression(node.iter, state)
        for words in cases.of_loop(node, self._view, self._lists):
            self._block(node.body, _but(state, words={**state.words, **words}))
        self._block(node.orelse, state)

    def _with(self, node: ast.With | ast.AsyncWith, state: _State) -> None:
        inner = state
        for item in node.items:
            call = item.context_expr
            if isinstance(call, ast.Call):
                if self._raises(call):
                    check = looks.of_raises(cases.put_call(call, state.words), self._names(call))
                    first = node.body[0]
                    if isinstance(first, ast.Raise) and statements.is_written_out(first.exc):
                        self.reading.idle.append(
                            Idle(check.text, call.lineno, "the test itself raises it")
                        )
                    else:
                        self._found(check, state)
                    if statements.suppresses(call, self._called(call)):
                        inner = _but(inner, swallowed=f"`{_short(call)}` takes its failure")
                    continue
                if statements.suppresses(call, self._called(call)):
                    inner = _but(inner, swallowed=f"`{_short(call)}` takes its failure")
                elif isinstance(node.body[-1], ast.Raise) and self._is_under_test(call):
                    # The test fails unless the code takes what is raised.
                    text = f"`{_short(call)}` takes {source.written(node.body[-1])}"
                    self._found(Check(text, "takes", 5, call.lineno, "call", text), state)
            self._expression(call, state)
        self._block(node.body, inner)

    def _is_under_test(self, call: ast.Call) -> bool:
        """Whether what is called is of the repository, and not of its tests."""
        found = self._view.definitions(call.func, self._scope)
        return bool(found) and not any(is_beside_tests(one.path) for one in found)

    def _try(self, node: ast.Try, state: _State) -> None:
        swallowed = state.swallowed
        if any(statements.swallows(handler) for handler in node.handlers):
            swallowed = "its failure is caught and dropped"
        fails = statements.only_fails(node.orelse) or (
            bool(node.body) and statements.is_fail(node.body[-1])
        )
        if node.handlers and fails and statements.handler_kinds(node):
            # try: ...; except E: pass; else: self.fail() says what raises() says.
            kinds_text = " or ".join(statements.handler_kinds(node))
            text = f"raises {kinds_text}"
            self._found(
                Check(text, "raises", 6, node.lineno, "raises", text, {}, kinds_text), state
            )
        self._block(node.body, _but(state, swallowed=swallowed))
        for handler in node.handlers:
            again = statements.raises_again(handler.body)
            self._block(
                handler.body,
                state if again else _but(state, condition=state.condition or "an error"),
            )
        self._block(node.orelse, state)
        self._block(node.finalbody, state)

    # --- expressions --------------------------------------------------------------------------

    def _expression(self, node: ast.expr, state: _State) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Call):
                self._call(inner, state)

    def _call(self, node: ast.Call, state: _State) -> None:
        name = self._called(node)
        if any(_fails_when_called(word.arg, word.value) for word in node.keywords):
            self._found(_failing(node.lineno), state)
        if node.args and self._raises(node):
            self._found(
                looks.of_raises(cases.put_call(node, state.words), self._names(node)), state
            )
            return
        helper = self._helper(node) if state.depth == 0 else None
        if helper is not None and self._follow(node, helper, state):
            return
        if not statements.is_assertion(name):
            if not state.swallowed:
                self.reading.calls.append((node, self._place))
            return
        own = looks.of_call(cases.put_call(node, state.own))
        is_empty = self._lookers.of_call(node, self._place) is Strength.NOTHING
        for check, alone in zip(
            looks.of_call(cases.put_call(node, state.words)), own, strict=False
        ):
            if is_empty:
                why = f"{name}() looks at nothing"
                self.reading.idle.append(Idle(check.text, check.line, why))
            else:
                self._found(check, state, always=alone.always)

    def _raises(self, node: ast.Call) -> bool:
        """Whether what is called fails unless something is raised."""
        return (
            self._called(node) in statements.RAISING
            and self._lookers.of_call(node, self._place) is not Strength.NOTHING
        )

    def _called(self, node: ast.Call) -> str:
        """Return the last part of the name of what is called, whatever it was imported as."""
        name = cases.called(node)
        if isinstance(node.func, ast.Name) and self._place.path == self._view.path:
            refs = self._view.refs(node.func, self._scope)
            outside = [one for ref in refs for one in self._view.places.leads_to(ref)]
            last = {one.rpartition(".")[2] for one in outside}
            return min(last) if last and name not in last else name
        return name

    def _follow(self, node: ast.Call, helper: Place, state: _State) -> bool:
        """Read a helper of the repository with its arguments; False where it looks at nothing."""
        function = helper.node
        if isinstance(function, ast.Lambda):
            return False
        before = len(self.reading.checks) + len(self.reading.idle)
        given = cases.arguments(node, function, state.words)
        named, place = self._named, self._place
        self._named = named | {
            inner.id for inner in ast.walk(function) if isinstance(inner, ast.Name)
        }
        self._place = helper
        self._block(
            function.body, _but(state, words={**cases.plain_locals(function), **given}, depth=1)
        )
        self._named, self._place = named, place
        return len(self.reading.checks) + len(self.reading.idle) > before

    def _helper(self, node: ast.Call) -> Place | None:
        """Find the function of the tests that is called; code under test is none."""
        function = node.func
        if isinstance(function, ast.Attribute) and _is_own(function.value):
            name = function.attr
            method = self._module.methods.get(name) or self._module.inherited.get(name)
            # Whatever class it is from, what it calls in turn is of the class of the test.
            return replace(method, class_=self._place.class_) if method else None
        if isinstance(function, ast.Name):
            own = self._view.scope.defined.get(function.id)
            if isinstance(own, FunctionNode):
                return self._module.place(own)
        for found in self._view.definitions(function, self._scope):
            if isinstance(found.node, ast.ClassDef) or not is_beside_tests(found.path):
                continue
            return Place(found.path, found.node, found.scope)
        return None

    # --- what is found ------------------------------------------------------------------------

    def _names(self, node: ast.Call) -> frozenset[str]:
        wanted = node.args[0] if node.args else None
        several = wanted.elts if isinstance(wanted, ast.Tuple) else [wanted]
        return frozenset(name for one in several for name in self._view.names(one, self._scope))

    def _condition(self, test: ast.expr, line: int, state: _State) -> None:
        own = looks.of_condition(cases.put(test, state.own), line)
        put = looks.of_condition(cases.put(test, state.words), line)
        for check, alone in zip(put, own, strict=False):
            self._found(check, state, always=alone.always)

    def _found(self, check: Check, state: _State, *, always: bool = False) -> None:
        if always:
            why = SAME if check.subject == check.value else "it holds whatever the code does"
            self.reading.idle.append(Idle(check.text, check.line, why))
        elif state.swallowed:
            self.reading.idle.append(Idle(check.text, check.line, state.swallowed))
        else:
            self.reading.checks.append(check)
            if state.condition:
                self.reading.sometimes[check.text] = state.condition

    def _dead(self, body: list[ast.stmt], why: str) -> None:
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Assert):
                    for check in looks.of_condition(node.test, node.lineno):
                        self.reading.idle.append(Idle(check.text, check.line, why))
                elif isinstance(node, ast.Call) and statements.is_assertion(cases.called(node)):
                    for check in looks.of_call(node):
                        self.reading.idle.append(Idle(check.text, check.line, why))
                elif isinstance(node, ast.Call) and cases.called(node) in statements.RAISING:
                    self.reading.idle.append(Idle(source.written(node), node.lineno, why))


def _but(state: _State, **changed: object) -> _State:
    return _State(**{**state.__dict__, **changed})


def _failing(line: int) -> Check:
    return Check("fail", "fail", 5, line, "call", "fail")


def _fails_when_called(name: str | None, value: ast.expr) -> bool:
    """Whether a mock is told to fail the test where the code calls it."""
    maker = value.func if isinstance(value, ast.Call) else value
    return name == "side_effect" and cases.last(maker) == "AssertionError"


def _is_own(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"self", "cls"}


def _short(node: ast.AST) -> str:
    text = " ".join(source.written(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."
