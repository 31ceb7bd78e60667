"""What is left to people: regulated data, safety, cryptography, hot paths, paths of people.

A ticket is taken for one of these by what it asks to be done, or by the files that it names as the
place; one that merely has a word of them (a typo in a text, a name in the code) is not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agent.domain import Ticket
from agent.policy.layout import is_apart
from agent.policy.patterns import Patterns
from agent.triage import category, reading


class Domain(NamedTuple):
    """A part of the work that people do."""

    what: str
    """In words of ours."""
    words: str
    """Of the ticket, or a path that it names."""
    fits: str
    """What would make a ticket of it that can be carried out here."""

    @property
    def told(self) -> str:
        """Say why it is left to people, and what would make it fit."""
        return (
            f"This touches {self.what} (“{self.words}”), which is left to people. What would make"
            f" it fit: {self.fits[:1].lower()}{self.fits[1:]}."
        )


_BESIDE = (
    "A person writes that part and decides on it; a ticket that uses what is there then, or one on"
    " another place, can be done here"
)
_CRYPTOGRAPHY = "cryptography or the handling of keys"
_DOMAINS: tuple[tuple[str, str], ...] = (
    (
        _CRYPTOGRAPHY,
        (
            r"(?:en|de)cryption|(?:en|de)crypt|ciphers?|cryptograph(?:y|ic)"
            r"|password[- ]hash(?:es|ing|ers?)?"
            r"|hash(?:ing)? (?:of )?(?:the |user |all )?passwords?"
            r"|key[- ](?:rotation|derivation|exchange|management)"
            r"|rotat\w+ (?:the )?(?:\w+ )?keys?|(?:private|signing|encryption|master) keys?"
            r"|aes|rsa|ecdsa|ed25519|hmac|pbkdf2|bcrypt|scrypt|argon2(?:id)?|fernet"
            r"|(?:signature|certificate) (?:verification|validation)|digital signatures?"
            r"|verif\w+ (?:of )?(?:the )?(?:\w+ )?signatures?"
            r"|jwt (?:signing|verification|signatures?)"
        ),
    ),
    (
        "health data",
        (
            r"(?:patients?'?|medical|health|clinical) (?:records?|data|histor(?:y|ies)|information)"
            r"|hipaa|protected health information"
        ),
    ),
    (
        "payment card data",
        (
            r"(?:credit|debit|payment|bank)[- ]?card (?:numbers?|data|details|information)"
            r"|card numbers?|cardholders?|cvv2?|cvc2?|pci(?:[- ]dss)?"
        ),
    ),
    (
        "personal data that laws protect",
        (
            r"gdpr|dsgvo|ccpa|lgpd|right to (?:erasure|be forgotten)|data subjects?"
            r"|(?:eras|delet|purg|anonymi[sz]|pseudonymi[sz])\w+ (?:of )?(?:all |the |a )*"
            r"(?:(?:users?|customers?)'?s? (?:personal )?|personal )data"
            r"|personally identifiable (?:data|information)|social security numbers?|ssns?"
            r"|biometrics?(?: data)?|kyc|anti[- ]money[- ]laundering"
        ),
    ),
    (
        "what people's safety depends on",
        (
            r"emergency (?:stop|shutdown|brak\w+)|interlocks?|insulin|infusion pumps?|pacemakers?"
            r"|defibrillators?|ventilators?|flight control\w*|auto-?pilot"
            r"|train (?:signals?|control)"
            r"|reactor (?:control|shutdown)|iec 6(?:1508|2304)|iso 26262|do-178\w?"
            r"|dos(?:e|age|ing) (?:calculat\w+|limits?)|fire alarms?"
            r"|radiation (?:dose|therapy)|airbags?|collision avoidance"
        ),
    ),
    (
        "a hot path, where a slip costs everybody time",
        r"hot (?:path|loop)s?|(?:performance|latency)-critical (?:path|code|loop|section)s?",
    ),
)
_COMPILED = tuple(
    (what, re.compile(rf"\b(?:{words})\b", re.IGNORECASE)) for what, words in _DOMAINS
)
#: What is done there changes no such thing: words, looks and names.
_HARMLESS_VERBS = frozenset({"rename", "document", "translate", "bump", "upgrade", "pin", "hide"})
_HARMLESS = re.compile(
    r"\b(?:typos?|spelling|wording|grammar|translations?|css|icons?|tooltips?|placeholder|heading"
    r"|screenshots?|broken link|dead link|import order|format(?:ting)?|indent\w*|rst|markdown"
    r"|version of|outdated link|menu|colou?rs?|banner|footer|badge)\b",
    re.IGNORECASE,
)
#: After a word of a domain: then something is named after it.
_NAMED_AFTER = re.compile(
    r"^\W{0,2}\s*(?:docs?|documentation|pages?|labels?|buttons?|links?|titles?|headings?|sections?|tabs?"
    r"|texts?|tests?|columns?|examples?|chapters?|settings page|form|menu|dialog|icons?|guide"
    r"|tutorials?|fixtures?|benchmarks?|warnings?|messages?|library|package)\b",
    re.IGNORECASE,
)
#: Before it: then the ticket leaves it alone, or only compares.
_LEFT_ALONE = re.compile(
    r"\b(?:do not|don'?t|does not|without|not|never|leave|keep|except|excluding|unlike|similar to"
    r"|out of scope|like|as (?:in|with)|unrelated to|instead of)\b[^.;]{0,60}$",
    re.IGNORECASE,
)
_PATH = re.compile(r"(?<![\w/.-])(?:[\w-]+/)*[\w-]+\.py(?!\w)")
_FILE = re.compile(r"(?<![\w/.-])(?:[\w.-]+/)+[\w.-]*|(?<![\w/.-])[\w-]+\.\w{1,5}(?!\w)")
_FOLDERS = frozenset({"crypto", "cryptography", "encryption"})
_FILES = frozenset(
    {"crypto", "cryptography", "encryption", "cipher", "ciphers", "hashers", "keystore", "signing"}
)


def found(ticket: Ticket) -> Domain | None:
    """Say what of a ticket is for people by its own words; None: nothing."""
    if category.of(ticket).category in ("docs", "tests", "typing"):
        return None
    for sentence in _asking(ticket):
        if reading.verb(sentence) in _HARMLESS_VERBS or _HARMLESS.search(sentence):
            continue
        if domain := _by_words(reading.without_code(sentence)) or _by_path(sentence):
            return domain
    return None


def closed_by(ticket: Ticket, human_only: tuple[str, ...], present: Iterable[str]) -> Domain | None:
    """Say which path that a ticket names is for people alone, where it names no other.

    A ticket that names other files as well may still be carried out in those: its plan will tell.

    Args:
        human_only: `scope.human_only`.
        present: The paths of the base commit.
    """
    named = list(_named(ticket, frozenset(present)))
    try:
        patterns = Patterns(human_only, lenient=True)
    except ValueError:
        # Told by the rule that holds every change to these patterns.
        return None
    matched = [(path, patterns.first(path)) for path in named]
    if not matched or not all(pattern for _, pattern in matched):
        return None
    path, pattern = matched[0]
    return Domain(
        what="a place that only people change here",
        words=f"{path}, by scope.human_only: {pattern!r}",
        fits=(
            "A person makes that change; or the ticket names a place outside of scope.human_only"
            " where it can be done"
        ),
    )


def _asking(ticket: Ticket) -> Iterator[str]:
    """The title, and what of the text asks for something."""
    yield reading.title_of(ticket.title)
    for part in reading.parts(ticket.body):
        for sentence in (part.heading, *reading.sentences(part.prose), *part.items):
            if reading.verb(sentence):
                yield sentence


def _by_words(sentence: str) -> Domain | None:
    for what, pattern in _COMPILED:
        for hit in pattern.finditer(sentence):
            named_after = _NAMED_AFTER.match(sentence[hit.end() :])
            if not named_after and not _LEFT_ALONE.search(sentence[: hit.start()]):
                return Domain(what, hit[0], _BESIDE)
    return None


def _by_path(sentence: str) -> Domain | None:
    for hit in _PATH.finditer(sentence.replace("`", " ")):
        path = hit[0]
        *folders, name = path.split("/")
        sensitive = posixpath.splitext(name)[0] in _FILES or not _FOLDERS.isdisjoint(folders)
        left_alone = _LEFT_ALONE.search(sentence.replace("`", " ")[: hit.start()])
        if sensitive and not left_alone and not is_apart(path):
            return Domain(_CRYPTOGRAPHY, path, _BESIDE)
    return None


def _named(ticket: Ticket, present: frozenset[str]) -> Iterator[str]:
    """The paths of the base commit that a ticket asks to be changed, tests left out."""
    for sentence in _asking(ticket):
        plain = sentence.replace("`", " ")
        for hit in _FILE.finditer(plain):
            name = hit[0].rstrip(".").removeprefix("./")
            if _LEFT_ALONE.search(plain[: hit.start()]):
                continue
            of_file = name in present and not is_apart(name)
            of_folder = name.endswith("/") and any(path.startswith(name) for path in present)
            if of_file or of_folder:
                yield name
