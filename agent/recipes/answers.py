"""A line that answers all questions of a ticket: tried out by its recipe before anyone sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.domain import Ticket

_MOST_LEFT_OUT = 6


@dataclass(frozen=True)
class Example:
    """A sentence that states everything, and what in it nobody has said."""

    sentence: str
    """As it is tried out."""
    invented: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """What the ticket says and the sentence does not carry."""
    placeholder: tuple[str, str] | None = None
    """A part of the sentence that only the reader can state, and what is shown for it."""

    def shown(self, where: str, *, added: bool) -> str:
        """With the words that say what to do with it.

        Args:
            where: Where the line goes.
            added: The ticket's own text stays, and says what the sentence leaves out.
        """
        sentence, invented = self.sentence, self.invented
        replace = ""
        if self.placeholder:
            real, shown = self.placeholder
            sentence = sentence.replace(real, shown, 1)
            invented = tuple(one for one in invented if one != real)
            replace = "; replace `app.Model` in it by the model it points to"
        examples = f" ({', '.join(invented)}: only an example)" if invented else ""
        left = [] if added else list(dict.fromkeys(self.left_out))
        if len(left) > _MOST_LEFT_OUT:
            left[_MOST_LEFT_OUT:] = [f"{len(left) - _MOST_LEFT_OUT} more of what is asked above"]
        more = f"; this leaves out: {', '.join(left)}" if left else ""
        return f"This line, {where}, settles it{examples}{replace}{more}:\n  {sentence}"


def first(
    ticket: Ticket, examples: Iterable[Example], settles: Callable[[Ticket], bool], *, kept: bool
) -> str:
    """The first example that settles a ticket, and where it goes; empty where none does.

    Args:
        ticket: The one that leaves something open.
        examples: From the one that carries most.
        settles: Tries a ticket out.
        kept: Whether the ticket's text may stay beside an example that leaves nothing out.
    """
    for example in examples:
        tried = [
            ("added to the ticket", ticket.title, f"{ticket.body}\n\n{example.sentence}"),
            ("in place of the ticket's text", ticket.title, example.sentence),
            ("in place of the ticket's title and text", "", example.sentence),
        ]
        # A line that leaves something out does not take it out of the ticket.
        for where, title, body in tried if kept and not example.left_out else tried[1:]:
            if settles(Ticket(ticket_id="", title=title, body=body, digest="")):
                return example.shown(where, added=body is tried[0][2])
    return ""
