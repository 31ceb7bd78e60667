"""Text on its way in and out."""

from __future__ import annotations

import random
import re
import time
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

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


@pytest.mark.parametrize(
    "live",
    [
        *(
            "`@team`",
            "/@team",
            "(@team)",
            "&#12",
            "x#12",
            "gh-12",
            "www.evil.example",
            "ftp://e.example",
        ),
        *("fixes:  #12", "Resolved org/repo#12", "closes https://github.com/o/r/issues/1"),
    ],
)
def test_nothing_acts_in_whatever_stands_before_it(live):
    for text in (cleaning.words(live), cleaning.inert(live), cleaning.markdown(live)):
        for acting in ("@team", "#12", "gh-12", "www.", "://"):
            assert acting not in text


@pytest.mark.parametrize("start", ["# a", "- a", "+ a", "1. a", "12) a", "=== a", "> a", "--- "])
def test_a_line_of_foreign_words_begins_no_block(start):
    (token, *_) = MarkdownIt("commonmark").parse(cleaning.words(start))
    assert token.type == "paragraph_open"


def test_names_in_backticks_become_code_and_nothing_else():
    text = cleaning.spoken("Which type has `a|b`? See `@org`, *not* @me, `` ` `` and #1")
    assert "`a|b`" in text
    assert "`@org`" in text
    assert "\\*not\\*" in text
    assert "@me" not in text
    assert "#1" not in text


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\U000e0041"])
def test_letters_that_deceive_are_shown(hidden):
    for shown in (cleaning.words, cleaning.code, cleaning.fenced, cleaning.inert):
        assert hidden not in shown(f"a{hidden}b")
        assert "\N{REPLACEMENT CHARACTER}" in shown(f"a{hidden}b")


def test_emoji_and_other_scripts_stay_as_they_are():
    text = "👩‍👩‍👧 שלום 日本語 é"
    assert cleaning.words(text) == text


def test_a_pipe_ends_no_cell():
    assert cleaning.code("a|b") == "`a|b`"
    assert cleaning.cell("a|b") == "`a\\|b`"


# --- foreign Markdown that keeps its form -----------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("## What *and* why", "## What *and* why"),
        ("- [ ] read [the guide](docs/x.md)", "- [ ] read [the guide](docs/x.md)"),
        ("[a](https://e.example/x 'title')", "[a](https://e.example/x)"),
        ("[a](javascript:x) [b](data:x) [c](//e.example)", "a b [c](//e.example)"),
        ("[a](https://github.com/o/r/issues/1)", "a"),
        ("![alt](https://e.example/?d=1)", "alt"),
        ("![alt][ref] [words][ref]", "alt words"),
        ("[![badge](https://e.example/b.svg)](https://e.example)", "[badge](https://e.example)"),
        ("a\n[ref]: https://e.example/?d=1 'x'\nb", "a\nb"),
        ("<img src=x><b title='t'>bold</b><br>", "bold"),
        ("<details open><summary>x</summary>", "x"),
        ("a <!-- hidden --> b", "a  b"),
        ("a <!-- never closed", "a "),
        ("1 < 2 <x", "1 < 2 &lt;x"),
        ("```\n<b> @team ![x](y)\n```\nend", "```\n<b> @team ![x](y)\n```\nend"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "| a | b |\n|---|---|\n| 1 | 2 |"),
    ],
)
def test_form_stays_and_what_acts_goes(written, kept):
    assert cleaning.markdown(written) == kept


@pytest.mark.parametrize(
    "around",
    [
        "- ```\n  code\n  ```\n{}",
        "~~~\n```\n~~~\n{}",
        "> ```\n{}",
        "    ```\n\n{}",
        "1. a\n   ```\n   x\n{}",
        "``<b></b>`\n{}",
    ],
)
def test_what_only_looks_like_code_is_inert(around):
    text = cleaning.markdown(around.format("\nhello @team <img src=x> ![x](https://e.example)"))
    blocks = MarkdownIt("commonmark").parse(f"{text}\n\n## Ours")
    assert blocks[-2].content == "Ours"
    assert "@team" not in text
    assert "<img" not in text
    assert "e.example" not in text


def test_a_fence_that_is_never_closed_is_closed():
    assert cleaning.markdown("a\n````py\n```\n@team") == "a\n````py\n```\n@team\n````\n"


@pytest.mark.parametrize(
    "unit",
    ["[", "![", "[a](", "<a ", "](", "fix ", "`", "://", "@", "[a]: ", "<!--", "\x1b]", "#1"],
)
def test_hostile_text_takes_time_in_proportion(unit):
    for clean in (cleaning.words, cleaning.spoken, cleaning.markdown, cleaning.fenced):
        begun = time.process_time()
        clean(unit * (60_000 // len(unit)))
        assert time.process_time() - begun < 2, clean


def test_five_megabytes_of_output_are_made_inert_in_less_than_a_second():
    text = "tests/test_a.py::test_it \x1b[32mPASSED\x1b[0m [ 12%] @x #1\n" * 90_000
    begun = time.process_time()
    cleaning.fenced(text)
    assert time.process_time() - begun < 1.5


# --- cuts -----------------------------------------------------------------------------------------


def test_a_cut_in_markdown_closes_what_is_open_and_is_said():
    text = "# A\n\n<details><summary>Log</summary>\n\n````\n" + "x\n" * 900 + "````\n\n</details>\n"
    shown = cleaning.cut_markdown(text, 900, where="<https://m.example/log>")
    assert len(shown) <= 900
    assert shown.count("````") == 2
    assert shown.index("</details>") > shown.rindex("````")
    assert f"Cut here: the text had {len(text):,} characters" in shown
    assert shown.rstrip().endswith("<https://m.example/log>**")
    assert cleaning.cut_markdown(text, len(text), where="x") == text


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


@pytest.mark.parametrize(
    "text",
    ["\u4f60\u597d@octocat", "\u00e9@org/team", "_@octocat_", "__@org/owners__", "\u00e9GH-12"],
)
def test_a_mention_after_any_sign_that_is_no_letter_of_ascii_is_inert(text):
    for made in (cleaning.inert(text), cleaning.words(text)):
        assert "\N{ZERO WIDTH SPACE}" in made


@pytest.mark.parametrize(
    "text",
    ["[skip ci]", "[CI SKIP]", "[no ci]", "[skip actions]", "[actions skip]", "***NO_CI***",
     "skip-checks: true"],
)  # fmt: skip
def test_an_order_to_the_ci_in_a_commit_message_is_inert(text):
    made = cleaning.inert(f"Add a field {text} now")
    assert text not in made
    assert made.replace("\N{ZERO WIDTH SPACE}", "") == f"Add a field {text} now"


@pytest.mark.parametrize("text", ["a@example.org", "[skip this] part", "[ci] green"])
def test_what_is_no_order_and_no_mention_stays(text):
    assert cleaning.inert(text) == text


class Shown(HTMLParser):
    """What a reader's browser would be given."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        #: The words of every text node that is no code, as GitHub looks through them.
        self.words: list[str] = []
        self._inside: list[str] = []
        # Raw HTML is let through, so that it would show.
        options = Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES
        self.feed(cmarkgfm.github_flavored_markdown_to_html(markdown, options))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in ("br", "hr", "img", "input"):
            self._inside.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._inside[-1:] == ["a"] and self.addresses[-1] in (data, f"http://{data}"):
            self.tags.add("a link made of an address")
        if not {"code", "pre"} & set(self._inside):
            self.words.append(data)


_FORM = {
    *("p", "br", "hr", "em", "strong", "del", "a", "code", "pre", "blockquote", "ul", "ol", "li"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "input"),
}
_ACTS = re.compile(
    r"(?<![A-Za-z0-9])@[A-Za-z0-9]|#\d|(?<![A-Za-z0-9])gh-\d|\b(?:clos|fix|resolv)e[sd]?:? +https?:",
    re.IGNORECASE,
)


_CONVERSATION = re.compile(r"/(?:issues|pull|commit|%69ssues)/")


def acting(text: str) -> list[str]:
    """What would act of a text, once it is rendered."""
    shown = Shown(text)
    found = [f"<{tag}>" for tag in sorted(shown.tags - _FORM)]
    found += [
        address
        for address in shown.addresses
        # One that is broken leads nowhere.
        if "%E2%80%8B" not in address
        and (
            _CONVERSATION.search(address) or not re.match(r"https?://|[\w./#-]+$|mailto:", address)
        )
    ]
    return found + [words for words in shown.words if _ACTS.search(words)]


LIVE = [
    "@team", "&commat;team", "&#64;team", "&#x40;team", "&#X40;team", "\\@team", "@&#116;eam",
    "@t<b>ea</b>m", "@<i></i>team", "<b>@</b>team", "@[team](javascript:x)", "@![team](x)",
    "@[team][y]", "fixes #1", "fix&#101;s #1", "closes &num;1", "closes &#35;1", "GH-1", "GH\\-1",
    "GH&#45;1", "[clo](javascript:x)ses #1", "#[1](data:x)", "o/r#1", "#\\1 &#35;1",
    "https://e.example/x", "http&colon;//e.example", "https&#58;//e.example", "www.e.example",
    "ww&#119;.e.example", "<https://e.example>", "<a@e.example>", "ftp://e.example/x",
    "![x](https://e.example/x.png)", "![x\ny](https://e.example/x.png)", "![x][y]",
    "&#33;[x](https://e.example/x.png)", "!&#91;x](https://e.example/x.png)", "\\!![x][y\n]",
    "<img src=x>", "<img\nsrc=x>", "<?php echo 1 ?>", "<!DOCTYPE x>", "<![CDATA[ <img src=x> ]]>",
    "<!-- a\n\n-->@team<!--", "&lt;img src=x&gt;", "&LT;img src=x&GT;", "<svg/onload=x>",
    "<script>x</script>", "<details open>x</details>", "<scr<b>ipt>x</scr<b>ipt>",
    "[x](https://github.com/o/r/issues/1)", "[x](https://github.com/o/r/iss&#117;es/1)",
    "[x](https://github.com/o/r\\/issues\\/1)", "[x](https://github.com/o/r/%69ssues/1)",
    "[x\ny](https://github.com/o/r/pull/1)", "[x](<javascript:x>)", "[x](java&Tab;script:x)",
    "[^1]\n\n[^1]: @team <img src=x>", "> [^1]: a\n>\n>     @team\n\n[^1]",
    "- [^1]: a\n\n      @team\n\n[^1]", "[x]: https://github.com/o/r/issues/1\n[x]",
    "> [x]: https://github.com/o/r/issues/1\n\n[x]", "> [x]: https://e.example/x.png\n\n![x]",
    "<b>```\nx\n```\n@team <img src=x>", "<b>~~~\nx\n~~~\n![x](https://e.example/x)",
    "<u><b>```\n```\n<i>```\n@team\n```", "-<b> </b>x\n\n      @team", "`a` @team `", "``\n@team `",
    "| a |\n|---|\n| @team <img src=x> |", "~~@team~~", "- [ ] @team #1", "# @team #1",
    "\N{FULLWIDTH COMMERCIAL AT}team @team", "\u202e@team", "\x1b]8;;https://e.example\x07x\x1b\\ @team",
    "a\\\n@team", "a  \n@team", "*@*team @*team*", "**clo**ses #1", "fixes https://e.example/i/1",
]  # fmt: skip


@pytest.mark.parametrize("live", LIVE)
@pytest.mark.parametrize(
    "around", ["{}", "hello {} there", "> {}", "- {}", "a\n\n{}\n\nb", "<p>\n{}"]
)
def test_nothing_of_foreign_markdown_acts_when_it_is_rendered(live, around):
    written = around.format(live)
    assert acting(cleaning.markdown(written)) == [], cleaning.markdown(written)


def test_the_judge_of_what_acts_sees_it():
    for live in ("@team", "fixes #1", "GH-1", "<img src=x>", "&commat;team", "https://e.example/x",
                 "![x](https://e.example/x.png)", "[^1]\n\n[^1]: x", "[x](javascript:x)"):  # fmt: skip
        assert acting(live) != [], live


@pytest.mark.parametrize("live", [text for text in LIVE if "\n" not in text])
def test_nothing_of_foreign_words_acts_when_they_are_rendered(live):
    for shown in (
        cleaning.words(live),
        cleaning.spoken(f"a `{live}` b {live}"),
        cleaning.code(live),
    ):
        assert acting(shown) == [], shown


def test_random_markdown_never_acts_when_it_is_rendered():
    chance = random.Random(11)
    signs = [
        *(
            "@team",
            "#1",
            "GH-1",
            "closes ",
            "<b>",
            "</b>",
            "<img src=x>",
            "![",
            "](https://e.example/x)",
        ),
        *(
            "[",
            "]",
            "(",
            ")",
            "`",
            "```",
            "~~~",
            "\n",
            "\n\n",
            "    ",
            "> ",
            "- ",
            "1. ",
            "# ",
            "[^1]",
        ),
        *(
            "]: ",
            "&commat;team",
            "&#64;",
            "\\",
            "!",
            "<",
            ">",
            "<!--",
            "-->",
            "|",
            "---",
            "*",
            "_",
            "x",
        ),
        *("https://", "www.e.example", "<pre>", "<?", "<![CDATA[", "\t"),
    ]
    for number in range(6_000):
        written = "".join(chance.choice(signs) for _ in range(chance.randint(2, 14)))
        cleaned = cleaning.markdown(written)
        # A link that stays may lose its words to a code span, and is one all the same.
        found = [one for one in acting(cleaned) if one != "<a link made of an address>"]
        assert found == [], (number, written, cleaned)


@pytest.mark.parametrize(
    "kept",
    [
        "a &lt;b&gt; &amp; &quot;c&quot; &nbsp; &copy; &eacute;",
        "AT&T; and R&D; 1 < 2 > 0",
        "- [x] done\n- [ ] open",
        "[docs](https://ok.example/a?b=1&c=2#d) [file](src/a.py)",
        "    indented @team\n",
        "```\n@team &commat; <img>\n```\n",
    ],
)
def test_what_does_not_act_stays(kept):
    assert Shown(cleaning.markdown(kept)).words == Shown(kept).words
    assert Shown(cleaning.markdown(kept)).addresses == Shown(kept).addresses
