"""What people write in a review about messages that were prints: "debug please", "keep the print".

Pure; which messages a thread stands on is left to `reviewed`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.recipes import review_words
from agent.recipes.print_to_logging import revised
from agent.recipes.print_to_logging.parameters import Conversion
from agent.recipes.recipe import Asked
from agent.recipes.review_words import UnreadError

_LEVEL = r"(?:debug|info|warn|warning|error|critical|exception)"


def _call(name: str) -> str:
    """A level, alone or as in `logger.debug()`."""
    return (
        r"`?(?:(?:self\.)?_?(?:logger|logging|log|LOGGER|LOG)\.)?"
        rf"(?P<{name}>{_LEVEL})(?:\(\))?`?"
    )


_NEW, _OLD = _call("level"), _call("old")
_AS = rf"{_NEW}(?:[- ](?:log[- ]?)?(?:level|message|log|severity))?"
_IT = (
    r"(?:it|this(?:\s+(?:one|line|message|call))?|that(?:\s+one)?|the\s+(?:message|level|log\s+level)|"
    r"these|them|they)"
)
_ALL = (
    r"(?:all|everything|every\s+message|"
    r"all\s+(?:of\s+)?(?:them|these|messages|the\s+messages|prints))"
)
_PATH = (
    r"`?(?P<path>(?!(?:this|that|it|them|these|those|here|the|as|everything)\b)\w[\w./-]*)"
    r"(?P<called>\(\))?`?"
)
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
        rf"(?:{_TARGET}{_IN}\s+)?{_BE}{_ON}{_AS}{_HERE}{_INSTEAD}",
        rf"{_AS}{_HERE}{_INSTEAD}{_HERE}",
        rf"(?:the\s+)?(?:log\s+)?level\s*(?::|{_BE})\s*{_NEW}{_HERE}{_INSTEAD}",
    )
)
_PRINT = (
    r"(?:the|this|that|these|those|all|all\s+the)\s+`?prints?(?:\(\))?`?"
    r"(?:\s+(?:statements?|calls?|lines?))?"
)
_THIS = r"(?:this(?:\s+(?:one|line))?|it|them|these|those)"
_AS_PRINT = r"(?:as\s+(?:an?\s+)?(?:plain\s+)?`?prints?(?:\(\))?`?|printed|a\s+`?print`?)"
_WAS = r"(?:alone|as\s+(?:it|they)\s+(?:was|were)|untouched|unchanged)"
_STAYS = tuple(
    re.compile(one, re.IGNORECASE)
    for one in (
        (
            rf"(?:leave|keep)\s+(?P<what>{_PRINT})"
            rf"(?:\s+(?:{_WAS}|as\s+(?:(?:it|they)\s+)?(?:is|are)))?{_HERE}{_IN}"
        ),
        # “Leave it as it is” may speak of the message.
        rf"(?:leave|keep)\s+(?P<what>{_THIS})\s+(?:{_AS_PRINT}|as\s+(?:it|they)\s+(?:was|were)){_HERE}",
        rf"(?:leave|keep)\s+{_PATH}\s+{_WAS}",
        (
            r"(?:do\s+not|don['\u2019]?t)\s+(?:change|convert|touch|replace)\s+"
            rf"(?:(?:the\s+)?prints?\s+in\s+{_PATH}|(?P<what>{_THIS}|this\s+print){_HERE})"
        ),
        (
            r"(?P<what>this(?:\s+(?:one|print|line))?|it)\s+(?:should|must)\s+(?:stay|remain)\s+"
            r"(?:as\s+)?(?:an?\s+)?`?print(?:ed)?(?:\(\))?`?"
        ),
        r"(?:keep|go\s+on)\s+printing\s+(?P<what>this|it|here)",
        (
            r"(?:revert|undo|skip|exclude|spare)\s+(?:(?:the\s+changes?\s+(?:in|to)\s+)?"
            rf"{_PATH}|(?P<what>this(?:\s+(?:one|line))?))"
        ),
    )
)


@dataclass(frozen=True)
class Message:
    """One call that became a message."""

    path: str
    conversion: Conversion
    function: str
    """Name of the function that it is in; "" for none."""

    def asked(self, value: str) -> Asked:
        """That it becomes a level, or stays a print."""
        return Asked(about=revised.key(self.path, self.conversion), value=value)


class Reader:
    """Sentences about messages."""

    def __init__(self, messages: list[Message], path: str, here: list[Message]) -> None:
        """Begin to read.

        Args:
            messages: All that the change has made.
            path: Where the thread stands; "" for no file.
            here: Those on its lines.
        """
        self._messages = messages
        self._path = path
        self._here = here

    def read(self, text: str) -> list[Asked]:
        """Take what one sentence wants.

        Raises:
            UnreadError: It is not understood, or which message it is about is not certain.
        """
        bare = review_words.bare(review_words.request(text))
        if re.fullmatch(rf"{_LEVEL}(?:\s+(?:here|there))?", bare, re.IGNORECASE):
            # “Error here” may be said of anything.
            if not re.search(r"(?i)\b(?:please|pls|nit)\b", text):
                raise UnreadError(f"This was not understood: {review_words.quoted(text)}")
        for pattern in _LEVELS:
            if match := pattern.fullmatch(bare):
                return self._at_level(match, review_words.quoted(text))
        for pattern in _STAYS:
            if match := pattern.fullmatch(bare):
                which = self._which(match, review_words.quoted(text))
                return [one.asked(revised.STAYS) for one in which]
        raise UnreadError(f"This was not understood: {review_words.quoted(text)}")

    def _at_level(self, match: re.Match[str], said: str) -> list[Asked]:
        level, old = _level(match["level"]), _level(match["old"] or "")
        which = self._which(match, said)
        if old:
            matching = [one for one in which if one.conversion.level == old]
            which = matching if len(which) > 1 else which
            if not matching:
                raise UnreadError(f"It is not logged as {old}: {said}")
        return [one.asked(level) for one in which]

    def _which(self, match: re.Match[str], said: str) -> list[Message]:
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
        if groups.get("file") or (every and self._path):
            if not self._path:
                raise UnreadError(f"Nothing says which file is meant: {said}")
            return [one for one in self._messages if one.path == self._path]
        if every:
            return self._messages
        if len(self._here) == 1:
            return self._here
        if len(self._here) > 1 and re.search(r"(?i)\b(?:these|them|they|those)\b", match[0]):
            return self._here
        raise UnreadError(f"Nothing says which message is meant: {said}")

    def _named(self, name: str, said: str, *, called: bool) -> list[Message]:
        """The messages in a file, a folder or a function of that name."""
        bare = name.strip("/").removeprefix("./").rstrip(".")
        found = [one for one in self._messages if not called and _is_in(one.path, bare)]
        found = found or [
            one for one in self._messages if one.function == bare and self._path in ("", one.path)
        ]
        functions = {one.path for one in found if not _is_in(one.path, bare)}
        if not found or len(functions) > 1:
            raise UnreadError(f"`{bare}` is no file or function here that had prints: {said}")
        return found


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
