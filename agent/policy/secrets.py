"""Block a change that would publish a credential that is not in base already.

Looked for is what is taken out of every text that leaves (`agent.text.redaction`). What a vendor
gives out blocks, but for what tests and examples may make up; the rest is for the reviewer.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.names import read_constant_text
from agent.policy.rule import Rule
from agent.text import secret_shapes
from repo_config.tree import Tree

SECRETS = Rule(
    id="secrets",
    demands="Changes add nothing that looks like a credential.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
)
SAMPLE_SECRETS = Rule(
    id="sample-secrets",
    demands="Possible credentials, such as made-up ones in tests, need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)
RULES = (SECRETS, SAMPLE_SECRETS)

_FIX = "Remove the value from the ticket. Read it from the environment or a secret store."
_SAMPLE_FIX = "Check that it is not a real credential, or generate it in the test."
_SAMPLE_FOLDER = re.compile(r"docs?(?:_.*)?|(?:.*[-_])?examples?|samples?|tutorials?|demos?|t")
#: Random values of 128 bits or more, as keys of services and of frameworks are.
_HEX_KEY = re.compile(r"(?=.*[0-9])(?=.*[a-fA-F])(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40,})")
#: Longer lines are not written by hand.
_LONGEST_LINE = 1_000
_PROSE = (".md", ".rst", ".adoc")
#: Published by its vendor for everybody: the account of Azure's storage emulator.
_PUBLIC = ("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IF",)


@dataclass(frozen=True)
class _FoundSecret:
    line: int
    value: str
    certainty: Literal["of vendor", "of shape", "random"]


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    files, sources = change_context.change.files, {one.path: one for one in change_context.python}
    new = {file.path: [*_find_new(file)] for file in files}
    for path, source in sources.items():
        new[path] += _find_joined(source)
    values = {found.value.encode() for several in new.values() for found in several}
    missing = _find_missing(values, change_context.tree)
    for file in files:
        for found in new[file.path]:
            if found.value.encode() not in missing:
                continue
            is_shown = _is_sample(file.path) or _is_in_text(sources.get(file.path), found.line)
            is_vendor = found.certainty == "of vendor"
            is_sample = not is_vendor and (is_shown or found.certainty != "of shape")
            rule, fix = (SAMPLE_SECRETS, _SAMPLE_FIX) if is_sample else (SECRETS, _FIX)
            # The value itself stays unsaid: findings are shown to everyone.
            says = "adds what looks like a credential"
            yield rule.make_finding(file.path, says, fix, found.line)
        if file.before is None and any(secret_shapes.find_given_out(file.path)):
            yield SECRETS.make_finding("", "A new path contains what looks like a credential", _FIX)


def _find_new(file: ChangedFile) -> Iterator[_FoundSecret]:
    """Find what the new content has and the old has not, once for each line."""
    after = (file.after or b"").decode("utf-8", "replace")
    said: set[int] = set()
    for found in _find(after):
        is_public = any(public in found.value for public in _PUBLIC)
        if is_public or found.value.encode() in (file.before or b"") or found.line in said:
            continue
        said.add(found.line)
        yield found


def _find(text: str) -> Iterator[_FoundSecret]:
    places = [(span, "of vendor" if by else "of shape")
              for span, by in secret_shapes.find_given_out(text)]  # fmt: skip
    places += [(span, "random") for span in secret_shapes.find_random_words(text)
               if not any(start <= span[0] < end for (start, end), _ in places)]  # fmt: skip
    for (start, end), certainty in places:
        first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        is_weak = certainty == "random"
        if is_weak and (last if last >= 0 else len(text)) - first > _LONGEST_LINE:
            continue  # a picture, or what a bundler has written
        yield _FoundSecret(text.count("\n", 0, start) + 1, text[start:end], certainty)  # type: ignore[arg-type]


def _find_joined(file: PythonFile) -> Iterator[_FoundSecret]:
    """Find credentials whose parts are put together in the source."""
    if file.after is None:
        return
    content = (file.file.after or b"").decode("utf-8", "replace")
    kinds = (ast.BinOp, ast.Constant, ast.JoinedStr, ast.Call)
    for node in (node for kind in kinds for node in file.after.list_nodes(kind)):
        value = read_constant_text(node) or ""
        if value and file.is_new(node.lineno) and value not in content:
            for found in _find(value):
                yield replace(found, line=node.lineno)
                break
    # Digests look the same; those of what is downloaded or compared stand in tests and data.
    for node in () if layout.is_test(file.path) else file.after.list_nodes(ast.Constant):
        text = node.value
        if isinstance(text, str) and _HEX_KEY.fullmatch(text) and file.is_new(node.lineno):
            yield _FoundSecret(node.lineno, text, "random")


def _is_sample(path: str) -> bool:
    """Whether a file is there to show or to try something."""
    folders = posixpath.dirname(path).lower().split("/")
    return (
        layout.is_test(path)
        or path.lower().endswith(_PROSE)
        or any(_SAMPLE_FOLDER.fullmatch(folder) for folder in folders)
    )


def _is_in_text(python: PythonFile | None, line: int) -> bool:
    """Whether a line is within a docstring."""
    return (
        python is not None
        and python.after is not None
        and any(
            isinstance(node.value, ast.Constant) and node.lineno <= line <= (node.end_lineno or 0)
            for node in python.after.list_nodes(ast.Expr)
        )
    )


def _find_missing(values: set[bytes], tree: Tree) -> set[bytes]:
    """Find the values that no file of base has; it is read only where there is one to look for."""
    missing = values
    for path in tree.paths() if values else ():
        content = tree.read(path)
        if not (missing := {value for value in missing if value not in content}):
            break
    return missing
