"""Whether a ticket is several tickets in one, and which.

Only what its own words make plain: a title that collects, numbered bugs, and asks about something
else that an “also” brings in. A list under a title with a subject of its own tells of that subject:
criteria, steps or parts of one change, and is left alone. What stays open is for the planning
model to say.
"""

from __future__ import annotations

import itertools
import re
from typing import NamedTuple

from agent.domain import Category, Ticket
from agent.triage import category, reading
from agent.triage.reading import Part


class Several(NamedTuple):
    """The tickets that one holds."""

    titles: tuple[str, ...]
    """In its own words, each cut to a line."""
    because: str
    """How that is seen, in words."""


_COUNT = (
    r"various|several|multiple|misc(?:ellaneous)?\.?|assorted|an? (?:few|couple(?: of)?|bunch of"
    r"|number of|list of|handful of)|few|many|two|three|four|five|six|[2-9]|1\d|small|minor|general"
    r"|different|random|some (?:small|minor|other)"
)
_NOUN = (
    r"bugs?|issues|problems|fix(?:es)?|improvements|features|requests|suggestions|things|changes"
    r"|ideas|wishes|tweaks|enhancements|todos?|tasks|clean-?ups|feedback|nits|remarks|findings|stuff"
)
_COLLECTS = re.compile(
    rf"^\W*(?:(?:{_COUNT})\s+(?:[\w/&,-]+\s+){{0,3}}(?:{_NOUN})\b"
    rf"|(?:{_NOUN}|feature requests)\s*(?:&|and|/|,|\+)\s*(?:\w+ )?(?:{_NOUN})\b"
    r"|(?:wish ?list|to-?do(?: list)?|road ?map|feedback|suggestions|ideas|improvements|bugs|issues"
    r"|fixes|feature requests|bug reports|tracking issue|umbrella|epic|meta)\b)",
    re.IGNORECASE,
)
_TRACKS = re.compile(
    r"\b(?:tracking issue|umbrella|epic|meta[- ]?issue|road ?map)\b", re.IGNORECASE
)
_LINK = re.compile(r"^\W*(?:#\d+|[\w.-]+/[\w.-]+#\d+|https?://\S+/issues/\d+)")
_NUMBERED = re.compile(
    r"^\W*(?:bug|issue|problem|feature(?: request)?|request|suggestion|improvement|enhancement|wish"
    r"|idea|ticket)\s*(?:#|no\.?|number)?\s*\d{1,2}\b[\s:.)–—-]*(?P<text>.*)$",
    re.IGNORECASE,
)
#: Below these, and after a line that says so, a list tells of one thing.
_OF_ONE = re.compile(
    r"\b(?:steps?|reproduc\w*|expect\w*|actual\w*|acceptance|criteria|definition of done|done when"
    r"|environment|versions?|setup|checklist|context|background|motivation|notes?|alternatives?"
    r"|references?|links?|related|screenshots?|logs?|output|traceback|examples?|usage|scope|goals?"
    r"|non-goals|questions?|plan|implementation|approach|design|proposals?|proposed|solution|details"
    r"|affect\w*|tried|checked|considered|options?|cases?|scenarios?|either|variants?|causes?"
    r"|symptoms?|when|if|phases?|prerequisites)\b",
    re.IGNORECASE,
)
_WEAK = r"also|additionally|in addition|furthermore|moreover|besides(?: that)?|on top of that"
_STRONG = (
    r"(?:completely |totally |entirely )?unrelated(?:ly)?(?: to (?:this|that|the above))?"
    r"|separately"
    r"|on (?:another|a different|an unrelated) note|another (?:thing|issue|problem|bug|request)"
    r"|(?:a |on a )?different topic|something else|while (?:you|we|i)(?:'re| are|'m| am)? at it"
    r"|while at it|p\.? ?s\.?|bonus"
)
_ALSO = re.compile(
    rf"(?:^\W*|[,;] (?:and |but )?|\band )(?:(?P<strong>{_STRONG})|(?P<weak>{_WEAK}))\b[\s:,–—-]*"
    r"(?:but[\s,]+)?(?P<rest>.+)$",
    re.IGNORECASE,
)
#: Words that tie a sentence to what was said before it.
_TIED = re.compile(
    r"\b(?:it|its|this|that|these|those|them|their|they|there|here|both|same|such|above|needed"
    r"|required|necessary|because|accordingly|therefore|thus|so|where|which|new|affected"
    r"|corresponding|respective|relevant|related|as well|too|everywhere|instead)\b",
    re.IGNORECASE,
)
#: Such a half comes with the other one.
_BESIDE = re.compile(
    r"\b(?:tests?|docs?|documentation|references?|changelog|hints?|logic|coverage|examples?)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"\s*(?:,\s*and|\band\b|\+|&|;)\s*", re.IGNORECASE)
_FIXES = frozenset({"fix", "repair", "correct", "resolve"})
_UPGRADES = frozenset({"upgrade", "bump"})
_MAKES = frozenset(
    {"add", "implement", "support", "create", "introduce", "allow", "provide", "build"}
)
#: What a bug brings with it is often something new; so that is no other ticket.
_OTHER_WORK: dict[str, frozenset[Category]] = {
    "bug": frozenset({"feature", "docs", "typing", "tests", "dependency"}),
    "dependency": frozenset({"feature", "docs", "tests"}),
    "feature": frozenset({"docs", "typing", "tests"}),
}
_MOST = 12


def found(ticket: Ticket) -> Several | None:
    """Say which tickets one holds; None: it is one, as far as its words tell."""
    parts = reading.parts(ticket.body)
    return (
        _numbered(parts)
        or _tracking(ticket.title, parts)
        or _collected(ticket.title, parts)
        or _joined(ticket.title)
        or _also(ticket, parts)
    )


def _numbered(parts: tuple[Part, ...]) -> Several | None:
    """Headings such as “Bug 1: ...” and “Bug 2: ...” about different things."""
    named = [(part, hit["text"]) for part in parts if (hit := _NUMBERED.match(part.heading))]
    told = [text or _first_line(part) for part, text in named]
    if len(named) < 2 or len(_apart([text for text in told if text], frozenset())) < 2:
        return None
    return _several(told, f"it numbers {len(named)} of them in headings")


def _first_line(part: Part) -> str:
    spoken = reading.sentences(part.prose)
    return spoken[0] if spoken else next(iter(part.items), "")


def _tracking(title: str, parts: tuple[Part, ...]) -> Several | None:
    """A list of other issues."""
    items = [item for part in parts for item in part.items]
    links = [item for item in items if _LINK.match(item)]
    if _TRACKS.search(title) and len(links) > 1:
        return _several(links, "it is a list of other issues")
    return None


def _collected(title: str, parts: tuple[Part, ...]) -> Several | None:
    """Asks under a title that has no subject of its own."""
    said = reading.title_of(title)
    if reading.is_specific(title):
        return None
    collects = bool(_COLLECTS.match(said))
    of_title = reading.subject(said)
    listed = [item for part in parts if _may_list(part) for item in part.items]
    headed = [part.heading for part in parts if reading.verb(part.heading)]
    for texts in (headed, listed):
        asks = [text for text in texts if _is_ask(text, statements=collects)]
        apart = _apart(asks, of_title, least=1 if collects else 2)
        kinds = {_work(text) for text in apart}
        enough = len(apart) >= (2 if collects and texts is headed else 3)
        if enough and len(apart) * 3 >= len(asks) * 2 and (collects or len(kinds) > 1):
            why = "a collection" if collects else "of no subject of its own"
            return _several(asks, f"its title is {why}, and it lists {len(asks)} of them")
    return None


def _may_list(part: Part) -> bool:
    lines = part.prose.split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    introduced = last.endswith(":") and bool(_OF_ONE.search(last))
    return not introduced and not _OF_ONE.search(part.heading)


def _is_ask(text: str, *, statements: bool) -> bool:
    if reading.is_companion(text):
        return False
    if reading.verb(text):
        return True
    return statements and len(reading.subject(text)) > 2


def _joined(title: str) -> Several | None:
    """A title of two asks: something to mend, and something new that has no word of it."""
    halves = _AND.split(reading.title_of(title))
    if len(halves) != 2 or {_work(half) for half in halves} != {"bug", "feature"}:
        return None
    if any(_TIED.search(half) or _BESIDE.search(half) for half in halves):
        return None
    if len(_apart(halves, frozenset())) < 2:
        return None
    return _several(halves, "its title asks for both")


def _also(ticket: Ticket, parts: tuple[Part, ...]) -> Several | None:
    """Asks that are brought in beside the one that the ticket is about."""
    before: frozenset[str] = frozenset()
    main = category.of(ticket.model_copy(update={"body": ""})).category
    others: list[str] = []
    spoken = [reading.title_of(ticket.title)]
    spoken += [one for part in parts for one in reading.sentences(part.prose)]
    for sentence in spoken:
        hit = _ALSO.search(sentence)
        before |= reading.subject(sentence[: hit.start()] if hit else sentence)
        if hit and _is_apart(hit["rest"], before, main, strong=bool(hit["strong"])):
            others.append(hit["rest"])
        elif hit:
            before |= reading.subject(hit["rest"])
    if not others:
        return None
    own = _ALSO.sub("", reading.title_of(ticket.title)).strip() or ticket.title
    return _several([own, *others], "it asks for something else besides")


def _is_apart(rest: str, before: frozenset[str], main: Category, *, strong: bool) -> bool:
    """Whether a sentence asks for what nothing before it speaks of."""
    work = _work(rest)
    if not reading.verb(rest) or reading.is_companion(rest) or _TIED.search(rest):
        return False
    about = reading.subject(rest)
    if about & before or len(about) < (1 if work == "dependency" else 2):
        return False
    return strong or main in _OTHER_WORK.get(work, ())


def _work(text: str) -> str:
    """What kind of work an ask begins with; empty: its verb does not tell."""
    verb = reading.verb(text)
    if verb in _FIXES:
        return "bug"
    if verb in _UPGRADES:
        return "dependency"
    return "feature" if verb in _MAKES else ""


def _apart(texts: list[str], besides: frozenset[str], least: int = 2) -> list[str]:
    """Keep the texts that share no subject with one kept before.

    Args:
        besides: Words that do not count.
        least: So many words make a subject; to upgrade something, one.
    """
    kept: list[tuple[str, frozenset[str]]] = []
    for text in texts[: 4 * _MOST]:
        about = reading.subject(text) - besides
        enough = 1 if _work(text) == "dependency" else least
        if len(about) < enough or reading.is_companion(text):
            continue
        if all(not about & other for _, other in kept):
            kept.append((text, about))
    return [text for text, _ in kept]


def _several(texts: list[str], because: str) -> Several:
    titles = (reading.short(reading.title_of(text)) for text in texts)
    named = dict.fromkeys(title[:1].upper() + title[1:] for title in titles if title)
    return Several(tuple(itertools.islice(named, _MOST)), because)
