"""The code host of runs on a developer's machine: it reads ticket files, and needs no server."""

import hashlib
import re
from pathlib import Path

from agent.errors import RequestRefused
from agent.models.code_host import CodeHost
from agent.models.run import Run
from agent.models.ticket import Ticket
from agent.text import sanitise

#: Maximum number of characters, as on GitHub; a longer file is not meant as a ticket.
_BODY_LIMIT = 65_536


class LocalCodeHost(CodeHost):
    """Reads tickets from files; the executor writes the resulting texts to the run's folder."""

    def read_ticket(self, run: Run) -> Ticket:
        """Read the ticket file: the first heading or line is the title, the rest the body.

        Raises:
            RequestRefused: The file is no text, or longer than a ticket can be.
        """
        path = Path(run.ticket)
        raw = path.read_bytes()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            raise RequestRefused(
                f"{path.name}: byte {problem.start} is not UTF-8; save the ticket as UTF-8 text."
            ) from problem
        if len(text) > _BODY_LIMIT:
            raise RequestRefused(
                f"{path.name} has {len(text):,} characters; the maximum is {_BODY_LIMIT:,}."
                " Describe what to do and link to the rest."
            )
        visible, removed = sanitise.clean_ticket(text)
        title, body = _split_title(visible)
        return Ticket(
            ticket_id=re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-").lower() or "ticket",
            title=title,
            body=body,
            digest=hashlib.sha256(raw).hexdigest(),
            removed=removed,
        )


def _split_title(text: str) -> tuple[str, str]:
    """Find the title: the first line if it is a heading or a paragraph."""
    lines = text.strip().split("\n")
    first = lines[0].strip()
    if first.startswith(("# ", "#\t")):
        # Blank lines at either end go; code keeps its indentation.
        body = "\n".join(lines[1:]).rstrip().lstrip("\n")
        return first[1:].strip().rstrip("#").rstrip(), body
    if first.startswith("#"):
        # An issue form has no title of its own: its first heading is a question.
        return "", text.strip()
    # Prose: the first line is the title, but stays in the body, too, since it may contain facts.
    return first[:200], text.strip()
