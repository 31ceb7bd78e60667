"""Remove secrets from every text that is sent, or stored where people read it.

These are the values that we have ourselves, also when they are encoded, cut or split; and whatever
looks like a credential (`secret_shapes`).
"""

import base64
import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeVar, cast

from pydantic import BaseModel

from agent.text import secret_shapes
from agent.text.secret_shapes import Span

T = TypeVar("T")

REMOVED = "[secret removed]"

#: Only letters and digits are compared, without case, so that no other sign between them (white
#: space, quotes, plus signs of a patch, the + and / of base64) can hide a secret.
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = bytes(sign for sign in range(256) if chr(sign) not in _LETTERS)

#: Minimum length of a secret, and of one of letters alone: ordinary texts have shorter ones.
_SHORTEST = 8
_SHORTEST_WORD = 16
#: Half of a secret, within these lengths, counts as the secret.
_TELLING = (16, 24)
_GRAM = 8
#: Maximum stored places of a gram: a value that repeats itself is found by its first ones.
_PLACES = 8


class _SecretPattern(NamedTuple):
    letters: bytes
    enough: int
    """Number of its letters in a row that count as found."""


class Redactor:
    """Replaces known secrets in texts; more can be added while other threads use it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._needles: tuple[_SecretPattern, ...] = ()
        self._grams: dict[bytes, tuple[tuple[int, int], ...]] = {}
        self._seen: set[str] = set()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str) -> None:
        """Remove this value from now on.

        A short plain word, or a value with fewer than eight letters and digits, is not removed.
        """
        secret = secret.strip()
        if secret in self._seen:
            return
        self._seen.add(secret)
        forms = dict.fromkeys(
            form for part in _split_secret(secret) for form in _encode_forms(part)
        )
        needles = list(self._needles)
        grams = dict(self._grams)
        for form in forms:
            if len(form) < _SHORTEST or (form.isalpha() and len(form) < _SHORTEST_WORD):
                continue
            low, high = _TELLING
            enough = min(len(form), max(low, min(high, len(form) // 2)))
            number = len(needles)
            needles.append(_SecretPattern(form, enough))
            for at in range(len(form) - _GRAM + 1):
                gram = form[at : at + _GRAM]
                grams[gram] = (*grams.get(gram, ()), (number, at))[:_PLACES]
        # In this order: a search meanwhile, in another thread, finds the needle of every gram.
        self._needles, self._grams = tuple(needles), grams

    def __call__(self, text: str) -> str:
        text = _replace_spans(text, self.find_known(text))
        return _replace_spans(text, secret_shapes.find_shaped_secrets(text))

    def redact_record(self, value: T) -> T:
        """Return a record, or a JSON value, without secrets in any of its texts; bytes stay."""
        cleaned: object = value
        if isinstance(value, str) and type(value) is str:
            cleaned = self(value)
        elif isinstance(value, tuple):
            cleaned = tuple(self.redact_record(one) for one in value)
        elif isinstance(value, list):
            cleaned = [self.redact_record(one) for one in value]
        elif isinstance(value, dict):
            cleaned = {
                self.redact_record(key): self.redact_record(one) for key, one in value.items()
            }
        elif isinstance(value, BaseModel):
            cleaned = value.model_copy(
                update={name: self.redact_record(one) for name, one in value}
            )
        return cast(T, cleaned)

    def find_known(self, text: str) -> tuple[Span, ...]:
        """Return the spans of known secrets, in any form, sorted and without overlap."""
        if not self._needles:
            return ()
        letters = text.encode("ascii", "ignore").lower().translate(None, _OTHERS)
        found = secret_shapes.merge_spans(self._find_spans(letters))
        if not found:
            return ()
        places = [place for place, sign in enumerate(text) if sign in _LETTERS]
        return tuple((places[start], places[end - 1] + 1) for start, end in found)

    def _find_spans(self, letters: bytes) -> Iterator[Span]:
        needles, grams = self._needles, self._grams
        for needle in needles:
            # So short a piece may contain no whole gram at the places that are looked up below.
            if needle.enough < 2 * _GRAM:
                yield from _find_all(letters, needle.letters)
        for at in range(0, len(letters) - _GRAM + 1, _GRAM):
            for number, offset in grams.get(letters[at : at + _GRAM], ()):
                needle = needles[number]
                start, end = _extend_seed(letters, at, needle.letters, offset)
                if end - start >= needle.enough:
                    yield start, end


def _find_all(letters: bytes, needle: bytes) -> Iterator[Span]:
    at = letters.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = letters.find(needle, at + len(needle))


def _extend_seed(letters: bytes, at: int, needle: bytes, offset: int) -> Span:
    """Return the span of the text that agrees with the needle around a gram of both."""
    before = 0
    while before < min(at, offset) and letters[at - before - 1] == needle[offset - before - 1]:
        before += 1
    after = _GRAM
    most = min(len(letters) - at, len(needle) - offset)
    while after < most and letters[at + after] == needle[offset + after]:
        after += 1
    return at - before, at + after


def _replace_spans(text: str, spans: Iterable[Span]) -> str:
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], _remove_secret(text[start:end])]
        at = end
    return "".join((*parts, text[at:]))


def _remove_secret(found: str) -> str:
    """Replace a secret; if it has line ends or markup, all signs but letters and digits stay."""
    if "\n" not in found and not any(sign in "`|<>" for sign in found):
        return REMOVED
    return REMOVED + "".join(sign for sign in found if sign not in _LETTERS)


def _split_secret(secret: str) -> Iterator[str]:
    """Yield a secret, and its long lines: each line of a private key is a secret, too."""
    yield secret
    if "\n" in secret:
        for line in secret.splitlines():
            if len(line) >= 2 * _SHORTEST and not line.startswith("-----"):
                yield line.strip()


def _encode_forms(secret: str) -> Iterator[bytes]:
    """Yield the letters and digits of a secret, as it is and in usual encodings."""
    raw = secret.encode()
    hexed = [f"{byte:02x}" for byte in raw]
    for form in (
        secret,
        secret[::-1],
        codecs.encode(secret, "rot13"),
        # Found with % between the digits, too, since only letters and digits are compared.
        "".join(hexed),
        "".join(f"x{pair}" for pair in hexed),
        "".join(f"0x{pair}" for pair in hexed),
        # Decimal codes, in a list or as character references.
        "".join(map(str, raw)),
        "".join(sign if sign.isalnum() else f"%{ord(sign):02x}" for sign in secret),
        base64.b32encode(raw).decode(),
        *_encode_base64(raw),
    ):
        yield form.encode("ascii", "ignore").lower().translate(None, _OTHERS)


def _encode_base64(raw: bytes) -> Iterator[str]:
    """Yield the secret's own letters of base64, for each offset in a longer text."""
    for before, own in ((0, 0), (1, 2), (2, 3)):
        coded = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        whole = (before + len(raw)) % 3 == 0
        yield coded[own:] if whole else coded[own:-1]
