"""Secrets in hand do not get out, in whatever dress; everything else stays."""

from __future__ import annotations

import base64
import codecs
import random
import string
import threading
import time
import urllib.parse

import pytest

from agent.domain import Comparison, Finding, Severity, Status
from agent.redaction import REMOVED, Redactor

_CHANCE = random.Random(11)
#: No shape that anybody knows: only the exact list can find it.
SECRET = "".join(_CHANCE.choice(string.ascii_letters + string.digits) for _ in range(40))
SYMBOLS = "p%4/" + "".join(_CHANCE.choice(string.ascii_letters + "+/%&=") for _ in range(28))
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "\n".join(
        "".join(_CHANCE.choice(string.ascii_letters + "+/0123456789") for _ in range(64))
        for _ in range(10)
    )
    + "\n-----END PRIVATE KEY-----\n"
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DRESSES = {
    "plain": lambda s: s,
    "upper case": str.upper,
    "reversed": lambda s: s[::-1],
    "base64": b64,
    "base64, one byte later": lambda s: b64("x" + s),
    "base64, two bytes later": lambda s: b64("xy" + s),
    "base64 in the middle": lambda s: b64(f"TOKEN={s}&more=1"),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base32": lambda s: base64.b32encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "hex in capitals with colons": lambda s: ":".join(f"{b:02X}" for b in s.encode()),
    "escapes of Python": lambda s: "".join(f"\\x{b:02x}" for b in s.encode()),
    "in an address": lambda s: urllib.parse.quote(s, safe=""),
    "every byte in an address": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "codes": lambda s: str(list(s.encode())),
    "character references": lambda s: "".join(f"&#{b};" for b in s.encode()),
    "rot13": lambda s: codecs.encode(s, "rot13"),
    "split by spaces": " ".join,
    "split by lines of a patch": "\n+".join,
    "split in two strings": lambda s: f'"{s[:20]}" + "{s[20:]}"',
    "split by invisible letters": "\u200b".join,
    "without its beginning": lambda s: s[7:],
    "without its end": lambda s: s[:-7],
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("secret", [SECRET, SYMBOLS], ids=["letters", "symbols"])
def test_a_secret_in_hand_is_taken_out_in_every_dress(secret, dress):
    shown = DRESSES[dress](secret)
    text, removed = Redactor([secret]).redact(f"before {shown} after")
    assert removed >= 1
    assert REMOVED in text
    assert text.startswith("before ")
    assert text.endswith(" after")
    left = "".join(filter(str.isalnum, text.removeprefix("before ").removesuffix(" after")))
    # At most the edges of an encoding stay, which say nothing.
    assert len(left.replace("secretremoved", "")) <= 26, text


def test_each_line_of_a_key_is_a_secret():
    redactor = Redactor([KEY])
    line = KEY.splitlines()[4]
    text = redactor(f"(((( {line} ))))")
    assert text == f"(((( {REMOVED}{line[len(line.rstrip('+/')) :]} ))))"
    assert b64(KEY)[200:260] not in redactor(b64(KEY))


def test_what_is_learned_later_is_looked_for_as_well():
    redactor = Redactor()
    assert redactor(SECRET) == SECRET
    redactor.learn(f"{SECRET}\n")
    assert redactor(SECRET) == REMOVED


def test_taking_out_leaves_fences_and_lines_in_place():
    halves = f"```\n{SECRET[:20]}\n```\n| {SECRET[20:]} |"
    text = Redactor([SECRET])(halves)
    assert text.count("```") == 2
    assert text.count("\n") == halves.count("\n")
    assert text.count("|") == 2


@pytest.mark.parametrize("secret", ["", "  ", "short", "development", "mergewright"])
def test_a_plain_word_is_part_of_ordinary_texts(secret):
    text = "mergewright made this on development, in short."
    assert Redactor([secret])(text) == text


def test_a_text_without_secrets_stays_as_it_is():
    facts = (
        "| Base | `0a6e67e5d8a9f8e8d6e0b8d5b3f5a7c1e2d3f4a5` on `main` |\n"
        f"sha256:{'0f1e2d3c4b5a6978' * 4} 123e4567-e89b-12d3-a456-426614174000\n"
    )
    assert Redactor([SECRET, KEY]).redact(facts) == (facts, 0)


def test_redacting_again_changes_nothing():
    redactor = Redactor([SECRET])
    once = redactor(f"token = '{SECRET}' ghs_{'a1B2' * 9}")
    assert once.count(REMOVED) == 2
    assert redactor(once) == once


def test_records_are_redacted_in_every_text():
    finding = Finding(
        rule="size", severity=Severity.INFO, path="a.py", line=1, message=SECRET, fix=""
    )
    made = Comparison(
        name="tests", base=Status.PASSED, head=Status.PASSED, verdict=Status.PASSED, gone=(SECRET,)
    )
    redactor = Redactor([SECRET])
    assert redactor.inside((finding,))[0].message == REMOVED
    assert redactor.inside(made) == made.model_copy(update={"gone": (REMOVED,)})


def test_it_may_learn_while_others_look():
    redactor = Redactor([SECRET])
    failed = []

    def look() -> None:
        for _ in range(200):
            if redactor(f"a {SECRET} b") != f"a {REMOVED} b":
                failed.append(1)

    looking = [threading.Thread(target=look) for _ in range(3)]
    for thread in looking:
        thread.start()
    for number in range(40):
        redactor.learn(f"{number}-{SECRET[::2]}-{number}-9x")
    for thread in looking:
        thread.join(timeout=30)
    assert failed == []


def test_five_megabytes_take_less_than_a_second():
    redactor = Redactor([SECRET, KEY, SYMBOLS])
    line = "tests/test_a.py::test_it[1] PASSED  0a6e67e5d8a9f8e8d6e0b8d5b3f5a7c1e2d3f4a5 é\n"
    text = line * (5_000_000 // len(line))
    begun = time.process_time()
    assert redactor.redact(text).removed == 0
    assert time.process_time() - begun < 1.5
    # Near misses all over the text.
    begun = time.process_time()
    redactor.redact(f"{SECRET[:12]} {KEY[40:52]} " * 50_000)
    assert time.process_time() - begun < 3
