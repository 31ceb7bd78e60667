"""Find comments by which a change switches a check off for a whole file. Pure.

A tool that is told to ignore a file finds nothing new in it, whatever the change put there; so
the comment itself is the finding. Comments for single lines are shown in the diff and left to
the reviewer.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator

from agent.domain import Change, CheckItem
from repo_config import pyright_comments

_PYRIGHTS = frozenset({"pyright", "basedpyright"})
_NOQA = {
    "ruff check": re.compile(r"#\s*(?:ruff|flake8):\s*noqa\b", re.IGNORECASE),
    "flake8": re.compile(r"#\s*flake8[:=]\s*noqa\b", re.IGNORECASE),
    "isort": re.compile(r"#\s*isort:\s*skip_file\b"),
}
_MYPY_OPTIONS = re.compile(r"#\s*mypy:(?P<options>.*)", re.IGNORECASE)
_TIGHTENING = ("strict", "disallow-", "warn-", "check-", "enable-error-code", "no-implicit-")
_TYPE_IGNORE = re.compile(r"#\s*type:\s*ignore\b")
_BEFORE_CODE = frozenset(
    {tokenize.ENCODING, tokenize.NL, tokenize.NEWLINE, tokenize.COMMENT, tokenize.STRING}
)


def added(change: Change, tool: str, mode: str = "standard") -> tuple[CheckItem, ...]:
    """Return an item for each file that the change hides from a tool.

    Args:
        change: Its files before and after.
        tool: As the check is called.
        mode: Of pyright; one below lets it look at less.
    """
    return tuple(_added(change, tool, mode))


def _added(change: Change, tool: str, mode: str) -> Iterator[CheckItem]:
    does = f"switches {tool} {'down or off' if tool in _PYRIGHTS else 'off'}"
    for file in change.files:
        if file.after is None or not file.path.endswith((".py", ".pyi")):
            continue
        before = set(_mutes(file.before or b"", tool, mode))
        for comment in dict.fromkeys(_mutes(file.after, tool, mode)):
            if comment not in before:
                yield CheckItem(
                    item_id=f"{file.path}: muted: {comment}",
                    outcome="muted",
                    text=f"{comment} {does} for the whole file",
                    place=file.path,
                )


def _mutes(content: bytes, tool: str, mode: str) -> Iterator[str]:
    code_seen = False
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            code_seen = code_seen or token.type not in _BEFORE_CODE
            alone = not token.line[: token.start[1]].strip()
            if token.type != tokenize.COMMENT:
                continue
            if tool in _PYRIGHTS and pyright_comments.loosened(token.string, mode):
                # It says that such a comment stands in the wrong place, and heeds it.
                yield " ".join(token.string.split())
            elif alone and _hides(token.string, tool, code_seen):
                yield " ".join(token.string.split())
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        return


def _hides(comment: str, tool: str, code_seen: bool) -> bool:  # noqa: FBT001
    if tool not in {"mypy", *_PYRIGHTS}:
        pattern = _NOQA.get(tool)
        return pattern is not None and pattern.match(comment) is not None
    if tool == "mypy" and (options := _MYPY_OPTIONS.match(comment)):
        return any(_loosens(option) for option in options["options"].split(","))
    # They take this one for the whole file when it stands before all code.
    return not code_seen and _TYPE_IGNORE.match(comment) is not None


def _loosens(option: str) -> bool:
    name, _, value = option.strip().lower().replace("_", "-").partition("=")
    if value.strip() in {"false", "no", "off", "0"}:
        return not name.strip().startswith(("ignore-", "allow-"))
    return bool(name) and not name.strip().startswith(_TIGHTENING)
