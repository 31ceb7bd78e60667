"""The command line beside the service: a run without a webhook, and a look at all runs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.demo.simulator import credentials
from agent.demo.simulator.records import Issue, Pull
from tests.deep import deep
from tests.flow.github_stories import BODY, TITLE


@pytest.fixture
def command(stage):
    """Run `mergewright` with the service's settings, as an operator would beside it."""

    def run(*args: str, without: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environ = {
            name: value
            for name, value in stage.service.environ.items()
            if not (without and name.startswith(f"MERGEWRIGHT_{without}"))
        }
        given = {f"MERGEWRIGHT_{name.upper()}": value for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-m", "agent", *args],
            env={**environ, **given, "COLUMNS": "200"},
            cwd=Path(__file__).parents[2],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    return run


def test_a_run_without_a_webhook_opens_the_pull_request(story, command):
    told = story()
    # Long enough to be seen in every state.
    told.fault("delay", "GET", "rules/branches/*", seconds=1)
    states: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            states.update(one.state.value for one in told.runs() if one.active)

    looking = threading.Thread(target=look)
    looking.start()
    done = command("run", "--repo", told.name, "--issue", "1", "--json")
    over.set()
    looking.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert states >= {"triaging", "preparing", "checking", "publishing"}
    facts = json.loads(done.stdout)
    assert (facts["outcome"], facts["reason"]) == ("open", "ready")
    (pull,) = told.pulls()
    assert facts["branch"] == pull.pull.head_ref
    assert facts["pull_request"].endswith(f"/{told.name}/pull/{pull.number}")
    assert "Closes #1" in pull.body
    assert len(told.comments()) == 1
    assert told.labels() == {"mergewright: ready"}
    (run,) = told.runs()
    assert (run.active, run.run.snapshot.by_label) == (False, False)

    run_id = run.run.run_id
    listed = json.loads(command("runs", "list", "--repo", told.name, "--json").stdout)
    assert [(one["run"], one["issue"], one["state"]) for one in listed] == [
        (run_id, f"{told.name}#1", "open")
    ]
    assert run_id in command("runs", "list").stdout
    shown = json.loads(command("runs", "show", run_id[:18], "--json").stdout)
    assert shown["pull_request"] == facts["pull_request"]
    ledger = (Path(shown["log"]).parent / "ledger.jsonl").read_text().splitlines()
    (ended,) = (one for one in map(json.loads, ledger) if one["event"] == "ended")
    assert ended["outcome"]["forge_calls"] == shown["requests"] > 10
    assert TITLE in command("runs", "show", run_id).stdout
    log = command("runs", "log", run_id)
    assert log.returncode == 0
    assert "[head] tests: passed" in log.stdout
    for secret in (*told.stage.world.tokens, told.stage.app.hook.secret):
        assert secret not in log.stdout + done.stdout + done.stderr


def test_a_dry_run_writes_nothing_to_github_and_says_so(story, command):
    told = story()
    done = command(
        "run", "--repo", f"{told.stage.address}/{told.name}", "--issue", "1", "--dry-run", "--json"
    )
    facts = json.loads(done.stdout)
    assert (done.returncode, facts["outcome"]) == (0, "dry_run")
    assert "diff --git" in facts["pull_request_text"] or "```diff" in facts["pull_request_text"]
    told.assert_nothing_pushed()
    assert told.comments() == []
    assert told.issue.reactions == []
    assert told.labels() == set()
    (run,) = told.runs()
    assert (run.active, run.state.value, run.outcome.reason.value) == (
        False, "cancelled", "dry_run",
    )  # fmt: skip
    written = [one.path for one in told.requests() if one.method not in ("GET", "HEAD")]
    assert [path for path in written if not path.endswith(("access_tokens", "upload-pack"))] == []


def test_a_dry_run_that_comes_to_nothing_writes_nothing_either(story, command):
    told = story(title="The front page is slow", body="Make it faster.\n")
    done = command("run", "--repo", told.name, "--issue", "1", "--dry-run", "--json")
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (1, "no_recipe")
    assert told.comments() == []
    assert told.labels() == set()
    command("run", "--repo", told.name, "--issue", "1", "--dry-run", "--json")
    assert [one.run.attempt for one in told.runs()] == [1, 2]


def test_a_far_limit_ends_the_run_of_a_command_in_words_with_the_time(story, command):
    told = story()
    told.fault("primary", "POST", "pulls", seconds=3_000)
    done = command("run", "--repo", told.name, "--issue", "1", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    (branch,) = told.branches()
    assert (facts["outcome"], facts["reason"], facts["branch"]) == ("failed", "unavailable", branch)
    # What was proved before is told all the same.
    told_of = [(one["name"], one["verdict"]) for one in facts["checks"]]
    assert sorted(told_of) == [("names", "passed"), ("security", "passed"), ("tests", "passed")]
    assert re.search(r"asks us to wait \d+ s, until 20\d\d-.* UTC", facts["sentence"])
    assert f"The branch {branch} was pushed; no pull request" in facts["sentence"]
    (comment,) = told.comments()
    assert f"The branch `{branch}` is there" in comment.body
    assert "UTC" in comment.body
    assert told.labels() == {"mergewright: failed"}
    (run,) = told.runs()
    assert (run.active, run.outcome.reason.value) == (False, "unavailable")


def test_a_github_that_falls_silent_ends_the_run_of_a_command(story, command):
    told = story()
    told.fault("refuse", "GET", "rules/branches/*", status=503, count=None)
    told.fault("refuse", "PATCH", "issues/comments/*", status=503, count=None)
    done = command("run", "--repo", told.name, "--issue", "1", "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert (facts["outcome"], facts["reason"]) == ("failed", "unavailable")
    assert "GitHub could not be asked to read the branch rules" in facts["sentence"]
    assert "The issue does not show this" in facts["sentence"]
    # The label is all that could still be set.
    assert told.labels() == {"mergewright: failed"}
    told.assert_nothing_pushed()
    assert not told.runs()[0].active


def test_an_issue_whose_run_is_under_way_is_refused_by_the_command(story, command):
    told = story()
    fault = told.fault("delay", "GET", "rules/branches/*", seconds=6)
    told.label()
    told.announced()
    done = command("run", "--repo", told.name, "--issue", "1", "--json")
    assert done.returncode == 1
    assert f"run {told.runs()[0].run.run_id} of this issue is not over" in done.stderr
    told.assert_ready()
    assert fault.hits == 1


def test_a_run_that_is_not_done_ends_with_exit_code_1(story, command):
    told = story(title="The front page is slow", body="Make it faster.\n")
    done = command("run", "--repo", told.name, "--issue", "1", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["reason"] == "no_recipe"
    assert len(told.comments()) == 1


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--repo", "not a name", "--issue", "1"), "OWNER/NAME"),
        (("--repo", "https://elsewhere.example/{name}", "--issue", "1"), "is not on 127.0.0.1"),
        (("--repo", "{name}", "--issue", "1", "--config", __file__), "leave --config out"),
        (("--repo", "{name}"), "--ticket FILE or --issue N"),
        (("--repo", "{name}", "--issue", "0"), "--issue"),
    ],
)
def test_bad_input_is_told_with_the_place(told_with_pull, command, args, said):
    done = command("run", *(one.format(name=told_with_pull.name) for one in args))
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in " ".join(done.stderr.replace("│", " ").split()), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("repo", "number", "reason", "said"),
    [
        ("corner-shop/nowhere", "1", "access_lost", "corner-shop/nowhere"),
        deep("nobody-here/shop", "1", "access_lost", "nobody-here/shop"),
        ("{name}", "77", "refused", "{name} has no issue 77."),
        ("{name}", "2", "refused", "#2 of {name} is a pull request, not an issue."),
    ],
)
def test_what_is_not_there_is_a_run_that_is_not_done(
    told_with_pull, command, repo, number, reason, said
):
    name = told_with_pull.name
    asked = ("run", "--repo", repo.format(name=name), "--issue", number)
    done = command(*asked, "--json")
    assert done.returncode == 1, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert facts["reason"] == reason
    assert said.format(name=name) in facts["sentence"]
    shown = command(*asked)
    assert shown.returncode == 1
    assert f"not done ({reason})" in shown.stdout
    assert "Usage" not in shown.stdout + shown.stderr
    assert told_with_pull.runs() == []


def test_an_address_that_is_not_githubs_api_is_the_operators_mistake(story, command, stage):
    told = story()
    for more in ((), ("--dry-run",)):
        done = command(
            *("run", "--repo", told.name, "--issue", "1"), *more, github_url=stage.address
        )
        assert done.returncode == 2
        assert f"MERGEWRIGHT_GITHUB_URL: {stage.address} does not answer as" in done.stderr
        assert "https://HOST/api/v3" in done.stderr
    assert told.runs() == []


@pytest.fixture
def told_with_pull(story):
    told = story(body=BODY)
    world = told.stage.world
    with world.lock:
        sha = told.git("rev-parse", "main").strip()
        told.repository.last_number = 2
        told.repository.issues[2] = Issue(
            world.next_id(), 2, "A pull request", "", told.issue.author, world.now(), world.now(),
            pull=Pull(world.next_id(), "main", sha, "main", sha, draft=False),
        )  # fmt: skip
    return told


def test_without_credentials_the_settings_are_named(story, command):
    told = story()
    done = command("run", "--repo", told.name, "--issue", "1", without="GITHUB_")
    assert done.returncode == 2
    assert "MERGEWRIGHT_GITHUB_APP_ID" in done.stderr
    assert "MERGEWRIGHT_GITHUB_TOKEN" in done.stderr


def test_the_key_of_another_app_is_named_as_the_operators_mistake(story, command, tmp_path):
    told = story()
    key = tmp_path / "other.pem"
    key.write_text(credentials.key_pair()[0])
    done = command("run", "--repo", told.name, "--issue", "1", github_private_key_file=str(key))
    assert done.returncode == 2
    assert "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_personal_token_reports_a_status_and_no_check(story, command, stage):
    told = story()
    world = stage.world
    if "robot" not in world.users:
        world.add_user("robot")
    world.grant(told.repository, "robot", "write")
    done = command(
        *("run", "--repo", told.name, "--issue", "1", "--json"),
        without="GITHUB_",
        github_url=stage.service.environ["MERGEWRIGHT_GITHUB_URL"],
        github_token=world.token_for("robot"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert told.checks() == []
    (status,) = told.repository.statuses
    (pull,) = told.pulls()
    assert (status.state, status.context, status.sha) == (
        "success", "Mergewright", pull.pull.head_sha,
    )  # fmt: skip
    assert [one.author.login for one in told.issue.comments] == ["robot"]


def test_runs_that_are_not_there_are_told(command):
    done = command("runs", "show", "19990101")
    assert done.returncode == 2
    assert "mergewright runs list" in " ".join(done.stderr.replace("│", " ").split())
    assert command("runs", "log", "19990101").returncode == 2


def test_no_runs_at_all_is_no_error(command, home):
    assert json.loads(command("runs", "list", "--json", home=str(home)).stdout) == []
    done = command("runs", "list", home=str(home))
    assert (done.returncode, done.stdout) == (0, "")
    assert "No runs of issues: the service has not worked in" in done.stderr
    assert list(home.iterdir()) == []
