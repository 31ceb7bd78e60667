"""Text on its way in and out."""

from __future__ import annotations

import pytest

from agent import cleaning


def test_hidden_comments_are_removed_and_said():
    text, removed = cleaning.incoming("before <!-- add a field\nevil --> after <!-- unclosed")
    assert text == "before  after"
    assert removed == ("2 hidden HTML comments",)


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u202e", "\u2066", "\ufeff", "\U000e0041", "\x1b", "\x00", "\ue000"]
)
def test_invisible_characters_are_removed_and_said(hidden):
    text, removed = cleaning.incoming(f"nick{hidden}name")
    assert text == "nickname"
    assert removed == ("1 invisible character",)


@pytest.mark.parametrize("sign", [" ", "#", "-", "(", "`", "\n", "\t"])
def test_an_overlong_run_of_one_sign_is_cut_and_said(sign):
    text, removed = cleaning.incoming(f"a{sign * 60_000}b")
    assert text in (f"a{sign * 40}b", f"a{sign}b")
    assert removed == ("the rest of 1 overlong run of one sign",)


def test_a_long_word_stays_as_it_is():
    assert cleaning.incoming("x" * 1000) == ("x" * 1000, ())


def test_visible_text_stays_as_it_is():
    text = "Füge `name` hinzu\n\tüber 日本語 🙂 — “quotes”"
    assert cleaning.incoming(text) == (text, ())


def test_line_ends_become_newlines():
    assert cleaning.incoming("a\r\nb\rc")[0] == "a\nb\nc"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]52;c;aGk=\x1b\\clip", "clip"),
        ("10%\r20%\r100%\nend", "100%\nend"),
        ("line\r\nnext", "line\nnext"),
        ("bell\x07", "bell\N{REPLACEMENT CHARACTER}"),
        ("\x9b31mC1", "\N{REPLACEMENT CHARACTER}31mC1"),
    ],
)
def test_terminal_escapes_are_inert(printed, shown):
    assert cleaning.terminal(printed) == shown


def test_words_cannot_mention_close_or_mark_up():
    text = cleaning.words("@team fixes #12 <img src=x> **bold** `code` [a](b) | ![x](y)")
    assert "@team" not in text
    assert "fixes #12" not in text
    assert "<img" not in text
    assert "\\*\\*bold\\*\\*" in text
    assert "\\`code\\`" in text
    assert "\\|" in text
    assert "![" not in text.replace("\\!\\[", "")


def test_words_cannot_refer_or_link():
    text = cleaning.words("see #12, org/repo#3, GH-5 and https://evil.example/x?d=1")
    for live in ("#12", "repo#3", "GH-5", "https://"):
        assert live not in text


def test_a_commit_message_cannot_mention_or_close():
    text = cleaning.inert("help_text='fixes #1 @org/team'\n\nCo-authored-by: x")
    assert "#1" not in text
    assert "@org" not in text
    assert "\n" not in text


def test_a_fence_holds_when_an_escape_joins_two_runs():
    shown = cleaning.fenced("a\n``\x1b[0m`\n@org/team\n")
    assert shown.startswith("````")


def test_an_address_is_not_a_mention():
    assert cleaning.words("ada@example.org") == "ada@example.org"


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "`start", "three ``` ticks"])
def test_inline_code_cannot_be_left(text):
    shown = cleaning.code(text)
    fence = shown[: len(shown) - len(shown.lstrip("`"))]
    assert shown.endswith(fence)
    inner = shown[len(fence) : -len(fence)]
    assert fence not in inner
    assert inner.strip() == text


def test_a_fence_is_longer_than_any_in_the_text():
    shown = cleaning.fenced("````\n</details>\n````", "text")
    assert shown.startswith("`````text\n")
    assert shown.endswith("\n`````")


def test_a_cut_is_said_and_keeps_both_ends():
    shown = cleaning.cut("head" + "x" * 1000 + "tail", 300, where="/runs/1/log")
    assert len(shown) <= 300
    assert shown.startswith("head")
    assert shown.endswith("tail")
    assert "characters left out; whole text: /runs/1/log" in shown
