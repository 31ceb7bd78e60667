"""Markdown and patches become HTML that does nothing."""

from __future__ import annotations

import time

import pytest

from agent.demo.simulator import markup
from tests.unit.simulator import elements

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<svg/onload=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt&colon;alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "[click](vbscript:x)",
    '[click](https://e.example "x\\" onmouseover=\\"alert(1)")',
    "<javascript:alert(1)>",
    "[ref]\n\n[ref]: javascript:alert(1)",
    "![alt](javascript:alert(1))",
    '![" onerror="alert(1)](https://e.example/x.png)',
    "[![inner](https://e.example/x.png)](https://e.example)",
    "<details ontoggle=alert(1) open><summary>x</summary></details>",
    "<details/open/ontoggle=alert(1)>",
    "<summary style='position:fixed'>x</summary>",
    "<!--><script>alert(1)</script>-->",
    "<!-- a --!><script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>",
    "<base href=https://e.example>",
    "<style>body{display:none}</style>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "</div></article></main></details></textarea><script>alert(1)</script>",
    "```diff\n+<script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "| <script> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "- [ ] <script>alert(1)</script>",
    "- [ ] <input onfocus=alert(1) autofocus>",
    "@<script>alert(1)</script> #1<script>",
    "`<script>alert(1)</script>`",
    "<details><script>\n\nalert(1)\n\n</script></details>",
    "<form action=https://e.example><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=https://e.example'>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]
HARMLESS = frozenset(
    [
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "a",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "span",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "blockquote",
        "details",
        "summary",
        "br",
        "hr",
        "input",
    ]
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_becomes_inert_and_well_formed(text):
    html = str(markup.markdown(text, "octo/shop"))
    assert elements.active(html) == []
    assert {each.name for each in elements.elements(html)} <= HARMLESS
    assert elements.balanced(html)


def test_the_check_for_active_elements_bites():
    assert elements.active("<p onclick=x>")
    assert elements.active("<script>x</script>")
    assert elements.active('<a href="javascript:x">y</a>')
    assert elements.active("<img>")


def test_raw_html_that_is_not_allowed_is_shown_as_text():
    html = str(markup.markdown("<script>alert(1)</script>"))
    assert elements.text(html).strip() == "<script>alert(1)</script>"


def test_details_hold_markdown_and_stay_balanced():
    text = "<details><summary>Diff</summary>\n\n- one\n\n</details>\n\nafter"
    html = str(markup.markdown(text))
    assert "<details><summary>Diff</summary>" in html
    assert html.index("<li>one</li>") < html.index("</details>") < html.index("after")
    assert elements.balanced(html)


@pytest.mark.parametrize(
    "text", ["<details><summary>never closed", "</details></summary>x", "</summary><details>x"]
)
def test_unpaired_details_cannot_reach_beyond_the_text(text):
    assert elements.balanced(str(markup.markdown(text)))


def test_comments_vanish_also_when_never_closed():
    assert "secret" not in markup.markdown("<!-- secret -->\n\nshown <!-- secret --> too")
    assert elements.text(str(markup.markdown("<!-- secret"))).strip() == ""


def test_checklists_are_shown_as_boxes():
    html = str(markup.markdown("- [x] checked\n- [ ] not yet"))
    boxes = [each for each in elements.elements(html) if each.name == "input"]
    assert [("checked" in each.attributes) for each in boxes] == [True, False]
    assert all("disabled" in each.attributes for each in boxes)


def test_pictures_are_words_so_that_nothing_is_fetched():
    html = str(markup.markdown("![a graph](https://e.example/x.png)"))
    assert elements.text(html).strip() == "a graph"
    assert "img" not in {each.name for each in elements.elements(html)}


def test_references_lead_to_the_issue_outside_of_code_and_links():
    html = str(markup.markdown("Closes #12, `#13`, [#14](https://e.example), a#15", "octo/shop"))
    links = [each.attributes["href"] for each in elements.elements(html) if each.name == "a"]
    assert links == ["/octo/shop/issues/12", "https://e.example"]


def test_mentions_are_set_apart_and_addresses_are_not():
    html = str(markup.markdown("@alice wrote to bob@example.org"))
    marked = [each for each in elements.elements(html) if each.attributes.get("class") == "mention"]
    assert len(marked) == 1


def test_patches_in_fences_are_coloured():
    html = str(markup.markdown("```diff\n@@ -1 +1 @@\n-old\n+new\n```"))
    assert '<span class="removed">-old</span>' in html
    assert '<span class="added">+new</span>' in html


def test_nothing_written_gives_nothing():
    assert markup.markdown(None) == "" == markup.markdown(" \n")


@pytest.mark.parametrize(
    "piece", ["[", "*a ", "<", "`", "<!--", "<details>", "> ", "#1 ", "|-", "- [ ] "]
)
def test_the_longest_body_is_rendered_in_bounded_time(piece):
    begun = time.monotonic()
    markup.markdown((piece * 65_536)[:65_536], "octo/shop")
    assert time.monotonic() - begun < 20


def test_patch_lines_carry_the_numbers_of_both_sides():
    lines = markup.diff_lines("@@ -3,2 +3,3 @@ def f():\n same\n-old\n+new\n+more\n\\ No newline")
    assert [(each.kind, each.old, each.new) for each in lines] == [
        ("hunk", None, None), ("same", 3, 3), ("removed", 4, None), ("added", None, 4),
        ("added", None, 5), ("note", None, None),
    ]  # fmt: skip
