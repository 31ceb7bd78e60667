"""Find values that look like credentials, by their shape alone. Pure.

The shapes are those of detect-secrets' plugins, and random values after a short prefix, which is
what most services' keys look like. Commit ids, digests, UUIDs and names do not count; secrets that
we know ourselves are found by `redaction`.
"""

import hashlib
import importlib
import re
from collections.abc import Iterable, Iterator
from functools import cache

Span = tuple[int, int]

#: Characters that are searched before and after a mark; a longer value is followed to its end.
_BEFORE, _AFTER = 80, 400
#: Plugins of detect-secrets by module and class, with marks in lower case, of which each credential
#: has at least one. Left out are plugins that ordinary output triggers: public addresses, anything
#: random in quotes, Artifactory's `AP…` words, and values that a name calls a secret.
_PLUGINS = {
    "aws.AWSKeyDetector": "a3t abia acca akia asia aws",
    "azure_storage_key.AzureStorageKeyDetector": "accountkey=",
    "basic_auth.BasicAuthDetector": "://",
    "cloudant.CloudantDetector": "cloudant cl_ cl- clou",
    "discord.DiscordBotTokenDetector": "discord bot",
    "github_token.GitHubTokenDetector": "ghp_ gho_ ghu_ ghs_ ghr_",
    "gitlab_token.GitLabTokenDetector": "glpat- gldt- glft- glsoat- glrt- gr1348941 glcbt- glimt-"
    " glptt- glagent- gloas-",
    "mailchimp.MailchimpDetector": "-us",
    "npm.NpmDetector": ":_authtoken=",
    "openai.OpenAIDetector": "t3blbkfj",
    "pypi_token.PypiTokenDetector": "pypi-age",
    "sendgrid.SendGridDetector": "sg.",
    "slack.SlackDetector": "xox hooks.slack.com",
    "softlayer.SoftlayerDetector": "softlayer sl_ sl-",
    "square_oauth.SquareOAuthDetector": "sq0csp-",
    "stripe.StripeDetector": "k_live_",
    "telegram_token.TelegramBotTokenDetector": "telegram bot",
    "twilio.TwilioKeyDetector": "twilio account_sid",
}
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_PLACEHOLDER = re.compile(r"[{}<>]|://|x{6,}|\.{3,}|\*{3,}|\$\(|%\(", re.IGNORECASE)
_LOCAL = re.compile(
    r"@(?:localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|db|postgres|mysql|redis)(?![.-]?\w)"
)
#: The rest of a value after the part by which it was recognised.
_TAIL = re.compile(r"[\w+/=-]{0,4096}+")
#: Only at the beginning of a word, so that a text with many such beginnings is read only once.
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

_WORD = re.compile(r"(?<![\w.~-])[A-Za-z0-9][\w.~-]{19,}+")
_PARTS = re.compile(r"[A-Za-z0-9]+")
#: The prefix of a word whose rest may be a secret.
_BEGUN = re.compile(r"(?P<begins>[A-Za-z][A-Za-z0-9]{0,15}[_.-](?:[A-Za-z0-9]{1,8}[_.-]){0,3})")
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}", re.IGNORECASE)
#: Letters of one kind in a row: such runs are long in names and words, and short in random values.
_RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_LONG_RUNS = 3.0
#: Bits per character; words of a language have fewer.
_RANDOM_BITS = 3.5
_SHORTEST, _SHORTEST_ALONE, _SHORTEST_HEX = 18, 32, 32


def find_shaped_secrets(text: str) -> tuple[Span, ...]:
    """Return the spans of values that look like credentials, sorted and without overlap."""
    given_out = (span for span, _ in find_given_out(text))
    return merge_spans((*given_out, *find_random_words(text)))


def find_given_out(text: str) -> Iterator[tuple[Span, bool]]:
    """Yield the spans of detect-secrets' credentials, and whether only the vendor can make one."""
    yield from ((span, False) for span in _find_private_keys(text))
    if "eyJ" in text:
        yield from ((span, False) for span in _find_web_tokens(text))
    lowered = text.lower()
    # A few letters become two in lower case, which would shift the places.
    lowered = lowered if len(lowered) == len(text) else text.translate(_LOWER)
    for plugin, marks in _PLUGINS.items():
        find_value = _find_password if plugin.startswith("basic_auth") else _find_value
        for start, end in _find_windows(lowered, marks.split()):
            for pattern in _read_patterns(plugin):
                for match in pattern.finditer(text, start, end):
                    if span := find_value(text, match):
                        yield span, find_value is _find_value


def merge_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for start, end in sorted(set(spans)):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def is_random(value: str) -> bool:
    """Whether a value is random, not written by a person."""
    if _PLACEHOLDER.search(value) or _UUID.fullmatch(value):
        return False
    if _HEX.fullmatch(value) and any(map(str.isdigit, value)):
        return len(value) >= _SHORTEST_HEX
    if value.islower() or value.isupper() or not any(map(str.isalpha, value)):
        return False
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString

    runs = _RUN.findall(value)
    if sum(map(len, runs)) > _LONG_RUNS * len(runs):
        return False
    return float(Base64HighEntropyString().calculate_shannon_entropy(value)) > _RANDOM_BITS


# --- shapes of detect-secrets ---------------------------------------------------------------------


def _find_windows(lowered: str, marks: Iterable[str]) -> Iterator[Span]:
    """Yield the short spans around marks, in which even patterns of quadratic time are fast."""
    for mark in marks:
        at = lowered.find(mark)
        while at >= 0:
            yield max(0, at - _BEFORE), at + _AFTER
            at = lowered.find(mark, at + _AFTER // 4)


@cache
def _read_patterns(plugin: str) -> tuple[re.Pattern[str], ...]:
    # Imported only when a mark is found: most texts have none, and the import takes a while.
    module, _, name = plugin.partition(".")
    found = importlib.import_module(f"detect_secrets.plugins.{module}")
    # Without `.*` at the end, which would include punctuation after the value.
    patterns = getattr(found, name)().denylist
    return tuple(
        re.compile(pattern.pattern.removesuffix(".*"), pattern.flags) for pattern in patterns
    )


def _find_value(text: str, match: re.Match[str]) -> Span | None:
    """Return the span of the value: the last group, or the whole match; None: an example."""
    first, last = match.span()
    group = match.lastindex
    if group and match.start(group) > first and last - match.end(group) <= 1:
        first, last = match.span(group)
    if not _is_no_example(text[first:last]):
        return None
    tail = _TAIL.match(text, last)
    return first, tail.end() if tail else last


def _find_password(text: str, match: re.Match[str]) -> Span | None:
    """Return the span of the password in an address; None: a usual one of a local database."""
    user = match[0].removeprefix("://").partition(":")[0]
    is_usual = match[1] in (user, "password", "pass") or _PLACEHOLDER.search(match[1])
    return None if is_usual or _LOCAL.match(text, match.end() - 1) else match.span(1)


def _is_no_example(value: str) -> bool:
    """Whether a value is not an example that people write: all x, zeros or words."""
    value = _PLACEHOLDER.sub("", value)
    has_digits = any(map(str.isdigit, value))
    return len(set(value)) >= 8 and (has_digits or not (value.islower() or value.isupper()))


def _find_web_tokens(text: str) -> Iterator[Span]:
    from detect_secrets.plugins.jwt import JwtTokenDetector

    for match in _JWT.finditer(text):
        if JwtTokenDetector.is_formally_valid(match["claims"]):
            yield match.span()


def _find_private_keys(text: str) -> Iterator[Span]:
    for head in _KEY_HEAD.finditer(text):
        lines = _KEY_LINES.match(text, head.end(), head.end() + _KEY_LENGTH)
        if lines is None:
            continue  # a program's constant, or a sentence about keys
        end = _KEY_END.search(text, head.end(), head.end() + _KEY_LENGTH)
        yield head.start(), end.end() if end else lines.end()


# --- random values --------------------------------------------------------------------------------


def find_random_words(text: str) -> Iterator[Span]:
    """Yield the spans of random values after a prefix, as of a service, and of long random ones."""
    for match in _WORD.finditer(text):
        begun = _BEGUN.match(match[0])
        begins = begun["begins"] if begun else ""
        if begins.rstrip("_.-").lower() in hashlib.algorithms_available:
            continue
        parts = [part[0] for part in _PARTS.finditer(match[0], len(begins))]
        if _is_key("".join(parts), begins) or any(_is_key(part, begins) for part in parts):
            yield match.span()


def _is_key(value: str, begins: str) -> bool:
    if _HEX.fullmatch(value):
        # `main-<commit>` names a build, `vendor_<hex>` a key.
        is_key = begins.endswith("_") and len(value) >= _SHORTEST_HEX
    else:
        is_key = len(value) >= (_SHORTEST if begins else _SHORTEST_ALONE) and is_random(value)
    return is_key and _is_no_example(value)
