"""Write tests of base as copies that have to fail, to see that a failure is still seen. Pure.

Code of a change that swallows what tests raise, or makes assertions do nothing, is found so,
whatever it calls itself. A copy does all that the test does, and then has to see one assertion of
each kind fail; where it did, it raises, and is red. Whoever recognizes copies is not found.
"""

from __future__ import annotations

import ast
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
#: What every copy ends in; the names are made up anew for each.
_END = """
{names} = []
for {check}, {values} in (
    {kinds}
):
    try:
        {check}(*{values})
    except BaseException as {problem}:
        if isinstance({problem}, (SystemExit, KeyboardInterrupt)):
            raise
    else:
        {names}.append({check})
try:
    assert {left!r} == {right!r}
except AssertionError:
    pass
else:
    {names}.append("assert")
if {names} in ([], ["assert"]):
    raise AssertionError({left!r} if not {names} else {mute!r})
"""
_OF_CASES = (
    "(getattr({self}, 'assertEqual'), ({left!r}, {right!r})),"
    "(getattr({self}, 'assertTrue'), ('',)),"
    "(getattr({self}, 'assertFalse'), ({left!r},)),"
    "(getattr({self}, 'assertIn'), ({left!r}, ())),"
    "(getattr({self}, 'assertIsNone'), ({left!r},)),"
    "(getattr({self}, 'assertRaises'), (KeyError, str)),"
    "(getattr({self}, 'fail'), ()),"
)
_OF_PYTEST = "({module}.raises, (KeyError, str)), ({module}.fail, ({left!r},)),"


@dataclass(frozen=True)
class FailingCopies:
    """Test files with copies in the place of tests."""

    files: Mapping[str, bytes]
    names: frozenset[tuple[str, str]]
    """File and qualified name of each test that was copied."""
    mute: str
    """In the text of a copy for which `assert` alone does nothing, as with `python -O`."""


def write_copies(sources: Mapping[str, bytes], wanted: Iterable[tuple[str, str]]) -> FailingCopies:
    """Put copies in the place of tests; those that are not written out there are left out.

    Args:
        sources: Of the test files, by path.
        wanted: File and qualified name of each test, as in `Case.test_it`.
    """
    names = frozenset(wanted)
    files, done, mute = {}, set(), f"_{secrets.token_hex(8)}"
    for path, content in sources.items():
        try:
            module = foreign_python.parse_module(content)
        except UNREADABLE:
            continue
        own = {name for file, name in names if file == path}
        words = {"mute": mute, "pytest": _name_of_pytest(module)}
        copied = set(_copy_body(module.body, own, "", words, of_case=False))
        if copied:
            files[path] = ast.unparse(ast.fix_missing_locations(module)).encode()
            done |= {(path, name) for name in copied}
    return FailingCopies(files, frozenset(done), mute)


def _copy_body(
    body: list[ast.stmt], wanted: set[str], owner: str, words: Mapping[str, str], *, of_case: bool
) -> Iterable[str]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            # `assertEqual` is there where some base class brings it.
            yield from _copy_body(node.body, wanted, f"{owner}{node.name}.", words, of_case=True)
        elif isinstance(node, _FunctionNode) and f"{owner}{node.name}" in wanted:
            if any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node)):
                continue
            node.body = [_turned_red(node, words, of_case=of_case)]
            yield f"{owner}{node.name}"


def _turned_red(node: _FunctionNode, given: Mapping[str, str], *, of_case: bool) -> ast.stmt:
    pytest = given["pytest"]
    words = {"mute": given["mute"]} | {
        name: f"_{secrets.token_hex(4)}"
        for name in ("names", "check", "values", "problem", "left", "right")
    }
    left, right = words["left"], words["right"]
    kinds = _OF_PYTEST.format(module=pytest, left=left) if pytest else ""
    first = (*node.args.posonlyargs, *node.args.args)[:1]
    end = ast.parse(_END.format(**words, kinds=kinds)).body
    if of_case and first:
        cases = _OF_CASES.format(self=first[0].arg, left=left, right=right)
        is_case = f"hasattr({first[0].arg}, 'assertEqual')"
        text = f"(({cases}) if {is_case} else ()) + ({kinds})"
        end = ast.parse(_END.format(**words, kinds=f"*({text}),")).body
    return ast.Try(body=node.body, handlers=[], orelse=[], finalbody=end)


def _name_of_pytest(module: ast.Module) -> str:
    """Return the name by which a module knows pytest; "" where it does not."""
    for node in module.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "pytest":
                    return alias.asname or alias.name
    return ""
