"""Block a change that adds a credential which base does not have.

The shapes are those that `agent.text.redaction` removes. A vendor's key blocks. So do private keys,
web tokens and passwords in URLs, but in tests or examples they need review, as other values do.
"""

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
    "secrets",
    "Changes add nothing that looks like a credential.",
    Severity.BLOCK,
    minimum=Severity.BLOCK,
)
SAMPLE_SECRETS = Rule(
    "sample-secrets",
    "Possible credentials, such as made-up ones in tests, need review.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
)
RULES = (SECRETS, SAMPLE_SECRETS)

_FIX = "Remove the value from the ticket. Read it from the environment or a secret store."
_SAMPLE_FIX = "Check that it is not a real credential, or generate it in the test."
_SAMPLE_FOLDER = re.compile(r"docs?(?:_.*)?|(?:.*[-_])?examples?|samples?|tutorials?|demos?|t")
#: Random values of 128 bits or more, as keys of services and of frameworks are.
_HEX_KEY = re.compile(
    r"[\"'](?=[a-fA-F]*[0-9])(?=[0-9]*[a-fA-F])([0-9a-fA-F]{32}|[0-9a-fA-F]{40,})[\"']"
)
#: Longer lines are taken for generated ones, in which random values do not count.
_LONGEST_LINE = 1_000
_PROSE = (".md", ".rst", ".adoc")
#: Public by design: the account of Azure's storage emulator.
_PUBLIC = (b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IF",)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    files = change_context.change.files
    new = [(file, *secret) for file in files for secret in _find_new(file)]
    missing = _find_missing({value for *_, value, _ in new}, change_context.tree)
    for file, line, value, is_sample in new:
        if value in missing:
            # The value is not quoted: findings are shown to everyone.
            rule, fix = (SAMPLE_SECRETS, _SAMPLE_FIX) if is_sample else (SECRETS, _FIX)
            yield rule.make_finding(file.path, "adds what looks like a credential", fix, line)
    for file in files:
        if file.before is None and any(secret_shapes.find_given_out(file.path)):
            yield SECRETS.make_finding("", "A new path contains what looks like a credential", _FIX)


def _find_new(file: ChangedFile) -> Iterator[tuple[int, bytes, bool]]:
    """Yield line, value and whether it may be made up, for each value that is new in a file.

    Of several values on a line, only the first is yielded.
    """
    text, lines = (file.after or b"").decode("utf-8", "replace"), set[int]()
    for (start, end), is_sample in _find_places(file.path, text):
        line, value = text.count("\n", 0, start) + 1, text[start:end].encode()
        is_old = value in (file.before or b"") or any(public in value for public in _PUBLIC)
        if not is_old and line not in lines:
            lines.add(line)
            yield line, value, is_sample


def _find_places(path: str, text: str) -> Iterator[tuple[secret_shapes.Span, bool]]:
    """Yield the spans of possible credentials, and whether they may be made up."""
    given_out, is_sample = [*secret_shapes.find_given_out(text)], _is_sample(path)
    yield from ((span, is_sample and not by_vendor) for span, by_vendor in given_out)
    random = [*secret_shapes.find_random_words(text)]
    # Digests look the same; most of them are in tests and data.
    if path.endswith(".py") and not layout.is_test(path):
        random += [match.span(1) for match in _HEX_KEY.finditer(text)]
    for start, end in random:
        is_given_out = any(first <= start < last for (first, last), _ in given_out)
        line_end = text.find("\n", end) % (len(text) + 1)  # -1 is the end of the text
        if not is_given_out and line_end - text.rfind("\n", 0, start) <= _LONGEST_LINE:
            yield (start, end), True


def _is_sample(path: str) -> bool:
    """Whether a file is a test, an example or documentation."""
    folders = posixpath.dirname(path).lower().split("/")
    return (
        layout.is_test(path)
        or path.lower().endswith(_PROSE)
        or any(_SAMPLE_FOLDER.fullmatch(folder) for folder in folders)
    )


def _find_missing(values: set[bytes], tree: Tree) -> set[bytes]:
    """Return the values that no file of base has."""
    missing = values
    for path in tree.paths() if values else ():
        content = tree.read(path)
        if not (missing := {value for value in missing if value not in content}):
            break
    return missing
