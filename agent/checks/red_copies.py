"""Write tests of base as copies that have to fail, to see that a failure is still seen. Pure.

Code of a change that swallows what tests raise, or makes assertions do nothing, is found so,
whatever it calls itself. A copy does all that the test does, and then makes one assertion of each
kind that has to fail; where all did, it raises, and is red. It does not find code that recognizes
copies.
"""

import ast
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from agent.policy.meaning import UNREADABLE
from repo_config import foreign_python

#: What every copy ends in; the names are made up anew for each. `assert` does nothing with -O.
_END = """
def {check}():
    if not __debug__:
        raise AssertionError
    assert {left!r} == {right!r}
for {check} in ({check}, {kinds}):
    try:
        {check}()
    except BaseException:
        continue
    break
else:
    raise AssertionError({left!r})
"""
#: In a class that has none of these, asking for one fails as well.
_OF_CASES = (
    "{self}.assertEqual({left!r}, {right!r})",
    "{self}.assertTrue('')",
    "{self}.assertFalse({left!r})",
    "{self}.assertIn({left!r}, ())",
    "{self}.assertIsNone({left!r})",
    "{self}.assertRaises(KeyError, str)",
    "{self}.fail()",
)
_OF_PYTEST = ("{pytest}.raises(KeyError, str)", "{pytest}.fail({left!r})")


@dataclass(frozen=True)
class FailingCopies:
    """Test files with copies in the place of tests."""

    files: Mapping[str, bytes]
    names: frozenset[tuple[str, str]]
    """File and qualified name of each test that was copied."""


def write_copies(sources: Mapping[str, bytes], wanted: Iterable[tuple[str, str]]) -> FailingCopies:
    """Put copies in the place of tests; tests that are not written out there are left out.

    Args:
        wanted: File and qualified name of each test, as in `Case.test_it`.
    """
    names = frozenset(wanted)
    files, done = {}, set()
    for path, content in sources.items():
        try:
            module = foreign_python.parse_module(content)
        except UNREADABLE:
            continue
        own = {name for file, name in names if file == path}
        copied = set(_copy_tests(module, own))
        if copied:
            files[path] = ast.unparse(ast.fix_missing_locations(module)).encode()
            done |= {(path, name) for name in copied}
    return FailingCopies(files, frozenset(done))


def _copy_tests(module: ast.Module, wanted: set[str]) -> Iterator[str]:
    pytest = _name_of_pytest(module)
    for name, node in foreign_python.list_functions(module):
        is_made = any(isinstance(inner, ast.Yield | ast.YieldFrom) for inner in ast.walk(node))
        if name in wanted and not is_made:
            end = _write_end(node.args.args[:1] if "." in name else [], pytest)
            node.body = [ast.Try(body=node.body, handlers=[], orelse=[], finalbody=end)]
            yield name


def _write_end(owner: list[ast.arg], pytest: str) -> list[ast.stmt]:
    """Write what raises, unless an assertion that must fail does not.

    Args:
        owner: The first argument of a method.
        pytest: The name of the module there; "": it is not known.
    """
    words = {name: f"_{secrets.token_hex(4)}" for name in ("check", "left", "right")}
    words |= {"pytest": pytest, "self": owner[0].arg if owner else ""}
    kinds = (*(_OF_CASES if owner else ()), *(_OF_PYTEST if pytest else ()))
    calls = "".join(f"lambda: {kind.format(**words)}, " for kind in kinds)
    return foreign_python.parse_module(_END.format(**words, kinds=calls)).body


def _name_of_pytest(module: ast.Module) -> str:
    """Return the name by which a module knows pytest; "" where it does not."""
    for node in module.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "pytest":
                    return alias.asname or alias.name
    return ""
