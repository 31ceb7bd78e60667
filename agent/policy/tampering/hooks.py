"""Keep a change from writing its own results: hooks of the test run, and the tools' own insides.

A few lines in a conftest.py make every test pass: a report whose outcome is assigned, a list of
items that is emptied, a hook that runs the test in pytest's place, an assertion method that is
replaced. What tampers by itself blocks; a hook that may do so is for the reviewer, as are those
that many projects have for slow tests. That the room notices forged results all the same is the
affair of `agent.checks`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.tampering import suite
from agent.policy.tampering.asked import Asked
from agent.policy.view import FunctionNode, View, Visit

HOOKS = Rule(
    id="test-hooks",
    demands="No test writes results, empties what is run or replaces assertions.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad='report.outcome = "passed"  # in pytest_runtest_makereport',
    good="def pytest_configure(config): ...",
)
HOOKS_NOTED = Rule(
    id="test-hooks-noted",
    demands="New hooks that decide what is collected, run or reported are looked at first.",
    severity=Severity.REVIEW,
    bad="def pytest_collection_modifyitems(items): ...",
    good="@pytest.fixture",
)
RULES = (HOOKS, HOOKS_NOTED)

#: Hooks that run a test, or say what is one, in pytest's place: a value of theirs ends it.
_INSTEAD = frozenset(
    {"pytest_pyfunc_call", "pytest_runtest_protocol", "pytest_ignore_collect", "pytest_runtestloop"}
)
_DECIDING = _INSTEAD | {
    "pytest_collection_modifyitems", "pytest_runtest_makereport", "pytest_collect_file",
    "pytest_pycollect_makeitem", "pytest_pycollect_makemodule", "pytest_report_teststatus",
    "pytest_runtest_call", "pytest_runtest_setup", "pytest_runtest_logreport",
    "pytest_sessionfinish", "pytest_collectstart", "pytest_itemcollected", "pytest_cmdline_main",
    "pytest_exception_interact", "pytest_generate_tests", "pytest_unconfigure", "load_tests",
    "pytest_assertrepr_compare", "pytest_load_initial_conftests", "pytest_cmdline_parse",
}  # fmt: skip
_RESULTS = frozenset(
    {"outcome", "exitstatus", "wasxfail", "testsfailed", "testscollected", "excinfo"}
)
_STAND_INS = frozenset(
    f"{name}.py"
    for name in (
        "pytest", "_pytest", "unittest", "mypy", "flake8", "black", "ruff", "coverage", "pluggy",
        "sitecustomize", "usercustomize", "django", "hypothesis", "doctest",
    )
)  # fmt: skip
#: Commands of Django that checks are made with.
_COMMANDS = re.compile(r"/management/commands/(makemigrations|check|test)\.py\Z")
_INSIDES = ("pytest.", "_pytest.", "unittest.", "builtins.", "django.test.", "pluggy.")
_CHECK_NAMES = frozenset(
    {"fail", "raises", "run", "warns", "AssertionError", "skip", "__call__", "main"}
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new hook, and for what tampers by itself."""
    asked = proposal.once(Asked)
    tests = suite.of(proposal)

    def among(file: PythonFile) -> bool:
        return (
            (tests.naming.is_of_tests(file.path) and not tests.naming.is_ignored(file.path))
            or file.path in proposal.project.plugins
            or file.path.endswith("sitecustomize.py")
        )

    yield from _stand_ins(proposal)
    told: set[tuple[str, str]] = set()
    for file, hit in proposal.fresh(_tampers, among):
        hook, _, act = hit.what.partition(": ")
        told.add((file.path, hook))
        if asked.hook(hook):
            yield HOOKS_NOTED.at(
                file.path,
                f"{hit.message}, as the ticket asks",
                "See that it does no more.",
                hit.line,
            )
        else:
            yield HOOKS.at(
                file.path,
                act if not hook else f"{hook} {act}",
                "Take it out: the results have to be those of the tests. Where a hook is wanted,"
                " the ticket has to name it.",
                hit.line,
            )
    for file, hit in proposal.fresh(_hooks, among):
        if (file.path, hit.what) not in told:
            yield HOOKS_NOTED.at(
                file.path,
                f"has {hit.what}, which decides what is run or reported, in a new form",
                "See that no test is lost by it.",
                hit.line,
            )


def _stand_ins(proposal: Proposal) -> Iterator[Finding]:
    """Yield the new modules that would be taken for the tool that checks."""
    asked = proposal.once(Asked)
    root = f"{proposal.project.root}/" if proposal.project.root else ""
    for file in proposal.change.files:
        name = file.path.removeprefix(root)
        command = _COMMANDS.search(file.path)
        if file.before is not None or file.after is None:
            continue
        if name in _STAND_INS or (command and not asked.hook(command.group(1))):
            yield HOOKS.at(
                file.path,
                "is taken for the tool of that name, or is run before it",
                "Give the module another name.",
            )


def _hooks(view: View) -> Iterator[Hit]:
    """Yield the hooks, each with its text, so that one that is edited counts as new."""
    for visit in view.functions:
        if visit.node.name in _DECIDING and visit.function is None and visit.class_ is None:
            yield Hit(visit.node.name, visit.node.lineno)


def _tampers(view: View) -> Iterator[Hit]:
    assigned: list[Visit[ast.Assign] | Visit[ast.AugAssign]] = [
        *view.all(ast.Assign),
        *view.all(ast.AugAssign),
    ]
    for visit in assigned:
        node = visit.node
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            act = _written(target, visit, view)
            if act:
                yield _hit(visit, act)
    for call in view.all(ast.Call):
        act = _called(call, view)
        if act:
            yield _hit(call, act)
    for gone in view.all(ast.Delete):
        if _hook_of(gone) and any(_is_items(target) for target in gone.node.targets):
            yield _hit(gone, "takes tests out of the list of those to run")
    for function in view.functions:
        if function.node.name in _INSTEAD and function.function is None and _answers(function.node):
            yield Hit(
                f"{function.node.name}: takes pytest's place and ends the test itself",
                function.node.lineno,
            )
        elif function.node.name in {
            "run",
            "__call__",
            "assertEqual",
            "assertTrue",
            "fail",
            "_callTestMethod",
        } and _is_case(function, view):
            yield Hit(
                f"{function.node.name}: is replaced in a class of tests", function.node.lineno
            )


def _written(target: ast.expr, visit: Visit[ast.Assign] | Visit[ast.AugAssign], view: View) -> str:
    if isinstance(target, ast.Attribute):
        names = _insides(view.names(target, visit.scope))
        if names and _is_check(target.attr):
            return f"replaces {min(names)}"
        if target.attr in _RESULTS and _hook_of(visit):
            return f"writes {source.written(target)}"
    elif isinstance(target, ast.Subscript) and _hook_of(visit) and _is_items(target):
        return "takes tests out of the list of those to run"
    return ""


def _in_forked_child(visit: Visit[ast.Call]) -> bool:
    """Whether it stands where only a child that the function has forked comes: that one has to."""
    function = visit.function
    if function is None:
        return False
    forked = [
        node.targets[0].id
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and source.written(node.value) == "os.fork()"
    ]
    given = [
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    ]
    # A name that is set but once is the child's for certain.
    tests = {f"{name} == 0" for name in forked if given.count(name) == 1}
    return any(
        isinstance(node, ast.If)
        and source.written(node.test) in tests
        and any(inner is visit.node for statement in node.body for inner in ast.walk(statement))
        for node in ast.walk(function)
    )


def _called(visit: Visit[ast.Call], view: View) -> str:
    node = visit.node
    names = view.names(node.func, visit.scope)
    if "os._exit" in names and not _in_forked_child(visit):
        return "ends the process before the results are written"
    ends = names & {"sys.exit", "pytest.exit", "builtins.exit", "builtins.quit"}
    if ends and visit.function is None and _is_imported(visit, view):
        return "ends the run when it is imported"
    if (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in {"clear", "remove", "pop"}
        and _hook_of(visit)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "items"
    ):
        return "takes tests out of the list of those to run"
    if (
        "builtins.setattr" in names
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    ):
        name = str(node.args[1].value)
        owners = view.names(node.args[0], visit.scope)
        if name in _RESULTS and _hook_of(visit):
            return f"writes {name}"
        if _is_check(name) and _insides({f"{owner}.{name}" for owner in owners}):
            return f"replaces {name}"
    return ""


def _insides(names: Collection[str]) -> list[str]:
    """Return those that are part of a tool itself, and not of something that it made."""
    return [name for name in names if name.startswith(_INSIDES) and ".()" not in name]


def _is_check(name: str) -> bool:
    return name.startswith("assert") or name in _CHECK_NAMES


def _is_imported(visit: Visit[ast.Call], view: View) -> bool:
    """Whether a call in a module runs when pytest imports it; scripts beside tests end by it."""
    as_script = any(
        isinstance(at.node, ast.If) and "__name__" in source.written(at.node.test)
        for at in visit.around()
    )
    name = view.path.rpartition("/")[2]
    return not as_script and name.startswith(("conftest", "test_", "tests"))


def _hit(
    visit: Visit[ast.Assign] | Visit[ast.AugAssign] | Visit[ast.Call] | Visit[ast.Delete], act: str
) -> Hit:
    return Hit(f"{_hook_of(visit)}: {act}", visit.node.lineno, act)


def _hook_of(
    visit: Visit[ast.Assign] | Visit[ast.AugAssign] | Visit[ast.Call] | Visit[ast.Delete],
) -> str:
    """Return the hook in which something is done; "" outside of all."""
    for at in visit.around():
        if (
            isinstance(at.node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and at.node.name in _DECIDING
        ):
            return at.node.name
    return ""


def _is_items(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "items"
    )


def _answers(node: FunctionNode) -> bool:
    """Whether it returns something that is true, whatever comes in."""
    last = node.body[-1]
    return (
        isinstance(last, ast.Return)
        and isinstance(last.value, ast.Constant)
        and bool(last.value.value)
    )


def _is_case(visit: Visit[ast.FunctionDef] | Visit[ast.AsyncFunctionDef], view: View) -> bool:
    class_ = visit.class_
    if class_ is None or visit.function is not None:
        return False
    lineage = view.lineage(class_, visit.scope)
    return any(name.endswith("TestCase") for name in lineage)
