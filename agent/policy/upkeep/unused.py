"""Tell of what a change leaves lying: imports and private functions that nothing uses, dead code.

Code that never runs is read all the same, and changed along with the rest. Said only of what can be
seen in the file itself: names that others may import are in use, and so is what a text names.
Commented-out code counts from two lines on, where it can be parsed and is no sentence.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from agent.domain import Finding, Severity
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.upkeep import tried
from agent.policy.view import View, Visit

UNUSED_IMPORT = Rule(
    id="unused-import",
    demands="What a change imports is used.",
    severity=Severity.INFO,
    bad="import json\n\nprint('a')",
    good="import json\n\nprint(json.dumps('a'))",
)
DEAD_CODE = Rule(
    id="dead-code",
    demands="A change adds no code that never runs.",
    severity=Severity.INFO,
    bad="def total(order):\n    return order.price\n    order.save()",
    good="def total(order):\n    order.save()\n    return order.price",
)
RULES = (UNUSED_IMPORT, DEAD_CODE)

_WORD = re.compile(r"[A-Za-z_]\w*")
_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_CODE = re.compile(
    r"^\s*#+ ?(\s*(?:[\w.\[\]'\"]+ *[-+*/|&]?= *\S.*|(?:return|raise|yield|await|del|assert) .+"
    r"|(?:from [\w.]+ )?import .+|(?:if|elif|for|while|with|def|class|except)\b.*:|else:|try:"
    r"|[\w.]+\(.*\)|pass|break|continue))\s*$"
)
_LEAST_LINES = 2


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each thing that is newly there for nothing."""
    for file, hit in proposal.fresh(_imports):
        yield UNUSED_IMPORT.at(file.path, hit.message, "Take it out.", hit.line)
    for file, hit in proposal.fresh(_dead):
        # What is new can be called from nowhere but the change.
        if hit.what.startswith("def ") and _is_named_elsewhere(proposal, file.path, hit.what[4:]):
            continue
        yield DEAD_CODE.at(
            file.path, hit.message, "Take it out; what is needed again is in the history.", hit.line
        )


def _is_named_elsewhere(proposal: Proposal, path: str, name: str) -> bool:
    others = (one for one in proposal.change.files if one.path != path and one.after)
    return any(name.encode() in (one.after or b"") for one in others)


def _words(view: View) -> Counter[str]:
    """Count every word of a file, in code, texts and comments."""
    return Counter(_WORD.findall("\n".join(view.lines)))


def _imports(view: View) -> Iterator[Hit]:
    if posixpath.basename(view.path) in ("__init__.py", "conftest.py", "settings.py"):
        return
    words: Counter[str] | None = None
    imports: list[Visit[ast.Import] | Visit[ast.ImportFrom]] = [
        *view.all(ast.Import),
        *view.all(ast.ImportFrom),
    ]
    for visit in imports:
        node = visit.node
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        words = words if words is not None else _words(view)
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            # `import x as x` is said to be for others.
            if alias.name in ("*", alias.asname) or _is_kept(view, node):
                continue
            own = (alias.name + " " + (alias.asname or "")).replace(".", " ").split().count(name)
            if words[name] <= own and not tried.may_fail(visit, tried.IMPORTS):
                yield Hit(f"import {name}", alias.lineno, f"imports {name} and does not use it")


def _is_kept(view: View, node: ast.stmt) -> bool:
    """Whether it says that it is there on purpose."""
    return "noqa" in "".join(view.lines[node.lineno - 1 : node.end_lineno]).lower()


def _dead(view: View) -> Iterator[Hit]:
    yield from _unreachable(view)
    yield from _uncalled(view)
    yield from _commented_out(view)


def _unreachable(view: View) -> Iterator[Hit]:
    for node in view.nodes:
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if not isinstance(block, list):
                continue
            for statement, after in pairwise(block):
                if isinstance(statement, _ENDS) and not _makes_a_generator(after):
                    text = view.line(after.lineno)
                    yield Hit(f"unreachable {text}", after.lineno, "has code that is never reached")
                    break


def _makes_a_generator(statement: ast.stmt) -> bool:
    """Whether it stands there only for what it makes of the function."""
    return isinstance(statement, ast.Expr) and isinstance(
        statement.value, (ast.Yield, ast.YieldFrom, ast.Constant)
    )


def _uncalled(view: View) -> Iterator[Hit]:
    private = [
        node
        for node in view.module.body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("_")
        and not node.name.startswith("__")
        and not node.decorator_list
    ]
    if not private:
        return
    words = _words(view)
    for node in private:
        if words[node.name] == 1:
            yield Hit(f"def {node.name}", node.lineno, f"has {node.name}, which nothing here calls")


def _commented_out(view: View) -> Iterator[Hit]:
    block: list[str] = []
    start = 0
    for number, line in enumerate((*view.lines, ""), 1):
        # `#:` and `# type:` are for tools.
        found = (
            None if "#" not in line or re.match(r"\s*#[:!]| *# *\w+: ", line) else _CODE.match(line)
        )
        if found:
            start = start if block else number
            block.append(found[1])
            continue
        if len(block) >= _LEAST_LINES and _is_code(block):
            yield Hit(f"comment {block[0].strip()}", start, "has code that is commented out")
        block = []


def _is_code(lines: list[str]) -> bool:
    least = min(len(line) - len(line.lstrip()) for line in lines)
    text = "\n".join(line[least:] for line in lines)
    for tail in ("", "\n" + " " * 60 + "pass"):
        try:
            ast.parse(text + tail)
        except (SyntaxError, ValueError):
            continue
        return True
    return False
