"""Read a ticket for what it asks: parts, list items and sentences without code, logs and tables.

Owns which words say what a text is about. What follows from them is left to the rules beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.recipes.tickets import sentences as split

#: Longer texts are logs in disguise; what is asked stands at the beginning.
_MOST_CHARACTERS = 30_000
#: What a forge allows; a first line that is longer is no title.
_LONGEST_TITLE = 256
_FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(?P<level>#{1,6})[ \t]+(?P<text>.*?)[ \t#]*$")
_BOLD = re.compile(r"[ \t]*(?:\*\*|__)(?P<text>[^*_]+?):?(?:\*\*|__):?[ \t]*$")
_ITEM = re.compile(r"(?P<indent> *)(?:[-*+]|\d{1,3}[.)])[ \t]+(?:\[[ xX]?\][ \t]+)?(?P<text>.*)$")
_NO_WORDS = re.compile(
    r"\s*(?:[|>]|<[/!a-zA-Z]|Traceback \(|File \"|[-=*_]{3,}\s*$|\d{2}:\d{2}:\d{2})"
)
_MARKUP = re.compile(r"\*\*|__|~~|!?\[([^\]\n]{0,200})\]\([^)\n]{0,500}\)")
_CODE = re.compile(r"`[^`\n]{1,200}`")
#: How a title says of which kind the issue is, before it says anything.
_KIND = re.compile(
    r"^\s*(?:\[[^\]\n]{1,30}\]|(?:feat|fix|bug|docs?|chore|refactor|perf|style|test|ci|build)"
    r"(?:\([\w./ -]{1,30}\))?!?:|(?:feature|bug|enhancement)(?: request| report)?:)\s*",
    re.IGNORECASE,
)
_POLITE = re.compile(
    r"^(?:[\W_]*(?:please|pls|kindly|also|then|and|but|finally|just|maybe|ideally|there"
    r"|(?:we|you|i|one|it|they|mergewright) (?:should|must|could|need(?:s)? to|have to|has to"
    r"|want to|would like to|'d like to)|(?:can|could|would) (?:we|you|someone|somebody)|let'?s"
    r"|would be (?:nice|great|good|cool|useful|helpful) to|(?:it|it'd) would be (?:nice|great) to"
    r"|i'd like (?:you )?to|need to|should|must|to)\b[\s,:]*)+",
    re.IGNORECASE,
)
_VERBS = frozenset(
    """
    accept add adjust align allow anonymize anonymise apply avoid block build bump cache change
    check clean collect compute configure convert copy correct count create customize decouple
    decrypt default define delete deprecate derive detect disable disallow display document drop
    enable encrypt enforce enhance ensure erase escape exclude expose extend extract filter fix
    generate give group handle hash hide implement import improve include increase inform install
    integrate introduce let limit link list load localize log make mark merge migrate mock modernize
    move normalize notify optimize optimise overhaul paginate parse pass pin polish port prevent
    process provide publish purge put raise read redesign reduce refactor register reimplement
    reject remember remove rename render reorganize repair replace report require reset resolve
    restrict restructure return reuse rewrite rotate round run sanitize save search send serve set
    show sign simplify skip sort speed split stop store stream strip support switch sync test tidy
    translate trim truncate turn unify update upgrade use validate verify warn wire wrap write
    """.split()  # noqa: SIM905  a list of so many words is read as words
)
#: They name no deed.
_VAGUE = ("improve", "enhance", "update", "polish", "clean", "tidy", "modernize", "overhaul")
_STOPS = frozenset(
    """
    a about above after again against all also an and any are as at be because been before being
    below between both but by can cannot could did do does doing don done down each either etc
    even every few first following for from further get gets got had has have having he her here
    his how i if in instead into is it its itself just last let like made make may me might more
    most much must my need needed needs new next no nor not now of off old on once one only or
    other our out over own per please possible properly same see should since so some still such
    than that the their them then there these they this those through to too under until up us
    using very via want was way we well were what when where which while who why will with within
    without work works would yet you your currently today correctly always never instead user users
    code file files line lines found while thing things part parts
    """.split()  # noqa: SIM905
)
#: What comes with a change and is no ticket of its own.
COMPANIONS = frozenset(
    """
    test tests testing unittest regression coverage doc docs documentation docstring docstrings
    changelog release note notes readme migration migrations hint hints type types annotation
    annotations comment comments example examples error message messages log logging warning
    warnings exception exceptions validation check checks index lint ci fixture fixtures factory
    translation translations admin serializer form template
    """.split()  # noqa: SIM905
)
#: Titles that are about these name no subject.
_BROAD = frozenset(
    """
    app application project site website web api ui ux gui code codebase repo repository package
    library backend frontend system release version page pages various several multiple misc
    miscellaneous assorted couple bunch number list small minor general different random suggested
    bug bugs issue issues problem problems fix fixes fixed improvement improvements feature features
    request requests suggestion suggestions change changes idea ideas wish wishes wishlist tweak
    tweaks enhancement enhancements todo todos task tasks cleanup cleanups feedback nit nits remark
    remarks finding findings stuff roadmap tracking epic umbrella meta two three four five six
    my mine hello hi help report reports question questions thought thoughts noticed
    """.split()  # noqa: SIM905
)
_IDENTIFIER = re.compile(
    r"[A-Za-z_]\w*(?:[./][\w.]+)+|\w*_\w+|[a-z]+[A-Z]\w*|\w+\(\)|[A-Z][a-z0-9]+[A-Z]\w*"
)


@dataclass(frozen=True)
class Part:
    """What stands below one heading, or before the first."""

    heading: str
    items: tuple[str, ...]
    """Outermost entries of its lists that are not introduced as something else, whole."""
    prose: str


@dataclass
class _Draft:
    heading: str = ""
    items: list[str] = field(default_factory=list)
    prose: list[str] = field(default_factory=list)

    def part(self) -> Part:
        return Part(self.heading, tuple(self.items), "\n".join(self.prose).strip())


def parts(body: str) -> tuple[Part, ...]:
    """Take a ticket's text apart; code, quotes, tables, logs and markup are left out."""
    done: list[Part] = []
    draft = _Draft()
    last_was_item = False
    for line in _spoken_lines(body[:_MOST_CHARACTERS]):
        head = _HEADING.match(line) or _BOLD.match(line)
        item = _ITEM.match(line)
        if head and not item:
            done.append(draft.part())
            draft = _Draft(heading=plain(head["text"]))
        elif item and (not draft.items or len(item["indent"]) < 2):
            draft.items.append(plain(item["text"]))
        elif item or (last_was_item and line.startswith("  ") and draft.items):
            # Details of the entry before.
            pass
        else:
            draft.prose.append(plain(line))
        last_was_item = bool(item) or (last_was_item and line.startswith("  "))
    return tuple(one for one in (*done, draft.part()) if one.heading or one.items or one.prose)


def _spoken_lines(body: str) -> Iterator[str]:
    fence = ""
    for line in body.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        mark = _FENCE.match(line)
        if fence:
            fence = "" if mark and line.strip().startswith(fence) else fence
        elif mark:
            fence = mark["mark"]
        elif not _NO_WORDS.match(line) and not (
            line.startswith(("    ", "\t")) and not _ITEM.match(line)
        ):
            yield line


def plain(text: str) -> str:
    """Take emphasis and the addresses of links away."""
    return " ".join(_MARKUP.sub(lambda found: found[1] or "", text).split())


def without_code(text: str) -> str:
    """Blank out inline code: a name is no word."""
    return _CODE.sub("``", text)


def title_of(title: str) -> str:
    """Give a title without the words that say of which kind the issue is."""
    return _KIND.sub("", plain(title[:_LONGEST_TITLE]))


def sentences(text: str) -> list[str]:
    """Split prose into sentences, of at most 1,000 characters."""
    return split(text)


def verb(sentence: str) -> str:
    """Return the verb that a sentence asks with, in lower case; empty: it asks for nothing."""
    said = _POLITE.sub("", without_code(title_of(sentence))[:400])
    first = re.match(r"[\W_]*([A-Za-z]+)", said)
    word = first[1].lower() if first else ""
    return word if word in _VERBS else ""


def subject(text: str) -> frozenset[str]:
    """Return the words that say what a text is about: no verbs of asking, no fillers."""
    found = set()
    for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)):
        low = word.lower()
        if len(low) < 2 or low in _STOPS or low in _VERBS:
            continue
        found.add(_stem(low))
    return frozenset(found)


def _stem(word: str) -> str:
    """Take the ending of a plural away, so that both forms are one word."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


_COMPANION_STEMS = frozenset(map(_stem, COMPANIONS))
_BROAD_STEMS = frozenset(map(_stem, _BROAD))


def is_companion(text: str) -> bool:
    """Whether it speaks of nothing but what comes with a change, as its tests."""
    about = subject(text)
    return bool(about & _COMPANION_STEMS) and len(about - _COMPANION_STEMS) < 2


def names_code(text: str) -> bool:
    """Whether a text names something of the code."""
    return bool(_CODE.search(text) or _IDENTIFIER.search(text))


def is_specific(title: str) -> bool:
    """Whether a title names a subject of its own, so that what follows are its details."""
    said = title_of(title)
    about = subject(said) - _BROAD_STEMS
    asks = verb(said) not in ("", *_VAGUE)
    return names_code(said) or len(about) > (0 if asks else 1)


def short(text: str, most: int = 100) -> str:
    """Cut a text to one line that serves as a title."""
    line = " ".join(text.split()).rstrip(".;,")
    return line if len(line) <= most else f"{line[: most - 1].rsplit(' ', 1)[0]}…"
