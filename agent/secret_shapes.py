"""Find values that look like credentials, by their shape alone. Pure.

The shapes are those of detect-secrets' plugins, what vendors' credentials begin with
(`vendor_tokens`), and a few of our own. Each is looked for near a mark that it cannot be without,
so that a long log costs little. What only looks random (commit ids, digests, UUIDs) is left alone
unless it is given to a name such as `secret_key`. Secrets whose value we know are the matter of
`redaction`.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import NamedTuple

from agent import vendor_tokens
from agent.vendor_tokens import Span

#: How far from its mark a value may begin and end. What is longer is followed to its end.
_BEFORE = 80
_AFTER = 400
_LONGEST = 4096
#: Read in one go; a pattern that takes the square of the time is then still quick.
_PIECE = 800

#: Plugins of detect-secrets: module, class, and marks in lower case one of which is always there.
#: Left out are those that fire on ordinary output: public addresses, anything random in quotes,
#: Artifactory's `AP…` words.
_PLUGINS = (
    ("aws", "AWSKeyDetector", ("a3t", "abia", "acca", "akia", "asia", "aws")),
    ("azure_storage_key", "AzureStorageKeyDetector", ("accountkey=",)),
    ("basic_auth", "BasicAuthDetector", ("://",)),
    ("cloudant", "CloudantDetector", ("cloudant", "cl_", "cl-", "clou")),
    ("discord", "DiscordBotTokenDetector", ("discord", "bot")),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    (
        "gitlab_token",
        "GitLabTokenDetector",
        (
            *("glpat-", "gldt-", "glft-", "glsoat-", "glrt-", "gr1348941", "glcbt-", "glimt-"),
            *("glptt-", "glagent-", "gloas-"),
        ),
    ),
    ("mailchimp", "MailchimpDetector", ("-us",)),
    ("openai", "OpenAIDetector", ("t3blbkfj",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-age",)),
    ("sendgrid", "SendGridDetector", ("sg.",)),
    ("slack", "SlackDetector", ("xox", "hooks.slack.com")),
    ("softlayer", "SoftlayerDetector", ("softlayer", "sl_", "sl-")),
    ("square_oauth", "SquareOAuthDetector", ("sq0csp-",)),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", ("telegram", "bot")),
    ("twilio", "TwilioKeyDetector", ("twilio", "account_sid")),
)

_NAMES = (
    *("secret", "token", "passwd", "password", "pwd", "credential"),
    *(
        f"{owner}{joint}key"
        for owner in ("api", "access", "auth", "client", "private", "account", "service", "db")
        for joint in ("", "_", "-")
    ),
)
#: What follows one of these names where a value is given to it.
_ASSIGNED = re.compile(
    r"[\w-]{0,30}+[\"'\])]{0,3}+[ \t]{0,4}+(?::=|=>|={1,3}|!=|:)[ \t]{0,4}+"
    r"(?:[rbuf]{0,2}(?P<quote>[\"'`])(?P<quoted>[^\"'`\s\\]{16,512}+)(?P=quote)"
    r"|(?P<bare>[\w+/=.~-]{16,512}+)(?=[\s,;)\]}\"'`\\]|\Z))"
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
#: A part of a name, a path or a version, as people write them.
_WORD = re.compile(r"[A-Za-z]*\d{0,4}|v?\d+")
_PLACEHOLDER = re.compile(r"[{}<>]|://|\.\.\.|\*\*\*|\$\(|%\(|x{6}", re.IGNORECASE)
#: Letters of one kind in a row: in names and words these are long, by chance they are short.
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_LONG_RUNS = 3.2
#: Bits per character; words of a language have fewer.
_RANDOM_BITS = 3.5

_BEARER = re.compile(
    r"(?:authorization|x-api-key|private-token)[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\"']?"
    r"(?:(?:basic|bearer|token)[ \t]{1,4})?(?P<value>[\w+/=.~-]{8,4096}+)",
    re.IGNORECASE,
)
_DOTTED_NAME = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+")
#: From the beginning of a word only: a text full of beginnings is then read once.
_JWT = re.compile(
    r"(?<![\w-])(?P<claims>eyJ[\w-]{8,4096}+\.[\w-]{8,16384}+)(?:\.[\w-]{0,4096}+){0,3}"
)
_KEY_HEAD = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINES = re.compile(
    r"(?:\s{0,4}+[\w-]{1,20}: [^\n]{0,120}+){0,4}+"  # how it is encrypted, who made it
    r"(?:(?:\s|\\[nr]|[+>|\"'-]){0,8}+[A-Za-z0-9+/=]{16,}+)++"
)
_KEY_LENGTH = 20_000
#: What goes on behind the part of a value by which it was recognised.
_TAIL = re.compile(rf"[\w+/=-]{{0,{_LONGEST}}}+")
_LOCAL = re.compile(
    r"@(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|db|postgres|mysql|redis)(?![.-]?\w)"
)


class _Shape(NamedTuple):
    marks: tuple[str, ...]
    find: Callable[[str, int, int], Iterator[Span]]
    """Finds values in a part of a text."""


def find(text: str) -> tuple[Span, ...]:
    """Return where values stand that look like credentials: sorted, apart from each other."""
    lowered = text.lower()
    if len(lowered) != len(text):
        # A few letters are two in lower case; the places must stay the same.
        lowered = text.translate(_ASCII_LOWER)
    spans: set[Span] = set(_private_keys(text)) if "PRIVATE KEY" in text else set()
    if "eyJ" in text:
        spans.update(_web_tokens(text))
    spans.update(vendor_tokens.find(text))
    if there := _marks_in(lowered):
        spans.update(_assigned(text, lowered, there))
        for shape in _SHAPES:
            marks = [mark for mark in shape.marks if mark in there]
            for start, end in _windows(lowered, marks):
                spans.update(shape.find(text, start, end))
    return merged(spans)


def merged(spans: set[Span]) -> tuple[Span, ...]:
    """Join what overlaps."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def _marks_in(lowered: str) -> set[str]:
    """All marks and names that a text may have, in one reading: it has no others."""
    anything, all_of = _any_mark()
    found: set[str] = set()
    place = anything.search(lowered)
    while place:
        found.add(place[0])
        # One may begin within another.
        place = anything.search(lowered, place.start() + 1)
    return {mark for shortest in found for mark in all_of[shortest]}


@cache
def _any_mark() -> tuple[re.Pattern[str], dict[str, list[str]]]:
    """A pattern that finds each, and all that begin as what it finds."""
    marks = {*_NAMES, *(mark for shape in _SHAPES for mark in shape.marks)}
    anything = re.compile(vendor_tokens.any_of(sorted(marks)))
    all_of: dict[str, list[str]] = {}
    for mark in marks:
        if begins := anything.match(mark):
            all_of.setdefault(begins[0], []).append(mark)
    return anything, all_of


def _windows(lowered: str, marks: Sequence[str]) -> Iterator[Span]:
    """The parts of a text around marks, joined where they meet, in pieces of bounded length."""
    near = {
        (max(0, at - _BEFORE), min(len(lowered), at + _AFTER))
        for mark in marks
        for at in _places(lowered, mark, apart=_AFTER // 2)
    }
    for start, end in merged(near):
        for at in range(start, end, _PIECE):
            yield max(start, at - _AFTER), min(end, at + _PIECE)


def _places(lowered: str, mark: str, *, apart: int = 1) -> Iterator[int]:
    at = lowered.find(mark)
    while at >= 0:
        yield at
        at = lowered.find(mark, at + apart)


def _followed(text: str, start: int, end: int) -> Span:
    """Take in the rest of a value that was recognised by its beginning."""
    tail = _TAIL.match(text, end)
    return start, tail.end() if tail else end


# --- shapes of detect-secrets ---------------------------------------------------------------------


@cache
def _plugin(module: str, name: str) -> tuple[re.Pattern[str], ...]:
    # Imported when its mark turns up: most texts have none, and the import takes a while.
    found = importlib.import_module(f"detect_secrets.plugins.{module}")
    return tuple(getattr(found, name)().denylist)


def _by_plugin(module: str, name: str) -> Callable[[str, int, int], Iterator[Span]]:
    def find(text: str, start: int, end: int) -> Iterator[Span]:
        for pattern in _plugin(module, name):
            for match in pattern.finditer(text, start, end):
                first, last = _value(match)
                if vendor_tokens.made_by_chance(text[first:last]):
                    yield _followed(text, first, last)

    return find


def _value(match: re.Match[str]) -> Span:
    """The group that holds the value: the last one, if it goes on to the end; else all of it."""
    last = match.lastindex
    if last and match.start(last) > match.start() and match.end() - match.end(last) <= 1:
        return match.span(last)
    return match.span()


def _basic_auth(text: str, start: int, end: int) -> Iterator[Span]:
    """Passwords in addresses, but for those that every developer's own database has."""
    for pattern in _plugin("basic_auth", "BasicAuthDetector"):
        for match in pattern.finditer(text, start, end):
            user = match[0].removeprefix("://").partition(":")[0]
            if _LOCAL.match(text, match.end() - 1) or match[1] in (user, "password", "pass"):
                continue
            if _PLACEHOLDER.search(match[1]):
                continue
            yield match.span(1)


# --- shapes of our own ----------------------------------------------------------------------------


def _assigned(text: str, lowered: str, there: set[str]) -> Iterator[Span]:
    for name in there.intersection(_NAMES):
        for at in _places(lowered, name):
            if match := _ASSIGNED.match(text, at + len(name)):
                group = "quoted" if match["quoted"] else "bare"
                if _random(match[group]):
                    yield match.span(group)


def _random(value: str) -> bool:
    """Whether a value that a name calls secret was made by chance, not written by a person."""
    if _PLACEHOLDER.search(value) or _UUID.fullmatch(value):
        return False
    if not any(map(str.isdigit, value)) or not any(map(str.isalpha, value)):
        return False
    if _HEX.fullmatch(value):
        return len(value) >= 32
    if all(_WORD.fullmatch(part) for part in re.split(r"[\W_]+", value)):
        return False
    runs = _RUN.findall(value)
    if sum(map(len, runs)) > _LONG_RUNS * len(runs):
        return False
    return _bits(value) > _RANDOM_BITS


def _bits(value: str) -> float:
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString

    return float(Base64HighEntropyString().calculate_shannon_entropy(value))


def _by_pattern(pattern: re.Pattern[str]) -> Callable[[str, int, int], Iterator[Span]]:
    def find(text: str, start: int, end: int) -> Iterator[Span]:
        return (match.span() for match in pattern.finditer(text, start, end))

    return find


def _headers(text: str, start: int, end: int) -> Iterator[Span]:
    for match in _BEARER.finditer(text, start, end):
        value = match["value"]
        # `authorization = request.headers.get(…)` is code, `Authorization: required` a sentence.
        if _DOTTED_NAME.fullmatch(value):
            continue
        if not value.isalpha() or not (value.istitle() or value.islower() or value.isupper()):
            yield match.span("value")


def _web_tokens(text: str) -> Iterator[Span]:
    from detect_secrets.plugins.jwt import JwtTokenDetector

    for match in _JWT.finditer(text):
        if JwtTokenDetector.is_formally_valid(match["claims"]):
            yield match.span()


def _private_keys(text: str) -> Iterator[Span]:
    for head in _KEY_HEAD.finditer(text):
        lines = _KEY_LINES.match(text, head.end(), head.end() + _KEY_LENGTH)
        if lines is None:
            continue  # a program's constant, or a sentence about keys
        end = _KEY_END.search(text, head.end(), head.end() + _KEY_LENGTH)
        yield head.start(), end.end() if end else lines.end()


_SHAPES = (
    *(
        _Shape(marks, _basic_auth if module == "basic_auth" else _by_plugin(module, name))
        for module, name, marks in _PLUGINS
    ),
    *(_Shape((mark.lower(),), _by_pattern(pattern)) for mark, pattern in vendor_tokens.INSIDE),
    _Shape(("authorization", "x-api-key", "private-token"), _headers),
)
