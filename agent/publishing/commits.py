"""Name branch and commit the way the repository does. Pure."""

from __future__ import annotations

import re
import unicodedata

from agent.text import sanitise

_CONVENTIONAL = re.compile(r"^[a-z]+(\([^)]*\))?!?: \S")
_DJANGO = re.compile(r"^(Fixed|Refs) #\d+ -- \S")
_PAST = re.compile(
    r"^(Added|Fixed|Changed|Removed|Updated|Made|Moved|Used|Replaced|Corrected|Improved|Dropped)\b"
)
#: Written by tools and release scripts: says nothing about what people here write.
_NOT_BY_HAND = re.compile(
    r"^(Merge |Bump |Release |\[pre-commit\.ci\]|v?\d+(\.\d+)+)", re.IGNORECASE
)
_SUBJECT_LIMIT = 72
_SLUG_LIMIT = 40


def message(
    title: str,
    steps: tuple[str, ...],
    subjects: tuple[str, ...],
    ticket_id: str,
    *,
    signed_off_by: str | None = None,
) -> str:
    """Write the commit message in the repository's convention.

    Recognised, each when at least half of the latest subjects follow it: Conventional Commits,
    Django's "Fixed #N -- …", past tense, lower case, a full stop at the end.

    Args:
        title: Imperative and capitalised, without a prefix.
        subjects: Of the latest commits.
        signed_off_by: `Name <address>` for the line that ends the message.
    """
    own = [subject for subject in subjects if not _NOT_BY_HAND.match(subject)]

    def usual(pattern: re.Pattern[str]) -> bool:
        return bool(own) and 2 * sum(bool(pattern.search(subject)) for subject in own) >= len(own)

    # A message acts on GitHub as a text does: it can mention people and close issues.
    subject = sanitise.make_inert(title)
    if usual(_PAST) or usual(_DJANGO):
        subject = _past(subject)
    if usual(_CONVENTIONAL):
        subject = f"feat: {_lower_first(subject)}"
    elif usual(_DJANGO) and ticket_id.isdigit():
        subject = f"Fixed #{ticket_id} -- {subject}"
    elif usual(re.compile(r"^[a-z]")):
        subject = _lower_first(subject)
    if usual(re.compile(r"[a-z]\.$")):
        subject += "."
    if len(subject) > _SUBJECT_LIMIT:
        subject = subject[: _SUBJECT_LIMIT - 1].rstrip() + "…"
    parts = [subject, "\n".join(f"- {sanitise.make_inert(step)}" for step in steps)]
    if signed_off_by:
        parts.append(f"Signed-off-by: {signed_off_by}")
    return "\n\n".join(part for part in parts if part) + "\n"


def branch(prefix: str, ticket_id: str, title: str, *, run_id: str | None = None) -> str:
    """Name the branch `<prefix><ticket>-<slug>`: lower-case ASCII, digits and dashes only.

    Args:
        run_id: Where several runs may share a repository, a part of it ends the name, so that
            a run finds its own branch again.
    """
    end = f"-{mark(run_id)}" if run_id else ""
    return f"{prefix}{slug(f'{ticket_id} {title}')}{end}"


def mark(run_id: str) -> str:
    """Give the part of a run's id that ends the names of its branches."""
    return run_id.rsplit("-", 1)[-1][:6]


def held_already(branch: str) -> str:
    """Say that nothing new was made, because the branch is there with the same content."""
    return f"The branch {branch} holds this very change already; no second one was made."


def slug(text: str) -> str:
    """Reduce a text to lower-case ASCII words joined by dashes, at most 40 characters.

    It ends with a whole word, unless one word has most of that.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_text.lower())
    whole = "-".join(words)
    if len(whole) > _SLUG_LIMIT:
        cut = whole[:_SLUG_LIMIT]
        # Whole words, with the one that the cut falls behind.
        kept = whole[: _SLUG_LIMIT + 1].rpartition("-")[0]
        whole = kept if len(kept) >= _SLUG_LIMIT // 2 else cut
    return whole.strip("-") or "ticket"


def _past(title: str) -> str:
    verb, _, rest = title.partition(" ")
    past = f"{verb}d" if verb.endswith("e") else f"{verb}ed"
    return f"{past} {rest}"


def _lower_first(title: str) -> str:
    return title[:1].lower() + title[1:]
