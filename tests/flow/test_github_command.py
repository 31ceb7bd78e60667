"""The command line beside the service: a run of an issue without a webhook, and a look at all runs."""

import json
import subprocess

import pytest

from tests.processes import run_agent

pytestmark = pytest.mark.deep


@pytest.fixture
def command(stage):
    """Run `mergewright` with the service's settings, as an operator would beside it."""

    def run(*args: str, without: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        environ = {
            name: value
            for name, value in stage.environ.items()
            if not (without and name.startswith(f"MERGEWRIGHT_{without}"))
        }
        variables = {f"MERGEWRIGHT_{name.upper()}": value for name, value in settings.items()}
        return run_agent(*args, environ={**environ, **variables})

    return run


def test_a_run_with_a_personal_token_and_no_webhook_opens_the_pull_request(
    begin_story, command, stage
):
    story, world = begin_story(), stage.world
    if "robot" not in world.users:
        world.add_user("robot")
    world.grant(story.repository, "robot", "write")
    token = world.token_for("robot")
    done = command(
        *("run", "--repo", story.name, "--issue", "1", "--json"),
        without="GITHUB_",
        github_url=stage.environ["MERGEWRIGHT_GITHUB_URL"],
        github_token=token,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    facts = json.loads(done.stdout)
    assert (facts["state"], facts["reason"]) == ("open", "ready")
    (pull,) = story.pulls()
    assert facts["pull_request"]["url"].endswith(f"/{story.name}/pull/{pull.number}")
    assert "Closes #1" in pull.body
    # GitHub takes a check from Apps alone; it is the only one who speaks.
    assert (story.checks(), story.repository.statuses) == ([], [])
    assert [comment.author.login for comment in story.issue.comments] == ["robot"]
    (run,) = story.runs()
    assert (run.active, run.run.snapshot.by_label) == (False, False)
    run_id = run.run.run_id
    shown = json.loads(command("runs", "show", run_id[:18], "--json").stdout)
    assert shown["pull_request"] == facts["pull_request"]["url"]
    log = command("runs", "log", run_id).stdout
    assert "[after] tests: passed" in log
    assert token not in log + done.stdout + done.stderr


@pytest.mark.parametrize(
    ("args", "settings", "code", "words"),
    [
        (("--repo", "{name}", "--issue", "77", "--json"), {}, 1, '"refused"'),
        (("--repo", "{name}", "--issue", "1"), {"without": "GITHUB_"}, 2, "GITHUB_APP_ID"),
        (("--repo", "corner-shop/no", "--issue", "1", "--json"), {}, 1, '"access_lost"'),
        (("--repo", "{name}"), {}, 2, "--issue N"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_begins_no_run(
    begin_story, command, args, settings, code, words
):
    story = begin_story()
    done = command("run", *(arg.format(name=story.name) for arg in args), **settings)
    shown = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert (done.returncode, words in shown, "Traceback" in shown) == (code, True, False), shown
    assert story.runs() == []
