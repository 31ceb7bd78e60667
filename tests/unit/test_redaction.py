"""Secrets in hand do not get out, in whatever dress; everything else stays."""

import base64
import random
import string

import pytest

from agent.text.redaction import REMOVED, Redactor

_CHANCE = random.Random(11)
#: No shape that anybody knows: only the exact list can find it.
SECRET = "".join(_CHANCE.choice(string.ascii_lowercase + string.digits) for _ in range(40))
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
    "reversed": lambda s: s[::-1],
    "base64, one byte later": lambda s: b64("x" + s),
    "hex in capitals with colons": lambda s: ":".join(f"{b:02X}" for b in s.encode()),
    "every byte in an address": lambda s: "".join(f"%{b:02x}" for b in s.encode()),
    "codes": lambda s: str(list(s.encode())),
    "split by lines of a patch": "\n+".join,
    "split in two strings": lambda s: f'"{s[:20]}" + "{s[20:]}"',
    "without its beginning": lambda s: s[7:],
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("secret", [SECRET, SYMBOLS], ids=["letters", "symbols"])
def test_a_secret_in_hand_is_taken_out_in_every_dress(secret, dress):
    shown = DRESSES[dress](secret)
    text = Redactor([secret])(f"before {shown} after")
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


@pytest.mark.parametrize("secret", ["", "short", "mergewright"])
def test_a_plain_word_is_part_of_ordinary_texts(secret):
    text = "mergewright made this on development, in short."
    assert Redactor([secret])(text) == text


def test_a_text_without_secrets_stays_as_it_is():
    facts = (
        "| Base | `0a6e67e5d8a9f8e8d6e0b8d5b3f5a7c1e2d3f4a5` on `main` |\n"
        f"sha256:{'0f1e2d3c4b5a6978' * 4} 123e4567-e89b-12d3-a456-426614174000\n"
    )
    assert Redactor([SECRET, KEY])(facts) == facts
