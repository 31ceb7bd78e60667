"""Write branch names and commit messages in the style of the repository. Pure."""

import re
import textwrap
import unicodedata

from agent.models.ticket import Category
from agent.text import sanitise

_CONVENTIONAL = re.compile(r"^[a-z]+(\([^)]*\))?!?: \S")
#: A type of Conventional Commits at the start of a title, with its scope.
_TYPED = re.compile(
    r"^(build|chore|ci|docs|feat|fix|perf|refactor|revert|style|test)(\([^)]*\))?!?: +"
)
_DJANGO = re.compile(r"^(Fixed|Refs) #\d+ -- \S")
#: Type of a category in Conventional Commits.
_TYPES: dict[Category, str] = {
    "bug": "fix",
    "feature": "feat",
    "refactor": "refactor",
    "tests": "test",
    "docs": "docs",
    "typing": "refactor",
    "dependency": "build",
}
#: Subjects that tools and release scripts write; they do not show the style of people.
_NOT_BY_HAND = re.compile(
    r"^(Merge |Bump |Release |\[pre-commit\.ci\]|v?\d+(\.\d+)+)", re.IGNORECASE
)
_SUBJECT_LIMIT = 72
_BODY_LINES = 10
_SLUG_LIMIT = 50


def write_subject(
    title: str, subjects: tuple[str, ...], ticket_id: str, category: Category = "feature"
) -> str:
    """Write the first line of a commit, or a title, in the repository's convention.

    Recognised, each when at least half of the latest subjects follow it: Conventional Commits,
    Django's "Fixed #N -- …", lower case, a full stop at the end. The title is imperative; if it
    begins with a type, only Conventional Commits keep that.
    """
    by_hand = [subject for subject in subjects if not _NOT_BY_HAND.match(subject)]

    def is_usual(pattern: re.Pattern[str]) -> bool:
        return 2 * len([*filter(pattern.search, by_hand)]) >= max(1, len(by_hand))

    # On GitHub a commit message can mention people and close issues.
    words = sanitise.make_inert(title)
    bare = _TYPED.sub("", words)
    kind = words.removesuffix(bare) or f"{_TYPES.get(category, 'feat')}: "
    words = bare if bare == words else bare[:1].upper() + bare[1:]
    if is_usual(_CONVENTIONAL):
        words = f"{kind}{_lower_first(words)}"
    elif is_usual(_DJANGO) and ticket_id.isdigit():
        words = f"Fixed #{ticket_id} -- {words}"
    elif is_usual(re.compile(r"^[a-z]")):
        words = _lower_first(words)
    return f"{words}." if is_usual(re.compile(r"[a-z]\.$")) else words


def write_message(
    title: str,
    why: str,
    subjects: tuple[str, ...],
    ticket_id: str,
    *,
    category: Category = "feature",
    items: tuple[str, ...] = (),
    signed_off_by: str | None = None,
) -> str:
    """Write the commit message: the subject, and why, in at most ten wrapped lines.

    The issue's number follows the sentence `why`; `signed_off_by` is `Name <address>`.
    """
    line = write_subject(title, subjects, ticket_id, category)
    first, reason = sanitise.shorten(line, _SUBJECT_LIMIT), sanitise.make_inert(why)
    if make_slug(why) in make_slug(title):
        reason = ""  # it would repeat the subject
    if ticket_id.isdigit() and f"#{ticket_id}" not in first:
        reason = f"{reason.rstrip('.')} (#{ticket_id})." if reason else f"For #{ticket_id}."
    lines = textwrap.wrap(reason, _SUBJECT_LIMIT)
    for item in items:
        lines += textwrap.wrap(
            f"- {sanitise.make_inert(item)}", _SUBJECT_LIMIT, subsequent_indent="  "
        )
    if len(lines) > _BODY_LINES:
        lines[_BODY_LINES - 1 :] = ["…"]
    parts = [first, "\n".join(lines)]
    if signed_off_by:
        parts.append(f"Signed-off-by: {signed_off_by}")
    return "\n\n".join(part for part in parts if part) + "\n"


def name_branch(prefix: str, ticket_id: str, title: str, *, run_id: str | None = None) -> str:
    """Name the branch `<prefix><ticket>-<slug>`: lower-case ASCII, digits and dashes only.

    A title that is too long is cut to its first clause, or left out, so that no name ends in the
    middle of a phrase. If several runs may share a repository, a part of `run_id` ends the name, so
    that a run finds its own branch again.
    """
    title = _TYPED.sub("", title)
    clause = re.split(r"[,;:(]|\s-+\s", title, maxsplit=1)[0]
    slugs = (make_slug(title), make_slug(clause))
    named = next((slug for slug in slugs if len(slug) <= _SLUG_LIMIT), "")
    ticket = make_slug(f"{ticket_id} {named}")[: 2 * _SLUG_LIMIT].rstrip("-") or "ticket"
    end = f"-{run_id.rsplit('-', 1)[-1][:6]}" if run_id else ""
    return f"{prefix}{ticket}{end}"


def make_slug(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(re.findall(r"[a-z0-9]+", ascii_text.lower()))


def _lower_first(title: str) -> str:
    return title[:1].lower() + title[1:]
