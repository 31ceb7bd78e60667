"""Keep a change from getting green by comments that switch a check off.

`noqa`, `type: ignore`, `pragma: no cover`, `nosec` and their kin, as the tools themselves read
them: in comments, not in strings, of stub files as well. One more in a file that was there blocks,
and so does one that switches a whole file off. In a file that is new it may be all that a library
without types allows, a test may hand in on purpose what is of the wrong type, and a line may be too
long to break: the reviewer is told. One that moves with its line, or that gets narrower, is none;
nor is one that says of an import in an `__init__.py` that nothing there uses it, where the import
hands on what is the repository's own, or other packages of the project say so as well. Settings of
the tools are left to `tool_settings`.
"""

from __future__ import annotations

import ast
import io
import posixpath
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.tampering import suite
from agent.policy.tampering.asked import Asked
from agent.policy.tampering.suite import Suite
from agent.policy.view import View

SUPPRESSION = Rule(
    id="suppression",
    demands="No comment switches a check off that was on, unless the ticket asks for it.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="total = price * count  # type: ignore",
    good="total = price * Decimal(count)",
)
SUPPRESSION_NOTED = Rule(
    id="suppression-noted",
    demands="What switches a check off for a line of a new file or a test is looked at first.",
    severity=Severity.REVIEW,
    bad="import untyped  # type: ignore[import-untyped]  # in a new file",
    good="import typed",
)
RULES = (SUPPRESSION, SUPPRESSION_NOTED)

#: By the name that is told: what the comment looks like, and whether it holds for the whole file.
_FORMS: tuple[tuple[str, re.Pattern[str], bool], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE), whole)
    for name, pattern, whole in (
        ("flake8: noqa", r"#\s*flake8[:=]\s*noqa(?P<codes>:\s*[A-Z]+\d[\w, ]*)?", True),
        ("ruff: noqa", r"#\s*ruff\s*:\s*noqa(?P<codes>:\s*[A-Z]+\d[\w, ]*)?", True),
        (
            "noqa",
            r"#\s*noqa(?:\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?(?![\w-])",
            False,
        ),
        ("type: ignore", r"#\s*type:\s*ignore(?:\[(?P<codes>[^\]]*)\])?(?!\w)", False),
        ("mypy: ignore-errors", r"\A#\s*mypy:.*?\b(?P<codes>ignore[-_][\w-]++|disable-err)", True),
        ("mypy", r"\A#\s*mypy:.*?(?<![\w-])(?P<codes>allow[-_][\w-]++|[\w-]++\s*=\s*fal)", False),
        ("pyright: ignore", r"#\s*pyright:\s*ignore(?:\[(?P<codes>[^\]]*)\])?(?![\w-])", False),
        (
            "pyright",
            (
                r"\A#\s*pyright:(?!\s*ignore\b).*?\b"
                r"(?P<codes>(?:off|basic|standard)\b|\w+(?=\s*=\s*+(?!true|error)))"
            ),
            True,
        ),
        ("ty: ignore", r"#\s*ty:\s*ignore(?:\[(?P<codes>[^\]]*)\])?", False),
        ("pylint: skip-file", r"#\s*pylint:\s*skip-file", True),
        (
            "pylint: disable",
            r"#\s*pylint:\s*disable(?:-next|-line|-msg)?\s*=\s*(?P<codes>[\w\-, ]+)",
            False,
        ),
        ("pragma: no cover", r"#\s*pragma:?\s*no\s*(?:cover|branch)", False),
        ("coverage: ignore", r"#\s*coverage:\s*(?:ignore|exclude)", False),
        ("nosec", r"#\s*nosec(?:[:\s]\s*(?P<codes>B\d+(?:[,\s]+B\d+)*))?(?!\w)", False),
        ("nosemgrep", r"#\s*nosemgrep", False),
        ("fmt: off", r"#\s*fmt:\s*(?:off|skip)|#\s*yapf:\s*disable", False),
        (
            "isort: skip",
            r"#\s*isort:\s*(?:skip|off|skip_file)|#\s*ruff:\s*isort:\s*(?:skip_file|off)",
            False,
        ),
        ("pyre-ignore", r"#\s*pyre-(?:ignore|fixme)(?:\[(?P<codes>[^\]]*)\])?", False),
        ("pytype: disable", r"#\s*pytype:\s*(?:disable|skip-file)", False),
    )
)  # fmt: skip
_ANY = re.compile(
    rb"^[^\n#]*#[^\n]*(?:noqa|ignore|no\s*cover|no\s*branch|nosec|nosemgrep|disable|skip|fmt:|isort:|pyright"
    rb"|mypy:|fixme|coverage:)",
    re.IGNORECASE | re.MULTILINE,
)
#: Codes of linters that are about layout, order and docstrings.
_LAYOUT = re.compile(r"(?:E[1-5]|W[1-6]|D|I|COM|Q)\d+")
_LAYOUT_FORMS = frozenset({"fmt: off", "isort: skip"})
_WHOLE = " for the whole file"
#: What says of an import that nothing in the file uses it, or that it brings in everything.
_UNUSED = frozenset(
    {("noqa", "F401"), ("noqa", "F403"), ("pylint: disable", "unused-import")}
    | {("pylint: disable", "W0611"), ("pylint: disable", "wildcard-import")}
)
_SAID = re.compile(
    rb"^[^#\n]*\bimport\b[^#\n]*#\s*(?:noqa:[^\n]*\bF40[13]|pylint:[^\n]*(?:unused|wildcard)-import)",
    re.MULTILINE | re.IGNORECASE,
)
_MOST_PACKAGES = 200


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new comment that switches a check off."""
    asked = proposal.once(Asked)
    tests = suite.of(proposal)
    files = (*proposal.python, *proposal.stubs)
    narrower = {file.path: _wider(file) for file in files}
    for file, hit in proposal.fresh(_comments, with_stubs=True):
        name, _, codes = hit.what.partition(" | ")
        tool = name.removesuffix(_WHOLE)
        if codes and narrower[file.path][name] > 0:
            narrower[file.path][name] -= 1
            continue
        if (name, codes) in _UNUSED and _hands_on(file, hit.line, proposal):
            continue
        says = f"{name} ({codes})" if codes else name
        message = f"brings in a comment that switches a check off: {says}"
        if asked.silence(tool, *codes.split(", ")):
            yield SUPPRESSION_NOTED.at(
                file.path,
                f"{message}, as the ticket asks",
                "See that it is as narrow as can be.",
                hit.line,
            )
        elif _is_mild(file, name, codes, tests):
            yield SUPPRESSION_NOTED.at(
                file.path, message, "See that there is no other way.", hit.line
            )
        else:
            yield SUPPRESSION.at(
                file.path,
                message,
                "Mend what the check finds; where the check is wrong, the ticket has to ask for the"
                " comment in so many words.",
                hit.line,
            )


def _hands_on(file: PythonFile, line: int, proposal: Proposal) -> bool:
    """Whether an import of a package is there for others to import, in the project's own way."""
    view = file.after
    if view is None or posixpath.basename(file.path) != "__init__.py":
        return False
    imports = [
        visit.node
        for visit in (*view.all(ast.Import), *view.all(ast.ImportFrom))
        if visit.node.lineno <= line <= (visit.node.end_lineno or visit.node.lineno)
        and visit.function is None
    ]
    return any(_is_own(node, file.path, proposal) for node in imports) or (
        bool(imports) and _is_usual(file.path, proposal)
    )


def _is_own(node: ast.stmt, path: str, proposal: Proposal) -> bool:
    """Whether what is imported is of the repository itself."""
    if not isinstance(node, ast.ImportFrom):
        return False
    return node.level > 0 or proposal.places.find(node.module or "", path) is not None


def _is_usual(path: str, proposal: Proposal) -> bool:
    """Whether packages of the project have such comments already."""
    packages = [one for one in proposal.tree.paths() if posixpath.basename(one) == "__init__.py"]
    # The nearest first: its own text before the change, then those around it.
    packages.sort(key=lambda one: -len(posixpath.commonprefix([one, path])))
    return any(_SAID.search(proposal.tree.read(one)) for one in packages[:_MOST_PACKAGES])


def _is_mild(file: PythonFile, name: str, code: str, tests: Suite) -> bool:
    """Whether it is about layout, for a line of a new file, or of a test that hands in a wrong."""
    if name.endswith(_WHOLE):
        return False
    if name in _LAYOUT_FORMS or (name == "noqa" and _LAYOUT.fullmatch(code)):
        return True
    return file.before is None or tests.naming.is_of_tests(file.path)


def _wider(file: PythonFile) -> Counter[str]:
    """Count the comments without a code that are fewer than before: they may have got one."""
    before = Counter(hit.what for hit in _comments(file.before)) if file.before else Counter[str]()
    if not before:
        return before
    after = Counter(hit.what for hit in _comments(file.after)) if file.after else Counter[str]()
    left = before - after
    return Counter({what: count for what, count in left.items() if " | " not in what})


def _comments(view: View) -> Iterator[Hit]:
    """Yield what comments of one side of a file switch off, each code by itself."""
    if not _ANY.search(view.content):
        return
    for line, text, is_first in _tokens(view):
        taken: set[str] = set()
        for name, pattern, whole in _FORMS:
            found = pattern.search(text)
            if found is None or (
                taken
                and name in {"noqa", "pyright: ignore"}
                and taken & {"flake8: noqa", "ruff: noqa", "pyright"}
            ):
                continue
            codes = re.findall(r"[\w-]+", found.groupdict().get("codes") or "")
            taken.add(name)
            # Before all else, mypy takes it for the file.
            of_file = whole or (name == "type: ignore" and is_first)
            if name in {"flake8: noqa", "ruff: noqa"} and codes:
                of_file = False
            label = f"{name}{_WHOLE}" if of_file else name
            for code in sorted(set(codes)) or [""]:
                yield Hit(f"{label} | {code}" if code else label, line)


def _tokens(view: View) -> Iterator[tuple[int, str, bool]]:
    """Yield line and text of each comment, and whether no code stands before it."""
    is_first = True
    try:
        for token in tokenize.tokenize(io.BytesIO(view.content).readline):
            if token.type == tokenize.COMMENT:
                alone = token.line.lstrip().startswith("#")
                yield token.start[0], token.string, is_first and alone
            elif token.type not in (
                tokenize.NL,
                tokenize.NEWLINE,
                tokenize.ENCODING,
                tokenize.STRING,
            ):
                is_first = False
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        # What parses and cannot be cut into tokens ends here; `unreadable-python` speaks of it.
        return
