"""Parse the structure of a ticket's text: answers of a form, and code.

Sentences are not interpreted; they are only returned, so that people see what else a ticket says.
The recipe interprets keys and code.
"""

import re
from collections.abc import Collection
from itertools import chain
from typing import NamedTuple

from markdown_it import MarkdownIt

from agent.models.ticket import Ticket
from agent.text import sanitise

#: Answers of an issue form that was not filled in.
_UNANSWERED = frozenset({"", "…", "_no response_", "no response"})
_MARK = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
#: Pictures, tags and addresses of links, which are not visible text.
_MARKUP = re.compile(
    r"!\[[^\]]{0,200}\]\([^)]{0,500}\)|<[^>]{0,500}>|"
    r"\[([^\]]{0,200})\](?:\([^)]{0,500}\)|\[\w*\])"
)
_MOST_READ, _MOST_SENTENCES, _LONGEST_SENTENCE = 1_000, 10, 200
#: Maximum depth of lists and quotations with answers.
_DEEPEST = 20


class TicketDocument(NamedTuple):
    answers: dict[str, str]
    """Answers of a form by key in lower case; of several answers to a key, the first."""
    marks: tuple[str, ...]
    """Inline code of the title and the sentences."""
    blocks: tuple[str, ...]
    """Blocks of code that are no answers."""
    sentences: tuple[str, ...]
    """All other sentences below the title."""

    def list_rest(self, *used: str, asks: tuple[str, ...]) -> tuple[str, ...]:
        """List the other sentences and blocks of the ticket, shortened.

        Args:
            used: Code that states the request.
            asks: A sentence that has only these words and such code is left out.
        """
        marked = {f"`{mark}`" for mark in used}
        rest = [
            text
            for text in self.sentences
            if not any(mark in text for mark in marked)
            or tuple(re.findall(r"\w+", _MARK.sub("", text))) != asks
        ]
        words = [_MARKUP.sub(r"\1", sentence[:_MOST_READ]) for sentence in rest]
        words = [sentence for sentence in words if re.search(r"\w", sentence)]
        words += [f"`{block}`" for block in self.blocks if block not in used]
        shown = [sanitise.shorten(text, _LONGEST_SENTENCE) for text in words[:_MOST_SENTENCES]]
        more = len(words) - len(shown)
        return (*shown, *([f"{more} more sentences"] if more else []))


def read_document(ticket: Ticket, keys: Collection[str]) -> TicketDocument:
    """Parse a ticket; only these keys count as questions of a form."""
    answers: dict[str, str] = {}
    blocks: list[str] = []
    sentences: list[str] = []
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).disable("inline")
    asked = previous = heading = ""
    for token in parser.parse(ticket.body):
        is_answered = token.content.strip().lower() not in _UNANSWERED
        if token.type == "inline" and previous == "heading_open":
            # Questions are compared without markup and without punctuation at the end.
            plain = re.sub(r"[*`#]", "", token.content).replace("_", " ").lower()
            key = " ".join(plain.split()).rstrip("?:. ")
            asked, heading = (key, "") if key in keys else ("", token.content)
        elif token.type in ("inline", "fence", "code_block") and asked and asked not in answers:
            answers |= {asked: token.content.strip()} if is_answered else {}
            asked = ""
        elif token.type == "inline" and is_answered:
            # An answer to another question is unclear without the question.
            text = f"{heading}: {token.content}" if heading else token.content
            heading = ""
            sentences += filter(None, map(str.strip, _SENTENCE_END.split(text)))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content.strip("\n"))
        previous = token.type
    marks = [mark.strip() for text in (ticket.title, *sentences) for mark in _MARK.findall(text)]
    return TicketDocument(answers, tuple(marks), tuple(blocks), tuple(sentences))


def write_form(answers: dict[str, str]) -> str:
    """Write a form to copy, with gaps for missing answers."""
    pairs = ((f"  ### {key.capitalize()}", f"  {value or '…'}") for key, value in answers.items())
    return "\n".join(["Fill in this form to answer:", *chain.from_iterable(pairs)])
