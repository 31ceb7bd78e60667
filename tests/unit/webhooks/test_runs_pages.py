"""The page and the log of a run."""

from __future__ import annotations

import asyncio
import html
import json
import os
import re
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from webhooks import runs_pages

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
            "seconds": {"triage": 0.1, "checks": 12.34},
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
        "<h1>Add a field</h1>",
        "All checks passed.",
        "open (ready)",
        'href="https://github.example/octo/shop/pull/2"',
        "mergewright/1-add",
        "2026-11-01 10:00:00 UTC",
        "12.3 s",
        f'href="{RUN}/log"',
        "## Result",
    ):
        assert words in page.text, words


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"seconds": 7}', "\x00"])
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
        "td", "a", "pre", "doctype",
    }  # fmt: skip
    assert "javascript:" not in page
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", page)
    assert "\x1b" not in page
    assert html.escape("<script>alert(1)</script>") in page


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
    "run_id",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fetc",
        "%2fetc%2fpasswd",
        f"{RUN}%00",
        f"{RUN}%0a",
        RUN.upper(),
        "20261101-100000-abcde",
        "20261101-100000-" + "a" * 33,
        "२०261101-100000-abcdef",
        "",
        ".",
        "20261101-100000-ffffff",
    ],
)
def test_UI3_only_a_run_that_is_there_is_shown(runs, run_id):
    (runs.parent / "log").write_text("secret")
    (runs / "log").write_text("secret")
    for path in (f"/runs/{run_id}", f"/runs/{run_id}/log"):
        answer = get(runs, path)
        assert answer.status_code == 404, path
        assert "secret" not in answer.text


def test_there_is_no_list_of_runs(runs):
    assert get(runs, "/runs").status_code == 404
    assert get(runs, "/runs/").status_code == 404


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


def test_a_long_log_comes_whole(runs):
    log = "".join(f"10:00:00 line {number} äöü\n" for number in range(50_000)) + "no end"
    write(runs, "run.log", log)
    assert get(runs, f"/runs/{RUN}/log").text == log


def test_a_line_without_end_is_no_burden(runs):
    write(runs, "run.log", "x" * 5_000_000)
    assert get(runs, f"/runs/{RUN}/log").text == "x" * 5_000_000
