"""What the pages show, and that foreign words do nothing there."""

import io
import os
import random
import re
import sqlite3
import time
from contextlib import closing
from html.parser import HTMLParser

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from agent.dashboard import pages
from agent.errors import StoreUnavailable
from agent.models.model_use import SpendingLimits
from agent.models.record import replace
from agent.models.run import Reason
from agent.settings import HEARTBEAT, Settings
from agent.store.sql_run_store import SqlRunStore
from agent.telemetry import signature
from tests.outcomes import change_outcome
from tests.unit.dashboard import made_runs

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b]8;;http://x\x07\u202e\"'"


class Tags(HTMLParser):
    """Collects tags, and attributes that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.bad: list[str] = []
        self.pictures: set[str | None] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("src"))
        if tag == "img":
            self.pictures.add(given.get("src"))
        for name, value in attrs:
            scheme = re.match(r"\s*([a-z]+):", value or "", re.IGNORECASE)
            leads = name in ("href", "src", "action") and scheme
            if name.startswith("on") or name == "style":
                self.bad.append(name)
            if leads and scheme[1].lower() not in ("http", "https"):
                self.bad.append(value or "")


def assert_inert(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.bad == []
    assert set(tags.scripts) <= {"/static/live.js", "/static/log.js"}
    assert tags.pictures <= {"/static/icon.svg"}
    assert "\x1b" not in page
    assert "\u202e" not in page


def add_whole_run(store: SqlRunStore, home, *, title: str = "Add a field", evil: str = "", **more):
    run = made_runs.make_run(1, time.time(), title=title, **more)
    run = store.add_run(run, time.time())
    outcome = made_runs.make_outcome(run, Reason.READY, random.Random(1))
    changed = {"sentence": f"All checks passed. {evil}", "checks": made_runs.make_checks(True)}
    if evil:
        changed["branch"] = evil
        changed["pull_request"] = replace(outcome.pull_request, url="javascript:alert(1)")
    outcome = change_outcome(outcome, findings=made_runs.FINDINGS, **changed)
    folder = made_runs.write_folder(home, run, outcome, time.time())
    store.finish_run(run.run_id, outcome, time.time())
    return run, folder


def test_a_run_shows_what_is_known_of_it(store, operator, tmp_path):
    run, _ = add_whole_run(store, tmp_path)
    page = operator.get(f"/runs/{run.run_id}").text
    for words in (
        "Add a field", "All checks passed.", "Run the checks on the base branch", "33 s", "migration-safety",
        "test_customer_has_a_nickname", "openai:gpt-large", "django==5.2.19", "213 passed",
        "tests/test_orders.py::test_export", "Write a test that fails",
        'href="https://github.example/corner-shop/shop/pull/5001"',
    ):  # fmt: skip
        assert words in page, words
    assert "&lt;/summary&gt;" not in page
    changes = operator.get(f"/runs/{run.run_id}/changes").text
    # The finding stands below the line that it is about.
    assert changes.index("nickname = models") < changes.index("locks the table")
    assert changes.index("locks the table") < changes.index("class Meta")
    conversation = operator.get(f"/runs/{run.run_id}/conversation").text
    assert "I add the field, then its test." in conversation
    # Calls are shown with their arguments, and results are folded.
    assert conversation.count("<code>pytest -q</code>") == 3
    assert re.search(r'<p class="below">old</p><pre>.*?b = 2', conversation, re.DOTALL)
    assert conversation.count("<details") == 6
    [link] = re.findall(r'/log#(\S+)">checks 1<', page)
    assert link == "step=checks%201"


def test_a_run_that_failed_says_first_why_where_and_what_to_do(store, operator, tmp_path):
    run = store.add_run(made_runs.make_run(1, time.time()), time.time())
    outcome = made_runs.make_outcome(run, Reason.NEW_FAILURES, random.Random(1))
    made_runs.write_folder(tmp_path, run, outcome, time.time())
    store.finish_run(run.run_id, outcome, time.time())
    page = operator.get(f"/runs/{run.run_id}").text
    result = page[page.index('aria-label="Result"') : page.index("</section>")]
    assert "No pull request: the change fails the checks." in result
    assert outcome.sentence in result
    assert "comment <code>/mergewright retry</code>" in result
    failed = re.findall(r'<li class="failed">.*?class="name">([^<]+)', page, re.DOTALL)
    assert failed == ["Run the checks with the change"]


def test_a_log_is_given_from_where_it_was_read_to(store, operator, tmp_path):
    run, folder = add_whole_run(store, tmp_path)
    whole = (folder / "run.log").read_bytes()
    assert operator.get(f"/runs/{run.run_id}/log.txt").content == whole
    assert operator.get(f"/runs/{run.run_id}/log.txt?after=100").content == whole[100:]
    assert operator.get(f"/runs/{run.run_id}/log.txt?after=-1").status_code == 400


def test_a_run_of_another_version_is_not_there(store, operator, tmp_path):
    run, _ = add_whole_run(store, tmp_path)
    with closing(sqlite3.connect(tmp_path / "mergewright.sqlite")) as database, database:
        database.execute("UPDATE runs SET run = '{}'")
    assert operator.get(f"/runs/{run.run_id}").status_code == 404


@pytest.mark.parametrize("facts", [{}, {"snapshot": None, "ticket": "/t/note.md"}])
def test_a_run_without_a_folder_or_an_issue_is_shown_all_the_same(store, operator, facts):
    made = replace(made_runs.make_run(1, time.time()), **facts)
    run = store.add_run(made, time.time())
    assert operator.get("/").status_code == 200
    for below in ("", "/changes", "/conversation", "/log"):
        assert operator.get(f"/runs/{run.run_id}{below}").status_code == 200
    assert operator.get("/runs/..%2f..%2fetc").status_code == 404


def test_UI1_foreign_words_do_nothing_on_any_page(store, operator, tmp_path, monkeypatch):
    name = EVIL.replace("\x1b]8;;http://x\x07\u202e", "").replace("\n", "")
    monkeypatch.setattr(made_runs, "DIFF", made_runs.DIFF.replace("shop/models.py", name))
    plan = replace(made_runs.PLAN, title=EVIL, steps=(EVIL,), files=(EVIL,))
    monkeypatch.setattr(made_runs, "PLAN", plan)
    run, folder = add_whole_run(store, tmp_path, title=EVIL, evil=EVIL)
    (folder / "run.log").write_text(EVIL)
    (folder / "pull_request.md").write_text(f"</pre>{EVIL}\n[a](javascript:alert(1))\n")
    events = (folder / "events.jsonl").read_text()
    (folder / "events.jsonl").write_text(events.replace("I add the field", "<script>x</script>"))
    for path in ("", "/changes", "/conversation", "/log"):
        page = operator.get(f"/runs/{run.run_id}{path}")
        assert page.status_code == 200
        assert_inert(page.text)
    for path in ("/", "/runs", "/queue", "/statistics"):
        page = operator.get(path, params={"text": EVIL, "state": EVIL} if path == "/runs" else None)
        assert page.status_code == 200, path
        assert "alert(1)</script>" not in page.text, path
    raw = operator.get(f"/runs/{run.run_id}/log.txt")
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.headers["x-content-type-options"] == "nosniff"


def test_who_may_see_a_run_gets_its_signed_log_and_everybody_the_key(
    store, operator, stranger, tmp_path
):
    run, folder = add_whole_run(store, tmp_path)
    key = signature.name_key(signature.load_key(Settings(home=tmp_path)))
    served = load_pem_public_key(stranger.get("/.well-known/mergewright.pub").content)
    assert served.public_bytes_raw().hex() == key
    assert stranger.get(f"/runs/{run.run_id}/log.zip").status_code == 303
    archive = io.BytesIO(operator.get(f"/runs/{run.run_id}/log.zip").content)
    assert signature.verify_run(archive, key)[1] == ()
    assert "/log.zip" in operator.get(f"/runs/{run.run_id}/log").text
    (folder / signature.FILE_NAME).unlink()
    assert "/log.zip" not in operator.get(f"/runs/{run.run_id}/log").text, "of an earlier version"


def test_every_answer_forbids_what_pages_do_not_need(operator, stranger):
    for browser, path in ((operator, "/"), (stranger, "/sign-in"), (operator, "/nothing")):
        policy = browser.get(path).headers["content-security-policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")


def test_a_page_that_is_asked_for_with_nonsense_is_a_page_that_says_so(operator):
    for path, status, words in (
        ("/runs?page=abc", 400, "page: Input should be a valid integer"),
        ("/runs?since=never", 400, "since"),
        ("/runs?until=9999-12-31", 200, "run"),
        ("/nothing", 404, "does not exist"),
    ):
        answer = operator.get(path)
        assert answer.status_code == status
        assert words in answer.text
        assert "text/html" in answer.headers["content-type"]


def test_what_fails_unforeseen_is_a_page_with_the_usual_headers(store, operator, monkeypatch):
    monkeypatch.setattr(store.pauses, "find", lambda *_: 1 / 0)
    answer = operator.get("/queue")
    assert answer.status_code == 500
    assert "log says why" in answer.text
    assert "division" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_the_queue_says_what_each_worker_does_and_what_to_do_where_one_is_gone(
    store, operator, tmp_path
):
    run = store.add_run(made_runs.make_run(1, time.time()), time.time())
    store.claim_run(time.time(), most=1)
    heartbeat = tmp_path / HEARTBEAT
    heartbeat.touch()
    page = operator.get("/queue").text
    assert "1 running" in page
    assert "stuck" not in page
    os.utime(heartbeat, (1, 1))
    for path in ("/queue", f"/runs/{run.run_id}"):
        assert "<code>mergewright serve</code> starts one" in operator.get(path).text, path


def test_whoever_asks_is_told_whether_the_dashboard_lives_and_works(app, store, stranger):
    assert stranger.get("/livez").json() == {"alive": True}
    assert stranger.get("/readyz").json() == {"ready": True, "reason": None}

    def fail() -> None:
        raise StoreUnavailable("no reply from db.internal")

    store.pauses.find = fail
    away = stranger.get("/readyz")
    assert (away.status_code, away.json()["ready"]) == (503, False)
    assert "db.internal" not in away.text, "anybody may ask"


EVIL_MARKDOWN = (
    "words <img src=x onerror=alert(1)> words",
    "<details><summary>a</summary><script>alert(1)</script>",
    "<!-- mergewright:x -->\n<iframe src=//x>",
    "[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) [c](data:text/html,x) [d](//x)",
    '[a](https://x/"onmouseover="alert(1) "t\\" onmouseover=\\"alert(1)")',
    "![a](https://x/a.png)",
    "<https://x/><javascript:alert(1)>",
)


@pytest.mark.parametrize("text", EVIL_MARKDOWN)
def test_UI1_markdown_can_do_nothing(text):
    tags = Tags()
    tags.feed(str(pages.render_markdown(text)))
    assert (tags.bad, tags.scripts, tags.pictures) == ([], [], set())


def test_a_run_that_has_only_just_begun_has_its_page_with_what_it_has_cost(store, operator):
    operator.get("/")
    run = store.add_run(made_runs.make_run(1, time.time()), time.time())
    limits = SpendingLimits(run_id=run.run_id, repository_id=100, of_run=9.0)
    store.spendings.record_cost(store.spendings.reserve(2.0, limits, time.time()), 1.25)
    page = operator.get(f"/runs/{run.run_id}").text
    assert ">Stop</button>" in page
    assert "Model cost so far: $1.25" in page


@pytest.mark.parametrize("has_repository", [True, False])
def test_a_purged_run_has_a_page_without_its_words_and_nothing_to_do(
    store, operator, tmp_path, has_repository
):
    run, folder = add_whole_run(store, tmp_path)
    title = run.snapshot.title
    assert title in operator.get("/").text
    for path in folder.iterdir():
        path.unlink()
    store.purges.blank_run(run.run_id, time.time(), has_repository=has_repository)
    for path in ("/", "/statistics", "/queue", f"/runs/{run.run_id}"):
        answer = operator.get(path)
        assert answer.status_code == 200, path
        assert title not in answer.text, path
    page = operator.get(f"/runs/{run.run_id}").text
    assert "names and texts were deleted" in page
    assert ">Retry</button>" not in page
    shown = run.snapshot.issue.repository in operator.get("/").text
    assert shown is has_repository


@pytest.mark.parametrize("events", [b"", b"{", b'{"event": "done"}\n', b"\xff\n[1]\n"])
def test_events_that_are_none_spoil_no_page(store, operator, tmp_path, events):
    run, folder = add_whole_run(store, tmp_path)
    (folder / "events.jsonl").write_bytes(events)
    for below in ("", "/changes", "/conversation"):
        assert operator.get(f"/runs/{run.run_id}{below}").status_code == 200


def test_backtests_are_listed_for_the_operator_alone(operator, stranger, tmp_path):
    made_runs.write_backtest(tmp_path, EVIL)
    assert "2 of 3" in operator.get("/backtests").text
    made_runs.write_backtest(tmp_path, EVIL, "20261128-1", resolved=True, model="other:model")
    page = operator.get("/backtests/20261127-101500-1").text
    for words in ("octo/api", "openai:gpt-large", "2026-11-27 10:15:00", "mergewright backtest",
                  "ready but wrong", "1 required test does not pass", "test_export", "$1.25"):  # fmt: skip
        assert words in page, words
    assert page.count("auto_now_add=True") == 2, "both patches are shown"
    table = page[page.index('id="tasks"') :]
    assert table.index("ready but wrong") < table.index("Solved")
    assert_inert(page)
    stranger.sign_in("ann", {100: True})
    assert [stranger.get(f"/backtests{name}").status_code for name in ("", "/20261127-101500-1")] == [
        404, 404,
    ]  # fmt: skip
