"""Read what a thread of a review wants of messages that were prints: a level, or the print back.

A thread on a line is about that message; elsewhere it has to say which files are meant.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from agent.errors import RunStopped
from agent.recipes import review_words, suggestions
from agent.recipes.print_to_logging import edits, revised
from agent.recipes.print_to_logging.parameters import LEVELS, Conversion, FileWork, Parameters
from agent.recipes.recipe import Asked, Ground, NotUnderstood, Wish
from agent.recipes.review_words import UnreadError

_LEVEL = r"(?:debug|info|warn|warning|error|critical|exception)"
_CALL = rf"`?(?:(?:self\.)?_?(?:logger|logging|log|LOGGER|LOG)\.)?(?:{_LEVEL})(?:\(\))?`?"
_NEW, _OLD = (
    _CALL.replace(rf"(?:{_LEVEL})", rf"(?P<{name}>{_LEVEL})") for name in ("level", "old")
)
_AS = rf"{_NEW}(?:[- ](?:log[- ]?)?(?:level|message|log|severity))?"
_IT = (
    r"(?:it|this(?:\s+(?:one|line|message|call))?|that(?:\s+one)?|the\s+(?:message|level|log\s+level)|"
    r"these|them|they)"
)
_ALL = (
    r"(?:all|everything|every\s+message|"
    r"all\s+(?:of\s+)?(?:them|these|messages|the\s+messages|prints))"
)
_PATH = r"`?(?P<path>[\w][\w./-]*)(?P<called>\(\))?`?"
_IN = (
    r"(?:\s+(?:in|of|for)\s+(?:(?P<file>this\s+file|the\s+(?:whole\s+)?file)|"
    rf"(?P<whole>all\s+files)|{_PATH}))?"
)
_HERE = r"(?:\s+(?:here|there|everywhere))?"
_INSTEAD = rf"(?:,?\s+(?:instead\s+of|rather\s+than|not|and\s+not)\s+(?:an?\s+)?{_OLD})?"
_BE = (
    r"(?:should|must|shall|needs?\s+to|has\s+to|have\s+to|ought\s+to)\s+(?:\w+ly\s+)?"
    r"(?:be|go|become)"
)
_ON = r"(?:\s*(?:logged\s+)?(?:at|as|to|on|with|into)?\s*(?:the\s+|an?\s+)?)"
_TARGET = rf"(?P<target>{_ALL}|{_IT})"
_LEVELS = tuple(
    re.compile(one, re.IGNORECASE)
    for one in (
        rf"(?:use|prefer)\s+(?:the\s+|an?\s+)?{_AS}{_HERE}(?:\s+for\s+{_TARGET})?{_IN}{_INSTEAD}{_HERE}",
        rf"(?:make|log|set|turn|change|lower|raise|switch|put)\s+{_TARGET}{_IN}{_HERE}{_ON}{_AS}{_HERE}{_INSTEAD}",
        rf"{_TARGET}{_IN}\s+{_BE}{_ON}{_AS}{_HERE}{_INSTEAD}",
        rf"{_AS}{_HERE}{_INSTEAD}{_HERE}",
        rf"(?:the\s+)?(?:log\s+)?level\s*(?::|{_BE})\s*{_NEW}{_HERE}{_INSTEAD}",
    )
)
_PRINT = (
    r"(?:the|this|that|these|those|all|it|them|this\s+one)"
    r"(?:\s+`?prints?(?:\(\))?`?(?:\s+(?:statements?|calls?|lines?))?)?"
)
_AS_IT_WAS = (
    r"(?:\s+(?:alone|(?:just\s+)?as\s+(?:it|they)\s+(?:is|was|are|were)|as\s+(?:an?\s+)?(?:plain\s+)?"
    r"`?prints?(?:\(\))?`?|printed|untouched|unchanged|a\s+`?print`?))?"
)
_STAYS = tuple(
    re.compile(one, re.IGNORECASE)
    for one in (
        rf"(?:leave|keep)\s+(?P<what>{_PRINT}){_AS_IT_WAS}{_HERE}{_IN}",
        rf"(?:leave|keep)\s+{_PATH}\s+(?:alone|(?:just\s+)?as\s+it\s+(?:is|was)|untouched|unchanged)",
        (
            r"(?:do\s+not|don['\u2019]?t)\s+(?:change|convert|touch|replace)\s+(?:(?:the\s+)?prints?\s+in\s+"
            rf"{_PATH}|(?P<what>this(?:\s+(?:one|print|line))?|it)(?:\s+here)?)"
        ),
        r"(?P<what>this(?:\s+(?:one|print|line))?|it)\s+(?:should|must)\s+(?:stay|remain)\s+(?:as\s+)?(?:an?\s+)?`?print(?:ed)?(?:\(\))?`?",
        r"(?:keep|go\s+on)\s+printing(?:\s+(?P<what>this|it|here))",
        rf"(?:revert|undo|skip|exclude|spare)\s+(?:(?:the\s+changes?\s+(?:in|to)\s+)?{_PATH}|(?P<what>this(?:\s+(?:one|line))?))",
    )
)


def read(parameters: Parameters, wish: Wish, ground: Ground) -> tuple[Asked, ...] | NotUnderstood:
    """Read a wish, whole or not at all."""
    try:
        return tuple(_Thread(parameters, wish, ground).asked())
    except UnreadError as unread:
        return NotUnderstood(reason=f"{str(unread).rstrip('.')}.")
    except RunStopped as problem:
        return NotUnderstood(reason=problem.message)


@dataclass(frozen=True)
class _Message:
    """One call that became a message."""

    path: str
    conversion: Conversion
    function: str
    """Name of the function that it is in; "" for none."""

    def asked(self, value: str) -> Asked:
        return Asked(about=revised.key(self.path, self.conversion), value=value)


class _Thread:
    def __init__(self, parameters: Parameters, wish: Wish, ground: Ground) -> None:
        self._parameters = parameters
        self._wish = wish
        self._ground = ground
        self._messages: list[_Message] = []
        for work in parameters.files:
            found = revised.calls_of(work, ground)
            for one in work.conversions:
                function = found[one.line, one.column].context.function
                if one.action == "log":
                    name = function.name.value if function else ""
                    self._messages.append(_Message(work.path, one, name))

    def asked(self) -> list[Asked]:
        """Everything that the thread wants."""
        here = self._here()
        found: dict[str, Asked] = {}
        for sentence in review_words.sentences(self._wish.words):
            for one in self._of_sentence(sentence, here):
                if found.setdefault(one.about, one) != one:
                    raise UnreadError("It wants two things that exclude each other")
        words = list(found.values())
        if self._wish.suggestion is None:
            if not words:
                raise UnreadError("Nothing in it says what is wanted")
            return words
        suggested = self._of_suggestion(here)
        if any(one not in suggested for one in words):
            raise UnreadError("The words want something else than the suggestion")
        return suggested

    # --- place ------------------------------------------------------------------------------

    def _work(self) -> FileWork | None:
        found = (work for work in self._parameters.files if work.path == self._wish.path)
        return next(found, None)

    def _after(self) -> str:
        made = edits.make(self._ground.tree, self._parameters).files
        return made[self._wish.path].decode("utf-8", "replace")

    def _here(self) -> list[_Message]:
        """The messages on the lines that the thread stands on.

        Raises:
            UnreadError: It stands on code that this recipe has not written.
        """
        wish, work = self._wish, self._work()
        if not wish.path:
            return []
        if work is None:
            raise UnreadError(f"This recipe has written nothing in `{wish.path}`")
        start = suggestions.place(self._after(), wish.code, wish.first_line)
        if start is None:
            return []
        lines = range(start + 1, start + 1 + len(wish.code.splitlines()))
        spans = self._spans(work)
        found = [
            one
            for one in self._messages
            if one.path == wish.path and set(lines) & set(spans[one.conversion])
        ]
        if not found:
            raise UnreadError("It stands on lines that this recipe has not written")
        return found

    def _spans(self, work: FileWork) -> dict[Conversion, range]:
        """The lines, 1-based, on which each message stands after the edit."""
        marks: dict[str, Conversion] = {}
        marked: list[Conversion] = []
        for one in work.conversions:
            mark = f"marked_{len(marks)}_{one.logger.replace('.', '_')}"
            marks[mark] = one
            marked.append(one.model_copy(update={"logger": mark}))
        other = work.model_copy(update={"conversions": tuple(marked)})
        files = tuple(other if one is work else one for one in self._parameters.files)
        parameters = self._parameters.model_copy(update={"files": files})
        named = _calls(edits.make(self._ground.tree, parameters).files[work.path].decode())
        plain = _calls(self._after())
        return {
            marks[first.func.value.id]: range(call.lineno, (call.end_lineno or call.lineno) + 1)
            for first, call in zip(named, plain, strict=True)
            if isinstance(first.func, ast.Attribute)
            and isinstance(first.func.value, ast.Name)
            and first.func.value.id in marks
        }

    # --- words ------------------------------------------------------------------------------

    def _of_sentence(self, text: str, here: list[_Message]) -> list[Asked]:
        bare = review_words.bare(review_words.request(text))
        for pattern in _LEVELS:
            if match := pattern.fullmatch(bare):
                return self._at_level(match, here, review_words.quoted(text))
        for pattern in _STAYS:
            if match := pattern.fullmatch(bare):
                which = self._which(match, here, review_words.quoted(text))
                return [one.asked(revised.STAYS) for one in which]
        raise UnreadError(f"This was not understood: {review_words.quoted(text)}")

    def _at_level(self, match: re.Match[str], here: list[_Message], said: str) -> list[Asked]:
        level, old = _level(match["level"]), _level(match["old"] or "")
        which = self._which(match, here, said)
        if old:
            matching = [one for one in which if one.conversion.level == old]
            which = matching if len(which) > 1 else which
            if not matching:
                raise UnreadError(f"It is not logged as {old}: {said}")
        return [one.asked(level) for one in which]

    def _which(self, match: re.Match[str], here: list[_Message], said: str) -> list[_Message]:
        """The messages that a sentence is about.

        Raises:
            UnreadError: That is not certain.
        """
        groups = match.groupdict()
        target = groups.get("target") or groups.get("what") or ""
        if path := groups.get("path"):
            found = self._named(path, said, called=bool(groups.get("called")))
            if len(found) > 1 and re.search(r"(?i)\b(?:the|this|that)\s+`?print\b(?!s)", target):
                raise UnreadError(f"There are {len(found)} prints, and one is meant: {said}")
            return found
        if groups.get("whole"):
            return self._messages
        every = re.match(r"(?i)(?:all|every\w*)\b", target)
        every = every or re.search(r"(?i)\beverywhere\b", match[0])
        if groups.get("file") or (every and self._wish.path):
            if not self._wish.path:
                raise UnreadError(f"Nothing says which file is meant: {said}")
            return [one for one in self._messages if one.path == self._wish.path]
        if every:
            return self._messages
        if len(here) == 1:
            return here
        if len(here) > 1 and re.search(r"(?i)\b(?:these|them|they|those)\b", match[0]):
            return here
        raise UnreadError(f"Nothing says which message is meant: {said}")

    def _named(self, name: str, said: str, *, called: bool) -> list[_Message]:
        """The messages in a file, a folder or a function of that name."""
        bare = name.strip("/").removeprefix("./").rstrip(".")
        found = [one for one in self._messages if not called and _is_in(one.path, bare)]
        found = found or [
            one
            for one in self._messages
            if one.function == bare and self._wish.path in ("", one.path)
        ]
        functions = {one.path for one in found if not _is_in(one.path, bare)}
        if not found or len(functions) > 1:
            raise UnreadError(f"`{bare}` is no file or function here that had prints: {said}")
        return found

    # --- suggestion -------------------------------------------------------------------------

    def _of_suggestion(self, here: list[_Message]) -> list[Asked]:
        """What the suggested line wants; made with that, the file is as suggested."""
        wish = self._wish
        if len(here) != 1:
            raise UnreadError("Which message the suggestion is for is not certain")
        suggestion = wish.suggestion or ""
        wanted = suggestions.applied(self._after(), wish.code, suggestion, wish.first_line)
        for value in (*LEVELS, revised.STAYS) if wanted else ():
            asked = here[0].asked(value)
            try:
                after = revised.of(self._parameters, [asked], self._ground)
            except RunStopped:
                continue
            made = edits.make(self._ground.tree, after).files
            content = made.get(wish.path) or self._ground.tree.read(wish.path)
            if suggestions.same_code(content.decode("utf-8", "replace"), wanted or ""):
                return [asked]
        raise UnreadError("The suggestion is for more than a level or the print as it was")


def _calls(text: str) -> list[ast.Call]:
    """All calls of a file, in order."""
    found = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.Call)]
    return sorted(found, key=lambda one: (one.lineno, one.col_offset, -(one.end_col_offset or 0)))


def _level(text: str) -> str:
    return {"warn": "warning"}.get(text.lower(), text.lower())


def _is_in(path: str, bare: str) -> bool:
    """Whether a file is what a name says: itself, a folder above it, or a module."""
    dotted = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return (
        path == bare
        or (path.endswith(f"/{bare}") and "." in bare)
        or path.startswith(f"{bare}/")
        or dotted == bare
        or dotted.endswith(f".{bare}")
        or dotted.startswith(f"{bare}.")
    )
