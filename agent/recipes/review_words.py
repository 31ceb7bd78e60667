"""How people talk in a review around what they want: politeness, agreement, doubts.

What they want is left to the recipes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from agent.errors import RunStopped, TicketUnclear
from agent.recipes import chatter, tickets
from agent.recipes.recipe import Asked, NotUnderstood

#: Characters that are read; who writes more has more to say than what a recipe takes.
LONGEST = 5_000
_LONGEST_QUOTE = 100
EXCLUDING = "It wants two things that exclude each other"
QUESTION = "It asks a question, which somebody has to answer"
#: “nit:”, “Could you please …?”, “I'd rather …”: what changes nothing of what is wanted.
_OPENING = re.compile(
    r"(?i)^\W*(?:(?:nit(?:pick)?|minor|small\s+thing|suggestion|style|naming)\b\s*[:,\u2013\u2014-]\s*"
    r"|(?:please|kindly|pls|also|and|then|so|just|ok(?:ay)?|yes|hi|hello|hey)\b[\s,!:]*"
    r"|(?:thanks|thank\s+you|sorry)\s*[,!:\u2013\u2014-]\s*"
    r"|let['\u2019]?s\s+|(?:i|we)(?:['\u2019]d|\s+would)\s+(?:prefer\s+|(?:rather\s+)?(?=call|name|rename|make|use|add|"
    r"set|drop|remove|leave|keep|log|lower|turn))|(?:we|you)\s+should\s+(?=call|name|rename|make|use|add|set|drop|"
    r"remove|show)|@[\w-]+[\s,:]*)"
)
_ASKED_POLITELY = re.compile(
    r"(?i)^\W*(?:can|could|would|will)\s+you\s+(?:please\s+|kindly\s+|also\s+|just\s+)*"
    r"(?=(?:re)?name|call|make|use|set|add|show|change|put|drop|remove|leave|increase|raise|bump|give|"
    r"log|keep|lower|turn|switch|revert|undo)"
)
_CLOSING = re.compile(
    r"(?i)[\s,]*(?:\b(?:please|pls|instead|too|as\s+well|then|thanks|thank\s+you|though)\b[\s,]*)+[.!]*$"
)
QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|\u201c[^\u201d]*\u201d|'[^']*'(?!\w)")
_AGREES = re.compile(
    r"(?i)\W*(?:\+1|agreed?|i\s+agree|same\s+here|exactly|lgtm|looks?\s+(?:good|fine|great)|nice|great|"
    r"good(?:\s+(?:work|job))?|nit(?:pick)?|minor|(?:thanks|thank\s+you)[^.?!]{0,20})\W*"
)
#: What turns a remark against the wish that it stands beside.
TURNS = re.compile(
    r"(?i)\b(?:no|not|never|nor|none|or|but|though|however|unless|disagree\w*|otherwise|wait|hold|later|"
    r"first|until|alternatively|rather|instead|actually|question|unsure|\w+n['\u2019]t|if|when|maybe|"
    r"perhaps|ignore|forget|cancel|stop|leave|keep|kidding|jok(?:e|ing)|lol|jk|haha)\b|(?:^|\s)/s\b"
)
#: Quotes, code, tables, boxes, links, comments, and what is struck through.
_MARKED = re.compile(
    r"(?m)^\s*>|^ {0,3}(?:`{3,}|~{3,})|^\s*\||^\s*(?:[-*+]|\d+[.)])\s+\[[ xX]\]|~~|\]\(|"
    r"<!--|</?[a-z]"
)


class UnreadError(ValueError):
    """The sentence is not taken; the message says why, without its point at the end."""


def whole(read: Callable[[], Iterable[Asked]]) -> tuple[Asked, ...] | NotUnderstood:
    """Give what was read of a wish; of one that is not understood as a whole, nothing but why."""
    try:
        return tuple(read())
    except UnreadError as unread:
        return NotUnderstood(reason=f"{str(unread).rstrip('.')}.")
    except RunStopped as problem:
        return NotUnderstood(reason=reason(problem))


def asked(read: Callable[[str], Iterable[Asked]], words: str) -> list[Asked]:
    """Give everything that words want.

    Args:
        read: Reads a sentence.

    Raises:
        UnreadError: Not all of it is understood, or it does not go together.
    """
    found: dict[str, Asked] = {}
    for sentence in sentences(words):
        for one in read(sentence):
            if found.setdefault(one.about, one) != one:
                raise UnreadError(EXCLUDING)
    return list(found.values())


def reason(problem: RunStopped) -> str:
    """What stands against a wish, as recipes put it to whoever writes a ticket."""
    if isinstance(problem, TicketUnclear):
        return " ".join(problem.questions)
    return problem.message


def sentences(words: str) -> list[str]:
    """The sentences of what was written, without those that only accompany others.

    Raises:
        UnreadError: They are very long, or something is quoted and they may be about that.
    """
    if len(words) > LONGEST:
        raise UnreadError(f"It has more than the {LONGEST:,} characters that are read here")
    if _MARKED.search(words):
        raise UnreadError("It quotes something, or is marked up, and may speak of that")
    return [
        one
        for one in dict.fromkeys(tickets.sentences(words))
        if not (chatter.is_chatter(one) or _AGREES.fullmatch(one))
    ]


def request(text: str) -> str:
    """A sentence without what politeness puts around it at its beginning.

    Raises:
        UnreadError: It is a question.
    """
    plain = _plain(text)
    if "?" in QUOTED.sub(" ", plain):
        raise UnreadError(f"{QUESTION}: {quoted(text)}")
    return plain


def bare(plain: str) -> str:
    """The same without what comes at its end, such as “please” or “instead”."""
    return _CLOSING.sub("", plain).strip(" .!,:")


def quoted(text: str) -> str:
    """A sentence as it is put before people, in short."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_QUOTE:
        line = f"{line[:_LONGEST_QUOTE].rpartition(' ')[0]}…"
    return f"“{line}”"


def _plain(text: str) -> str:
    """A sentence without the words of politeness at its beginning."""
    if polite := _ASKED_POLITELY.match(text):
        asked = text[polite.end() :].rstrip()
        return asked.rstrip("?!. ") + "." if asked.count("?") <= 1 else text
    while (found := _OPENING.match(text)) and found.end():
        text = text[found.end() :]
    if polite := _ASKED_POLITELY.match(text):
        return _plain(text)
    return text
