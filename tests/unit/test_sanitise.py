"""Text on its way in and out."""

import re
import time
from html.parser import HTMLParser

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options

from agent.text import sanitise


@pytest.mark.parametrize(
    ("text", "seen", "removed"),
    [
        ("a <!-- add\nevil --> b <!-- unclosed", "a  b", "2 hidden HTML comments"),
        ("nick\u200bname", "nickname", "1 invisible character"),
        ("nick\U000e0041name", "nickname", "1 invisible character"),
        ("nick\x1bname", "nickname", "1 invisible character"),
    ],
)
def test_what_is_hidden_is_removed_and_said(text, seen, removed):
    assert sanitise.clean_ticket(text) == (seen, (removed,))


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b]52;c;aGk=\x1b\\clip", "clip"),
        ("10%\r20%\r100%\nend", "100%\nend"),
        ("\x9b31mC1", "\N{REPLACEMENT CHARACTER}31mC1"),
    ],
)
def test_terminal_escapes_are_inert(printed, shown):
    assert sanitise.strip_terminal_codes(printed) == shown


def test_colours_stay_where_they_are_wanted_and_nothing_that_hides():
    printed = "\x1b[1;31mred\x1b[0m \x1b[8mhidden\x1b[30mblack\x1b[41m\x1b[2J\x1b[32"
    shown = sanitise.strip_terminal_codes(printed, with_colors=True)
    assert shown == "\x1b[1;31mred\x1b[0m hiddenblack\N{REPLACEMENT CHARACTER}[32"


@pytest.mark.parametrize("unit", ["![", "`", "\x1b]"])
def test_hostile_text_takes_time_in_proportion(unit):
    for clean in (sanitise.format_words, sanitise.format_sentence, sanitise.format_fenced):
        begun = time.process_time()
        clean(unit * (20_000 // len(unit)))
        assert time.process_time() - begun < 5, clean


def test_a_cut_in_markdown_closes_what_is_open_and_is_said():
    text = "# A\n\n<details><summary>Log</summary>\n\n````\n" + "x\n" * 900 + "````\n\n</details>\n"
    shown = sanitise.cut_markdown(text, 900, where="<https://m.example/log>")
    assert len(shown) <= 900
    assert shown.count("````") == 2
    assert shown.index("</details>") > shown.rindex("````")
    assert f"Truncated: the text had {len(text):,} characters" in shown
    assert shown.rstrip().endswith("<https://m.example/log>**")
    assert sanitise.cut_markdown(text, len(text), where="x") == text


@pytest.mark.parametrize(
    ("text", "plain", "marked"),
    [
        ("\u4f60\u597d@octocat", "\u4f60\u597doctocat", "\u4f60\u597d`@octocat`"),
        ("_@octocat_", "_octocat_", "\\_`@octocat_`"),
        ("\u00e9GH-12", "\u00e9GH 12", "\u00e9`GH-12`"),
        ("fixes a/b#1", "fixes a/b1", "fixes a/b`#1`"),
        (
            "see https://e.example/x, @a/b",
            "see e.example/x, a/b",
            "see `https://e.example/x,` `@a/b`",
        ),
    ],
)
def test_what_would_act_loses_its_sign_or_stands_as_code(text, plain, marked):
    assert (sanitise.make_inert(text), sanitise.format_words(text)) == (plain, marked)
    assert (text + plain + marked).isprintable()


@pytest.mark.parametrize(
    "text", ["@@a", "@#1", "@https://a", "#\\#1", "[[skip ci]", "@" * 99 + "a"]
)
def test_what_is_left_of_a_sign_makes_up_no_other_one(text):
    assert not _ACTS.search(sanitise.make_inert(text))


@pytest.mark.parametrize("text", ["[skip ci]", "***NO_CI***", "skip-checks: true"])
def test_an_order_to_the_ci_in_a_commit_message_is_inert(text):
    assert text not in sanitise.make_inert(f"Add a field {text} now")


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
        if _CONVERSATION.search(address) or not re.match(r"https?://|[\w./#-]+$|mailto:", address)
    ]
    return found + [words for words in shown.words if _ACTS.search(words)]


LIVE = [
    "@team", "&#x40;team", "\\@team", "@t<b>ea</b>m", "@[team](javascript:x)", "closes &num;1",
    "[clo](javascript:x)ses #1", "GH\\-1", "https&#58;//e.example", "ww&#119;.e.example",
    "![x][y]", "&#33;[x](https://e.example/x.png)", "<img\nsrc=x>", "<!-- a\n\n-->@team<!--",
    "&LT;img src=x&GT;", "[x](https://github.com/o/r/%69ssues/1)", "[x](java&Tab;script:x)",
    "- [^1]: a\n\n      @team\n\n[^1]", "> [x]: https://github.com/o/r/issues/1\n\n[x]",
    "<b>```\nx\n```\n@team <img src=x>", "-<b> </b>x\n\n      @team", "`a` @team `",
    "\x1b]8;;https://e.example\x07x\x1b\\ @team", "*@*team @*team*",
]  # fmt: skip


def test_the_judge_of_what_acts_sees_it():
    for live in ("@team", "fixes #1", "GH-1", "<img src=x>", "&commat;team", "https://e.example/x",
                 "![x](https://e.example/x.png)", "[^1]\n\n[^1]: x", "[x](javascript:x)"):  # fmt: skip
        assert acting(live) != [], live


def test_UI5_nothing_of_foreign_words_acts_when_they_are_rendered():
    for live in (text for text in LIVE if "\n" not in text):
        shown = (
            sanitise.format_words(live),
            sanitise.format_sentence(f"a `{live}` b {live}"),
            sanitise.format_code(live),
        )
        assert [acting(one) for one in shown] == [[], [], []], live
