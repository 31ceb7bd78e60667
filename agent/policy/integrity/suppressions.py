"""Name comments by which a change switches a check off, and `no_type_check`.

What a tool is told in its settings is named by `gate-files`.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy.change_context import ChangeContext, Hit
from agent.policy.rule import Rule
from agent.policy.view import View

SUPPRESSION = Rule(
    id="suppression",
    demands="A new comment or decorator that switches a check off is looked at first.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    bad="total = price * count  # type: ignore",
    good="total = price * Decimal(count)",
)
RULES = (SUPPRESSION,)

_SUPPRESSES = re.compile(
    r"#\s*(?:(?:flake8|ruff)\s*[:=]\s*)?(?:noqa\b|nosec\b|nosemgrep\b"
    r"|pragma:?\s*no\s*(?:cover|branch)|coverage:\s*(?:ignore|exclude)"
    r"|(?:type|mypy|ty|pyright|basedpyright|pyre|pyre-ignore|pyre-fixme|pytype)\s*[:\[]"
    r"|pylint:\s*(?:disable|skip-file)|(?:fmt|yapf|isort):\s*(?:off|skip|disable))[^#]*",
    re.IGNORECASE,
)
#: `# type: list[int]` is a type, as Python 2 had it.
_TYPE_COMMENT = re.compile(r"#\s*type:(?!\s*ignore)", re.IGNORECASE)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file, hit in change_context.find_new_hits(_find_comments, with_stubs=True):
        yield SUPPRESSION.make_finding(
            file.path,
            f"switches a check off: {hit.what}",
            "See that there is no other way, and that it is as narrow as can be.",
            hit.line,
        )


def _find_comments(view: View) -> Iterator[Hit]:
    try:
        for token in tokenize.tokenize(io.BytesIO(view.content).readline):
            if token.type == tokenize.NAME and token.string == "no_type_check":
                yield Hit(token.string, token.start[0])
            if token.type != tokenize.COMMENT or _TYPE_COMMENT.match(token.string):
                continue
            for found in _SUPPRESSES.finditer(token.string):
                yield Hit(" ".join(found[0].lstrip("# ").split()), token.start[0])
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        # What parses and cannot be cut into tokens ends here; `unreadable-python` speaks of it.
        return
