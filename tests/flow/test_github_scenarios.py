"""The scenarios of the demo, whole: from the label to what is to be seen on GitHub."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from agent.cli import demo
from agent.demo import play
from agent.demo.play import LABEL, OWNER
from agent.demo.scenarios import SCENARIOS
from agent.domain import Outcome, Reason, Run, RunState, StoredRun
from agent.settings import HEARTBEAT
from tests.deep import deep
from tests.flow.github_stories import Story


@pytest.fixture
def played(stage, tmp_path):
    """Put a scenario on, set the label, and hand the story back."""

    def begin(name: str, repository: str | None = None) -> Story:
        address = f"{OWNER}/{repository or name}"
        made = play.put_on(stage, SCENARIOS[name], tmp_path / "source", address)
        since = stage.world.requests.next_number()
        told = Story(stage, tmp_path, made.repository, made.issue, since)
        told.label()
        return told

    return begin


def assert_log_is_served(told: Story, text: str) -> str:
    """Hold the log that a text links to against what it must and must not show."""
    (address,) = set(re.findall(r"http://[^\s<>()]+/runs/[^\s<>()/]+/log", text))
    answer = httpx.get(address, timeout=10)
    assert answer.status_code == 200
    world = told.stage.world
    for secret in (
        *world.tokens,
        world_secret(told),
        *told.stage.app.private_key.splitlines()[1:3],
    ):
        assert secret not in answer.text
        assert secret not in text
    return answer.text


def world_secret(told: Story) -> str:
    return told.stage.app.hook.secret


def test_a_labelled_issue_becomes_a_checked_pull_request(played):
    told = played("add-field")
    pull = told.assert_ready()
    body = pull.body
    assert pull.title == "Add nickname to Customer"
    assert "| Check | Base | With the change | New failures | Verdict |" in body
    assert "| tests | 4 passed | 6 passed, 2 new | 0 | passed |" in body
    changed = told.git("diff", "--name-status", f"main..{pull.pull.head_ref}").splitlines()
    assert changed == [
        "M\tshop/admin.py",
        "A\tshop/migrations/0002_customer_nickname.py",
        "M\tshop/models.py",
        "A\tshop/tests/test_customer_nickname.py",
    ]
    assert "[head] tests: passed" in assert_log_is_served(told, body)
    (check,) = told.checks()
    assert (check.name, check.external_id) == ("Mergewright", told.runs()[0].run.run_id)
    assert "| tests | 4 passed | 6 passed, 2 new |" in check.summary
    page = httpx.get(check.details_url, timeout=10)
    assert page.status_code == 200
    assert "Customers need a nickname" in page.text
    assert [one.event for one in told.issue.happenings if one.actor is told.us] == [
        "labeled", "labeled", "unlabeled",
    ]  # fmt: skip


def test_prints_become_log_messages_in_a_pull_request_within_forty_requests(played, capsys):
    told = played("logging")
    pull = told.assert_ready()
    assert told.git("diff", "--name-only", f"main..{pull.pull.head_ref}").split() == [
        "shop/services.py"
    ]
    assert "Left alone, shop/services.py:38" in pull.body
    assert_log_is_served(told, pull.body)
    asked = told.requests(path="/api/*")
    over_git = told.requests(path=f"/{told.name}.git/*")
    first = min(one.at for one in asked if one.path.endswith("/reactions"))
    labelled = next(one.created for one in told.issue.happenings if one.event == "labeled")
    with capsys.disabled():
        print(
            f"\nrequests: {len(asked)} to the API, {len(over_git)} by git;"
            f" first sign {first - labelled:.2f} s after the label"
        )
    assert len(asked) <= 40
    assert (told.ended().forge_calls or 0) <= len(asked)
    assert told.calls() == []
    # The eyes come before anything else is written.
    written = [one.path for one in asked if one.method == "POST" and "/issues/" in one.path]
    assert written[0].endswith("/reactions")


def test_a_change_that_breaks_a_test_is_not_published(played):
    told = played("red")
    outcome = told.ended()
    assert outcome.reason.value == "new_failures"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert "test_export" in comment.body
    assert "Closes #" not in comment.body
    assert told.labels() == {LABEL, "mergewright: failed"}
    assert "test_the_export_has_a_column_for_every_field" in assert_log_is_served(
        told, comment.body
    )


def test_an_unclear_ticket_is_asked_about_in_one_comment(played):
    told = played("unclear")
    assert told.ended().reason.value == "unclear"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert comment.body.count("\n- ") >= 1
    assert "type" in comment.body
    assert told.labels() == {LABEL, "mergewright: needs human"}
    assert not any("baseline" in one for one in told.log().splitlines())


def test_a_mistake_in_the_configuration_is_named_by_line_and_column(played):
    told = played("bad-config")
    assert told.ended().reason.value == "config_invalid"
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert re.search(r"mergewright\.yml.{0,5}:2:1", comment.body), comment.body
    assert "http_client" in comment.body.replace("\\_", "_")
    assert told.labels() == {LABEL, "mergewright: needs human"}


def test_TC1_a_label_by_the_triage_role_starts_nothing(played):
    told = played("unauthorised")
    ((outcome, reason),) = told.decided()
    assert outcome == "ignored"
    assert "triage" in reason
    assert told.runs() == []
    told.assert_nothing_pushed()
    (comment,) = told.comments()
    assert "write permission" in comment.body
    assert told.labels() == {LABEL}


def test_what_no_recipe_fits_goes_back_to_a_person(played):
    told = played("no-recipe")
    assert told.ended().reason.value == "no_recipe"
    told.assert_nothing_pushed()
    assert len(told.comments()) == len(told.calls()) == 1
    assert told.labels() == {LABEL, "mergewright: needs human"}


# --- the command that plays them -------------------------------------------------------------


def of_home(home: Path) -> list[int]:
    """Processes, ended ones left out, to which somebody has named this data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if str(home).encode() in (folder / "environ").read_bytes() and state != "Z":
                found.append(int(folder.name))
    return found


def gone(home: Path) -> bool:
    end = time.monotonic() + 20
    while of_home(home):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [deep(signal.SIGTERM), deep(signal.SIGHUP), signal.SIGKILL])
def test_a_demo_that_is_ended_takes_its_service_with_it(built_home, tmp_path, number):
    home = built_home
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with (tmp_path / "said").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent", "demo"],
            env={**os.environ, "MERGEWRIGHT_HOME": str(home), "TMPDIR": str(scratch)},
            cwd=Path(__file__).parents[2], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while not (home / "demo" / HEARTBEAT).exists():
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        assert len(of_home(home)) >= 3
        process.send_signal(number)
        code = process.wait(40)
    finally:
        process.kill()
        process.wait()
    assert gone(home)
    if number is signal.SIGKILL:
        return  # nobody is left who could remove anything
    assert code == 128 + number
    assert list(scratch.iterdir()) == []


def stored(reason: Reason | None) -> StoredRun:
    run = Run(run_id="r", repository="https://h/o/r.git", ticket="#1", started=0)
    ended = None
    if reason is not None:
        ended = Outcome(run_id="r", state=RunState.OPEN, reason=reason, sentence="S.")
    return StoredRun(
        run=run, state=RunState.OPEN, active=ended is None, not_before=0, queued_at=0, outcome=ended,
        started_at=None, ended_at=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "run", "refusal", "as_told"),
    [
        ("unauthorised", None, "permission is triage", True),
        ("unauthorised", None, None, False),
        ("unauthorised", stored(Reason.READY), None, False),
        ("add-field", stored(Reason.READY), None, True),
        ("add-field", stored(None), None, False),
        ("add-field", None, "permission is triage", False),
        ("red", stored(Reason.NEW_FAILURES), None, True),
        ("red", stored(Reason.READY), None, False),
    ],
)
def test_a_demo_is_done_when_it_ended_as_told_and_not_when_nothing_came(
    name, run, refusal, as_told
):
    played = SimpleNamespace(scenario=SCENARIOS[name], acted=0, follow_ups=list)
    assert demo._ended_as_told(played, run, refusal) is as_told


def test_a_demo_that_is_kept_names_what_there_is_to_look_at(stage, played, capsys, monkeypatch):
    told = played("logging", "kept")
    told.ended()
    one = play.Play(SCENARIOS["logging"], stage, told.repository, told.issue)

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo.time, "sleep", interrupted)
    demo._linger(one, demo.Console())
    shown = capsys.readouterr().out
    (pull,) = told.pulls()
    assert f"/{told.name}/pull/{pull.number}" in shown
    (address,) = re.findall(r"http://\S+/runs/\S+", shown)
    page = httpx.get(address, timeout=10)
    assert page.status_code == 200
    assert told.runs()[0].run.run_id in page.text


def test_a_demo_that_ends_otherwise_says_so_with_the_last_words_of_the_service(
    stage, played, capsys
):
    told = played("logging", "otherwise")
    one = play.Play(SCENARIOS["logging"], stage, told.repository, told.issue)
    demo._explain(one, demo.Console(width=100))
    shown = capsys.readouterr().out
    assert "This is not as it should be: logging should end as ready." in shown
    assert '"event": "' in shown.partition("The last words of the service")[2]


def test_to_list_runs_where_there_are_none_makes_nothing(tmp_path):
    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agent", "runs", *words],
            env={**os.environ, "MERGEWRIGHT_HOME": str(tmp_path / "nowhere")},
            cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    listed = ask("list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert f"has not worked in {tmp_path}/nowhere yet" in listed.stderr
    assert ask("list", "--json").stdout.strip() == "[]"
    assert ask("show", "2026").returncode == 2
    assert not (tmp_path / "nowhere").exists()
