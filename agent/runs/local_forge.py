"""The forge of a developer without any server: a ticket file in, a text file out."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from agent.errors import PermanentError, RequestRefused
from agent.models.change import Change, Plan
from agent.models.forge import BranchRules, NewPullRequest, Onboarding, OwnPull, Progress
from agent.models.outcome import Outcome, PullRequest
from agent.models.run import Run
from agent.models.ticket import Ticket
from agent.text import cleaning

#: As on GitHub; a longer text was never a ticket.
_BODY_LIMIT = 65_536


class LocalForge:
    """Reads tickets from files; the executor leaves the texts in the run's folder."""

    def ticket(self, run: Run) -> Ticket:
        """Read the ticket file: the first heading or line is the title, the rest the body.

        Raises:
            RequestRefused: It is no text, or longer than a ticket can be.
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
                f"{path.name} has {len(text):,} characters; a ticket has at most {_BODY_LIMIT:,}."
                " Keep to what is to be done and link to the rest."
            )
        visible, removed = cleaning.incoming(text)
        title, body = _split(visible)
        return Ticket(
            ticket_id=re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-").lower() or "ticket",
            title=title,
            body=body,
            digest=hashlib.sha256(raw).hexdigest(),
            removed=removed,
        )

    def begin(self, run: Run) -> None:
        """Do nothing: whoever started the run watches it."""

    def mark(self, run: Run, progress: Progress) -> None:
        """Do nothing: as above."""

    def remote(self, run: Run) -> None:
        """There is none: the repository is a folder."""

    def credential(self, run: Run, *, write: bool) -> str:
        """Refuse: a folder needs no token."""
        raise _no_remote()

    def rules(self, run: Run, branch: str) -> BranchRules:
        """Refuse: a folder has no rules for branches."""
        raise _no_remote()

    def commit(self, run: Run, branch: str, message: str, change: Change) -> str:
        """Refuse: commits of a folder are made by git."""
        raise _no_remote()

    def proposed(self, run: Run, branch: str) -> bool:
        """There are no pull requests on this machine."""
        return False

    def own_pulls(self, run: Run, besides: str) -> tuple[OwnPull, ...]:
        """There are none here."""
        return ()

    def propose(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Refuse: a folder has no pull requests."""
        raise _no_remote()

    def onboarding(self, run: Run, branch: str) -> Onboarding | None:
        """There is none here."""

    def onboard(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Refuse: whoever has the folder is the one who calls."""
        raise _no_remote()

    def await_owner(self, run: Run, pull: PullRequest, words: str) -> None:
        """Refuse, likewise."""
        raise _no_remote()

    def await_approval(self, run: Run, plan: Plan, number: str) -> None:
        """Refuse, likewise."""
        raise _no_remote()

    def close_onboarding(self, run: Run, pull: PullRequest, words: str) -> None:
        """Refuse, likewise."""
        raise _no_remote()

    def pause(self, run: Run) -> None:
        """Do nothing: there is no edit to come."""

    def deliver(self, run: Run, outcome: Outcome) -> Outcome:
        """Do nothing: whoever called the command has the outcome."""
        return outcome


def _no_remote() -> PermanentError:
    return PermanentError("A repository on this machine has no forge behind it")


def _split(text: str) -> tuple[str, str]:
    """Find the title: front matter, else the first line if it is a heading or stands alone."""
    lines = text.strip().split("\n")
    if lines[0] == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        for line in lines[1:end]:
            key, colon, value = line.partition(":")
            if colon and key.strip().lower() == "title":
                return value.strip().strip("\"'"), "\n".join(lines[end + 1 :]).strip()
    first = lines[0].strip()
    if first.startswith(("# ", "#\t")):
        return first[1:].strip().rstrip("#").rstrip(), "\n".join(lines[1:]).strip()
    if first.startswith("#"):
        # An issue form has no title of its own: its first heading is a question.
        return "", text.strip()
    # Prose: a first line alone is the title, but stays in the body, since it may hold facts.
    return first[:200], text.strip()
