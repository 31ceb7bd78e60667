"""Hold back a change that would publish a credential that base does not hold already.

In tests and examples only what a vendor gives out blocks; the rest is for the reviewer.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from agent.text import secret_shapes
from repo_config.tree import Tree

SECRETS = Rule(
    id="secrets",
    demands="A change brings in nothing that looks like a credential.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
    bad="API_TOKEN = <forty letters and digits of a service>",
    good='API_TOKEN = os.environ["API_TOKEN"]',
)
SAMPLE_SECRETS = Rule(
    id="sample-secrets",
    demands="What looks like a credential in tests, examples and docs was made up for them.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="a private key is added to tests/keys/",
    good="the test makes a key of its own when it begins",
)
RULES = (SECRETS, SAMPLE_SECRETS)

_FIX = "Take the value out of the ticket, and read it from the environment or a secret store."
_SAMPLE_FIX = "Check that it opens nothing, or let the test make it."
_SAMPLE_FOLDER = re.compile(r"docs?(?:_.*)?|(?:.*[-_])?examples?|samples?|tutorials?|demos?|t")
_PROSE = (".md", ".rst", ".adoc")
#: Published by its vendor for everybody: the account of Azure's storage emulator.
_PUBLIC = ("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IF",)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    tree = change_context.tree
    docstrings = _Docstrings(change_context)
    for file in change_context.change.files:
        for line, value, of_vendor in _find_new_lines(file):
            if _is_in_base(value.encode(), tree):
                continue
            # The value itself stays unsaid: findings are shown to everyone.
            if of_vendor or not (_is_sample(file.path) or docstrings.has(file.path, line)):
                yield SECRETS.make_finding(
                    file.path, "brings in what looks like a credential", _FIX, line
                )
            else:
                yield SAMPLE_SECRETS.make_finding(
                    file.path, "brings in what looks like a credential", _SAMPLE_FIX, line
                )
        if file.before is None and any(secret_shapes.find_given_out(file.path)):
            yield SECRETS.make_finding("", "A new path holds what looks like a credential", _FIX)


def _find_new_lines(file: ChangedFile) -> Iterator[tuple[int, str, bool]]:
    """Lines and values that are in the new content and not in the old, and if a vendor's."""
    after = (file.after or b"").decode("utf-8", "replace")
    for (start, end), of_vendor in secret_shapes.find_given_out(after):
        value = after[start:end]
        is_public = any(public in value for public in _PUBLIC)
        if not is_public and value.encode() not in (file.before or b""):
            yield after.count("\n", 0, start) + 1, value, of_vendor


def _is_sample(path: str) -> bool:
    """Whether a file is there to show or to try something."""
    folders = posixpath.dirname(path).lower().split("/")
    return (
        layout.is_test(path)
        or path.lower().endswith(_PROSE)
        or any(_SAMPLE_FOLDER.fullmatch(folder) for folder in folders)
    )


class _Docstrings:
    def __init__(self, change_context: ChangeContext) -> None:
        self._files = {file.path: file for file in change_context.python}

    def has(self, path: str, line: int) -> bool:
        view = self._files[path].after if path in self._files else None
        return view is not None and any(
            isinstance(visit.node.value, ast.Constant)
            and visit.node.lineno <= line <= (visit.node.end_lineno or 0)
            for visit in view.list_visits(ast.Expr)
        )


def _is_in_base(value: bytes, tree: Tree) -> bool:
    """Whether some file of the base has the value; read only where there is something to ask."""
    return any(value in tree.read(path) for path in tree.paths())
