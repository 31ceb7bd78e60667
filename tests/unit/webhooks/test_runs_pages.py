"""The page and the log of a run."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from webhooks import run_words, runs_pages

RUN = "20261101-100000-0123456789abcdef"


@pytest.fixture
def runs(tmp_path) -> Path:
    (tmp_path / "runs" / RUN).mkdir(parents=True)
    return tmp_path / "runs"


def get(runs: Path, path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = FastAPI()
        app.include_router(runs_pages.router(runs))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def write(runs: Path, name: str, content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    (runs / RUN / name).write_bytes(raw)


def facts(**changed: object) -> str:
    return json.dumps(
        {
            "run_id": RUN,
            "repository": "octo/shop",
            "issue_url": "https://github.example/octo/shop/issues/1",
            "title": "Add a field",
            "state": "open",
            "reason": "ready",
            "sentence": "All checks passed.",
            "pull_request_url": "https://github.example/octo/shop/pull/2",
            "branch": "mergewright/1-add",
            "started": 1_793_527_200,
            "ended": 1_793_527_260.5,
            "seconds": {"triage": 0.1, "checks 1": 12.34},
            **changed,
        }
    )


def test_the_page_tells_what_is_known(runs):
    write(runs, "run.json", facts())
    write(runs, "run.log", "10:00:00 begun\n")
    write(runs, "pull_request.md", "## Result\n")
    page = get(runs, f"/runs/{RUN}")
    assert page.status_code == 200
    for words in (
        "<h1>Add a field</h1>", "All checks passed.", "<td>ready</td>", "mergewright/1-add",
        "2026-11-01 10:01:00 UTC", 'href="https://github.example/octo/shop/pull/2"', "12.3 s",
        f'href="{RUN}/log"', "<h2>Result</h2>",
    ):  # fmt: skip
        assert words in page.text, words
    assert "triage" not in page.text


@pytest.mark.parametrize("content", [None, "{", '{"seconds": 7}'])
def test_a_run_without_facts_still_has_its_log(runs, content):
    if content is not None:
        write(runs, "run.json", content)
    write(runs, "run.log", "10:00:00 begun\n")
    page = get(runs, f"/runs/{RUN}")
    assert page.status_code == 200
    assert f"Run {RUN}" in page.text
    assert get(runs, f"/runs/{RUN}/log").text == "10:00:00 begun\n"


def test_UI1_foreign_text_is_inert_on_the_page(runs):
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b]8;;http://x\x07y\x1b]8;;\x07"
    write(
        runs,
        "run.json",
        facts(
            **dict.fromkeys(("title", "sentence", "branch", "repository", "state", "reason"), evil),
            issue_url="javascript:alert(1)",
            pull_request_url='https://x/"onmouseover="alert(1)',
            seconds={evil: 1.0},
        ),
    )
    write(runs, "pull_request.md", "</pre>" + evil)
    page = get(runs, f"/runs/{RUN}").text
    # What is left of it are words: the page's own tags are all that there is.
    tags = set(re.findall(r"<\s*/?\s*([a-zA-Z][a-zA-Z0-9]*)", page))
    assert tags <= {
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "tr", "th",
        "td", "a", "pre", "doctype", "div", "details", "summary",
    }  # fmt: skip
    assert "javascript:" not in page
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", page)
    assert "\x1b" not in page
    assert html.escape("<script>alert(1)</script>") in page


def body_of(page: str) -> str:
    return page[page.index('<div class="text">') : page.rindex("</div>")]


def test_the_text_is_shown_as_a_page_and_not_as_markdown(runs):
    write(runs, "run.json", facts())
    write(
        runs,
        "pull_request.md",
        "<!-- mergewright:run=r1 -->\n<!-- mergewright:migrations=shop/migrations -->\n\n"
        "Closes #1\n\n- Added `x` to shop/my\\_models.py.\n\n## Checks\n\n"
        "| Check | Base |\n|---|---|\n| tests | 4 passed |\n\n"
        "<details><summary>Log of the checks</summary>\n\n```\n<b>1 < 2</b> **x**\n```\n\n</details>\n\n"
        "The whole log: <https://m.example/log>\n",
    )
    shown = body_of(get(runs, f"/runs/{RUN}").text)
    for words in (
        "<li>Added <code>x</code> to shop/my_models.py.</li>",
        "<h2>Checks</h2>",
        "<td>4 passed</td>",
        "<h3>Log of the checks</h3>\n<pre><code>&lt;b&gt;1 &lt; 2&lt;/b&gt; **x**",
        '<a href="https://m.example/log">https://m.example/log</a>',
    ):
        assert words in shown, words
    for raw in ("<!--", "mergewright:run", "## ", "|---|", "\\_"):
        assert raw not in shown, raw


EVIL_MARKDOWN = (
    "words <img src=x onerror=alert(1)> words",
    "<details><summary>a</summary><script>alert(1)</script>",
    "<!-- mergewright:x -->\n<iframe src=//x>",
    "[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) [c](data:text/html,x) [d](//x) [e](vbscript:x)",
    '[a](https://x/"onmouseover="alert(1) "t\\" onmouseover=\\"alert(1)")',
    '```" onclick="alert(1)\nx\n```',
    "- <details><summary>a</summary>\n\n  </details>\n\n<style>*{}</style>",
)


@pytest.mark.parametrize("evil", EVIL_MARKDOWN)
def test_UI1_markdown_of_strangers_makes_nothing_that_acts(runs, evil):
    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[tuple[str, dict[str, str | None]]] = []
            self.open = 0

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.append((tag, dict(attrs)))
            self.open += tag == "div"

        def handle_endtag(self, tag: str) -> None:
            self.open -= tag == "div"

        def handle_comment(self, data: str) -> None:
            self.seen.append(("comment", {}))

    write(runs, "run.json", facts())
    write(runs, "pull_request.md", evil)
    tags = Tags()
    tags.feed(body_of(get(runs, f"/runs/{RUN}").text) + "</div>")
    assert tags.open == 0
    for tag, attributes in tags.seen:
        assert tag in {
            "div", "p", "ul", "li", "a", "code", "pre", "table", "thead", "tbody", "tr", "th",
            "td", "h3", "em", "strong",
        }, tag  # fmt: skip
        allowed = {"a": {"href", "title"}, "div": {"class"}, "code": {"class"}, "td": {"style"}}
        assert attributes.keys() <= allowed.get(tag, {"style"} if tag == "th" else set())
        assert attributes.get("href", "https://").startswith(("https://", "http://"))


def test_a_conversation_with_a_model_is_one_line():
    told = run_words.list_steps(
        {"checkout": 0.01, "checks 2": 3.0, "edit 2 10 reply": 4.0, "edit 2 10 calls": 0.5}
    )
    assert told == [("Checks 2", "3.0 s"), ("Edit 2, 1 reply", "4.5 s")]


@pytest.mark.parametrize("path", ["/", "/runs"])
def test_whoever_comes_without_an_address_is_told_of_no_run(runs, path):
    write(runs, "run.json", facts())
    answer = get(runs, path)
    assert answer.status_code == 200
    assert RUN not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_nothing_is_fetched_run_framed_or_kept(runs):
    write(runs, "run.json", facts())
    write(runs, "run.log", "x")
    for path in (f"/runs/{RUN}", f"/runs/{RUN}/log", "/runs/nothing"):
        sent = get(runs, path).headers
        policy = sent["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert sent["x-content-type-options"] == "nosniff"
        assert sent["cache-control"] == "no-store"
        assert sent["referrer-policy"] == "no-referrer"


def test_the_style_is_the_one_that_the_policy_allows(runs):
    import base64
    import hashlib

    answer = get(runs, f"/runs/{RUN}")
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answer.headers["content-security-policy"]


def test_UI3_the_host_named_by_the_client_is_nowhere(runs):
    write(runs, "run.json", facts())
    write(runs, "run.log", "x")
    answer = get(runs, f"/runs/{RUN}", host="evil.example")
    assert answer.status_code == 200
    assert "evil.example" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    "run_id", ["..%2f..%2fetc", f"{RUN}%00", RUN.upper(), "२०261101-100000-abcdef"]
)
def test_UI3_only_a_run_that_is_there_is_shown(runs, run_id):
    (runs.parent / "log").write_text("secret")
    (runs / "log").write_text("secret")
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/log"):
        answer = get(runs, path)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text


def test_UI3_links_pipes_and_folders_are_no_files(runs, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (runs / RUN / "run.log").symlink_to(tmp_path / "secret")
    (runs / RUN / "run.json").symlink_to(tmp_path / "secret")
    os.mkfifo(runs / RUN / "pull_request.md")
    assert get(runs, f"/runs/{RUN}/log").status_code == 404
    page = get(runs, f"/runs/{RUN}")
    assert page.status_code == 200
    assert "secret" not in page.text
    (runs / "20261101-100000-abcdef").symlink_to(runs / RUN)
    assert get(runs, "/runs/20261101-100000-abcdef").status_code == 404
    (runs / RUN / "run.log").unlink()
    (runs / RUN / "run.log").mkdir()
    assert get(runs, f"/runs/{RUN}/log").status_code == 404


def test_UI6_escapes_in_the_log_are_inert(runs):
    log = (
        b"10:00:00 \x1b[31mred\x1b[0m\n"
        b"\x1b]8;;https://evil.example\x07link\x1b]8;;\x07\n"
        b"\x1b]52;c;never ended\n"
        b"still here\n"
        b"passed\rFAILED\n"
        b"bell\x07 null\x00\n"
        b"not \xff UTF-8\n<script>alert(1)</script>"
    )
    write(runs, "run.log", log)
    answer = get(runs, f"/runs/{RUN}/log")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.text.split("\n")
    assert lines[0] == "10:00:00 red"
    assert lines[1] == "link"
    assert lines[3] == "still here"
    assert lines[4] == "FAILED"
    assert lines[6] == "not � UTF-8"
    assert lines[7] == "<script>alert(1)</script>"
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", answer.text)


def test_a_long_log_comes_whole_and_a_line_without_end_is_no_burden(runs):
    log = "".join(f"10:00:00 line {number} äöü\n" for number in range(20_000)) + "x" * 2_000_000
    write(runs, "run.log", log)
    assert get(runs, f"/runs/{RUN}/log").text == log
