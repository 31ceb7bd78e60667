"""Keep a change from getting green by not running tests.

Marks and calls that skip or expect a failure, `__test__ = False`, `collect_ignore` and skips in
what every test is set up with. One on a test that was there blocks; where it holds under a
condition only (a platform, a missing library), or comes with a test of its own, or the ticket asks
for it, the reviewer is told. Tests that are taken away are left to `deleted_tests`.
"""

from __future__ import annotations

import ast
import fnmatch
import posixpath
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.tampering import looks, suite
from agent.policy.tampering.asked import Asked
from agent.policy.view import View, Visit

SKIPPED = Rule(
    id="test-skipped",
    demands="Tests that ran before still run and count, unless the ticket asks for it.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="@pytest.mark.skip  # on a test that ran before",
    good="def test_total(): ...",
)
SKIPPED_NOTED = Rule(
    id="test-skipped-noted",
    demands="Tests that are new and skipped, or skipped under a condition, are looked at first.",
    severity=Severity.REVIEW,
    bad='@pytest.mark.skipif(sys.platform == "win32", reason="no fork")',
    good="def test_total(): ...",
)
RULES = (SKIPPED, SKIPPED_NOTED)

_ALWAYS = frozenset(
    {
        "pytest.mark.skip", "pytest.mark.xfail", "pytest.skip", "pytest.xfail", "unittest.skip",
        "unittest.case.skip", "unittest.expectedFailure", "unittest.SkipTest",
        "unittest.case.SkipTest", "nose.SkipTest",
    }
)  # fmt: skip
_UNDER = frozenset(
    {"pytest.mark.skipif", "unittest.skipIf", "unittest.skipUnless", "pytest.importorskip"}
)
_Named = Visit[ast.Attribute] | Visit[ast.Name]
_TEXT = re.compile(r"""['"]([^'"]+)['"]""")
_NAMES = frozenset({"__test__", "collect_ignore", "collect_ignore_glob"})
_SURE, _MAYBE = "", " under a condition"
_AROUND = (ast.If, ast.Try, ast.ExceptHandler, ast.For, ast.While, ast.IfExp, ast.BoolOp, ast.Match)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new reason for which a test does not run, or does not count."""
    asked = proposal.once(Asked)
    tests = suite.of(proposal)

    def among(file: PythonFile) -> bool:
        return tests.naming.is_of_tests(file.path)

    old = {test.qualname for test in (*(pair.old for pair in tests.pairs), *tests.gone)}
    known = {part for name in old for part in (name, name.rpartition(".")[0], name.split(".")[-1])}
    known.discard("")
    for file, hit in proposal.fresh(_skips, among):
        how, _, owner = hit.what.partition(" of ")
        is_known = owner in known if owner else file.before is not None
        if how.startswith("collect_ignore"):
            is_known = _leaves_out_tests(file, hit.line, proposal)
        sure = not how.endswith(_MAYBE)
        says = f"{hit.says} {owner}" if owner else f"{hit.says} all that is in it"
        if not (sure and is_known):
            yield SKIPPED_NOTED.at(
                file.path, says, "See that the condition or the reason is right.", hit.line
            )
        elif asked.skip(file.path, owner or file.path):
            yield SKIPPED_NOTED.at(
                file.path,
                f"{says}, as the ticket asks",
                "See that nothing else is skipped.",
                hit.line,
            )
        else:
            yield SKIPPED.at(
                file.path,
                says,
                "Let the test run and make the code pass it; where it has to be skipped, the ticket"
                " has to say so by its name.",
                hit.line,
            )


def _leaves_out_tests(file: PythonFile, line: int, proposal: Proposal) -> bool:
    """Whether what is left out of the collection holds tests of the base."""
    folder = posixpath.dirname(file.path)
    text = file.after.line(line) if file.after else ""
    patterns = [posixpath.join(folder, one) for one in _TEXT.findall(text)]
    is_test_file = suite.of(proposal).naming.is_test_file
    return not patterns or any(
        fnmatch.fnmatch(path, pattern) and is_test_file(path)
        for path in proposal.tree.paths()
        for pattern in patterns
    )


def _skips(view: View) -> Iterator[Hit]:
    yield from _marks(view)
    for visit in view.all(ast.Assign):
        for target in visit.node.targets:
            name = target.id if isinstance(target, ast.Name) else getattr(target, "attr", "")
            if name in _NAMES and looks.truth(visit.node.value) is not (name == "__test__"):
                yield _hit(visit, name, _SURE, f"sets {name}, which leaves out", visit.qualname)
    for call in view.all(ast.Call):
        function = call.node.func
        if isinstance(function, ast.Attribute) and function.attr == "skipTest":
            yield _hit(call, "skipTest", _condition(call), "skips", _owner(call))


def _marks(view: View) -> Iterator[Hit]:
    """Yield the marks and calls that skip, wherever they stand and whatever they are called."""
    named: list[_Named] = [*view.all(ast.Attribute), *view.all(ast.Name)]
    for visit in named:
        if isinstance(visit.node.ctx, ast.Load) and not _is_part(visit):
            yield from _mark(view, visit)


def _mark(view: View, visit: _Named) -> Iterator[Hit]:
    found = view.names(visit.node, visit.scope) & (_ALWAYS | _UNDER)
    if not found:
        return
    name = min(found)
    under = _condition(visit)
    call = visit.up.node if visit.up else None
    if isinstance(call, ast.Call) and call.func is visit.node:
        under = under or _of_arguments(name, call)
    elif name in _UNDER:
        return
    short = name.removeprefix("pytest.").removeprefix("unittest.")
    word = "expects the failure of" if "fail" in name.lower() else "skips"
    yield _hit(visit, short, under, f"{word}{under}", _owner(visit))


def _is_part(visit: _Named) -> bool:
    """Whether it is only asked for something else, as `skip` of `skip.Exception`."""
    return visit.up is not None and isinstance(visit.up.node, (ast.Attribute, ast.ExceptHandler))


def _of_arguments(name: str, call: ast.Call) -> str:
    """Say whether a mark depends on something."""
    words = {word.arg: word.value for word in call.keywords}
    condition = next(iter(call.args), words.get("condition"))
    if name == "pytest.importorskip":
        return _MAYBE
    if name in _UNDER and condition is not None:
        known = looks.truth(condition)
        if isinstance(condition, ast.Constant) and isinstance(condition.value, str):
            return _SURE if condition.value in {"True", "1"} else _MAYBE
        return _SURE if known is (not name.endswith("Unless")) else _MAYBE
    if (
        name == "pytest.mark.xfail"
        and condition is not None
        and not isinstance(condition, ast.Constant)
    ):
        return _MAYBE
    return _SURE


def _condition(visit: _Named | Visit[ast.Call]) -> str:
    inner: ast.AST = visit.node
    for at in visit.around():
        if isinstance(at.node, ast.If) and inner is not at.node.test:
            if looks.truth(at.node.test) is not True:
                return _MAYBE
        elif isinstance(at.node, _AROUND) and not isinstance(at.node, ast.If):
            return _MAYBE
        inner = at.node
    return _SURE


def _owner(visit: _Named | Visit[ast.Call]) -> str:
    """Return the test or class that is skipped; "" for the file."""
    for at in visit.around():
        node = at.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if node.name in {"setUp", "setUpClass", "asyncSetUp", "setup_method", "setup_class"}:
                return at.qualname
            if node.name in {"setUpModule", "setup_module"} or "autouse=True" in "".join(
                source.written(one) for one in node.decorator_list
            ):
                return ""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return f"{at.qualname}.{node.name}" if at.qualname else node.name
    return ""


def _hit(
    visit: _Named | Visit[ast.Call] | Visit[ast.Assign],
    how: str,
    under: str,
    says: str,
    owner: str,
) -> Hit:
    line = visit.node.lineno
    what = f"{how}{under} of {owner}" if owner else f"{how}{under}"
    return Hit(what, line, says)
