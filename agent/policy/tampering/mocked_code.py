"""Keep tests at the code that they are there to test.

A test that patches a function of the repository no longer runs it: green says nothing then. What
is patched is followed to where it is defined, so that a library's function in a module of ours
(`app.views.requests.get`) is outside code. A patch of the very thing that the test calls blocks;
so does any of first-party code where `tests.mock` is `external_only`; otherwise it is noted.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import source
from agent.policy.names import Ref, Scope, constant_text
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.tampering import naming, suite
from agent.policy.tampering.asked import Asked
from agent.policy.view import View, Visit

MOCKED = Rule(
    id="mocks-own-code",
    demands="Tests run the code of the repository; what they patch is outside of it.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad='mock.patch("app.cart.total", return_value=3)  # and tests.mock is external_only',
    good='mock.patch("app.cart.requests.get")',
)
MOCKED_NOTED = Rule(
    id="mocks-own-code-noted",
    demands="New patches of the repository's own code are looked at first.",
    severity=Severity.REVIEW,
    bad='mock.patch("app.mail.send")',
    good='mock.patch("app.mail.smtplib.SMTP")',
)
RULES = (MOCKED, MOCKED_NOTED)

#: Calls that patch, by the end of their names: with a dotted text, and with an owner and a name.
_BY_TEXT = ("patch", "setattr", "delattr", "multiple")
_BY_OWNER = ("object", "setattr", "delattr", "multiple", "spy")


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new patch of the repository's own code."""
    wanted = proposal.config.tests.mock
    if wanted == "any":
        return
    tests = suite.of(proposal)

    def among(file: PythonFile) -> bool:
        return tests.naming.is_of_tests(file.path)

    def find(view: View) -> Iterator[Hit]:
        for visit in view.all(ast.Call):
            for ref in _patched(visit, view, proposal):
                if own := _own(ref, proposal):
                    calls = _calls(visit, ref, view, proposal)
                    yield Hit(f"{own} | {'itself' if calls else ''}", visit.node.lineno)

    asked = proposal.once(Asked)
    for file, hit in proposal.fresh(find, among):
        name, _, itself = hit.what.partition(" | ")
        if asked.stub(name, name.rpartition(".")[2]):
            yield MOCKED_NOTED.at(
                file.path,
                f"patches {name}, as the ticket asks",
                "See what is left of the test.",
                hit.line,
            )
        elif itself or wanted == "external_only":
            why = ", which is what it calls" if itself else "; tests.mock allows external code only"
            yield MOCKED.at(
                file.path,
                f"patches {name}, which is code of the repository{why}",
                "Let the test run it, and patch what it reaches outside of the repository.",
                hit.line,
            )
        else:
            yield MOCKED_NOTED.at(
                file.path,
                f"patches {name}, which is code of the repository",
                "See that the test still tests what it is named after.",
                hit.line,
            )


def _patched(visit: Visit[ast.Call], view: View, proposal: Proposal) -> Iterator[Ref]:
    """Yield what a call puts something else in the place of."""
    node = visit.node
    function = node.func
    end = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if (
        end not in {*_BY_TEXT, *_BY_OWNER}
        or not node.args
        or not _is_patch(function, visit.scope, view)
    ):
        return
    first = constant_text(node.args[0])
    if first is not None:
        found = proposal.places.find(first, view.path) if "." in first else None
        if found is not None:
            yield found
        return
    name = constant_text(node.args[1]) if len(node.args) > 1 else None
    if name is not None and end in _BY_OWNER:
        for ref in view.refs(node.args[0], visit.scope):
            yield ref.attribute(name)


def _is_patch(function: ast.expr, scope: Scope, view: View) -> bool:
    text = source.written(function)
    names = view.names(function, scope)
    by_name = any(name.startswith(("unittest.mock.", "mock.")) for name in names)
    fixture = text.startswith(
        ("monkeypatch.", "mocker.", "class_mocker.", "module_mocker.", "session_mocker.")
    )
    return (
        by_name or fixture or text in {"patch", "mock.patch", "patch.object", "mock.patch.object"}
    )


def _own(ref: Ref, proposal: Proposal) -> str:
    """Return the name of a function or class of the repository's code; "" for all else."""
    if ref.module is None or not ref.dotted or naming.is_beside_tests(ref.module):
        return ""
    outer, _, last = ref.dotted.rpartition(".")
    # A function or class by itself, or what is in a class.
    for owner, rest in ((ref.dotted, ""), (outer, last)):
        for found in proposal.places.definitions(Ref(ref.module, owner)) if owner else ():
            if naming.is_beside_tests(found.path):
                return ""
            name = proposal.places.trail(Ref(found.path, found.node.name))[0]
            return f"{name}.{rest}" if rest else name
    return ""


def _calls(visit: Visit[ast.Call], ref: Ref, view: View, proposal: Proposal) -> bool:
    """Whether the test that patches something calls the same thing by its name."""
    around = [
        at.node
        for at in visit.around()
        if isinstance(at.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    if not around or not around[-1].name.startswith("test"):
        return False
    wanted = set(proposal.places.trail(ref))
    test = around[-1]
    return any(
        call is not visit.node and wanted & view.names(call.func, view.scope)
        for call in ast.walk(ast.Module(test.body, []))
        if isinstance(call, ast.Call)
    )
