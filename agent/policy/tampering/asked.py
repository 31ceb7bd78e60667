"""Whether a ticket asks, in so many words, for what a change loosens.

"Fix the failing checkout total" never asks for a weaker test. So a sentence counts only where a
verb that says the deed stands in it with the thing by its name, and no negation does. What a
ticket quotes (code, logs, citations) is evidence and asks for nothing; in doubt nothing is asked.
What is asked for is still shown to the reviewer: that is for the rules.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import cached_property

from agent.domain import Ticket
from agent.policy.proposal import Proposal

_FENCED = re.compile(r"^[ \t]*(```|~~~).*?(?:^[ \t]*\1|\Z)", re.MULTILINE | re.DOTALL)
#: Lines of logs and citations.
_QUOTED = re.compile(
    r"^(?:>|\t| {4}|E  |FAILED|ERROR|PASSED|Traceback|  File |_{4,}|={4,}"
    r"|\S+::\S+ (?:FAILED|PASSED|ERROR))"
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_NEGATED = re.compile(
    r"\b(?:not|never|no|without|instead of|rather than|avoid|keep|unchanged|untouched|cannot"
    r"|\w+n['’]t|dont|nor|neither|stop|except)\b",
    re.IGNORECASE,
)
_REMOVE = r"remove|removing|delete|drop|retire|prune|get rid of|throw away|strip"
_SKIP = r"skip|xfail|disable|quarantine|mute|deselect"
_RENAME = r"rename"
_LOOSEN = r"relax|loosen|weaken|widen|lower|allow|tolerate|simplify"
_CHANGE = r"update|change|adjust|correct|replace|refresh|regenerate|rewrite|set|fix|adapt|bump"
_SILENCE = r"add|put|use|suppress|silence|ignore|exclude|mark|insert|annotate"
_SWITCH = (
    rf"{_LOOSEN}|{_SILENCE}|{_REMOVE}|{_SKIP}|change|set|turn off|switch off|reduce|bump|update"
)
_STUB = r"mock|patch|stub|fake|monkeypatch|replace"
_LOSE = rf"{_REMOVE}|{_RENAME}|replace|replacing|move|moving|merge|merging|split|extract|convert"
_HOOK = r"add|write|implement|define|use|extend|change|deselect|skip"
#: Sentences that say that the expectation itself is what is to change. What a shop expects
#: ("fix the expected delivery date", "change the value to the expected one") is none.
_EXPECTED = re.compile(
    r"\b(?:update|change|adjust|correct|fix|replace|refresh|regenerate|rewrite)\b"
    r"(?: (?:the|all|its|our|every|any|these|those|this))?"
    r"(?: (?!(?:to|of|for|as|by|in|than|that|with|from|when|where|if|so|and|or|handling)\b)"
    r"[\w`'-]+){0,2}?"
    r" (?:snapshots?|golden (?:files?|masters?|data|outputs?|images?)"
    r"|assertions?|outdated tests?|stale tests?"
    r"|(?:expected|expectations?)\b(?=[^.]*\b(?:tests?|test_\w+|test suite|specs?|fixtures?)\b))",
    re.IGNORECASE,
)
#: Sentences whose object are the tests as a whole; "fix the tests" is none of them.
_REFACTORED = re.compile(
    r"\b(?:refactor|rewrite|migrate|convert|port|replace|restructure|modernize|stabilize)\w*\b"
    r"[^.]*\b(?:tests?|test suite|fixtures?)\b",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    rf"\b(?:{_REMOVE})\b(?:\s+(?:the|all|our|every|any|old|this|support|for|of|tests?|testing))*"
    r"\s+(?P<what>[^,.;:()]+)",
    re.IGNORECASE,
)
_OBJECT_ENDS = re.compile(
    r"\b(?:from|in|into|because|since|and|which|that|as|so|when|with|on|to|by|before|after|if"
    r"|unless|completely|entirely|again|now)\b",
    re.IGNORECASE,
)
#: Words of an object that say nothing about which.
_EMPTY_WORDS = frozenset(
    {
        "a", "an", "the", "support", "for", "of", "old", "legacy", "deprecated", "unused",
        "obsolete", "our", "its", "feature", "function", "functionality", "class", "method",
        "module", "endpoint", "command", "option", "code", "test", "tests", "view", "helper",
        "python", "django", "api",
    }
)  # fmt: skip
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LEAST = 3
#: What lists and headings begin with.
_MARKS = " -*#0123456789.)[]"


class Asked:
    """What the ticket of a change asks for."""

    def __init__(self, proposal: Proposal) -> None:
        self._ticket: Ticket | None = proposal.ticket

    @cached_property
    def _sentences(self) -> tuple[str, ...]:
        """The sentences that may ask for something."""
        if self._ticket is None:
            return ()
        text = _FENCED.sub("\n", f"{self._ticket.title}\n{self._ticket.body}")
        own = [line.lstrip(_MARKS) for line in text.splitlines() if not _QUOTED.match(line)]
        whole = "\n".join(own)
        sentences = (one.strip() for one in _SENTENCE.split(whole))
        return tuple(
            one for one in sentences if one and not one.endswith("?") and not _NEGATED.search(one)
        )

    def removal(self, path: str, qualname: str) -> bool:
        """Whether it asks for this test to be removed or renamed, or for what it tests."""
        return self._by_name(f"{_REMOVE}|{_RENAME}", path, qualname) or self._of_feature(
            path, qualname
        )

    def skip(self, path: str, qualname: str) -> bool:
        """Whether it asks for this test to be skipped, or to be removed."""
        return self._by_name(f"{_SKIP}|{_REMOVE}", path, qualname)

    def other_expectation(self, path: str, qualname: str) -> bool:
        """Whether it says that the expectation is what is to change."""
        return any(
            _EXPECTED.search(one) or _REFACTORED.search(one) for one in self._sentences
        ) or self._by_name(f"{_CHANGE}|{_LOOSEN}|{_REMOVE}", path, qualname)

    def weaker(self, path: str, qualname: str) -> bool:
        """Whether it asks for this test to look at less."""
        named = self._by_name(f"{_LOOSEN}|{_REMOVE}|{_SKIP}", path, qualname)
        return named or self._of_feature(path, qualname)

    def silence(self, *names: str) -> bool:
        """Whether it asks for a comment of this form, such as `noqa` or `type: ignore`."""
        return self._says(_SILENCE, names)

    def setting(self, *names: str) -> bool:
        """Whether it asks for a setting to be loosened, by its key or the file it is in."""
        return self._says(_SWITCH, names)

    def stub(self, *names: str) -> bool:
        """Whether it asks for something to be put in the place of this function."""
        return self._says(_STUB, names)

    def hook(self, *names: str) -> bool:
        """Whether it asks for this hook."""
        return self._says(_HOOK, names)

    def loss(self, *names: str) -> bool:
        """Whether it asks for a column or table of this name to go, or to be another."""
        return self._says(_LOSE, names)

    # --- sentences ----------------------------------------------------------------------------

    def _by_name(self, verbs: str, path: str, qualname: str) -> bool:
        """Whether a sentence has one of the verbs and names the test, its class or its file."""
        *owners, name = qualname.split(".")
        names = {name, *owners, posixpath.basename(path), path} - {"", "tests.py", "test.py"}
        return self._says(verbs, names)

    def _says(self, verbs: str, names: Iterable[str]) -> bool:
        wanted = [one.lower() for one in names if len(one) >= _LEAST]
        return any(
            re.search(rf"\b(?:{verbs})\w{{0,3}}\b", one, re.IGNORECASE)
            and any(_stands_in(name, one.lower()) for name in wanted)
            for one in self._sentences
        )

    def _of_feature(self, path: str, qualname: str) -> bool:
        """Whether it asks for the removal of what a test is named after."""
        own = {word.lower() for word in _WORD.findall(qualname)}
        has = own | {word.lower() for word in _WORD.findall(path)}
        for one in self._sentences:
            found = _OBJECT.search(one)
            if not found:
                continue
            what = _OBJECT_ENDS.split(found["what"], maxsplit=1)[0]
            words = {word.lower() for word in _WORD.findall(what)}
            telling = {word for word in words - _EMPTY_WORDS if len(word) >= _LEAST}
            # A folder by a name as short as `api` or `log` holds much else.
            is_short = all(len(word) <= _LEAST for word in telling)
            where = own if is_short else has
            if telling and all(word in where or word.rstrip("s") in where for word in telling):
                return True
        return False


def _stands_in(name: str, sentence: str) -> bool:
    """Whether a name stands in a sentence as a word of its own."""
    flat = sentence.replace("-", "_") if "_" in name else sentence
    return re.search(rf"(?<![\w/]){re.escape(name)}(?!\w)", flat) is not None or (
        "_" in name and re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sentence) is not None
    )
