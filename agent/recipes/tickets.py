"""The structure of a ticket's text: answers of a form, and code marks.

Sentences are never read. What is neither an answer nor code is only passed on, so that people see
what else a ticket says. What the keys and the code mean is left to the recipe that asks.
"""

import re
from collections.abc import Collection
from itertools import chain
from typing import NamedTuple

from markdown_it import MarkdownIt

from agent.models.ticket import Ticket
from agent.text import sanitise

#: What an issue form leaves behind where nothing was filled in.
_UNANSWERED = frozenset({"", "…", "_no response_", "no response"})
_MARK = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
#: Pictures, tags and addresses of links, which no reader of a page sees as words.
_MARKUP = re.compile(
    r"!\[[^\]]{0,200}\]\([^)]{0,500}\)|<[^>]{0,500}>|"
    r"\[([^\]]{0,200})\](?:\([^)]{0,500}\)|\[\w*\])"
)
_MOST_READ, _MOST_SENTENCES, _LONGEST_SENTENCE = 1_000, 10, 200
#: Deeper lists and quotations contain no answer.
_DEEPEST = 20


class TicketDocument(NamedTuple):
    answers: dict[str, str]
    """Of a form, by key in lower case; the first one counts."""
    marks: tuple[str, ...]
    """Inline code of the title and the sentences."""
    blocks: tuple[str, ...]
    """Blocks of code that answer nothing."""
    sentences: tuple[str, ...]
    """Everything else below the title."""

    def list_rest(self, *used: str, asks: tuple[str, ...]) -> tuple[str, ...]:
        """List what the ticket says besides `used`, the code that states the request.

        `asks` are the words around that code in a sentence that says nothing else.
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
    """Take a ticket apart; only these keys count as questions of a form."""
    answers: dict[str, str] = {}
    blocks: list[str] = []
    sentences: list[str] = []
    parser = MarkdownIt("commonmark", {"maxNesting": _DEEPEST}).disable("inline")
    asked = previous = heading = ""
    for token in parser.parse(ticket.body):
        is_answered = token.content.strip().lower() not in _UNANSWERED
        if token.type == "inline" and previous == "heading_open":
            # Without markup and punctuation at its end.
            plain = re.sub(r"[*`#]", "", token.content).replace("_", " ").lower()
            key = " ".join(plain.split()).rstrip("?:. ")
            asked, heading = (key, "") if key in keys else ("", token.content)
        elif token.type in ("inline", "fence", "code_block") and asked and asked not in answers:
            answers |= {asked: token.content.strip()} if is_answered else {}
            asked = ""
        elif token.type == "inline" and is_answered:
            # An answer to another question says little without it.
            text = f"{heading}: {token.content}" if heading else token.content
            heading = ""
            sentences += filter(None, map(str.strip, _SENTENCE_END.split(text)))
        elif token.type in ("fence", "code_block"):
            blocks.append(token.content.strip("\n"))
        previous = token.type
    marks = [mark.strip() for text in (ticket.title, *sentences) for mark in _MARK.findall(text)]
    return TicketDocument(answers, tuple(marks), tuple(blocks), tuple(sentences))


def write_form(answers: dict[str, str]) -> str:
    """Write a form, to be copied; open answers are to be filled in."""
    pairs = ((f"  ### {key.capitalize()}", f"  {value or '…'}") for key, value in answers.items())
    return "\n".join(["Fill in this form to answer:", *chain.from_iterable(pairs)])
