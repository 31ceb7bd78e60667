"""See what the comments of a change keep from the tools that check it.

No list of words says what switches a tool off. The letters of new comments are taken out, and the
tools look once more: what they find only then, a comment has hidden. Lengths and lines stay, so
that nothing else moves.
"""

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator, Mapping

from agent.checks.comparison import BY_ID
from agent.models.change import Change, ChangedFile
from agent.models.checks import AnyRun, CheckItem, CommandRun, LintRun, Status
from agent.models.record import replace
from agent.policy import source
from agent.policy.change_context import find_new

#: Signs before the first letter belong to the form, as in `#: Units.`
_START = re.compile(r"#\W*")


def mask_comments(change: Change) -> Change | None:
    """Take the letters out of the comments that a change adds; None: it adds none."""
    gone: Counter[str] = Counter()
    for file in change.files:
        gone += Counter(_list_lines(file.before)) - Counter(_list_lines(file.after))
    files = tuple(_mask_file(file, change, gone) for file in change.files)
    return replace(change, files=files) if files != change.files else None


def _mask_file(file: ChangedFile, change: Change, gone: Counter[str]) -> ChangedFile:
    content = file.after or b""
    if not (source.is_python(file.path, content) or file.path.endswith(".pyi")):
        return file
    had = Counter(
        token.string for token in _list_comments(source.get_earlier_content(change, file) or b"")
    )
    lines = content.decode("utf-8-sig", "replace").split("\n")
    is_masked = False
    for token in _list_comments(content):
        (row, start), (_, end) = token.start, token.end
        line, head = lines[row - 1], _START.match(token.string)
        had[token.string] -= 1
        if head is None or (row == 1 and token.string.startswith("#!")) or had[token.string] >= 0:
            continue
        if gone[line.strip()] > 0:  # it left another place with its line
            gone[line.strip()] -= 1
            continue
        masked = head[0] + re.sub(r"\S", "x", token.string[head.end() :])
        lines[row - 1] = f"{line[:start]}{masked}{line[end:]}"
        is_masked = is_masked or masked != token.string
    return replace(file, after="\n".join(lines).encode()) if is_masked else file


def _list_comments(content: bytes) -> Iterator[tokenize.TokenInfo]:
    try:
        for token in tokenize.tokenize(io.BytesIO(content).readline):
            if token.type == tokenize.COMMENT:
                yield token
    except (tokenize.TokenError, SyntaxError, ValueError, LookupError):
        return  # what cannot be read fails the tools, or is `hidden-from-rules`


def _list_lines(content: bytes | None) -> list[str]:
    return [line.strip() for line in source.decode_text(content or b"").split("\n")]


def note_silenced(
    results: tuple[AnyRun, ...], masked: Mapping[str, AnyRun], ending: str
) -> tuple[AnyRun, ...]:
    """Note in each result what the same check finds in addition where comments say nothing.

    Args:
        masked: Results of the second kind, by the name of the check with an ending.
    """

    def note(run: AnyRun) -> AnyRun:
        more = _find_silenced(run, masked.get(f"{run.name}{ending}"))
        return replace(run, silenced=tuple(more))

    return tuple(map(note, results))


def _find_silenced(run: AnyRun, other: AnyRun | None) -> Iterator[CheckItem]:
    if isinstance(run, LintRun) and isinstance(other, LintRun) and not run.reason:
        # What is found at a comment itself, as a header that is missing, hides nothing.
        found = find_new(other.items, run.items, BY_ID)
        yield from (item for item in found if not item.source.startswith("#"))
    elif isinstance(run, CommandRun) and isinstance(other, CommandRun):
        if (run.status, other.status) == (Status.PASSED, Status.FAILED):
            said = f"{run.name} passes only with them ({other.reason})"
            yield CheckItem(item_id=run.name, outcome="finding", text=said)
